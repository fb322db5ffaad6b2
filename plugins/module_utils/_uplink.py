# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uplink of a network on the nodes of one cluster: made by nmstate where that is installed, else looked at."""

from __future__ import annotations

from . import _quiet as quiet
from . import _uplink_change as change
from . import _uplink_look as look
from . import _uplink_removal as removal
from . import _uplink_spec as spec
from ._checks import refuse
from ._cluster import Object
from ._errors import BadInput, Busy, located
from ._job import Job, Result
from ._l2vni_spec import replacing
from ._mark import MARK
from ._plan import Plan, create, merge, plan_of
from ._resources import NMSTATE_POLICY
from ._uplink_seen import HARM, Seen, desired, observe, refuse_foreign, settle
from ._uplink_spec import Uplink


def work(job: Job) -> Result:
    """The whole work of the module."""
    params = job.params
    with located(job.cluster.name, f"{NMSTATE_POLICY.kind} {params['name']}"):
        match params["state"]:
            case "present":
                return _present(job)
            case "pruned":
                return removal.pruned(job)
        return removal.absent(job)


def plan(uplink: Uplink, seen: Seen, *, keep: bool = False) -> Plan:
    """Decide what to write so that every node has the uplink.

    :param keep: whether what the policy makes and is no longer wanted stays for now.
    :raises BadInput: for what would cut a node off, or cannot work on it.
    :raises Busy: for what would take the way out from under a NAD.
    :raises Conflict: for a policy that is somebody else's.
    """
    refuse(spec.hindrances(uplink, seen.states, seen.cluster.name))
    wanted = uplink.interfaces()
    why = f"{uplink.end} on every node"
    selector = {"nodeSelector": dict(uplink.node_selector)} if uplink.node_selector else {}
    if seen.mine is None:
        body = {
            "apiVersion": NMSTATE_POLICY.api_version,
            "kind": NMSTATE_POLICY.kind,
            "metadata": {"name": uplink.name, "labels": dict(MARK)},
            "spec": {"desiredState": {"interfaces": wanted}} | selector,
        }
        return plan_of([create(seen.cluster, NMSTATE_POLICY, body, why)])
    refuse_foreign(seen.mine)
    found = desired(seen.mine)
    links = _beside(wanted, found, seen, keep)
    names = {link["name"] for link in links}
    links += [change.gone(link) for link in found if link["name"] not in names]
    before = (seen.mine.get("spec") or {}).get("nodeSelector")
    nodes = replacing(before, selector["nodeSelector"]) if selector else None
    patch: Object = {"spec": {"desiredState": {"interfaces": links}, "nodeSelector": nodes}}
    return plan_of([merge(seen.cluster, NMSTATE_POLICY, seen.mine, patch, why)])


def _beside(wanted: list[Object], found: list[Object], seen: Seen, keep: bool) -> list[Object]:
    """The wanted interfaces, with those beside them that are to stay for now."""
    clash = {link["name"]: why for link, why in change.conflicts(wanted, change.up(found))}
    for name, why in clash.items():
        users = sorted({use.nad for use in seen.nads.get(name, [])})
        if users:
            hint = (
                "Both cannot be there at a time, so pods on it would lose the network: name another bridge on "
                "another card, or on a vlan of it, or remove the NADs first."
            )
            told = f"{why}, and these use it: {', '.join(users)}"
            raise Busy("no NetworkAttachmentDefinition on what changes", told, hint=hint, reason="uplink_in_use")
    stays = [link for link in change.up(found) if link["name"] not in clash]
    if keep:
        return change.union(wanted, stays)
    _refuse_use(change.surplus(change.union(wanted, change.used(stays, seen.nads)), wanted, seen.nads))
    return wanted


def _refuse_use(surplus: dict[str, list[str]]) -> None:
    """Refuse while a NAD uses what would go."""
    found = "; ".join(f"{what}: {', '.join(names)}" for what, names in surplus.items() if names)
    if found:
        hint = "Pods on it lose the network: remove the NADs first, or keep it for now with keep: true."
        raise Busy("no NetworkAttachmentDefinition on what goes", found, hint=hint, reason="uplink_in_use")


def _present(job: Job) -> Result:
    uplink = spec.from_params(job.params)
    cluster = job.cluster
    if not uplink.interface:
        return look.looked(job, uplink)
    seen = observe(cluster, uplink.name, dict(uplink.node_selector))
    if seen is None:
        text = (
            f"{cluster.name}: nmstate is not installed, so {uplink.end} cannot be checked; it has to be on every node."
        )
        return job.finish(Plan(), warnings=[text], node_uplink=_facts(uplink, "unchecked", []))
    if not seen.states:
        wanted = f"nodes with the labels {dict(uplink.node_selector)}" if uplink.node_selector else "nodes"
        hint = "Correct node_selector, and see that nmstate's handler runs on the nodes."
        raise BadInput(wanted, "none that nmstate reports", hint=hint, reason="no_nodes")
    nodes = sorted(seen.states)
    if not job.params["manage"]:
        refuse(spec.lacks(uplink, seen.states, cluster.name))
        return job.finish(Plan(), node_uplink=_facts(uplink, "found", nodes))
    planned = plan(uplink, seen, keep=job.params["keep"])
    told: list[str] = []
    if planned.changed and (seen.mine is not None or seen.nads.get(uplink.end)):
        told = quiet.require(job, HARM, seconds=job.params["wait_for_migrations"])
    job.apply(planned)
    if not (planned.changed and job.check_mode):
        settle(job, uplink.name, nodes)
    readiness = "not_waited" if planned.changed and job.check_mode else "available"
    return job.finish(planned, warnings=told, node_uplink=_facts(uplink, readiness, nodes))


def _facts(uplink: Uplink, readiness: str, nodes: list[str]) -> Object:
    return {
        "name": uplink.name,
        "interface": uplink.subinterface or None,
        "bridge": uplink.bridge or None,
        "readiness": readiness,
        "nodes": nodes,
    }
