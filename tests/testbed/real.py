# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real clusters in the place of a bed: the same handles over a recording proxy in front of each API server.

What a test's user wrote is read from the proxy's record, and the api-* faults strike there. Everything else that
only a simulation can do is left out at collection (see tests/conftest.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import proxy_faults
from .audit import Write
from .faults import Faults
from .handle import TestBed, TestCluster
from .proxy import Impersonated, Proxy, running
from .proxy_rules import Request
from .resources import Object, Objects
from .sim import demo_vm
from .sim.demo_vm import DemoVm

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_LIVE = "virtualmachineinstances"


@dataclass
class RealCluster(TestCluster):
    """Reached through the proxy only."""

    proxy: Proxy
    faults: Faults
    origin: Path
    """The kubeconfig that was given."""
    stack: ExitStack
    """Ends what was opened for the cluster."""

    @property
    def proxied(self) -> Path:
        return self.kubeconfig

    def user(self, name: str, groups: list[str] | None = None) -> Path:
        """The given user acting as another, who has no rights but those RBAC gives."""
        other = running(
            self.origin, self.kubeconfig.parent, f"{self.name}.{name}", Impersonated(name, tuple(groups or ()))
        )
        return self.stack.enter_context(other).kubeconfig

    def vm(self, name: str, namespace: str = "default", seconds: float = 60.0) -> None:
        for cluster in self.bed.clusters.values():
            cluster.client.create_once("network-attachment-definitions", demo_vm.network(namespace))
        for key, manifest in demo_vm.objects(DemoVm(name, namespace)):
            self.client.create_once(key, manifest)
        self.client.until(_running, _LIVE, name, namespace, max(seconds, 600.0))

    def mark(self) -> int:
        return len(self.proxy.requests)

    def writes(self, since: int = 0, user: str | None = "admin") -> list[Write]:
        """Of the one user that comes through the proxy, whatever its name is here."""
        return [_write(request) for request in self.proxy.requests[since:] if request.write]


@dataclass
class RealBed(TestBed):
    """Handles on clusters that nobody here started."""

    clusters: dict[str, TestCluster] = field(default_factory=dict)

    def ask(self, verb: str, **arguments: Any) -> Any:
        raise AssertionError(f"{verb!r} needs the test bed: mark the test with pytest.mark.simulated")

    @contextmanager
    def fault(self, name: str, cluster: str | None = None, times: int | None = None, **args: str) -> Iterator[None]:
        if not name.startswith("api-"):
            self.ask(f"fault {name}")
        chosen = [one for one in self._real() if cluster in (None, one.name)]
        for one in chosen:
            one.faults.set(name, times=times, **args)
        try:
            yield
        finally:
            for one in chosen:
                one.faults.clear(name)

    def snapshot(self, cluster: str, *kinds: str) -> dict[str, Objects]:
        return {kind: self.clusters[cluster].client.list(kind) for kind in kinds}

    def calm(self) -> None:
        for one in self._real():
            one.faults.clear()

    def _real(self) -> list[RealCluster]:
        return [one for one in self.clusters.values() if isinstance(one, RealCluster)]


@contextmanager
def open_clusters(given: str) -> Iterator[TestBed]:
    """From NAME:PATH,NAME:PATH."""
    bed = RealBed("real")
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for pair in given.split(","):
            name, _colon, path = pair.partition(":")
            proxy = stack.enter_context(running(Path(path), directory, name))
            faults = Faults()
            proxy_faults.connect(proxy, faults)
            cluster = RealCluster(name, proxy.kubeconfig, bed, proxy, faults, Path(path), stack)
            stack.callback(cluster.close)
            bed.clusters[name] = cluster
        yield bed


def _running(vmi: Object | None) -> bool:
    return vmi is not None and vmi.get("status", {}).get("phase") == "Running"


def _write(request: Request) -> Write:
    verb = _VERBS[request.method]
    return Write("admin", verb, request.path, request.dry_run, request.status, request.agent, "")
