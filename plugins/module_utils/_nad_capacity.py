# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many addresses a cluster needs on the migration network."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from ._cluster import Cluster, Object
from ._errors import BadInput, Missing
from ._kubevirt import HANDLER, SYNC_CONTROLLER
from ._nad_config import Wanted
from ._resources import DAEMON_SET, DEPLOYMENT, KUBEVIRT, NODE

_SYNC_REPLICAS = 2
_LEAKED = 2
"""A node that reboots keeps its old address until whereabouts' reconciler runs, once a day."""


@dataclasses.dataclass(frozen=True, slots=True)
class Need:
    """Why so many addresses are needed.

    :param surge: pods that a rolling update runs beside the old ones.
    :param required: the user's own number in place of the sum.
    """

    nodes: int
    sync_replicas: int
    surge: int
    growth: int = 0
    spare: int = _LEAKED
    required: int | None = None

    @property
    def total(self) -> int:
        """All of it, or what the user says."""
        if self.required is not None:
            return self.required + self.growth
        return self.nodes + self.sync_replicas + self.surge + self.growth + self.spare

    def as_dict(self, available: int) -> dict[str, Any]:
        """The need as results carry it, beside what there is."""
        return {**dataclasses.asdict(self), "needed": self.total, "available": available}


def need(cluster: Cluster, namespace: str, growth: int, required: int | None = None) -> Need:
    """What the cluster needs now, and soon.

    virt-handler runs once a node; before KubeVirt has rolled it out, every node without a taint that keeps pods
    away counts.
    """
    if required is not None:
        # The user's own number; nothing has to be readable for it.
        return Need(0, 0, 0, growth, 0, required)
    handlers = cluster.get(DAEMON_SET, HANDLER, namespace)
    nodes = int(((handlers or {}).get("status") or {}).get("desiredNumberScheduled") or 0)
    if not nodes:
        nodes = sum(1 for node in cluster.list(NODE) if not _keeps_away(node))
    replicas = _sync_replicas(cluster, namespace)
    return Need(nodes, replicas, math.ceil(replicas / 4), growth)


def _keeps_away(node: Object) -> bool:
    # A cordoned node still runs DaemonSets, so its taint does not count.
    taints = (node.get("spec") or {}).get("taints") or []
    return any(
        taint.get("effect") in ("NoSchedule", "NoExecute") and taint.get("key") != "node.kubernetes.io/unschedulable"
        for taint in taints
    )


def _sync_replicas(cluster: Cluster, namespace: str) -> int:
    found = cluster.get(DEPLOYMENT, SYNC_CONTROLLER, namespace)
    if found:
        return int((found.get("spec") or {}).get("replicas") or _SYNC_REPLICAS)
    for kubevirt in kubevirts(cluster):
        if kubevirt["metadata"].get("namespace") == namespace:
            return int(((kubevirt.get("spec") or {}).get("infra") or {}).get("replicas") or _SYNC_REPLICAS)
    return _SYNC_REPLICAS


def check(wanted: Wanted, needed: Need, cluster: str) -> None:
    """:raises BadInput: when the slice is too small, with the arithmetic."""
    if wanted.slice.size >= needed.total:
        return
    piece = wanted.slice.as_dict()
    raise BadInput(
        f"at least {needed.total} addresses: {_sum(needed)}",
        f"{piece['size']} from {piece['first']} to {piece['last']}",
        cluster,
        wanted.title,
        "Take a larger range, fewer max_clusters or less growth; all clusters must change together.",
        reason="slice_too_small",
    )


def _sum(needed: Need) -> str:
    if needed.required is not None:
        return f"{needed.required} as required_addresses says, {needed.growth} for growth"
    return (
        f"{needed.nodes} for {HANDLER} on the nodes, {needed.sync_replicas} for {SYNC_CONTROLLER}, "
        f"{needed.surge} while it rolls, {needed.spare} kept by restarted nodes, {needed.growth} for growth"
    )


def kubevirts(cluster: Cluster) -> list[Object]:
    """The KubeVirt CRs; none where KubeVirt is not installed."""
    try:
        return cluster.list(KUBEVIRT)
    except Missing:
        return []
