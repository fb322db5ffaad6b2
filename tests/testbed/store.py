# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A shared informer: the objects of one kind, kept current by list and watch."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterable
from typing import Literal

import aiohttp

from .kube import Api, ApiError, Gone
from .resources import Object, Objects

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
Listener = Callable[[EventType, Object | None, Object], None]
"""(event, old, new): old is None for ADDED; for DELETED new is the last state seen."""
Key = tuple[str | None, str]

_LOST = (aiohttp.ClientError, asyncio.TimeoutError, ConnectionError, ValueError)
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0


class Store:
    """What the API server holds of one kind, a few milliseconds late; survives disconnects and 410.

    Objects handed out are copies (changing them changes nothing here); listeners get the cached ones and
    must leave them as they are.
    """

    def __init__(self, api: Api, key: str) -> None:
        self.key = key
        self._api = api
        self._objects: dict[Key, Object] = {}
        self._listeners: list[Listener] = []
        self._synced = asyncio.Event()
        self._changed = asyncio.Condition()
        self._version = ""
        self._task: asyncio.Task[None] | None = None
        self.relists = 0

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"store {self.key}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def synced(self) -> None:
        """Wait until the first list is in, or it is known that the kind is not served."""
        await self._synced.wait()

    def get(self, name: str, namespace: str | None = None) -> Object | None:
        return copy.deepcopy(self._objects.get((namespace, name)))

    def list(self, namespace: str | None = None, where: Callable[[Object], bool] | None = None) -> Objects:
        """All, or those of a namespace, that the predicate keeps, ordered by namespace and name."""
        chosen = (
            (key, obj)
            for key, obj in self._objects.items()
            if namespace in (None, key[0]) and (where is None or where(obj))
        )
        ordered = sorted(chosen, key=lambda one: (one[0][0] or "", one[0][1]))
        return [copy.deepcopy(obj) for _key, obj in ordered]

    def keys(self, where: Callable[[Object], bool]) -> Iterable[Key]:
        """(namespace, name) of what the predicate keeps, without a copy of anything."""
        return (key for key, obj in self._objects.items() if where(obj))

    def subscribe(self, listener: Listener) -> None:
        """Call with every change; what is known already comes first, as ADDED."""
        self._listeners.append(listener)
        for obj in self._objects.values():
            listener("ADDED", None, obj)

    async def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is true of the store, looking at each change; False at the deadline."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(true)
        except TimeoutError:
            return False
        return True

    async def _run(self) -> None:
        pause = _PAUSE
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                pause = _PAUSE
            except Gone:
                self._version = ""
            except ApiError as error:
                self._version = ""
                if error.status == 404:
                    await self._unserved()
                pause = await _rest(pause)
            except _LOST:
                pause = await _rest(pause)

    async def _list(self) -> None:
        listed = await self._api.list_raw(self.key)
        self.relists += 1
        found = {_key(obj): obj for obj in listed["items"]}
        for key in [key for key in self._objects if key not in found]:
            self._forget(key, self._objects[key])
        for obj in found.values():
            self._learn(obj)
        self._version = listed["metadata"]["resourceVersion"]
        self._synced.set()
        await self._notify()

    async def _unserved(self) -> None:
        """No CRD (yet): there are no such objects, which is as good an answer as any; and it may come."""
        for key, obj in list(self._objects.items()):
            self._forget(key, obj)
        self._synced.set()
        await self._notify()

    async def _watch(self) -> None:
        async for event in self._api.watch(self.key, self._version):
            obj = event["object"]
            self._version = obj["metadata"]["resourceVersion"]
            match event["type"]:
                case "ADDED" | "MODIFIED":
                    self._learn(obj)
                case "DELETED":
                    self._forget(_key(obj), obj)
                case _:
                    continue
            await self._notify()

    def _learn(self, obj: Object) -> None:
        key = _key(obj)
        old = self._objects.get(key)
        if old is not None and _version(old) == _version(obj):
            return
        self._objects[key] = obj
        if old is not None and old["metadata"]["uid"] != obj["metadata"]["uid"]:
            # Deleted and made anew while nobody looked: listeners must hear of both.
            self._tell("DELETED", old, old)
            old = None
        self._tell("MODIFIED" if old else "ADDED", old, obj)

    def _forget(self, key: Key, last: Object) -> None:
        old = self._objects.pop(key, None)
        if old is not None:
            self._tell("DELETED", old, last)

    def _tell(self, event: EventType, old: Object | None, new: Object) -> None:
        for listener in self._listeners:
            listener(event, old, new)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _rest(pause: float) -> float:
    await asyncio.sleep(pause)
    return min(pause * 2, _LONGEST_PAUSE)


def _key(obj: Object) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace"), metadata["name"]


def _version(obj: Object) -> str:
    return str(obj["metadata"]["resourceVersion"])
