# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The launchers that wait for guests to arrive: their open ports, their guests, and when what of them is due."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..controller import key_of
from ..resources import Object
from . import handler_migration_guest as them
from . import vmi as it
from . import vmim as job
from .handler_migration_guest import Guest, Progress
from .handler_node import handler_runs
from .synchronization_channel import join

if TYPE_CHECKING:
    from ..site import Site

CONTROL, MEMORY, DISKS = 0, 49152, 49153
_EPHEMERAL = (32768, 60999)


def _nothing() -> None:
    """Nobody has to be told."""


@dataclass(slots=True)
class Arrival:
    """One launcher; `copy.Arrival` is the part of it that the source sees."""

    site: Site
    key: str
    uid: str
    """Of the VMI."""
    migration: str
    node: str
    address: str
    wake: Callable[[], None]
    ports: dict[str, int] = field(default_factory=dict)
    """Listening port to libvirt's own; empty until the launcher is prepared."""
    guest: Guest | None = None
    lost: Callable[[], None] = _nothing
    ready_at: float = 0.0
    due: dict[str, float] = field(default_factory=dict)

    def lives(self) -> bool:
        return handler_runs(self.site, self.node)

    def appear(self, start: str, macs: dict[str, str], lost: Callable[[], None]) -> None:
        self.lost = lost
        asyncio.get_running_loop().call_later(self.site.settings.handler_seconds * 2, self._appear, start, macs)

    def take_over(self, end: str) -> bool:
        if self.guest is None or self.guest.state == "crashed":
            return False
        self.guest.state = "running"
        self.guest.progress.end = end
        self.wake()
        return True

    def vanish(self, *, crashed: bool) -> None:
        """After an abort QEMU leaves no domain behind; after a failure libvirt still shows the dead one."""
        self.guest = Guest("crashed") if crashed else None
        if crashed:
            self._later("launcher", self.site.settings.launcher_exit_seconds)
        self.wake()

    def crash(self) -> None:
        if self.guest is None or self.guest.state != "crashed":
            self.guest = Guest("crashed")
            self.lost()

    def _appear(self, start: str, macs: dict[str, str]) -> None:
        if self.guest is None and self.ports:
            self.guest = Guest("incoming", Progress(self.migration, start=start), macs)
            self.wake()

    def _later(self, what: str, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self.due[what] = loop.time() + seconds
        loop.call_later(seconds, self.wake)


class Arrivals:
    """All of a site, by the key of the VMI; one that a VMI of the same name left behind is not mistaken for it."""

    def __init__(self, site: Site, wake: Callable[[str], None]) -> None:
        self._site = site
        self._wake = wake
        self._known: dict[str, Arrival] = {}

    def guest(self, vmi: Object) -> Guest | None:
        arrival = self._of(vmi)
        return arrival.guest if arrival else None

    def ports(self, vmi: Object) -> dict[str, int]:
        arrival = self._of(vmi)
        return dict(arrival.ports) if arrival else {}

    def prepare(self, vmi: Object, node: str) -> float | None:
        """Open the ports once the launcher had time to get ready; until then the seconds that are left."""
        now = asyncio.get_running_loop().time()
        arrival = self._of(vmi)
        if arrival is None:
            key = key_of(vmi)
            self.drop(key)
            migration = it.migration_state(vmi).get("migrationUid", "")
            address = them.own_address(self._site, node)
            arrival = Arrival(self._site, key, job.uid(vmi), migration, node, address, lambda: self._wake(key))
            arrival.ready_at = now + self._site.settings.handler_seconds
            self._known[key] = arrival
        if now < arrival.ready_at:
            return arrival.ready_at - now
        self._listen(arrival, block_copy=bool(it.status(vmi).get("migratedVolumes")))
        return None

    def rest(self, vmi: Object) -> float | None:
        """Each round of a finished copy takes the handler a while: seconds until the next, None when it is due."""
        arrival = self._of(vmi)
        if arrival is None:
            return None
        what = "end" if it.migration_state(vmi).get("endTimestamp") else "acknowledge"
        now = asyncio.get_running_loop().time()
        if what not in arrival.due:
            arrival._later(what, self._site.settings.handler_seconds)
        left = arrival.due[what] - now
        return left if left > 0 else None

    def launcher_is_due(self, key: str) -> bool:
        """A crashed guest's launcher has had its time."""
        arrival = self._known.get(key)
        due = arrival.due.get("launcher") if arrival else None
        return due is not None and asyncio.get_running_loop().time() >= due

    def crash(self, key: str) -> None:
        if (arrival := self._known.get(key)) is not None:
            arrival.crash()

    def drop(self, key: str) -> None:
        """Close what listens; a guest that was still on its way does not arrive any more."""
        arrival = self._known.pop(key, None)
        if arrival is None:
            return
        for port in arrival.ports:
            self._site.fabric.close(self._site, join(arrival.address, port))
        if arrival.guest is None or not arrival.guest.active:
            arrival.lost()

    def close_all(self) -> None:
        for key in list(self._known):
            self.drop(key)

    def _of(self, vmi: Object) -> Arrival | None:
        arrival = self._known.get(key_of(vmi))
        if arrival is None or arrival.uid != job.uid(vmi):
            return None
        return arrival if arrival.migration == it.migration_state(vmi).get("migrationUid", "") else None

    def _listen(self, arrival: Arrival, *, block_copy: bool) -> None:
        wanted = [CONTROL, MEMORY, *([DISKS] if block_copy else [])]
        taken = self._site.fabric.listeners()
        while len(arrival.ports) < len(wanted):
            port = str(random.randint(*_EPHEMERAL))
            if port not in arrival.ports and join(arrival.address, port) not in taken:
                arrival.ports[port] = wanted[len(arrival.ports)]
        for port in arrival.ports:
            self._site.fabric.listen(self._site, join(arrival.address, port), arrival)
