# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of the API server itself, for whoever uses the proxied kubeconfig of a cluster."""

from __future__ import annotations

from .faults import Faults, register
from .proxy import Proxy
from .proxy_rules import Action, Request

_WHICH = {"method": "GET, POST, PUT, PATCH or DELETE; wildcards allowed", "path": "URL path, wildcards allowed"}
SLOW = register("api-slow", "requests wait before the API server sees them", seconds="how long (1)", **_WHICH)
ERROR = register(
    "api-error",
    "requests are answered with an error and never reach the API server",
    status="409, 429, 500, ... (500)",
    retry_after="seconds for the header Retry-After",
    **_WHICH,
)
RESET = register("api-reset", "connections are cut before the API server sees the request", **_WHICH)
LOST = register("api-lost-answer", "the API server acts, but the connection is cut instead of its answer", **_WHICH)
HANG = register("api-hang", "requests are never answered", **_WHICH)
GONE = register("api-gone", "watches are told that their version is too old (410)", path="URL path, wildcards allowed")
PARTITION = register("api-partition", "nothing gets through, on open connections neither")

_REASONS = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}


def connect(proxy: Proxy, faults: Faults) -> None:
    """Let a site's faults rule its proxy."""
    proxy.advice = lambda request: _advice(faults, request)

    def changed(name: str) -> None:
        if name == PARTITION:
            (proxy.heal if faults.get(PARTITION) is None else proxy.partition)()

    faults.subscribe(changed)


def _advice(faults: Faults, request: Request) -> Action | None:
    which = {"method": request.method, "path": request.path}
    delay = 0.0
    if (slow := faults.take(SLOW, **which)) is not None:
        delay = float(slow.get("seconds", 1))
    if (error := faults.take(ERROR, **which)) is not None:
        status = int(error.get("status", 500))
        retry = int(error["retry_after"]) if "retry_after" in error else None
        return Action(delay=delay, status=status, reason=_REASONS.get(status, "Unknown"), retry_after=retry)
    if faults.take(RESET, **which) is not None:
        return Action(delay=delay, reset=True)
    if faults.take(LOST, **which) is not None:
        return Action(delay=delay, reset_after=True)
    if faults.take(HANG, **which) is not None:
        return Action(delay=delay, hang=True)
    if request.watch and faults.take(GONE, path=request.path) is not None:
        return Action(delay=delay, gone=True)
    return Action(delay=delay) if delay else None
