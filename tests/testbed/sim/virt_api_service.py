# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Service in front of virt-api: its webhooks answer only while pods of virt-api do.

While those restart, the API server's calls are refused, and with them every write of a VM, VMI or migration.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

from ..controller import Controller
from ..resources import Object
from ..site import Site
from . import pod_status

_KEY = "virt-api"
_LABEL = "kubevirt.io"
_CHUNK = 65536


class Service:
    """A port that is either forwarded to the site's webhook server or refuses connections."""

    def __init__(self, site: Site) -> None:
        self._site = site
        # Bound for good, never listening: nobody else gets the port, and connecting to it is refused.
        self._holder = _bound(0)
        self.port: int = self._holder.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def open(self) -> bool:
        return self._server is not None

    async def answer(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._forward, sock=_bound(self.port))

    def refuse(self) -> None:
        """From now on; connections that are open break."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in self._writers:
            writer.transport.abort()

    def close(self) -> None:
        self.refuse()
        self._holder.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._site.webhooks.port)
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        except ConnectionError:
            pass  # either side broke off; the other is closed below
        finally:
            self._writers.discard(writer)
            writer.close()


_SERVICES: WeakKeyDictionary[Site, Service] = WeakKeyDictionary()


def service(site: Site) -> Service:
    """The one of a site, made on first use."""
    if site not in _SERVICES:
        _SERVICES[site] = Service(site)
    return _SERVICES[site]


def client_config(site: Site, path: str) -> Object:
    """For virt-api's webhook configurations, in place of the site's own."""
    return site.webhooks.client_config(path) | {"url": f"https://127.0.0.1:{service(site).port}{path}"}


class VirtApiEndpoints(Controller):
    """Opens the Service while a pod of virt-api is ready, and closes it for a moment when one goes.

    That moment is real: until every node has heard, connections still go to the pod that is gone.
    """

    name = "virt-api-endpoints"
    workers = 1

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._ready: set[str] = set()
        self._closed_until = 0.0

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {"pods": lambda pod: [_KEY] if _is_virt_api(pod) else []}

    def unready(self) -> str | None:
        if not self.site.settings.kubevirt or service(self.site).open:
            return None
        return "no ready pod of virt-api"

    async def reconcile(self, key: str) -> float | None:
        clock = asyncio.get_running_loop().time
        pods = self.store("pods").list(self.site.kubevirt_namespace, _is_ready)
        ready = {pod["metadata"]["uid"] for pod in pods}
        if self._ready - ready:
            self._closed_until = clock() + self.site.settings.virt_api_gap_seconds
        self._ready = ready
        left = self._closed_until - clock()
        if not ready or left > 0:
            service(self.site).refuse()
            return max(left, 0.01) if ready else None
        await service(self.site).answer()
        return None

    async def stop(self) -> None:
        service(self.site).close()


def _is_virt_api(pod: Object) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(_LABEL) == "virt-api")


def _is_ready(pod: Object) -> bool:
    leaving = "deletionTimestamp" in pod["metadata"]
    return _is_virt_api(pod) and not leaving and pod_status.condition(pod, "Ready") == "True"


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.setblocking(False)
    return made


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
