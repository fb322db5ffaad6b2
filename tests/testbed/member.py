# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster of a bed: its control plane, its site and its simulators, started and stopped together."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import crds, proxy_faults
from .cluster import Cluster
from .controller import Controller
from .fabric import Fabric
from .proxy import Proxy
from .resources import RESOURCES, Object
from .settings import Settings
from .sim import INSTALLERS, simulators
from .site import Site

# Six seconds on an idle machine; a busy one may take its time, a broken bed says so in the log.
READY_SECONDS = 180.0
_LOOK_SECONDS = 0.02


class NotReady(Exception):
    """The deadline passed; the message says who is not ready and why."""


class Member:
    """Everything of one cluster."""

    def __init__(
        self,
        name: str,
        index: int,
        directory: Path,
        program: Path,
        settings: Settings,
        fabric: Fabric,
        log: Callable[[str], None],
    ) -> None:
        pod_cidr = settings.pod_cidr or f"10.{64 + index}.0.0/16"
        self.cluster = Cluster(name, directory / name, program, settings.service_cidr, pod_cidr)
        self.site = Site(
            name,
            index,
            server=self.cluster.server,
            authority=self.cluster.authority,
            directory=directory / name,
            settings=settings,
            fabric=fabric,
            log=log,
        )
        self.controllers: list[Controller] = []
        self.proxy: Proxy | None = None
        self._doing = ""

    async def start(self, ended: Callable[[str], None]) -> None:
        """Up to the point where a user finds everything installed and running."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._start(ended)
        except TimeoutError as error:
            why = f"; {error}" if str(error) else ""
            raise NotReady(
                f"{self.site.name} not ready after {READY_SECONDS:.0f} s while {self._doing}{why}"
            ) from error
        self.site.log(f"started in {time.monotonic() - started:.1f} s")

    async def _start(self, ended: Callable[[str], None]) -> None:
        self._doing = "etcd and the API server start"
        await self.cluster.start_api(ended)
        self.proxy = Proxy(self.cluster.kubeconfig, self.cluster.directory.parent, f"{self.site.name}.proxied")
        proxy_faults.connect(self.proxy, self.site.faults)
        await self.proxy.start()
        await self.site.webhooks.start()
        self._doing = "CRDs are installed"
        await crds.install(self.site)
        await self.cluster.start_controllers(ended)
        for install in INSTALLERS:
            self._doing = f"{install.__module__} installs"
            await install(self.site)
        self.controllers = simulators(self.site)
        self._doing = "simulators start"
        await asyncio.gather(*(controller.run() for controller in self.controllers))
        self._doing = "the API server makes its default objects"
        await self.cluster.answers("/readyz")
        self._doing = "simulators settle"
        await self.ready(READY_SECONDS)

    async def ready(self, seconds: float) -> None:
        """Wait until every simulator has done what a fresh cluster needs of it."""
        deadline = time.monotonic() + seconds
        while waiting := self.unready():
            for process in self.cluster.processes.values():
                process.check()
            if time.monotonic() > deadline:
                raise NotReady(f"{self.site.name} not ready after {seconds:.0f} s: {'; '.join(waiting)}")
            await asyncio.sleep(_LOOK_SECONDS)

    def unready(self) -> list[str]:
        reasons = ((controller.name, controller.unready()) for controller in self.controllers)
        return [f"{name}: {reason}" for name, reason in reasons if reason]

    async def stop(self) -> None:
        await asyncio.gather(*(controller.halt() for controller in self.controllers))
        if self.proxy is not None:
            await self.proxy.stop()
        await self.site.close()
        await self.cluster.stop()
        shutil.rmtree(self.cluster.directory / "etcd", ignore_errors=True)

    def describe(self) -> dict[str, Any]:
        """What a user of the cluster needs."""
        return {
            "kubeconfig": str(self.cluster.kubeconfig),
            "proxied_kubeconfig": str(self.proxy.kubeconfig) if self.proxy else "",
            "server": self.cluster.server,
            "audit_log": str(self.cluster.audit_log),
            "directory": str(self.cluster.directory),
        }

    def status(self) -> dict[str, Any]:
        return {
            **self.describe(),
            "processes": {name: process.running for name, process in self.cluster.processes.items()},
            "simulators": [controller.name for controller in self.controllers],
            "unready": self.unready(),
            "objects": {key: len(store.list()) for key, store in sorted(self.site.stores().items())},
            "settings": self.site.settings.as_dict(),
        }

    def user(self, name: str, groups: list[str]) -> dict[str, Any]:
        """A kubeconfig for a user without rights of its own; RBAC bindings give it some."""
        path = self.cluster.directory.parent / f"{self.site.name}.{name}.kubeconfig"
        self.cluster.write_kubeconfig(name, groups, path)
        return {"kubeconfig": str(path)}

    async def snapshot(self, keys: list[str]) -> dict[str, list[Object]]:
        """Whole objects as the API server has them, by kind (all kinds the simulators look at)."""
        wanted = keys or sorted(self.site.stores())
        if strange := [key for key in wanted if key not in RESOURCES]:
            raise ValueError(f"no kind {', '.join(strange)}; there are: {', '.join(sorted(RESOURCES))}")
        api = self.site.api("testbed")
        return {key: await api.list(key) for key in wanted}
