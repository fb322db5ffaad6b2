# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPERouter on one cluster: which of its APIs is in force, and what it has been told."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from ._cluster import Cluster, Object, Resource, namespaced_name
from ._errors import Forbidden, Missing
from ._l2vni_shape import GROUPS, Shape, shape_of
from ._plan import Change, remove
from ._resources import CRD, NAMESPACE, NODE


@dataclasses.dataclass(frozen=True, slots=True)
class Peers:
    """The objects of OpenPERouter on a cluster, of all namespaces, and the cluster's nodes."""

    l2vnis: tuple[Object, ...] = ()
    l3vnis: tuple[Object, ...] = ()
    l3vpns: tuple[Object, ...] = ()
    underlays: tuple[Object, ...] = ()
    nodes: tuple[Object, ...] = ()


class Dead(NamedTuple):
    """An object of the API group that OpenPERouter no longer reads."""

    resource: Resource
    item: Object

    def __str__(self) -> str:
        return f"{self.resource.kind} {namespaced_name(self.item)} of {self.resource.group}"


@dataclasses.dataclass(frozen=True, slots=True)
class Installed:
    """What was found.

    :param blind: whether the nodes may not be read.
    """

    cluster: Cluster
    shape: Shape
    peers: Peers = dataclasses.field(default_factory=Peers)
    dead: tuple[Dead, ...] = ()
    blind: bool = False

    def own(self, resource: Resource, name: str, namespace: str) -> Object | None:
        """The object of a name among those in force."""
        items = self.peers.l2vnis if resource.kind == "L2VNI" else self.peers.l3vnis
        return next((item for item in items if _is(item, name, namespace)), None)

    def former(self, kind: str, name: str, namespace: str) -> Object | None:
        """The specification that the object of a name had before an upgrade of OpenPERouter."""
        own = (each.item for each in self.dead if each.resource.kind == kind and _is(each.item, name, namespace))
        return next((item["spec"] for item in own), None)

    def left_over(self, kind: str, name: str, namespace: str) -> list[Change]:
        """The removal of what an upgrade left of one object, under the group that nobody reads any more."""
        return [
            remove(self.cluster, each.resource, each.item, f"OpenPERouter reads {self.shape.group} now")
            for each in self.dead
            if each.resource.kind == kind and _is(each.item, name, namespace)
        ]

    def warnings(self, kind: str, name: str, namespace: str) -> list[str]:
        """What a user should know of the cluster beside the one object."""
        cluster, found = self.cluster.name, []
        if not self.peers.underlays:
            found.append(f"{cluster}: there is no Underlay, so OpenPERouter provisions nothing until one is created.")
        if self.blind:
            found.append(f"{cluster}: the nodes may not be read, so Underlays and selectors were not checked on them.")
        others = [each for each in self.dead if not (each.resource.kind == kind and _is(each.item, name, namespace))]
        if others:
            found.append(
                f"{cluster}: OpenPERouter now reads the API group {self.shape.group}; these objects of its old group "
                f"have no effect any more, make them anew there and then remove them: {', '.join(map(str, others))}."
            )
        return found


def observe(cluster: Cluster) -> Installed | None:
    """Read everything a decision needs; ``None`` when OpenPERouter is not installed."""
    crds = [crd for crd in (cluster.get(CRD, f"l2vnis.{group}") for group in GROUPS) if crd]
    if not crds:
        return None
    shape, *old = [shape_of(crd, cluster.name) for crd in crds]
    nodes, blind = _nodes(cluster)
    peers = Peers(
        _listed(cluster, shape.l2vni),
        _listed(cluster, shape.l3vni),
        _listed(cluster, shape.kind("l3vpns", "L3VPN")) if shape.detached else (),
        _listed(cluster, shape.kind("underlays", "Underlay")),
        nodes,
    )
    dead = tuple(
        Dead(resource, item)
        for each in old
        for resource in (each.l2vni, each.l3vni, each.kind("underlays", "Underlay"))
        for item in _listed(cluster, resource)
    )
    return Installed(cluster, shape, peers, dead, blind)


def required(cluster: Cluster, kind: str) -> Installed:
    """The same, :raises Missing: when OpenPERouter is not installed."""
    found = observe(cluster)
    if found is None:
        hint = "OpenPERouter is not installed on this cluster: install it first."
        text = "neither " + " nor ".join(f"l2vnis.{group}" for group in GROUPS)
        raise Missing(f"OpenPERouter's {kind} kind", text, hint=hint, reason="openperouter_not_installed")
    return found


def require_namespace(cluster: Cluster, namespace: str) -> None:
    """:raises Missing: when the namespace of a new object does not exist."""
    if cluster.get(NAMESPACE, namespace) is None:
        hint = "namespace is the one OpenPERouter runs in."
        raise Missing(f"namespace {namespace}", "no such namespace", hint=hint, reason="namespace_missing")


def shown(item: Object | None) -> Object | None:
    """An object as results carry it: without the API server's book-keeping about who wrote which field."""
    if item is None:
        return None
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return item | {"metadata": metadata}


def _listed(cluster: Cluster, resource: Resource) -> tuple[Object, ...]:
    try:
        return tuple({"spec": {}} | item for item in cluster.list(resource))
    except Missing:
        # Not every release has every kind.
        return ()


def _nodes(cluster: Cluster) -> tuple[tuple[Object, ...], bool]:
    try:
        return tuple(cluster.list(NODE)), False
    except Forbidden:
        return (), True


def _is(item: Object, name: str, namespace: str) -> bool:
    return bool(item["metadata"]["name"] == name and item["metadata"].get("namespace") == namespace)
