# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that whereabouts still keeps for pods of KubeVirt that are no more.

A node that is lost, or a pod that is deleted by force, gives nothing back; whereabouts looks for such addresses once
a day, and never again for a NAD that is gone. An entry is ours beyond doubt when it is for KubeVirt's interface and a
pod that KubeVirt's own workloads named; such names have a random end and do not come again.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

from ._cluster import Cluster, Object, Resource, namespaced_name
from ._errors import Forbidden, Missing
from ._kubevirt import HANDLER, INTERFACE, SYNC_CONTROLLER
from ._plan import Change, guarded, remove
from ._resources import IP_POOL, POD
from ._whereabouts import Allocation, allocations

_GROUP, _VERSION = "whereabouts.cni.cncf.io", "v1alpha1"
_RESERVATION = Resource(_GROUP, _VERSION, "overlappingrangeipreservations", "OverlappingRangeIPReservation")


class Leftover(NamedTuple):
    """One entry of a pool."""

    pool: Object
    entry: Allocation

    def as_dict(self) -> dict[str, str]:
        """The entry as results carry it."""
        return {"address": str(self.entry.address), "pod": self.entry.pod, "pool": self.pool["metadata"]["name"]}


def find(cluster: Cluster, namespace: str) -> list[Leftover]:
    """All of them on a cluster; none where the pools cannot be read.

    The pools are read before the pods: an entry that is made in between cannot be taken for one without a pod.
    """
    try:
        pools = cluster.list(IP_POOL)
    except (Missing, Forbidden):
        return []
    held = [Leftover(pool, entry) for pool in pools for entry in allocations(pool) if _ours(entry, namespace)]
    if not held:
        return []
    alive = {namespaced_name(pod) for pod in cluster.list(POD, namespace)}
    return [each for each in held if each.entry.pod not in alive]


def _ours(entry: Allocation, namespace: str) -> bool:
    place, _slash, name = entry.pod.partition("/")
    workload = name.startswith((f"{HANDLER}-", f"{SYNC_CONTROLLER}-"))
    return entry.interface == INTERFACE and place == namespace and workload


def free(cluster: Cluster, found: list[Leftover]) -> list[Change]:
    """What gives the addresses back: the pools without them, and whereabouts' reservations beside the pools."""
    why = "its pod is no more"
    changes: list[Change] = []
    pools = {namespaced_name(each.pool): each.pool for each in found}
    for title, pool in pools.items():
        gone = {(each.entry.pod, each.entry.interface) for each in found if namespaced_name(each.pool) == title}
        after = copy.deepcopy(pool)
        given = after["spec"]["allocations"]
        after["spec"]["allocations"] = {
            offset: entry for offset, entry in given.items() if (entry.get("podref"), entry.get("ifname")) not in gone
        }
        addresses = ", ".join(str(each.entry.address) for each in found if namespaced_name(each.pool) == title)
        change = guarded(cluster, IP_POOL, pool, after, f"{addresses} is given back, {why}")
        changes += [change] if change else []
    pods = {each.entry.pod for each in found}
    return changes + [
        remove(cluster, _RESERVATION, item, why)
        for item in _reservations(cluster)
        if (item.get("spec") or {}).get("podref") in pods and (item["spec"].get("ifname") or INTERFACE) == INTERFACE
    ]


def _reservations(cluster: Cluster) -> list[Object]:
    try:
        return cluster.list(_RESERVATION)
    except Missing:
        # Releases before 0.5 have none.
        return []
