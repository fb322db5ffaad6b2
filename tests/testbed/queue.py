# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A queue of keys that holds each key once, as Kubernetes' own work queues do."""

from __future__ import annotations

import asyncio


class Queue:
    """A key added while it waits is one entry; added while it is worked on, it comes again afterwards."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._working: set[str] = set()
        self._again: set[str] = set()
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._ready = asyncio.Event()

    def add(self, key: str, after: float = 0.0) -> None:
        """Now, or in some seconds; of several later moments for one key the earliest counts."""
        if after > 0:
            self._add_later(key, after)
            return
        self._drop_timer(key)
        if key in self._working:
            self._again.add(key)
            return
        self._waiting[key] = None
        self._ready.set()

    async def next(self) -> str:
        """The oldest key that waits; done() must follow."""
        while not self._waiting:
            self._ready.clear()
            await self._ready.wait()
        key = next(iter(self._waiting))
        del self._waiting[key]
        self._working.add(key)
        return key

    def done(self, key: str) -> None:
        self._working.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def idle(self) -> bool:
        """Nothing waits and nothing is worked on (timers aside)."""
        return not self._waiting and not self._working

    def close(self) -> None:
        for key in list(self._later):
            self._drop_timer(key)

    def _add_later(self, key: str, after: float) -> None:
        loop = asyncio.get_running_loop()
        known = self._later.get(key)
        if known is not None and known.when() <= loop.time() + after:
            return
        self._drop_timer(key)
        self._later[key] = loop.call_later(after, self.add, key)

    def _drop_timer(self, key: str) -> None:
        if (timer := self._later.pop(key, None)) is not None:
            timer.cancel()
