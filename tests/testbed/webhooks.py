# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTPS server for admission and conversion webhooks, called by the site's real API server."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from .faults import Faults, register
from .resources import Object

DOWN = register("webhook-down", "admission webhooks do not answer", path="path of the webhook, wildcards allowed")
SLOW = register(
    "webhook-slow",
    "admission webhooks answer late",
    path="path of the webhook, wildcards allowed",
    seconds="how late",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to an admission request; a mutating webhook allows with a JSON patch."""

    allowed: bool = True
    message: str = ""
    code: int = 400
    reason: str = "BadRequest"
    causes: tuple[Object, ...] = ()
    """For code 422 as KubeVirt writes them: {"reason", "message", "field"}."""
    patch: tuple[Object, ...] = ()
    warnings: tuple[str, ...] = ()


ALLOWED = Verdict()


def denied(message: str, *, code: int = 400, reason: str = "BadRequest", causes: tuple[Object, ...] = ()) -> Verdict:
    return Verdict(False, message, code, reason, causes)


class Crash(Exception):
    """Raised by a handler that stands for one that dies: the caller gets no answer."""


Admit = Callable[[Object], Awaitable[Verdict]]
"""From the request of an AdmissionReview (operation, object, oldObject, dryRun, userInfo, ...) to a verdict."""

Convert = Callable[[Object, str], Object]
"""From an object to the same one in another version of its API."""


class WebhookServer:
    """One site's webhooks; paths are served from the moment they are added."""

    def __init__(self, tls: ssl.SSLContext, ca: bytes, faults: Faults) -> None:
        self._tls = tls
        self._ca = ca
        self._faults = faults
        self._admit: dict[str, Admit] = {}
        self._convert: dict[str, Convert] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0

    def add(self, path: str, admit: Admit) -> None:
        self._admit[path] = admit

    def add_conversion(self, path: str, convert: Convert) -> None:
        self._convert[path] = convert

    def client_config(self, path: str) -> Object:
        """For the clientConfig of a webhook configuration."""
        return {
            "url": f"https://127.0.0.1:{self.port}{path}",
            "caBundle": base64.b64encode(self._ca).decode(),
        }

    async def start(self) -> None:
        application = web.Application(client_max_size=16 * 2**20)
        application.router.add_post("/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self._faults.take(DOWN, path=request.path) is not None:
            # As with a webhook pod that just died.
            return _cut(request)
        if (slow := self._faults.take(SLOW, path=request.path)) is not None:
            await asyncio.sleep(float(slow.get("seconds", 1)))
        if request.path in self._convert:
            return web.json_response(_converted(await request.json(), self._convert[request.path]))
        admit = self._admit.get(request.path)
        if admit is None:
            return web.Response(status=404, text="404 page not found")
        review = await request.json()
        try:
            verdict = await admit(review["request"])
        except Crash:
            return _cut(request)
        except Exception as error:
            # A bug of the simulator: the API server shows the text to its caller, the log has the rest.
            traceback.print_exc()
            return web.Response(status=500, text=f"{type(error).__name__}: {error}")
        return web.json_response(_answer(review, verdict))


def _cut(request: web.Request) -> web.StreamResponse:
    """The connection ends without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


def _converted(review: Object, convert: Convert) -> Object:
    request = review["request"]
    wanted = request["desiredAPIVersion"]
    response = {
        "uid": request["uid"],
        "convertedObjects": [convert(each, wanted) for each in request["objects"]],
        "result": {"status": "Success"},
    }
    return {"apiVersion": review["apiVersion"], "kind": "ConversionReview", "response": response}


def _answer(review: Object, verdict: Verdict) -> Object:
    response: dict[str, Any] = {"uid": review["request"]["uid"], "allowed": verdict.allowed}
    if verdict.warnings:
        response["warnings"] = list(verdict.warnings)
    if not verdict.allowed:
        status: Object = {
            "status": "Failure",
            "message": verdict.message,
            "reason": verdict.reason,
            "code": verdict.code,
        }
        if verdict.causes:
            status["details"] = {"causes": list(verdict.causes)}
        response["status"] = status
    elif verdict.patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(json.dumps(list(verdict.patch)).encode()).decode()
    return {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}
