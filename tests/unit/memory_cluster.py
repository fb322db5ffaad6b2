# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in memory behind the cluster port, and a clock that tests own."""

from __future__ import annotations

import builtins
import copy
import datetime
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any  # a method is called list

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import (
    Event,
    JsonPatch,
    Object,
    Resource,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    Conflict,
    MigrationError,
    Missing,
    Rejected,
    ServerTrouble,
    Unreachable,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._job import Job
from ansible_collections.livemigration.kubevirt.plugins.module_utils._plan import merged, ref_of

START = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)


class MemoryCluster:
    """Objects by kind, namespace and name; resource versions and generations move as an API server moves them."""

    def __init__(self, name: str = "cluster-a") -> None:
        self.name = name
        self.objects: dict[tuple[str, str | None, str], Object] = {}
        self.writes: list[str] = []
        self.before_write: Callable[[], None] | None = None
        self.unknown: set[str] = set()
        self.lose_answers = 0
        self.refusals = 0
        self._versions = itertools.count(1000)

    def uid(self) -> str:
        return f"uid-of-{self.name}"

    def put(self, resource: Resource, body: Object) -> Object:
        """Store as a controller would: no guard, no record of a write."""
        metadata = body["metadata"]
        key = (resource.plural, metadata.get("namespace"), metadata["name"])
        old = self.objects.get(key)
        stored = copy.deepcopy(body) | {"kind": resource.kind, "apiVersion": resource.api_version}
        stored["metadata"]["resourceVersion"] = str(next(self._versions))
        same = old is not None and old.get("spec") == stored.get("spec")
        stored["metadata"].setdefault("uid", f"uid-{resource.plural}-{metadata['name']}-on-{self.name}")
        generation = (old or {}).get("metadata", {}).get("generation", 0)
        stored["metadata"]["generation"] = generation if same else generation + 1
        self.objects[key] = stored
        return copy.deepcopy(stored)

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        self._known(resource)
        return copy.deepcopy(self.objects.get((resource.plural, namespace, name)))

    def list(
        self, resource: Resource, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> list[Object]:
        self._known(resource)
        found = [
            body
            for (plural, place, _name), body in self.objects.items()
            if plural == resource.plural
            and body["apiVersion"] == resource.api_version
            and namespace in (None, place)
            and _selected(body, labels)
        ]
        return copy.deepcopy(found)

    def create(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Object:
        self._interfere()
        if self.get(resource, body["metadata"]["name"], body["metadata"].get("namespace")):
            place = str(ref_of(resource, body))
            raise Conflict("to create", "already exists", self.name, place, "", "already_exists")
        self._wrote("create", resource, body["metadata"]["name"])
        return self.put(resource, body)

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Object | JsonPatch,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        assert isinstance(body, dict), "only merge patches are supported here"
        self._wrote("patch", resource, name)
        old = self.get(resource, name, namespace)
        if old is None:
            raise Missing("to change", "none", self.name, f"{resource.kind} {namespace}/{name}", "", "not_found")
        version = (body.get("metadata") or {}).get("resourceVersion")
        if version not in (None, old["metadata"]["resourceVersion"]):
            self.writes.pop()
            raise Conflict("to change", "it changed", self.name, f"{resource.kind} {namespace}/{name}")
        result = self.put(resource, merged(old, body))
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unreachable("an answer", "the connection was cut", self.name)
        return result

    def replace(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Object:
        self._interfere()
        metadata = body["metadata"]
        old = self.get(resource, metadata["name"], metadata.get("namespace"))
        if old is None:
            raise Missing("to replace", "none", self.name, f"{resource.kind} {metadata['name']}", "", "not_found")
        if metadata.get("resourceVersion") != old["metadata"]["resourceVersion"]:
            raise Conflict("to replace", "it changed", self.name, str(ref_of(resource, body)))
        if old.get("immutable") or (resource.kind == "Secret" and old.get("type") != body.get("type")):
            raise Rejected("to replace", "field is immutable", self.name, str(ref_of(resource, body)))
        self._wrote("replace", resource, metadata["name"])
        return self.put(resource, body)

    def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        dry_run: bool = False,
    ) -> bool:
        self._wrote("delete", resource, name)
        return self.objects.pop((resource.plural, namespace, name), None) is not None

    def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        name: str | None = None,
        labels: str = "",
        version: str = "",
        seconds: float = 300,
    ) -> Iterator[Event]:
        raise NotImplementedError

    def list_version(
        self, resource: Resource, namespace: str | None = None, name: str | None = None, labels: str = ""
    ) -> tuple[builtins.list[Object], str]:
        raise NotImplementedError

    def allowed(self, verb: str, resource: Resource, namespace: str | None = None) -> bool:
        return True

    def serves(self, resource: Resource) -> bool:
        return resource.plural not in self.unknown

    def _known(self, resource: Resource) -> None:
        if resource.plural in self.unknown:
            raise Missing("to read", "no such kind", self.name, resource.full_name, "", "no_such_api")

    def _interfere(self) -> None:
        """Somebody else is faster, once."""
        hook, self.before_write = self.before_write, None
        if hook:
            hook()

    def _wrote(self, verb: str, resource: Resource, name: str) -> None:
        self._interfere()
        if self.refusals:
            self.refusals -= 1
            raise ServerTrouble("to write", "failed calling webhook", self.name, reason="webhook_down")
        self.writes.append(f"{verb} {resource.kind} {name}")


class Ticking:
    """A clock whose sleep lets the simulated controllers take a step each."""

    def __init__(self, *steps: Callable[[], None]) -> None:
        self.steps = steps
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> datetime.datetime:
        return START + datetime.timedelta(seconds=self.seconds)

    def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 0.001)
        for step in self.steps:
            step()


class Told(list[str]):
    """Collects the lines of progress."""

    def __call__(self, line: str) -> None:
        self.append(line)


def job(clusters: dict[str, Any], clock: Ticking, params: dict[str, Any], *, check_mode: bool = False) -> Job:
    """A call of a module; its progress lines are in ``tell``."""
    return Job(params, check_mode, clusters, clock, Told())


def refusal(cluster: MemoryCluster, call: Callable[[], object]) -> MigrationError:
    """The error of a call that is refused: it says everything, and nothing was written before."""
    before = list(cluster.writes)
    with pytest.raises(MigrationError) as caught:
        call()
    assert cluster.writes == before
    assert all((caught.value.wanted, caught.value.found, caught.value.hint, caught.value.object))
    assert caught.value.cluster == cluster.name
    return caught.value


def _selected(body: Object, selector: str) -> bool:
    labels = body["metadata"].get("labels") or {}
    if "=" in selector:
        name, _, value = selector.partition("=")
        return bool(labels.get(name) == value)
    match = re.fullmatch(r"(\S+) in \(([^)]*)\)", selector)
    return match is None or labels.get(match[1]) in match[2].split(",")
