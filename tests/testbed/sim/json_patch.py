# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON patches as KubeVirt's controllers write them: every change guarded by a test of the value it replaces."""

from __future__ import annotations

from typing import Any

from ..kube import Api, ApiError, Conflict
from ..resources import Object

Patch = list[Object]

# All the API server says of a patch whose test does not hold; its own validation errors read otherwise.
_TEST_FAILED = "the server rejected our request due to an error in our request"


def escape(key: str) -> str:
    """A key as one step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def add(path: str, value: Any) -> Patch:
    """Unguarded; replaces what is there."""
    return [{"op": "add", "path": path, "value": value}]


def test(path: str, value: Any) -> Patch:
    return [{"op": "test", "path": path, "value": value}]


def change(path: str, old: Any, new: Any) -> Patch:
    """Nothing when equal; None stands for absent on either side."""
    if old == new:
        return []
    if old is None:
        return add(path, new)
    if new is None:
        return [*test(path, old), {"op": "remove", "path": path}]
    return [*test(path, old), {"op": "replace", "path": path, "value": new}]


async def apply(api: Api, key: str, obj: Object, patch: Patch) -> Object:
    """The object patched, itself when nothing is to do; a failed test is a Conflict: somebody wrote in between."""
    if not patch:
        return obj
    meta = obj["metadata"]
    try:
        return await api.patch(key, meta["name"], patch, namespace=meta.get("namespace"))
    except ApiError as error:
        if error.status == 422 and _TEST_FAILED in error.message:
            raise Conflict(error.status, error.reason, error.message) from error
        raise
