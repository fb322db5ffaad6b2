# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at both sides: through watches all the time, and directly where a write or a verdict rests on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ._cluster import Cluster, Object, Resource
from ._errors import Conflict, Expired, Forbidden, MigrationError, ServerTrouble, Unreachable
from ._feed import Feed, Target
from ._move_read import (
    migration_addresses,
    read_addresses,
    read_gate,
    read_migration,
    read_pod,
    read_settings,
    read_vm,
    read_vmi,
)
from ._resources import KUBEVIRT, NODE, POD, VM, VMI, VMIM
from ._situation import Side

View = Mapping[str, list[Object]]
"""The objects of one side by kind: ``vm``, ``vmi``, ``vmims``, ``pods``, ``kubevirts``."""

LOST_AFTER = 1.0
"""Seconds without contact after which a side counts as unknown: a connection that is renewed at once does not."""

_KINDS: dict[str, Resource] = {"vm": VM, "vmi": VMI, "vmims": VMIM, "pods": POD, "kubevirts": KUBEVIRT}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A VM on one cluster, with what does not change during a move."""

    cluster: Cluster
    namespace: str
    vm: str
    uid: str = ""
    handlers: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()

    def targets(self, key: str) -> list[Target]:
        """What to watch; keys are ``source/vm``, ``source/vmi`` and so on."""
        of_vmi = f"kubevirt.io/vmi-name={self.vm}"
        launchers = f"kubevirt.io=virt-launcher,vm.kubevirt.io/name={self.vm}"
        return [
            Target(f"{key}/vm", self.cluster, VM, self.namespace, self.vm),
            Target(f"{key}/vmi", self.cluster, VMI, self.namespace, self.vm),
            Target(f"{key}/vmims", self.cluster, VMIM, self.namespace, None, of_vmi),
            Target(f"{key}/pods", self.cluster, POD, self.namespace, None, launchers),
            Target(f"{key}/kubevirts", self.cluster, KUBEVIRT),
        ]

    def read(self, kind: str) -> list[Object]:
        """All objects of a kind, directly. Wider than the watches: no label has to be right for the proof."""
        if kind in ("vm", "vmi"):
            one = self.cluster.get(_KINDS[kind], self.vm, self.namespace)
            return [one] if one else []
        if kind == "vmims":
            migrations = self.cluster.list(VMIM, self.namespace)
            return [found for found in migrations if found["spec"].get("vmiName") == self.vm]
        if kind == "pods":
            pods = self.cluster.list(POD, self.namespace, "kubevirt.io=virt-launcher")
            return [found for found in pods if _launches(found, self.vm)]
        return self.cluster.list(KUBEVIRT)

    def side(self, view: View, *, known: bool = True, trouble: str = "") -> Side:
        """The side as a value."""
        vm, vmi = (next(iter(view.get(kind, [])), None) for kind in ("vm", "vmi"))
        kubevirt: Object = next(iter(view.get("kubevirts", [])), {})
        return Side(
            name=self.cluster.name,
            namespace=self.namespace,
            vm_name=self.vm,
            uid=self.uid,
            vm=read_vm(vm) if vm else None,
            vmi=read_vmi(vmi) if vmi else None,
            migrations=tuple(read_migration(found) for found in _sorted(view.get("vmims", []))),
            pods=tuple(read_pod(found) for found in _sorted(view.get("pods", []))),
            gate=read_gate(kubevirt),
            addresses=read_addresses(kubevirt),
            settings=read_settings(kubevirt),
            known=known,
            trouble=trouble,
            handlers=self.handlers,
            nodes=self.nodes,
        )


def _launches(pod: Object, vmi: str) -> bool:
    owners = pod["metadata"].get("ownerReferences") or []
    labelled = (pod["metadata"].get("labels") or {}).get("vm.kubevirt.io/name") == vmi
    return labelled or any(owner.get("kind") == VMI.kind and owner.get("name") == vmi for owner in owners)


def _sorted(found: list[Object]) -> list[Object]:
    return sorted(found, key=lambda item: str(item["metadata"]["name"]))


def _handlers(cluster: Cluster) -> frozenset[str]:
    """Where the virt-handlers of a cluster receive copies; empty when pods there may not be read."""
    pods = _if_allowed(lambda: cluster.list(POD, labels="kubevirt.io=virt-handler"))
    return frozenset(address for pod in pods for address in migration_addresses(pod))


def _nodes(cluster: Cluster) -> frozenset[str]:
    """Names of a cluster's nodes; empty when they may not be read, and the check that needs them rests."""
    return frozenset(str(node["metadata"]["name"]) for node in _if_allowed(lambda: cluster.list(NODE)))


def _if_allowed(read: Callable[[], list[Object]]) -> list[Object]:
    try:
        return read()
    except Forbidden:
        return []


class Lookout:
    """Both places of a move, and the ways to look at them."""

    def __init__(self, source: Place, target: Place) -> None:
        self._pool = ThreadPoolExecutor(len(_KINDS) * 2, "look")
        handlers = self._pool.submit(_handlers, source.cluster)
        nodes = self._pool.submit(_nodes, target.cluster)
        uids = self._pool.map(lambda place: place.cluster.uid(), (source, target))
        self._last: dict[str, Side] = {}
        self.views: dict[str, dict[str, list[Object]]] = {"source": {}, "target": {}}
        self._places = {"source": source, "target": target}
        early = self._read(tuple(_KINDS))
        mine, theirs = uids
        self._places["source"] = dataclasses.replace(source, uid=mine, handlers=handlers.result())
        self._places["target"] = dataclasses.replace(target, uid=theirs, nodes=nodes.result())
        self.first = self._sides(early)

    @property
    def source(self) -> Place:
        """The place the guest leaves."""
        return self._places["source"]

    @property
    def target(self) -> Place:
        """The place the guest goes to."""
        return self._places["target"]

    def targets(self) -> list[Target]:
        """What a feed has to follow."""
        return [*self.source.targets("source"), *self.target.targets("target")]

    def now(self, *, addresses: bool = False) -> tuple[Side, Side]:
        """Both sides, everything read directly and at the same time.

        A side that does not answer is as it was seen last, and marked as not known.

        :param addresses: read KubeVirt's own status again too; only the start of a move rests on that.
        """
        kinds = tuple(kind for kind in _KINDS if kind != "kubevirts" or addresses)
        return self._sides(self._read(kinds))

    def _read(self, kinds: tuple[str, ...]) -> dict[str, str]:
        """Read into the views. :returns: why a side could not be read, by its key."""
        jobs = {
            (key, kind): self._pool.submit(place.read, kind) for key, place in self._places.items() for kind in kinds
        }
        trouble: dict[str, str] = {}
        for (key, kind), found in jobs.items():
            try:
                self.views[key][kind] = found.result()
            except MigrationError as error:
                if not passing(error):
                    raise
                trouble[key] = str(error)
        return trouble

    def _sides(self, trouble: Mapping[str, str]) -> tuple[Side, Side]:
        for key, place in self._places.items():
            if key not in trouble:
                self._last[key] = place.side(self.views[key])
            else:
                last = self._last.get(key) or place.side({})
                self._last[key] = dataclasses.replace(last, known=False, trouble=trouble[key])
        return self._last["source"], self._last["target"]

    def watched(self, feed: Feed) -> tuple[Side, Side]:
        """Both sides as the feed has them."""
        seen = feed.snapshot()
        return self._watched("source", self.source, feed, seen), self._watched("target", self.target, feed, seen)

    def _watched(self, key: str, place: Place, feed: Feed, seen: Mapping[str, list[Object]]) -> Side:
        view = {kind: seen.get(f"{key}/{kind}", []) for kind in _KINDS}
        self.views[key]["kubevirts"] = view["kubevirts"] or self.views[key].get("kubevirts", [])
        known = feed.stale(place.cluster) <= LOST_AFTER
        error = None if known else feed.trouble(place.cluster)
        self._last[key] = place.side(view, known=known, trouble=str(error or ""))
        return self._last[key]

    def place(self, cluster: str) -> tuple[str, Place]:
        """The key and the place of a cluster by its name."""
        return ("source", self.source) if cluster == self.source.cluster.name else ("target", self.target)


def key_of(resource: Resource) -> str:
    """Under which kind a view has objects of a resource."""
    return next(kind for kind, known in _KINDS.items() if known == resource)


def passing(error: MigrationError) -> bool:
    """Whether the error may pass by itself."""
    return isinstance(error, Conflict | Expired | ServerTrouble | Unreachable) or error.reason == "not_found"
