# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of a simulator: a queue of keys, each reconciled by one worker at a time."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from .kube import ApiError, Conflict
from .queue import Queue
from .resources import Object

if TYPE_CHECKING:
    from .site import Site
    from .store import EventType, Store

_FIRST_BACKOFF = 0.01
_LONGEST_BACKOFF = 5.0
_CONFLICT_PAUSE = 0.005


class Controller:
    """Subclasses say what they watch and reconcile one key (usually "namespace/name") at a time."""

    name: ClassVar[str] = ""
    workers: ClassVar[int] = 4
    """How many different keys at once; never the same key twice."""
    forgives: ClassVar[tuple[type[Exception], ...]] = ()
    """Errors of a reconcile after which there is nothing to do until the next event."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.queue = Queue()
        self._failures: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        """For each kind that matters: which keys an object of it wakes."""
        return {}

    async def start(self) -> None:
        """Once, with all stores synced, before the first reconcile."""

    async def stop(self) -> None:
        """Once, after the last."""

    async def reconcile(self, key: str) -> float | None:
        """Bring one thing a step on; the answer is the seconds until the next look, None for "when it changes".

        A Conflict may be raised freely (the key comes back at once); other errors come back with a growing
        pause and are logged.
        """
        raise NotImplementedError

    def unready(self) -> str | None:
        """Why a fresh cluster is not yet as a user expects it; `testbed up` waits for None."""
        return None

    def store(self, key: str) -> Store:
        return self.site.store(key)

    def enqueue(self, key: str, after: float = 0.0) -> None:
        self.queue.add(key, after)

    async def run(self) -> None:
        """Start to work; returns once the workers run."""
        stores = [(self.store(key), wakes) for key, wakes in self.watches().items()]
        await asyncio.gather(*(store.synced() for store, _wakes in stores))
        await self.start()
        for store, wakes in stores:
            store.subscribe(self._waker(wakes))
        self._tasks = [
            asyncio.create_task(self._run_worker(), name=f"{self.site.name} {self.name} {number}")
            for number in range(self.workers)
        ]

    async def halt(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.queue.close()
        await self.stop()

    def _waker(self, wakes: Callable[[Object], Iterable[str]]) -> Callable[[EventType, Object | None, Object], None]:
        def wake(_event: EventType, old: Object | None, new: Object) -> None:
            keys = dict.fromkeys(wakes(new))
            if old is not None:
                # What an object pointed at before must hear that it no longer does.
                keys |= dict.fromkeys(wakes(old))
            for key in keys:
                self.queue.add(key)

        return wake

    async def _run_worker(self) -> None:
        while True:
            key = await self.queue.next()
            try:
                again = await self._attempt(key)
            finally:
                self.queue.done(key)
            if again is not None:
                self.queue.add(key, again)

    async def _attempt(self, key: str) -> float | None:
        try:
            again = await self.reconcile(key)
        except Conflict:
            return _CONFLICT_PAUSE
        except self.forgives:
            again = None
        except asyncio.CancelledError:
            raise
        except Exception as error:
            return self._backoff(key, error)
        self._failures.pop(key, None)
        return again

    def _backoff(self, key: str, error: Exception) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause: float = min(_FIRST_BACKOFF * 2 ** (failures - 1), _LONGEST_BACKOFF)
        # The API server's own words say enough; anything else is a bug of the simulator.
        told = str(error) if isinstance(error, ApiError) else "".join(traceback.format_exception(error)).rstrip()
        self.site.log(f"{self.name} {key}: attempt {failures}: {told}")
        return pause


def key_of(obj: Object) -> str:
    """The queue key of an object: "namespace/name", or "name" where there is no namespace."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def split_key(key: str) -> tuple[str | None, str]:
    """("namespace", "name") of a queue key, (None, "name") where there is no namespace."""
    namespace, _slash, name = key.rpartition("/")
    return namespace or None, name


def itself(obj: Object) -> Iterable[str]:
    """For watches(): an object wakes its own key."""
    return (key_of(obj),)


def owner(kind: str) -> Callable[[Object], Iterable[str]]:
    """For watches(): an object wakes the key of the owner of a kind, in its own namespace."""

    def wakes(obj: Object) -> Iterable[str]:
        references = obj["metadata"].get("ownerReferences", ())
        namespace = obj["metadata"].get("namespace")
        return [f"{namespace}/{one['name']}" if namespace else one["name"] for one in references if one["kind"] == kind]

    return wakes
