# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bed and its clusters as tests hold them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .audit import Audit, Write
from .bed import beds
from .client import Client
from .control import call
from .resources import Objects


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
    """A running bed; real clusters in its place are a subclass."""

    __test__ = False

    name: str
    clusters: dict[str, TestCluster] = field(default_factory=dict)

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
        self.ask("fault-clear", name=None, cluster=None)
