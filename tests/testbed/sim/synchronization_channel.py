# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gRPC connection from a synchronization controller to a peer: made on first use, kept, and made again."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Protocol

from ..fabric import DialError
from ..faults import register
from ..kube import ApiError
from ..resources import Object
from . import synchronization_trust as trust

if TYPE_CHECKING:
    from ..site import Site

CALL_SECONDS = 30.0
_ROUTE_SECONDS = 3.0
_TIMEOUT_SECONDS = 20.0
_FIRST_RETRY, _RETRY_GROWTH, _LONGEST_RETRY = 1.0, 1.6, 120.0
CLOSING = "rpc error: code = Canceled desc = grpc: the client connection is closing"


BLOCKED = register(
    "connections-blocked",
    "a firewall drops new connections that this cluster's KubeVirt opens to a peer; those open live on",
    peer="name of the other cluster, wildcards allowed",
)


SLOW = register(
    "slow-sync", "each message of this cluster's synchronization controller takes its time", seconds="how long"
)


class RpcError(Exception):
    """A call that failed, in the words gRPC has for it."""

    @classmethod
    def unavailable(cls, text: str) -> RpcError:
        return cls(f'rpc error: code = Unavailable desc = connection error: desc = "{text}"')

    @classmethod
    def unknown(cls, text: str) -> RpcError:
        """What the peer's own code answered."""
        return cls(f"rpc error: code = Unknown desc = {text}")


class Endpoint(Protocol):
    """What listens: a leading synchronization controller."""

    site: Site

    def answers(self) -> bool:
        """False once the process that listened is gone."""

    def certificate_loaded(self) -> bool:
        """False while it cannot load the certificate it serves with."""

    async def call(self, method: str, request: Object) -> None:
        """Serve one call; what is raised goes back as the error's text."""


class Channel:
    """As a gRPC client connection: nothing is dialled before the first call.

    While a failed connection rests before its next try, every call fails at once with the error it failed with;
    the rest grows. An established connection outlives a change of certificates on either side.
    """

    def __init__(self, site: Site, address: str) -> None:
        self._site = site
        self._address = address
        self._endpoint: Endpoint | None = None
        self._failure: RpcError | None = None
        self._rest = _FIRST_RETRY
        self._next_try = 0.0
        self._closed = False
        self._calls: set[asyncio.Future[None]] = set()

    def close(self) -> None:
        """Calls under way fail, and so do all later ones."""
        self._closed = True
        for call in self._calls:
            call.cancel()

    async def call(self, method: str, request: Object) -> None:
        """Raises RpcError."""
        if self._closed:
            raise RpcError(CLOSING)
        call = asyncio.ensure_future(self._call(method, request))
        self._calls.add(call)
        try:
            await call
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if caller is not None and caller.cancelling():
                raise
            raise RpcError(CLOSING) from None
        finally:
            self._calls.discard(call)

    async def _call(self, method: str, request: Object) -> None:
        endpoint = self._endpoint
        if endpoint is None or not endpoint.answers():
            endpoint = self._endpoint = await self._connect()
        slow = self._site.faults.get(SLOW) or {}
        await asyncio.sleep(float(slow.get("seconds", self._site.settings.sync_seconds)))
        if not self._site.fabric.passes(self._site, endpoint.site):
            await self._never_comes()
        try:
            await endpoint.call(method, request)
        except ApiError as error:
            raise RpcError.unknown(error.message) from error
        except ValueError as error:
            raise RpcError.unknown(str(error)) from error
        if not self._site.fabric.passes(endpoint.site, self._site):
            await self._never_comes()

    async def _connect(self) -> Endpoint:
        clock = asyncio.get_running_loop().time
        if self._failure is not None and clock() < self._next_try:
            raise self._failure
        try:
            endpoint = await self._dial()
        except RpcError as failure:
            self._failure = failure
            self._next_try = clock() + self._rest * self._scale
            self._rest = min(self._rest * _RETRY_GROWTH, _LONGEST_RETRY)
            raise
        self._failure, self._rest = None, _FIRST_RETRY
        return endpoint

    async def _dial(self) -> Endpoint:
        if not is_address(self._address):
            raise RpcError("rpc error: code = Unavailable desc = name resolver error: produced zero addresses")
        try:
            endpoint, peer = await self._site.fabric.dial(self._site, self._address)
        except DialError as error:
            await asyncio.sleep(_seconds_until(error) * self._scale)
            raise RpcError(str(error)) from error
        if self._site.faults.get(BLOCKED, peer=peer.name) is not None:
            await asyncio.sleep(_TIMEOUT_SECONDS * self._scale)
            raise RpcError(str(DialError(f"dial tcp {self._address}: i/o timeout")))
        return self._accepted(endpoint)

    def _accepted(self, endpoint: Endpoint) -> Endpoint:
        try:
            if not endpoint.certificate_loaded():
                raise trust.TrustError("transport: authentication handshake failed: remote error: tls: internal error")
            trust.shake_hands(self._site, endpoint.site)
        except trust.TrustError as error:
            raise RpcError.unavailable(str(error)) from error
        return endpoint

    async def _never_comes(self) -> None:
        await asyncio.sleep(CALL_SECONDS * self._scale)
        raise RpcError("rpc error: code = DeadlineExceeded desc = context deadline exceeded")

    @property
    def _scale(self) -> float:
        return self._site.settings.sync_patience


def _seconds_until(error: DialError) -> float:
    """A refusal comes at once, that nobody has the address a little later, that nobody answers much later."""
    if "no route" in error.cause:
        return _ROUTE_SECONDS
    return _TIMEOUT_SECONDS if "timeout" in error.cause else 0.0


def is_address(text: str) -> bool:
    """An IP address with a port; a name would need a resolver that knows it, and there is none."""
    host, separator, port = text.rpartition(":")
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return bool(separator) and port.isdigit()


def join(host: str, port: str) -> str:
    """As Go joins them: IPv6 in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
