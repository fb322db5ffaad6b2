# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""KubeVirt on two clusters, small enough to be interleaved with a move at every point, and knowing where the guest is.

Every rule is one function that does one thing or says that there is nothing to do; a test picks among them at random.
The truth (``guests``) is hidden from the move and judges each of its writes.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Callable
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Conflict, Forbidden, Missing
from ansible_collections.livemigration.kubevirt.plugins.module_utils._plan import merged
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    KUBEVIRT,
    NODE,
    POD,
    VM,
    VMI,
)

NS, NAME = "default", "vm-1"
_TIME = "2026-11-22T22:32:54Z"
FINAL = ("Succeeded", "Failed")
_MOST_WRITES = 200
"""A move needs about ten; time in this world stands still while something is written."""


class Killed(BaseException):
    """The process of the move dies here."""


class Wrong(AssertionError):
    """A promise is broken."""


class Site:
    """One cluster: the port over a dictionary, with finalizers as KubeVirt's objects have them."""

    def __init__(self, world: World, name: str, address: str) -> None:
        self.world, self.name, self.address = world, name, address
        self.objects: dict[tuple[str, str], Object] = {}
        self.down = False
        self.denied: set[tuple[str, str]] = set()

    def allowed(self, verb: str, resource: Resource, namespace: str | None = None) -> bool:
        self.world.read(self)
        return (verb, resource.kind) not in self.denied

    def uid(self) -> str:
        return f"uid-of-{self.name}"

    def put(self, resource: Resource, body: Object) -> Object:
        body = copy.deepcopy(body)
        metadata = body["metadata"]
        metadata.setdefault("uid", f"uid-{next(self.world.numbers)}")
        metadata.setdefault("namespace", NS)
        metadata["resourceVersion"] = str(next(self.world.numbers))
        self.objects[resource.plural, metadata["name"]] = body
        return copy.deepcopy(body)

    def drop(self, resource: Resource, name: str) -> None:
        self.objects.pop((resource.plural, name), None)

    def of(self, resource: Resource) -> list[Object]:
        return [body for (plural, _), body in self.objects.items() if plural == resource.plural]

    def one(self, resource: Resource, name: str = NAME) -> Object | None:
        return self.objects.get((resource.plural, name))

    # The port -------------------------------------------------------------------------------------------------------

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        self.world.read(self)
        return copy.deepcopy(self.one(resource, name))

    def list(
        self, resource: Resource, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Object]:
        self.world.read(self)
        return copy.deepcopy(self.of(resource)) if labels != "kubevirt.io=virt-handler" else []

    def create(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Object:
        self.world.write(self, "create", resource, None, body)
        if self.one(resource, body["metadata"]["name"]):
            raise Conflict("to create", "exists", self.name, reason="already_exists")
        body = merged(body, {"metadata": {"finalizers": ["kubevirt.io/migrationJobFinalize"]}})
        result = self.put(resource, body)
        self.world.written()
        return result

    def patch(
        self, resource: Resource, name: str, body: Object, *, namespace: str | None = None, dry_run: bool = False
    ) -> Object:
        before = self.one(resource, name)
        if before is None:
            raise Missing("to change", "none", self.name, reason="not_found")
        after = merged(before, body)
        self.world.write(self, "patch", resource, before, after)
        if body["metadata"].get("resourceVersion") not in (None, before["metadata"]["resourceVersion"]):
            raise Conflict("to change", "moved on", self.name)
        result = self.put(resource, after)
        if "deletionTimestamp" in after["metadata"] and not after["metadata"].get("finalizers"):
            self.drop(resource, name)
        self.world.written()
        return result

    def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        dry_run: bool = False,
    ) -> bool:
        before = self.one(resource, name)
        self.world.write(self, "delete", resource, before, None)
        if before is None:
            return False
        if before["metadata"]["uid"] != uid:
            raise Conflict("to delete", "another object", self.name)
        self.put(resource, merged(before, {"metadata": {"deletionTimestamp": _TIME}}))
        self.world.written()
        return True


class World:
    """Two sites, the guest, and what goes wrong."""

    def __init__(self, seed: int, *faults: str, strategy: str = "Always") -> None:
        self.random = random.Random(seed)
        self.numbers = itertools.count(100)
        self.faults = set(faults)
        self.strategy = strategy
        self.source, self.target = Site(self, "cluster-a", "192.170.10.2"), Site(self, "cluster-b", "192.170.10.128")
        self.guests: set[str] = {"cluster-a"}
        self.writes: list[str] = []
        self.die_at, self.die_after = 0, False
        self._rules = [rule for name, rule in sorted(_rules().items())]
        self._furnish()

    def without_receiver(self) -> None:
        """The receiver is still to be made, from a guest that shows what it needs for that."""
        self.target.drop(VM, NAME)
        domain = {"domain": {"firmware": {"uuid": "7b4f7021", "serial": "1"}, "devices": {}}}
        vm, vmi = self.source.one(VM), self.source.one(VMI)
        assert vm
        assert vmi
        self.source.put(VM, vm | {"spec": vm["spec"] | {"template": {"spec": domain}}})
        self.source.put(VMI, vmi | {"spec": domain})

    def _furnish(self) -> None:
        for site in (self.source, self.target):
            status = {"synchronizationAddresses": [f"{site.address}:9185"]}
            gates = {"developerConfiguration": {"featureGates": ["DecentralizedLiveMigration"]}}
            site.put(KUBEVIRT, {"metadata": {"name": "kubevirt"}, "spec": {"configuration": gates}, "status": status})
            site.put(NODE, {"metadata": {"name": f"{site.name}-node"}})
        spec: Object = {"running": True} if self.strategy == "running" else {"runStrategy": self.strategy}
        vm = self.source.put(VM, {"metadata": {"name": NAME}, "spec": spec})
        running = {"phase": "Running", "nodeName": "cluster-a-node"}
        vmi = self.source.put(VMI, {"metadata": {"name": NAME}, "spec": {}, "status": running})
        self.source.put(POD, pod("launcher-a", vmi, "Running", "cluster-a-node"))
        notes = {
            attempt.SOURCE_CLUSTER: self.source.uid(),
            attempt.SOURCE_VM: vm["metadata"]["uid"],
            attempt.REMEMBERED: attempt.remember(vm),
        }
        metadata = {"name": NAME, "annotations": notes}
        self.target.put(VM, {"metadata": metadata, "spec": {"runStrategy": attempt.RECEIVER}})

    def fault(self, name: str) -> bool:
        return name in self.faults

    def step(self) -> bool:
        """KubeVirt does one thing somewhere. ``False``: there is nothing to do."""
        self.random.shuffle(self._rules)
        done = any(rule(self) for rule in self._rules)
        if len(self.guests) > 1 and not self.fault("overlap"):
            raise Wrong(f"the guest runs twice: {self.guests}")
        return done

    def settle(self) -> None:
        """KubeVirt does everything it has to do."""
        for _ in range(300):
            if not self.step():
                return
        raise AssertionError("KubeVirt does not come to rest")

    def read(self, site: Site) -> None:
        from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Unreachable

        if site.down:
            raise Unreachable("an answer", "none", site.name)

    def write(self, site: Site, verb: str, resource: Resource, before: Object | None, after: Object | None) -> None:
        """Judge a write of the move, and let it die before or after it when that is what the test wants."""
        self.read(site)
        other = self.target if site is self.source else self.source
        if site.down or other.down:
            raise Wrong("a write while a side is unknown")
        if (verb, resource.kind) in site.denied:
            raise Forbidden(f"to {verb} {resource.full_name}", "credentials that may not", site.name)
        self.judge(site, verb, resource, before, after)
        self.writes.append(f"{site.name} {verb} {resource.kind}")
        if len(self.writes) > _MOST_WRITES:
            raise Wrong(f"the same again and again: {self.writes[-4:]}")
        if self.die_at == len(self.writes) and not self.die_after:
            raise Killed
        self.random.random() < 0.3 and self.step()

    def written(self) -> None:
        if self.die_at == len(self.writes) and self.die_after:
            raise Killed

    def judge(self, site: Site, verb: str, resource: Resource, before: Object | None, after: Object | None) -> None:
        here = site.name in self.guests
        if resource is POD or (resource in (VM, VMI) and verb == "delete" and here):
            raise Wrong(f"{verb} {resource.kind} on {site.name}, which holds the guest")
        if resource is VM and after is not None:
            strategy = attempt.strategy(after["spec"])
            if strategy == "Halted" and here:
                raise Wrong("a guest is stopped")
            if site is self.target and strategy != attempt.RECEIVER and self.guests != {site.name}:
                raise Wrong("the target is given a run strategy before the guest is there")
            if site is self.source and strategy not in (attempt.GUARD, "Halted") and not here:
                raise Wrong("the guard is lifted where the guest is not")


def pod(name: str, vmi: Object, phase: str, node: str = "") -> Object:
    labels = {"kubevirt.io/created-by": vmi["metadata"]["uid"], "vm.kubevirt.io/name": NAME}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"nodeName": node}, "status": {"phase": phase}}


def state_of(vmi: Object | None) -> dict[str, Any]:
    found: dict[str, Any] = ((vmi or {}).get("status") or {}).get("migrationState") or {}
    return found


def _rules() -> dict[str, Callable[[World], bool]]:
    from unit import move_rules

    return {name: rule for name, rule in vars(move_rules).items() if name.startswith("rule_")}
