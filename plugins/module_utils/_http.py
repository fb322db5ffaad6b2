# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to one API server: requests, repetition where it is safe, and errors in the family's words."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from ._cluster import JsonPatch, Object
from ._errors import MigrationError, ServerTrouble, Unreachable
from ._kubernetes_dep import client, urllib3
from ._status import error_of
from ._wait import Clock

PATIENCE = 10.0
"""Seconds for which a failed read is repeated before the failure counts."""

_TIMEOUT = 30.0
_CONTENT = {"POST": "application/json", "PUT": "application/json", "DELETE": "application/json"}


class Http:
    """A connection pool to one API server with the credentials of one user."""

    def __init__(self, name: str, configuration: Any, headers: dict[str, str], clock: Clock) -> None:
        self._name = name
        self._configuration = configuration
        self._headers = headers
        self._clock = clock
        self._api = client.ApiClient(configuration)
        self._pool = self._api.rest_client.pool_manager

    def json(
        self,
        verb: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Object | JsonPatch | None = None,
        *,
        target: str,
    ) -> Object:
        """One request and its decoded answer.

        Reads, and writes the server refused before acting on them (429), are repeated for ``PATIENCE`` seconds,
        with pauses that double from 0.1 s to 2 s or as long as the server asks.

        :param target: what the request is about, for the error.
        """
        deadline, pause = self._clock.now() + PATIENCE, 0.1
        while True:
            try:
                return self._once(verb, path, query or {}, body, target)
            except (Unreachable, ServerTrouble) as error:
                again = verb == "GET" or error.reason in ("too_many_requests", "not_connected")
                wait = max(pause, getattr(error, "retry_after", 0.0)) * random.uniform(0.8, 1.2)
                if not again or self._clock.now() + wait > deadline:
                    raise
            self._clock.sleep(wait)
            pause = min(2.0, pause * 2)

    def _once(
        self, verb: str, path: str, query: dict[str, str], body: Object | JsonPatch | None, target: str
    ) -> Object:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = _CONTENT.get(verb) or _patch_type(body)
        data = None if body is None else json.dumps(body)
        response = self._send(verb, path, query, headers, data, _TIMEOUT, stream=False)
        raw = response.data
        if response.status >= 400:
            error = self.error(response.status, _decoded(raw), verb, target)
            if isinstance(error, ServerTrouble):
                error.retry_after = _seconds(response.headers.get("Retry-After"))
            raise error
        return json.loads(raw) if raw else {}

    def lines(self, path: str, query: dict[str, str], *, seconds: float, target: str) -> Iterator[bytes]:
        """The lines of an answer that keeps coming (a watch), until the server ends it.

        A connection that stays silent for longer than the watch may last counts as lost.
        """
        headers = {"Accept": "application/json"}
        response = self._send("GET", path, query, headers, None, seconds + 5, stream=True)
        try:
            if response.status >= 400:
                raise self.error(response.status, _decoded(response.data), "watch", target)
            rest = b""
            for chunk in response.stream(amt=None, decode_content=True):
                *complete, rest = (rest + chunk).split(b"\n")
                yield from (line for line in complete if line)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            response.close()
            response.release_conn()

    def error(self, status: int, body: Object, verb: str, target: str) -> MigrationError:
        """The error of the family that an HTTP status stands for."""
        return error_of(status, body, verb=verb, target=target, cluster=self._name)

    def _send(
        self,
        verb: str,
        path: str,
        query: dict[str, str],
        headers: dict[str, str],
        data: str | None,
        timeout: float,
        *,
        stream: bool,
    ) -> Any:
        url = self._configuration.host.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        token = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        authorization = {"authorization": token} if token else {}
        try:
            return self._pool.request(
                verb,
                url,
                body=data,
                headers=self._headers | authorization | headers,
                timeout=urllib3.Timeout(connect=5.0, read=timeout),
                preload_content=not stream,
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Unreachable:
        text = str(error)
        hint = "Check the address, the network and the certificate of the API server."
        if "key usage extension" in text or "authority key identifier" in text.lower():
            hint = (
                "Python 3.13 and later refuse cluster CAs without key usage or authority key identifier (strict"
                " X.509); renew the cluster's CA, or use an older Python."
            )
        never_sent = isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
        reason = "not_connected" if never_sent else "unreachable"
        found = f"{self._configuration.host} does not answer: {text}"
        return Unreachable("an API server that answers", found, self._name, "", hint, reason)


def _patch_type(body: Object | JsonPatch) -> str:
    return "application/json-patch+json" if isinstance(body, list) else "application/merge-patch+json"


def _decoded(raw: bytes) -> Object:
    try:
        body = json.loads(raw)
    except ValueError:
        body = raw.decode(errors="replace").strip()
    return body if isinstance(body, dict) else {"message": str(body)}


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isdigit() else 0.0
