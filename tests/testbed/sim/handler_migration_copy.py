# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One copy of a guest, from the moment the source's launcher begins until it is decided where the guest runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..fabric import DialError
from ..resources import Object
from . import handler_migration_guest as them
from . import synchronization_trust as trust
from . import vmi as it
from .handler_migration_guest import Progress
from .handler_migration_monitor import GIVEN_UP, monitor
from .synchronization_channel import join

if TYPE_CHECKING:
    from ..site import Site


_STEP = 0.1
"""How often a copy looks at what is in its way, in seconds."""


class Arrival(Protocol):
    """The target's end of a copy: what listens on the ports that its handler published."""

    site: Site

    def lives(self) -> bool:
        """Its node and the handler there are up."""

    def appear(self, start: str, macs: dict[str, str], lost: Callable[[], None]) -> None:
        """QEMU is there and takes memory in; `lost` is called when it dies meanwhile."""

    def take_over(self, end: str) -> bool:
        """The guest runs here from now on; False when it cannot any more."""

    def vanish(self, *, crashed: bool) -> None:
        """The copy came to nothing."""


@dataclass(slots=True)
class _Break:
    """Why a copy ends before its time."""

    reason: str
    aborted: bool = False


class Copy:
    """Runs as one task on the source. `changed` is called whenever `progress` is worth a look."""

    def __init__(self, site: Site, vmi: Object, changed: Callable[[], None]) -> None:
        self.site = site
        self.key = f"{vmi['metadata']['namespace']}/{vmi['metadata']['name']}"
        self.progress = Progress(it.migration_state(vmi).get("migrationUid", ""))
        self.left = False
        """The guest runs at the target, its source process is gone."""
        self._state = it.migration_state(vmi)
        self._macs = {one["name"]: one["mac"] for one in it.status(vmi).get("interfaces") or [] if one.get("mac")}
        self._changed = changed
        self._monitor = monitor(vmi, site.settings.sync_patience)
        self._broken: asyncio.Future[_Break] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=f"copy {self.key}")

    @property
    def over(self) -> bool:
        return bool(self.progress.end)

    def cancel(self) -> None:
        """Asked for by a user."""
        self._break(_Break(them.ABORTED, aborted=True))

    def die(self, reason: str) -> None:
        """The source's own process is gone, or its handler."""
        self._break(_Break(reason))

    async def close(self) -> None:
        """The test bed ends."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def look_at_faults(self) -> None:
        """A fault that was set while the copy runs."""
        if not self.over and self._fault(them.COPY_FAILURE) is not None:
            self._break(_Break(self._reason()))

    async def _run(self) -> None:
        self.progress.start, self.progress.mode = self.site.now(), "PreCopy"
        self._changed()
        arrival: Arrival | None = None
        try:
            arrival = await self._connect()
            if self._breaks_early():
                await self._wait(self._seconds())
            lost = them.REFUSED.format("connection reset by peer")
            arrival.appear(self.progress.start, self._macs, lambda: self.die(lost))
            await self._wait(self._seconds(), arrival)
        except _Broken as broken:
            await self._fail(arrival, broken.why)
            return
        await self._succeed(arrival)

    async def _connect(self) -> Arrival:
        """Through the tunnel of the two handlers to the target's control port."""
        ports = self._state.get("targetDirectMigrationNodePorts") or {}
        address = join(self._state.get("targetNodeAddress", ""), min(ports, key=lambda port: ports[port], default=""))
        try:
            arrival, peer = await self.site.fabric.dial(self.site, address)
        except DialError as error:
            return await self._give_up(error.cause.rpartition(": ")[2])
        if self._fault(them.TUNNEL_BLOCKED, peer=peer.name) is not None:
            return await self._give_up("connection timed out")
        if why := _tls_objection(self.site, peer):
            raise _Broken(_Break(them.REFUSED.format(why)))
        found: Arrival = arrival
        return found

    async def _give_up(self, why: str) -> Arrival:
        """QEMU tries for a while; the guest does not notice."""
        await self._wait(self._seconds())
        raise _Broken(_Break(them.REFUSED.format(why)))

    async def _wait(self, seconds: float, arrival: Arrival | None = None) -> None:
        """The copy itself, or as much of it as faults allow; while the way is cut nothing gets on."""
        fault = self._fault(them.COPY_FAILURE)
        if fault is not None:
            seconds = float(fault.get("after", seconds / 2))
        while seconds > 0:
            step = min(seconds, _STEP)
            done, _pending = await asyncio.wait({self._broken}, timeout=step)
            if done:
                raise _Broken(self._broken.result())
            moving = arrival is None or self._gets_through(arrival)
            self._monitor.pass_time(step, moving=moving)
            if self._monitor.gives_up:
                raise _Broken(_Break(GIVEN_UP, aborted=True))
            seconds -= step if moving else 0.0
        if fault is not None:
            raise _Broken(_Break(self._reason()))

    def _gets_through(self, arrival: Arrival) -> bool:
        here, there = self.site, arrival.site
        return arrival.lives() and here.fabric.passes(here, there) and here.fabric.passes(there, here)

    async def _fail(self, arrival: Arrival | None, why: _Break) -> None:
        if why.aborted:
            # libvirt needs a moment to roll back.
            await asyncio.sleep(self.site.settings.handler_seconds * 4)
        self.progress.end = self.site.now()
        self.progress.failed, self.progress.reason = True, why.reason
        self.progress.abort_status = "Succeeded" if why.aborted else ""
        fault = {} if why.aborted else self.site.faults.take(them.COPY_FAILURE, vm=self.key) or {}
        if arrival is not None and fault.get("target") == "survives":
            arrival.take_over(self.progress.end)
        elif arrival is not None:
            arrival.vanish(crashed=not why.aborted)
        self._changed()

    async def _succeed(self, arrival: Arrival) -> None:
        end = self.site.now()
        if not arrival.take_over(end):
            await self._fail(arrival, _Break(them.REFUSED.format("connection reset by peer")))
            return
        self.left = True
        self.progress.end = end
        self._changed()

    def _breaks_early(self) -> bool:
        fault = self._fault(them.COPY_FAILURE)
        return fault is not None and fault.get("when", "connecting") == "connecting"

    def _seconds(self) -> float:
        fault = self._fault(them.COPY_SECONDS)
        return float(fault["seconds"]) if fault and "seconds" in fault else self.site.settings.copy_seconds

    def _reason(self) -> str:
        fault = self._fault(them.COPY_FAILURE) or {}
        return str(fault.get("reason") or them.REFUSED.format("connection refused"))

    def _fault(self, name: str, **where: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.site.faults.get(name, vm=self.key, **where)
        return found

    def _break(self, why: _Break) -> None:
        if not self._broken.done() and not self.over:
            self._broken.set_result(why)


class _Broken(Exception):
    """Carries the reason out of the steps of a copy."""

    def __init__(self, why: _Break) -> None:
        super().__init__(why.reason)
        self.why = why


def _tls_objection(source: Site, target: Site) -> str:
    """Each handler reads its own cluster's switch; where both say plain, certificates are not looked at."""
    plain = [trust.tls_disabled(next(iter(site.store("kubevirts").list()), None)) for site in (source, target)]
    if plain[0] != plain[1]:
        return "tls: first record does not look like a TLS handshake"
    if plain[0]:
        return ""
    try:
        trust.shake_hands(source, target)
    except trust.TrustError as error:
        return str(error).rpartition(": ")[2] if "tls:" in str(error) else str(error)
    return ""
