# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pod of virt-synchronization-controller leads, and where it listens; only the holder of the Lease does."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..controller import Controller
from ..faults import register
from ..kube import Conflict
from ..resources import Object
from . import multus
from . import vmi as it
from .synchronization_channel import join
from .synchronization_controller import SynchronizationController

if TYPE_CHECKING:
    from ..site import Site

COMPONENT = "virt-synchronization-controller"
DEFAULT_PORT = "9185"
_HEALTH_PORT = "8443"
_KEY = "leader"

RESTART = register("sync-restart", "the leading virt-synchronization-controller restarts once, losing its connections")
LEASE = register("sync-lease-held", "the Lease of a virt-synchronization-controller that is gone does not run out")


class SynchronizationLeader(Controller):
    """Leader election among the pods of the Deployment, and the life of the one process that leads."""

    name = "virt-synchronization-controller election"
    workers = 1

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._controller = SynchronizationController(site)
        self._api = site.api("kubevirt-synchronization-controller")
        self._leading = ""
        """UID of the pod whose process leads."""
        self._healthy: set[str] = set()
        self._lost: float | None = None

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {
            "pods": lambda pod: (_KEY,) if _is_ours(pod) else (),
            "leases": lambda lease: (_KEY,) if lease["metadata"]["name"] == COMPONENT else (),
            "kubevirts": lambda kubevirt: (),
            "secrets": lambda secret: (),
            "configmaps": lambda config_map: (),
        }

    async def start(self) -> None:
        await self._controller.run()
        self.site.faults.subscribe(lambda name: self.enqueue(_KEY) if name in (RESTART, LEASE) else None)
        self.enqueue(_KEY)

    async def reconcile(self, key: str) -> float | None:
        pods = self.store("pods").list(self.site.kubevirt_namespace, lambda pod: _is_ours(pod) and _runs(pod))
        self._show_health(pods)
        lease = self.store("leases").get(COMPONENT, self.site.kubevirt_namespace)
        holder = (lease or {}).get("spec", {}).get("holderIdentity", "")
        leader = next((pod for pod in pods if pod["metadata"]["name"] == holder), None)
        if leader is None:
            return await self._elect(lease, pods)
        self._lost = None
        if self.site.faults.get(RESTART) is not None:
            self.site.faults.clear(RESTART)
            self._controller.resign()
            self._leading = ""
        if self._leading != leader["metadata"]["uid"]:
            self._controller.resign()
            self._leading = leader["metadata"]["uid"]
            await self._controller.lead(join(_address(leader), self._port()))
        return None

    async def _elect(self, lease: Object | None, pods: list[Object]) -> float | None:
        """A Lease whose holder is gone runs out first; without a pod nobody takes it."""
        self._controller.resign()
        self._leading = ""
        now = asyncio.get_running_loop().time()
        if self._lost is None and lease is not None:
            self._lost = now
        if not pods or (lease is not None and self.site.faults.get(LEASE) is not None):
            return None
        left = 0.0 if self._lost is None else self._lost + self.site.settings.lease_seconds - now
        if left > 0:
            return left
        await self._hold(lease, min(pod["metadata"]["name"] for pod in pods))
        return None

    async def _hold(self, lease: Object | None, name: str) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": name, "leaseDurationSeconds": 15, "acquireTime": now, "renewTime": now}
        if lease is None:
            meta = {"name": COMPONENT, "namespace": self.site.kubevirt_namespace}
            await self._api.create("leases", {"metadata": meta, "spec": spec | {"leaseTransitions": 0}})
            return
        turns = lease["spec"].get("leaseTransitions", 0) + 1
        try:
            await self._api.update("leases", {**lease, "spec": spec | {"leaseTransitions": turns}})
        except Conflict:
            # Somebody else holds it now; the watch tells who.
            return

    def _show_health(self, pods: list[Object]) -> None:
        """Every replica has a port open; so one that does not lead refuses instead of not being there."""
        addresses = {join(_address(pod), _HEALTH_PORT) for pod in pods}
        for gone in self._healthy - addresses:
            self.site.fabric.close(self.site, gone)
        for new in addresses - self._healthy:
            self.site.fabric.listen(self.site, new, None)
        self._healthy = addresses

    def _port(self) -> str:
        kubevirt = next(iter(self.store("kubevirts").list()), {})
        return str((kubevirt.get("spec") or {}).get("synchronizationPort") or DEFAULT_PORT)

    async def stop(self) -> None:
        await self._controller.halt()


def _is_ours(pod: Object) -> bool:
    return it.labels(pod).get("kubevirt.io") == COMPONENT


def _runs(pod: Object) -> bool:
    return it.phase(pod) == "Running" and not it.deleting(pod) and bool(it.status(pod).get("podIP"))


def _address(pod: Object) -> str:
    """Where KubeVirt says it is: the first global address of migration0, the pod's own without one."""
    for address in multus.addresses(pod, "migration0"):
        if not ipaddress.ip_address(address).is_link_local:
            return address
    return str(it.status(pod)["podIP"])
