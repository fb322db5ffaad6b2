# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network between the sites: who listens where, who can reach whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .site import Site

Rule = Callable[["Site", "Site", str], str | None]
"""(dialling site, listening site, "ip:port") -> why the packets do not get there, None when they do."""


class DialError(Exception):
    """A connection that did not come about, in the words gRPC has for it."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: {cause}"'
        )
        self.cause = cause


@dataclass(slots=True)
class _Listener:
    site: Site
    endpoint: Any


class Fabric:
    """Shared by all sites of a bed. Addresses are "ip:port" as KubeVirt writes them ("[v6]:port")."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.rules: list[Rule] = []
        self._listeners: dict[str, list[_Listener]] = {}
        self._blocked: set[tuple[str, str]] = set()
        self._changed: list[Callable[[], None]] = []

    def listen(self, site: Site, address: str, endpoint: Any) -> None:
        """The endpoint answers at this address; the same site listening again replaces its old one."""
        self.close(site, address)
        self._listeners.setdefault(address, []).append(_Listener(site, endpoint))
        self._tell()

    def close(self, site: Site, address: str) -> None:
        kept = [one for one in self._listeners.get(address, []) if one.site is not site]
        if len(kept) != len(self._listeners.get(address, [])):
            self._listeners[address] = kept
            self._tell()

    async def dial(self, site: Site, address: str) -> tuple[Any, Site]:
        """The endpoint at the address and its site, as seen from a site; DialError when not reachable.

        A site finds its own listener first: pod addresses of two clusters may be equal.
        """
        await asyncio.sleep(self.seconds)
        found = sorted(self._listeners.get(address, []), key=lambda one: one.site is not site)
        if not found:
            # A host that has another port open refuses; one that nobody has is not there at all.
            state = "connection refused" if self._host_known(address) else "no route to host"
            raise DialError(f"dial tcp {address}: connect: {state}")
        listener = found[0]
        if why := self.unreachable(site, listener.site, address):
            raise DialError(why)
        return listener.endpoint, listener.site

    def unreachable(self, site: Site, peer: Site, address: str) -> str | None:
        """Why packets from a site do not arrive at the peer; open connections ask again as they send."""
        if (site.name, peer.name) in self._blocked:
            return f"dial tcp {address}: i/o timeout"
        if (peer.name, site.name) in self._blocked:
            # A handshake needs both directions: the answer is what gets lost.
            return f"dial tcp {address}: i/o timeout"
        return next((why for rule in self.rules if (why := rule(site, peer, address))), None)

    def passes(self, site: Site, peer: Site) -> bool:
        """Whether packets of an established connection still get from a site to the peer (one way)."""
        return (site.name, peer.name) not in self._blocked

    def partition(self, source: str, target: str, one_way: bool = False) -> None:
        """Drop what goes from one site (by name) to another, and back unless one way."""
        self._blocked.add((source, target))
        if not one_way:
            self._blocked.add((target, source))
        self._tell()

    def heal(self, source: str | None = None, target: str | None = None) -> None:
        """Undo the partition between two sites, or all."""
        pair = {source, target}
        self._blocked = {one for one in self._blocked if source is not None and set(one) != pair}
        self._tell()

    def partitions(self) -> list[tuple[str, str]]:
        return sorted(self._blocked)

    def listeners(self) -> dict[str, list[str]]:
        return {address: [one.site.name for one in all_] for address, all_ in self._listeners.items() if all_}

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Call whenever a listener or a partition comes or goes."""
        self._changed.append(changed)

    def _host_known(self, address: str) -> bool:
        host = address.rpartition(":")[0]
        return any(known.rpartition(":")[0] == host for known, all_ in self._listeners.items() if all_)

    def _tell(self) -> None:
        for changed in self._changed:
            changed()
