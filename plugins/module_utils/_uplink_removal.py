# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no longer wanted of an uplink goes from the nodes: all of it, or what nobody uses any more."""

from __future__ import annotations

from collections.abc import Iterable

from . import _quiet as quiet
from . import _uplink_change as change
from . import _uplink_spec as spec
from ._cluster import Object
from ._errors import Busy
from ._job import Job, Result
from ._plan import Plan, merge, merged, plan_of, remove
from ._resources import NMSTATE_POLICY
from ._uplink_change import Use
from ._uplink_seen import HARM, Seen, desired, enacting, is_ours, observe, refuse_foreign, settle
from ._uplink_spec import Uplink


def absent(job: Job) -> Result:
    """The interfaces go before the policy: without it nmstate would leave them on the nodes."""
    name = job.params["name"]
    seen = observe(job.cluster, name, {})
    if seen is None or seen.mine is None:
        return job.finish(Plan(), node_uplink=_nothing(name))
    refuse_foreign(seen.mine)
    told = _refuse_use(seen, [link["name"] for link in desired(seen.mine)], check_mode=job.check_mode)
    planned = _remove(job, seen.mine, told)
    return job.finish(planned, node_uplink=_nothing(name))


def pruned(job: Job) -> Result:
    """What the policy makes goes, unless it is wanted or a NAD still uses it."""
    name, params = job.params["name"], job.params
    uplink = spec.from_params(params) if params["interface"] else None
    seen = observe(job.cluster, name, dict(uplink.node_selector) if uplink else {})
    if seen is None or seen.mine is None or not is_ours(seen.mine):
        # Nothing that this collection has made.
        return job.finish(Plan(), node_uplink=_nothing(name))
    wanted = uplink.interfaces() if uplink else []
    found = desired(seen.mine)
    # In check mode an earlier task has not written yet what is wanted; a real run finds it there.
    mine = merged(seen.mine, _patch(change.union(wanted, found)))
    nads = _staying(job, seen)
    links = change.union(wanted, change.used(found, nads))
    told = [
        f"{job.cluster.name}: {what} stays on the nodes for now, because of {', '.join(names)}."
        for what, names in change.surplus(links, wanted, nads).items()
        if names
    ]
    if not links:
        planned = _remove(job, mine, told, quietly=True)
        return job.finish(planned, node_uplink=_nothing(name))
    names = {link["name"] for link in links}
    links += [change.gone(link) for link in desired(mine) if link["name"] not in names]
    why = "what is no longer used goes from the nodes"
    planned = plan_of([merge(job.cluster, NMSTATE_POLICY, mine, _patch(links), why)], told)
    planned += Plan(warnings=tuple(_quiet(job, planned)))
    job.apply(planned)
    nodes = sorted(seen.states) if uplink else enacting(job.cluster, name)
    if not job.check_mode:
        settle(job, name, nodes)
    readiness = "not_waited" if job.check_mode and planned.changed else "available"
    return job.finish(planned, node_uplink=_nothing(name) | _ends(uplink) | {"readiness": readiness, "nodes": nodes})


def _quiet(job: Job, planned: Plan) -> list[str]:
    return quiet.require(job, HARM, seconds=job.params["wait_for_migrations"]) if planned.changed else []


def _staying(job: Job, seen: Seen) -> dict[str, list[Use]]:
    """The NADs that count: in check mode not those that an earlier task would have removed."""
    going = set(job.params["expect_gone"] or ()) if job.check_mode else set()
    return {name: [use for use in users if use.nad not in going] for name, users in seen.nads.items()}


def _patch(links: list[Object]) -> Object:
    return {"spec": {"desiredState": {"interfaces": links}}}


def _nothing(name: str) -> Object:
    return {"name": name, "interface": None, "bridge": None, "readiness": "absent", "nodes": []}


def _ends(uplink: Uplink | None) -> Object:
    return {"interface": uplink.subinterface or None, "bridge": uplink.bridge or None} if uplink else {}


def _remove(job: Job, mine: Object, told: list[str], *, quietly: bool = False) -> Plan:
    """First the interfaces, then the policy."""
    name = job.params["name"]
    patch = _patch([change.gone(link) for link in desired(mine)])
    cleared = plan_of([merge(job.cluster, NMSTATE_POLICY, mine, patch, "its interfaces go from the nodes")], told)
    if quietly:
        cleared += Plan(warnings=tuple(_quiet(job, cleared)))
    job.apply(cleared)
    if not job.check_mode:
        settle(job, name, enacting(job.cluster, name))
    gone = plan_of([remove(job.cluster, NMSTATE_POLICY, mine, "the uplink is no longer wanted")])
    job.apply(gone)
    return cleared + gone


def _refuse_use(seen: Seen, interfaces: Iterable[str], *, check_mode: bool) -> list[str]:
    """Refuse while a NAD names an interface that goes; in check mode only warn, it may be gone by then."""
    users = sorted({use.nad for name in interfaces for use in seen.nads.get(name, [])})
    if not users:
        return []
    if check_mode:
        names = ", ".join(users)
        return [f"{seen.cluster.name}: the uplink can go only once no NAD uses it; now these do: {names}."]
    hint = "Pods on it lose the network: remove the NADs first."
    raise Busy("no NetworkAttachmentDefinition on the uplink", ", ".join(users), hint=hint, reason="uplink_in_use")
