# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests use: a bed (or real clusters in its place), a plain client, faults that end with their block."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from . import build, daemon
from .audit import Audit, Write
from .bed import beds
from .connection import Connection
from .control import call
from .kube import Api
from .resources import Object, Objects

REAL = "TESTBED_KUBECONFIGS"
"""NAME:PATH,NAME:PATH: run against these clusters instead of a test bed."""
NAME = "TESTBED_NAME"
"""A bed that runs already and is to be used, and left running."""
T = TypeVar("T")


class Client:
    """One API server, called synchronously, under the user of a kubeconfig; kinds by their key."""

    def __init__(self, kubeconfig: Path) -> None:
        self._connection = Connection(kubeconfig)
        self._session: aiohttp.ClientSession | None = None
        self._api: Api | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test client", daemon=True)
        self._thread.start()

    def get(self, key: str, name: str, namespace: str | None = None) -> Object | None:
        return self._run(lambda api: api.get(key, name, namespace))

    def list(self, key: str, namespace: str | None = None, labels: str = "", fields: str = "") -> Objects:
        return self._run(lambda api: api.list(key, namespace, labels, fields))

    def create(self, key: str, obj: Object) -> Object:
        return self._run(lambda api: api.create(key, obj))

    def update(self, key: str, obj: Object) -> Object:
        return self._run(lambda api: api.update(key, obj))

    def patch(
        self,
        key: str,
        name: str,
        patch: Object | Objects,
        namespace: str | None = None,
        subresource: str | None = None,
    ) -> Object:
        return self._run(lambda api: api.patch(key, name, patch, namespace, subresource))

    def delete(self, key: str, name: str, namespace: str | None = None) -> bool:
        return self._run(lambda api: api.delete(key, name, namespace))

    def until(
        self,
        true: Callable[[Object | None], bool],
        key: str,
        name: str,
        namespace: str | None = None,
        seconds: float = 30,
    ) -> Object | None:
        """The object once something is true of it; AssertionError with its last state at the deadline."""
        deadline = time.monotonic() + seconds
        while not true(found := self.get(key, name, namespace)):
            if time.monotonic() > deadline:
                raise AssertionError(f"{key} {namespace}/{name} not as wanted after {seconds} s; found: {found}")
            time.sleep(0.02)
        return found

    def close(self) -> None:
        if self._session is not None:
            asyncio.run_coroutine_threadsafe(self._session.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, act: Callable[[Api], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(self._with_api(act), self._loop).result()

    async def _with_api(self, act: Callable[[Api], Coroutine[Any, Any, T]]) -> T:
        if self._api is None:
            self._session = self._connection.session()
            self._api = Api(self._session, self._connection.server, "test")
        return await act(self._api)


@dataclass
class TestCluster:
    """One cluster as a test sees it."""

    __test__ = False

    name: str
    kubeconfig: Path
    bed: TestBed

    @cached_property
    def client(self) -> Client:
        return Client(self.kubeconfig)

    @property
    def proxied(self) -> Path:
        """The kubeconfig whose requests the api-* faults strike."""
        return Path(self.bed.ask("status")["clusters"][self.name]["proxied_kubeconfig"])

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()

    def user(self, name: str, groups: list[str] | None = None) -> Path:
        """A kubeconfig for a user without rights."""
        return Path(self.bed.ask("user", cluster=self.name, name=name, groups=groups or [])["kubeconfig"])

    def vm(self, name: str, namespace: str = "default", seconds: float = 60.0) -> None:
        """A VM like that of the demo, running."""
        self.bed.ask("vm", cluster=self.name, name=name, namespace=namespace, seconds=seconds)

    def mark(self) -> int:
        return self._audit.mark()

    def writes(self, since: int = 0, user: str | None = "admin") -> list[Write]:
        """What a user wrote since a mark, by the API server's own record."""
        return self._audit.writes(user, since)

    @property
    def _audit(self) -> Audit:
        return Audit(self.bed.directory / self.name / "audit.log")


@dataclass
class TestBed:
    """A running bed, or real clusters where one was asked for (those have no faults and no audit log)."""

    __test__ = False

    name: str
    clusters: dict[str, TestCluster] = field(default_factory=dict)
    simulated: bool = True

    @property
    def directory(self) -> Path:
        return beds() / self.name

    def ask(self, verb: str, **arguments: Any) -> Any:
        return call(self.directory, verb, **arguments)

    @contextmanager
    def fault(self, name: str, cluster: str | None = None, times: int | None = None, **args: str) -> Iterator[None]:
        """On for the block."""
        self.ask("fault-set", name=name, cluster=cluster, times=times, args=args)
        try:
            yield
        finally:
            self.ask("fault-clear", name=name, cluster=cluster)

    @contextmanager
    def partition(self, source: str, target: str, one_way: bool = False) -> Iterator[None]:
        self.ask("partition", source=source, target=target, one_way=one_way)
        try:
            yield
        finally:
            self.ask("heal", source=source, target=target)

    def snapshot(self, cluster: str, *kinds: str) -> dict[str, Objects]:
        found: dict[str, Objects] = self.ask("snapshot", cluster=cluster, kinds=list(kinds))
        return found

    def calm(self) -> None:
        """No fault and no partition any more."""
        if self.simulated:
            self.ask("fault-clear", name=None, cluster=None)


@contextmanager
def open_bed(name: str, clusters: tuple[str, ...] = ("cluster-a", "cluster-b"), *settings: str) -> Iterator[TestBed]:
    """The clusters that the environment names, else a bed of this name for as long as the block lasts."""
    if given := os.environ.get(REAL):
        pairs = (one.partition(":") for one in given.split(","))
        bed = TestBed("real", simulated=False)
        bed.clusters = {cluster: TestCluster(cluster, Path(path), bed) for cluster, _colon, path in pairs}
        yield from _until_closed(bed)
    elif running := os.environ.get(NAME):
        yield from _until_closed(_connect(running))
    else:
        yield from _own(name, clusters, settings)


@contextmanager
def own_bed(name: str, clusters: tuple[str, ...] = ("cluster-a", "cluster-b"), *settings: str) -> Iterator[TestBed]:
    """A bed that nobody else uses, whatever the environment says."""
    yield from _own(name, clusters, settings)


def _own(name: str, clusters: tuple[str, ...], settings: tuple[str, ...]) -> Iterator[TestBed]:
    build.controlplane()
    daemon.spawn(name, clusters, settings)
    try:
        yield from _until_closed(_connect(name))
    finally:
        daemon.end(name)


def _until_closed(bed: TestBed) -> Iterator[TestBed]:
    try:
        yield bed
    finally:
        for cluster in bed.clusters.values():
            cluster.close()


def _connect(name: str) -> TestBed:
    bed = TestBed(name)
    found = bed.ask("status")["clusters"]
    bed.clusters = {cluster: TestCluster(cluster, Path(one["kubeconfig"]), bed) for cluster, one in found.items()}
    return bed
