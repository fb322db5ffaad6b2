# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One component's own cache of a kind, behind the API server by a little more than the shared ones.

The real synchronization controller patches against what its cache holds. Two messages in quick succession find
it out of date, the second patch fails its test, and the sender shows "the server rejected our request" for some
milliseconds. A cache without delay would hide that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from copy import deepcopy

from ..controller import key_of
from ..resources import Object
from ..store import EventType, Store

Changed = Callable[[EventType, Object], None]


class View:
    """Keys are "namespace/name". `changed` hears of each event once the view has it."""

    def __init__(self, store: Store, seconds: Callable[[], float], changed: Changed) -> None:
        self._store = store
        self._seconds = seconds
        self._changed = changed
        self._objects: dict[str, Object] = {}

    async def start(self) -> None:
        await self._store.synced()
        self._store.subscribe(self._hear)

    def get(self, key: str) -> Object | None:
        return deepcopy(self._objects.get(key))

    def list(self, where: Callable[[Object], bool]) -> list[Object]:
        return [deepcopy(obj) for _key, obj in sorted(self._objects.items()) if where(obj)]

    def _hear(self, event: EventType, _old: Object | None, new: Object) -> None:
        asyncio.get_running_loop().call_later(self._seconds(), self._learn, event, new)

    def _learn(self, event: EventType, obj: Object) -> None:
        key = key_of(obj)
        known = self._objects.get(key)
        if known is not None and _version(known) > _version(obj):
            return
        if event == "DELETED":
            self._objects.pop(key, None)
        else:
            self._objects[key] = obj
        self._changed(event, obj)


def _version(obj: Object) -> int:
    return int(obj["metadata"]["resourceVersion"])
