# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of an API server that writes down every request and does harm by rule.

It shows the API server the credentials of the kubeconfig it was made from, so what passes through it is that
user; its own kubeconfig needs none.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml
from aiohttp import web

from .connection import Connection
from .pki import Authority
from .proxy_rules import Action, Match, Request, Rule, anything

# What concerns one connection and not the request; aiohttp writes its own.
_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "authorization", "te", "trailer"}
_GONE = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "reason": "Expired",
    "message": "too old resource version: 1 (2)",
    "code": 410,
}
_START_SECONDS = 30.0
Advice = Callable[[Request], Action | None]


@dataclass(frozen=True, slots=True)
class Impersonated:
    """The user that the kubeconfig's user acts as."""

    name: str
    groups: tuple[str, ...] = ()


class Proxy:
    """Record and rules of one proxy. Safe to use from another thread than the one that serves."""

    def __init__(
        self, kubeconfig: Path, directory: Path, name: str = "proxied", user: Impersonated | None = None
    ) -> None:
        self.kubeconfig = directory / f"{name}.kubeconfig"
        self.requests: list[Request] = []
        self.rules: list[Rule] = []
        self.advice: Advice = lambda _request: None
        """Asked after the rules; the daemon puts the faults of the site here."""
        self._user = user
        self._upstream = Connection(kubeconfig)
        self._authority = Authority("testbed-proxy")
        self._open = threading.Event()
        self._open.set()
        self._transports: weakref.WeakSet[asyncio.Transport] = weakref.WeakSet()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._port = 0

    def add(self, action: Action, match: Match = anything, *, nth: int = 1, times: int | None = None) -> Rule:
        """Harm the requests that match; of several rules the first that applies counts."""
        rule = Rule(action, match, nth, times)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forget rules and records, and end a partition."""
        self.rules.clear()
        self.requests.clear()
        self.heal()

    def writes(self) -> list[Request]:
        """What was meant to change something, in order (requests that a rule kept back too)."""
        return [request for request in self.requests if request.write]

    def partition(self) -> None:
        """From now on nothing gets through, on open connections neither; nobody is told."""
        self._open.clear()

    def heal(self) -> None:
        self._open.set()

    def cut(self) -> None:
        """Reset every connection that is open now."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._abort)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        # Compressed answers pass as they are.
        self._session = self._upstream.session(auto_decompress=False)
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._authority.server_context()).start()
        self._port = self._runner.addresses[0][1]
        self._write_kubeconfig()

    async def stop(self) -> None:
        self._open.set()
        self._abort()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._upstream.close(self._session)

    async def _handle(self, raw: web.Request) -> web.StreamResponse:
        request = Request(
            number=len(self.requests) + 1,
            method=raw.method,
            path=raw.path,
            query=dict(raw.query),
            agent=raw.headers.get("User-Agent", ""),
            body=await raw.read(),
        )
        self.requests.append(request)
        if raw.transport is not None:
            self._transports.add(raw.transport)
        action = next((rule.action for rule in self.rules if rule.applies(request)), None)
        action = action or self.advice(request) or Action()
        await self._pass_partition()
        await asyncio.sleep(action.delay)
        if action.hang:
            await asyncio.Event().wait()
        if action.before is not None:
            await asyncio.to_thread(action.before, request)
        if action.reset:
            return _cut(raw)
        if action.status:
            request.status = action.status
            return _refusal(action)
        if action.gone and request.watch:
            request.status = 200
            return web.Response(text=json.dumps({"type": "ERROR", "object": _GONE}) + "\n")
        try:
            return await self._forward(raw, request, action)
        except aiohttp.ClientError:
            # The API server went away; the client must see the same.
            return _cut(raw)

    async def _forward(self, raw: web.Request, request: Request, action: Action) -> web.StreamResponse:
        assert self._session is not None
        headers = [(name, value) for name, value in raw.headers.items() if name.lower() not in _HOP]
        if self._user is not None:
            headers += [("Impersonate-User", self._user.name)]
            headers += [("Impersonate-Group", group) for group in (*self._user.groups, "system:authenticated")]
        async with self._session.request(
            raw.method, self._upstream.server + raw.path_qs, headers=headers, data=request.body or None
        ) as answer:
            request.status = answer.status
            if action.after is not None:
                await asyncio.to_thread(action.after, request)
            if action.reset_after:
                return _cut(raw)
            return await self._stream(raw, answer)

    async def _stream(self, raw: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """The answer as it comes: a watch never ends by itself."""
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in _HOP:
                response.headers.add(name, value)
        await self._pass_partition()
        await response.prepare(raw)
        async for chunk in answer.content.iter_any():
            await self._pass_partition()
            await response.write(chunk)
        await response.write_eof()
        return response

    async def _pass_partition(self) -> None:
        while not self._open.is_set():
            # A threading.Event can be set from a test's thread; here it may only be looked at.
            await asyncio.sleep(0.01)

    def _abort(self) -> None:
        for transport in list(self._transports):
            # Before Python 3.11.4 a TLS connection that is closed already does not know how to.
            with suppress(AttributeError):
                transport.abort()
        self._transports.clear()

    def _write_kubeconfig(self) -> None:
        cluster = {
            "server": f"https://127.0.0.1:{self._port}",
            "certificate-authority-data": base64.b64encode(self._authority.pem).decode(),
        }
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "proxied", "cluster": cluster}],
            "users": [{"name": "proxied", "user": {"token": "proxied"}}],
            "contexts": [{"name": "proxied", "context": {"cluster": "proxied", "user": "proxied"}}],
            "current-context": "proxied",
        }
        self.kubeconfig.write_text(yaml.safe_dump(content, sort_keys=False))


def _cut(raw: web.Request) -> web.Response:
    if raw.transport is not None:
        raw.transport.abort()
    return web.Response()


def _refusal(action: Action) -> web.Response:
    body = {**_GONE, "code": action.status, "reason": action.reason, "message": action.message}
    headers = {} if action.retry_after is None else {"Retry-After": str(action.retry_after)}
    return web.json_response(body, status=action.status, headers=headers)


@contextmanager
def running(
    kubeconfig: Path, directory: Path, name: str = "proxied", user: Impersonated | None = None
) -> Iterator[Proxy]:
    """A proxy in a thread of its own, for tests that are not asynchronous."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"proxy {name}", daemon=True)
    thread.start()
    proxy = Proxy(kubeconfig, directory, name, user)
    asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(_START_SECONDS)
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result(_START_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_SECONDS)
        loop.close()
