# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many addresses a cluster needs on the migration network."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

from ._cluster import Cluster, Object, namespaced_name
from ._errors import BadInput, Forbidden
from ._handler_nodes import fits, kubevirts, placed
from ._kubevirt import HANDLER, SYNC_CONTROLLER
from ._nad_config import Wanted
from ._resources import DAEMON_SET, DEPLOYMENT, NODE, POD
from ._whereabouts import Allocation

_SYNC_REPLICAS = 2
_OWN_PODS = f"kubevirt.io in ({HANDLER},{SYNC_CONTROLLER})"
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


@dataclasses.dataclass(frozen=True, slots=True)
class Room:
    """What a slice has for KubeVirt's pods.

    :param taken: addresses that others have, or that nobody has given back.
    :param available: the addresses of the slice without those.
    """

    taken: int
    available: int


def room(cluster: Cluster, wanted: Wanted, given: Iterable[Allocation]) -> Room:
    """The room of the slice; of two, which give every pod an address each, of the one that has less."""
    held = {allocation.address for allocation in _others(cluster, wanted.namespace, list(given))}
    rooms = []
    for piece in wanted.pieces:
        taken = sum(1 for address in held if address in piece)
        rooms.append(Room(taken, piece.size - taken))
    return min(rooms, key=lambda each: each.available)


def _others(cluster: Cluster, namespace: str, given: list[Allocation]) -> list[Allocation]:
    """What is given out to others than KubeVirt's own pods, which the need counts."""
    try:
        own = {namespaced_name(pod) for pod in cluster.list(POD, namespace, labels=_OWN_PODS)} if given else set()
    except Forbidden:
        # Nobody can tell whose they are; most likely KubeVirt's.
        return []
    return [allocation for allocation in given if allocation.pod not in own]


def need(cluster: Cluster, namespace: str, growth: int, required: int | None = None) -> Need:
    """What the cluster needs now, and soon.

    virt-handler runs once a node. The DaemonSet controller counts nodes that are not ready and leaves out those that
    the node placement does; before KubeVirt has rolled it out, that is done here.
    """
    if required is not None:
        # The user's own number; nothing has to be readable for it.
        return Need(0, 0, 0, growth, 0, required)
    handlers = cluster.get(DAEMON_SET, HANDLER, namespace)
    nodes = int(((handlers or {}).get("status") or {}).get("desiredNumberScheduled") or 0)
    if not nodes:
        handler = placed(_kubevirt(cluster, namespace))
        nodes = sum(1 for node in cluster.list(NODE) if fits(node, handler))
    replicas = _sync_replicas(cluster, namespace)
    return Need(nodes, replicas, math.ceil(replicas / 4), growth)


def _kubevirt(cluster: Cluster, namespace: str) -> Object:
    """The KubeVirt CR, empty where there is none yet."""
    return next((each for each in kubevirts(cluster) if each["metadata"].get("namespace") == namespace), {})


def _sync_replicas(cluster: Cluster, namespace: str) -> int:
    found = cluster.get(DEPLOYMENT, SYNC_CONTROLLER, namespace)
    if found:
        return int((found.get("spec") or {}).get("replicas") or _SYNC_REPLICAS)
    said = (_kubevirt(cluster, namespace).get("spec") or {}).get("infra") or {}
    return int(said.get("replicas") or _SYNC_REPLICAS)


def check(wanted: Wanted, needed: Need, left: Room, cluster: str, *, changes: bool) -> list[str]:
    """The warning where only addresses that others hold are missing from a network as it is.

    :param changes: whether the network is made or changed.
    :raises BadInput: when the slice is too small, with the arithmetic.
    """
    if left.available >= needed.total:
        return []
    piece = min(wanted.pieces, key=lambda each: each.size).as_dict()
    held = f", {left.taken} of them held by others or not given back" if left.taken else ""
    if not changes and left.available + left.taken >= needed.total:
        # What runs goes on running: whereabouts may give them back, and until then this is no reason to stop.
        return [f"the slice has {piece['size']} addresses{held}; needed are {needed.total}: {_sum(needed)}."]
    raise BadInput(
        f"at least {needed.total} addresses: {_sum(needed)}",
        f"{piece['size']} from {piece['first']} to {piece['last']}{held}",
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
