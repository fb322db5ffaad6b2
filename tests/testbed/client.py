# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain client for tests: one API server, one user, synchronous."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from .connection import Connection
from .kube import Api, Conflict
from .resources import Object, Objects
from .until import until

T = TypeVar("T")


class Client:
    """One API server, called synchronously, under the user of a kubeconfig; kinds by their key."""

    def __init__(self, kubeconfig: Path) -> None:
        self._connection = Connection(kubeconfig)
        self._session: aiohttp.ClientSession | None = None
        self._api: Api | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test client", daemon=True)
        self._thread.start()

    def get(self, key: str, name: str, namespace: str | None = None) -> Object | None:
        return self._run(lambda api: api.get(key, name, namespace))

    def need(self, key: str, name: str, namespace: str | None = None) -> Object:
        """The object; AssertionError when there is none."""
        found = self.get(key, name, namespace)
        assert found is not None, f"no {key} {namespace}/{name}"
        return found

    def list(self, key: str, namespace: str | None = None, labels: str = "", fields: str = "") -> Objects:
        return self._run(lambda api: api.list(key, namespace, labels, fields))

    def create(self, key: str, obj: Object) -> Object:
        return self._run(lambda api: api.create(key, obj))

    def create_once(self, key: str, obj: Object) -> None:
        """Create what may be there already."""
        with suppress(Conflict):
            self.create(key, obj)

    def update(self, key: str, obj: Object) -> Object:
        return self._run(lambda api: api.update(key, obj))

    def patch(
        self,
        key: str,
        name: str,
        patch: Object | Objects,
        namespace: str | None = None,
        subresource: str | None = None,
    ) -> Object:
        return self._run(lambda api: api.patch(key, name, patch, namespace, subresource))

    def delete(self, key: str, name: str, namespace: str | None = None) -> bool:
        return self._run(lambda api: api.delete(key, name, namespace))

    def until(
        self,
        true: Callable[[Object | None], bool],
        key: str,
        name: str,
        namespace: str | None = None,
        seconds: float = 30,
    ) -> Object | None:
        """The object once something is true of it; AssertionError with its last state at the deadline."""
        return until(lambda: self.get(key, name, namespace), f"{key} {namespace}/{name} as wanted", seconds, holds=true)

    def close(self) -> None:
        if self._session is not None:
            asyncio.run_coroutine_threadsafe(self._connection.close(self._session), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, act: Callable[[Api], Coroutine[Any, Any, T]]) -> T:
        return asyncio.run_coroutine_threadsafe(self._with_api(act), self._loop).result()

    async def _with_api(self, act: Callable[[Api], Coroutine[Any, Any, T]]) -> T:
        if self._api is None:
            self._session = self._connection.session()
            self._api = Api(self._session, self._connection.server, "test")
        return await act(self._api)
