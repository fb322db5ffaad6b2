# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking until something is so, where nobody tells when it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_PAUSE = 0.02


def until(look: Callable[[], T], what: str, seconds: float = 60, *, holds: Callable[[T], bool] = bool) -> T:
    """What was seen once it was as wanted.

    :param what: is waited for, in words.
    :param seconds: after which it is an AssertionError that says what was seen last.
    """
    deadline = time.monotonic() + seconds
    while not holds(seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}; last seen: {seen}")
        time.sleep(_PAUSE)
    return seen
