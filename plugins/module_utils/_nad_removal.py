# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NADs of the migration network that go: those another one took the place of, or all of them."""

from __future__ import annotations

from typing import Any

from . import _nad_family as family
from . import _nad_leftovers as leftovers
from . import _nad_users as users
from . import _network_info_pool as pools
from ._cluster import Object
from ._errors import Busy, Forbidden, Missing
from ._job import Job, Result
from ._nad_family import Family
from ._plan import Plan, plan_of, remove
from ._resources import NAD
from ._wait import Verdict

_NOTHING: dict[str, Any] = {
    "superseded": [],
    "removed": [],
    "leftovers": [],
    "kind": None,
    "bridge": None,
    "master": None,
    "vlan": None,
    "resource_name": None,
    "mtu": None,
    "range": None,
    "slice": None,
    "pool": None,
    "second": None,
    "config": None,
    "changed_allocation": False,
    "out_of_slice": None,
    "capacity": None,
    "migration_pods_restart_required": False,
    "pods": [],
}


def absent(job: Job) -> Result:
    """All NADs of the network go."""
    found = _observe(job)
    result = _remove(job, found, sorted(found.members), "the migration network is no longer wanted")
    told = [*result.get("warnings", []), *_emptied(job, found)]
    return result | ({"warnings": told} if told else {})


def pruned(job: Job) -> Result:
    """Those go that KubeVirt has left for another one of the network."""
    found = _observe(job)
    if found.current not in found.members:
        return _remove(job, found, [], "")
    return _remove(job, found, family.superseded(found, found.current), f"{found.current} has taken its place")


def _observe(job: Job) -> Family:
    try:
        attachments = job.cluster.list(NAD)
    except Missing:
        # Without Multus there is no NAD either.
        attachments = []
    return family.observe(job.cluster, job.params["name"], job.params["namespace"], attachments)


def _remove(job: Job, found: Family, names: list[str], why: str) -> Result:
    kept = found.current if found.current in found.members and found.current not in names else job.params["name"]
    result = {"name": kept, "namespace": found.namespace, **_NOTHING, "removed": names}
    warnings = _refuse_use(job, found, names) if names else []
    if names and not warnings:
        _await_leave(job, names)
    freed, left = _leftovers(job, found.namespace)
    # The NADs last: as long as one is there, a run that was interrupted is finished by the next.
    planned = freed + plan_of([remove(job.cluster, NAD, found.members[name], why) for name in names], warnings)
    job.apply(planned)
    return job.finish(planned, migration_nad=result | {"leftovers": left})


def _leftovers(job: Job, namespace: str) -> tuple[Plan, list[dict[str, str]]]:
    """Addresses of pods that are no more: given back if told to, otherwise named."""
    found = leftovers.find(job.cluster, namespace)
    told = [each.as_dict() for each in found]
    if job.params["free_leftovers"]:
        return plan_of(leftovers.free(job.cluster, found)), told
    names = ", ".join(f"{each['address']} ({each['pod']})" for each in told)
    text = f"{job.cluster.name}: whereabouts keeps addresses for pods that are no more: {names}."
    return Plan(warnings=(text,) if told else ()), told


def _emptied(job: Job, found: Family) -> list[str]:
    """Pools that nobody has an address of any more; whereabouts never removes one, and another NAD may share it."""
    try:
        behind = {pool.title: pool for nad in found.members.values() for pool in pools.read(job.cluster, nad)}
        others = job.cluster.list(NAD) if behind else []
        shared = {pool.title for nad in others if not _of(found, nad) for pool in pools.read(job.cluster, nad)}
    except Forbidden:
        return []
    names = [title for title, pool in behind.items() if pool.exists and not pool.allocations and title not in shared]
    hint = "stays behind empty, which does no harm: whereabouts never removes it"
    return [f"{job.cluster.name}: {title} {hint}." for title in names]


def _of(found: Family, nad: Object) -> bool:
    metadata = nad["metadata"]
    return metadata.get("namespace") == found.namespace and metadata["name"] in found.members


def _refuse_use(job: Job, found: Family, names: list[str]) -> list[str]:
    """Refuse while others use one of them, or KubeVirt still names it.

    In check mode KubeVirt's own use is only a warning: an earlier task of the same run would have ended it.
    """
    seen = family.with_users(job.cluster, found)
    fulls = [f"{found.namespace}/{name}" for name in names]
    ours = [owner for full, owner in users.named(job.cluster).items() if full in fulls]
    strangers = [user.title for full in fulls for user in users.of(seen.users, full) if not user.ours]
    if strangers or (ours and not job.check_mode):
        raise Busy(
            "nobody to use the NAD",
            ", ".join(dict.fromkeys(strangers if job.check_mode else ours + strangers)),
            hint="Take the network out of KubeVirt's settings, and the others off it, first: without the NAD "
            "whereabouts cannot free their addresses.",
            reason="nad_in_use",
        )
    pods = [user.title for full in fulls for user in users.of(seen.users, full)]
    if job.check_mode and (ours or pods):
        owners = ", ".join(dict.fromkeys(ours + pods))
        return [f"{job.cluster.name}: the NAD can go only once nobody uses it; now these do: {owners}."]
    return []


def _await_leave(job: Job, names: list[str]) -> None:
    """Wait until KubeVirt's pods that are on their way out have gone."""
    namespace = job.params["namespace"]

    def look() -> Verdict:
        found: list[Object | str] = [pod for name in names for pod in users.pods(job.cluster, name, namespace)]
        return Verdict(not found, f"{len(found)} pods still have it, such as {found[0]}" if found else "")

    job.wait(
        look,
        expected="KubeVirt's pods to leave the NAD",
        object=", ".join(f"NetworkAttachmentDefinition {namespace}/{name}" for name in names),
        hint="See which pods these are and why they stay; without the NAD whereabouts cannot free their addresses.",
    )
