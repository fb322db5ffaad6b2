# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server of a hundred lines: lists and watches of one kind, with the accidents that happen to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from testbed.kube import Api
from testbed.resources import Object

GONE = {"kind": "Status", "status": "Failure", "reason": "Expired", "message": "too old resource version", "code": 410}


class FakeApi:
    """Config maps only; every change is an event for all open watches."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.version = 1
        self.lists = 0
        self.served = True
        self.history: list[Object] = []
        self.oldest = 0
        self._watches: list[web.StreamResponse] = []
        self.watching = asyncio.Event()

    def quietly(self, name: str, data: str | None) -> None:
        """A change that no open watch hears of, as if it fell into a disconnect."""
        self.version += 1
        if data is None:
            obj, kind = self.objects.pop(name), "DELETED"
            obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        else:
            kind = "MODIFIED" if name in self.objects else "ADDED"
            metadata = {"name": name, "namespace": "n", "uid": f"uid-{name}", "resourceVersion": str(self.version)}
            self.objects[name] = obj = {"kind": "ConfigMap", "metadata": metadata, "data": {"x": data}}
        self.history.append({"type": kind, "object": obj})

    async def change(self, name: str, data: str | None) -> None:
        self.quietly(name, data)
        await self.send(self.history[-1])

    async def send(self, event: Object) -> None:
        for watch in self._watches:
            await watch.write(json.dumps(event).encode() + b"\n")

    async def bookmark(self) -> None:
        self.version += 1
        await self.send({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(self.version)}}})

    def forget_history(self) -> None:
        """Watches from before now are told 410."""
        self.oldest = self.version

    def cut(self) -> None:
        """End all watches without a word."""
        self.watching.clear()
        for watch in self._watches:
            if watch._req is not None and watch._req.transport is not None:
                watch._req.transport.abort()
        self._watches.clear()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if not self.served:
            return web.json_response({"kind": "Status", "reason": "NotFound", "message": "no"}, status=404)
        if request.query.get("watch"):
            return await self._watch(request)
        self.lists += 1
        items = [{key: value for key, value in obj.items() if key != "kind"} for obj in self.objects.values()]
        return web.json_response({"metadata": {"resourceVersion": str(self.version)}, "items": items})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        if since < self.oldest:
            await response.write(json.dumps({"type": "ERROR", "object": GONE}).encode() + b"\n")
            return response
        for event in self.history:
            if int(event["object"]["metadata"]["resourceVersion"]) > since:
                await response.write(json.dumps(event).encode() + b"\n")
        self._watches.append(response)
        self.watching.set()
        await asyncio.Event().wait()
        return response


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[FakeApi, Api]]:
    fake = FakeApi()
    application = web.Application()
    application.router.add_get("/api/v1/configmaps", fake.handle)
    runner: Any = web.AppRunner(application, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    session = aiohttp.ClientSession()
    try:
        yield fake, Api(session, f"http://127.0.0.1:{runner.addresses[0][1]}", "test")
    finally:
        await session.close()
        await runner.cleanup()
