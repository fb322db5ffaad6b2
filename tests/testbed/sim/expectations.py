# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller did and its cache does not show yet; until it does, nothing more is decided."""

from __future__ import annotations

import asyncio

_LONGEST = 30.0
"""Seconds; a change that was undone before the cache could see it would be waited for in vain (KubeVirt: 5 min)."""


class Expectations:
    """One open change for each key, told apart by the UID of what it was done to."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, float]] = {}

    def expect(self, key: str, uid: str) -> None:
        self._open[key] = (uid, asyncio.get_running_loop().time())

    def met(self, key: str, uid: str) -> None:
        if self._open.get(key, ("", 0.0))[0] == uid:
            del self._open[key]

    def forget(self, key: str) -> None:
        self._open.pop(key, None)

    def __contains__(self, key: str) -> bool:
        """Still to be seen."""
        if key in self._open and asyncio.get_running_loop().time() - self._open[key][1] > _LONGEST:
            del self._open[key]
        return key in self._open
