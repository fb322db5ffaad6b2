# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small asyncio client of one API server under one identity."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from .resources import RESOURCES, Object, Objects, Resource

_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


class ApiError(Exception):
    """What the API server answered instead of the wanted object."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class Conflict(ApiError):
    """409: somebody else wrote first, or the object exists already."""


class NotFound(ApiError):
    """404."""


class Gone(ApiError):
    """410: the version to watch from is no longer known; list again."""


_BY_STATUS: Mapping[int, type[ApiError]] = {404: NotFound, 409: Conflict, 410: Gone}


def api_error(status: int, body: Object) -> ApiError:
    """The error of a Status object."""
    kind = _BY_STATUS.get(status, ApiError)
    return kind(status, str(body.get("reason", "")), str(body.get("message", "")))


class Api:
    """One identity on one cluster; kinds are named by their key in RESOURCES."""

    def __init__(self, session: aiohttp.ClientSession, server: str, identity: str) -> None:
        self.identity = identity
        self._session = session
        self._server = server

    async def get(self, key: str, name: str, namespace: str | None = None) -> Object | None:
        """The object, None when there is none."""
        try:
            return await self.request("GET", _resource(key).path(namespace, name))
        except NotFound:
            return None

    async def list(self, key: str, namespace: str | None = None, labels: str = "", fields: str = "") -> Objects:
        listed = await self.list_raw(key, namespace, labels, fields)
        return list(listed["items"])

    async def list_raw(self, key: str, namespace: str | None = None, labels: str = "", fields: str = "") -> Object:
        """The List object, its items completed with the kind and version that lists leave out."""
        resource = _resource(key)
        params = {"labelSelector": labels, "fieldSelector": fields}
        listed = await self.request("GET", resource.path(namespace), params=_present(params))
        for item in listed.get("items") or []:
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
        listed["items"] = listed.get("items") or []
        return listed

    async def create(self, key: str, obj: Object) -> Object:
        resource = _resource(key)
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        return await self.request("POST", resource.path(_namespace(obj)), body=body)

    async def update(self, key: str, obj: Object) -> Object:
        """PUT; the resourceVersion in the object guards it."""
        return await self._put(key, obj, None)

    async def update_status(self, key: str, obj: Object) -> Object:
        return await self._put(key, obj, "status")

    async def patch(
        self,
        key: str,
        name: str,
        patch: Object | Objects,
        namespace: str | None = None,
        subresource: str | None = None,
    ) -> Object:
        """A dict is a merge patch, a list a JSON patch."""
        path = _resource(key).path(namespace, name, subresource)
        kind = _JSON_PATCH if isinstance(patch, list) else _MERGE
        return await self.request("PATCH", path, body=patch, content_type=kind)

    async def delete(
        self,
        key: str,
        name: str,
        namespace: str | None = None,
        grace: int | None = None,
        uid: str | None = None,
    ) -> bool:
        """False when the object was gone already."""
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", _resource(key).path(namespace, name), body=options)
        except NotFound:
            return False
        return True

    async def watch(self, key: str, version: str, seconds: int = 600) -> AsyncIterator[Object]:
        """Watch events of all namespaces from a version on, bookmarks included; raises Gone when it is too old."""
        params = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        url = self._server + _resource(key).path()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with self._session.get(url, params=params, timeout=timeout) as answer:
            if answer.status >= 400:
                raise api_error(answer.status, await _status(answer))
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise api_error(int(event["object"].get("code", 500)), event["object"])
                yield event

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Object:
        """One call; every answer of 400 and above is raised as an ApiError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": content_type} if data is not None else {}
        async with self._session.request(
            method, self._server + path, params=params, data=data, headers=headers
        ) as answer:
            if answer.status >= 400:
                raise api_error(answer.status, await _status(answer))
            answered: Object = json.loads(await answer.read() or b"{}")
            return answered

    async def text(self, path: str) -> str:
        """The plain body of a health or metrics endpoint."""
        async with self._session.get(self._server + path) as answer:
            if answer.status >= 400:
                raise ApiError(answer.status, answer.reason or "", await answer.text())
            return await answer.text()

    async def _put(self, key: str, obj: Object, subresource: str | None) -> Object:
        resource = _resource(key)
        path = resource.path(_namespace(obj), obj["metadata"]["name"], subresource)
        body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        return await self.request("PUT", path, body=body)


def _resource(key: str) -> Resource:
    return RESOURCES[key]


def _namespace(obj: Object) -> str | None:
    namespace: str | None = obj["metadata"].get("namespace")
    return namespace


def _present(params: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in params.items() if value}


async def _status(answer: aiohttp.ClientResponse) -> Object:
    text = await answer.text()
    try:
        body = json.loads(text)
    except ValueError:
        return {"reason": answer.reason, "message": text}
    return body if isinstance(body, dict) else {"reason": answer.reason, "message": text}
