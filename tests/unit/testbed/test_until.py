# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking until something is so."""

from __future__ import annotations

import pytest
from testbed.until import until


def test_what_was_seen_is_returned_as_soon_as_it_holds() -> None:
    seen = iter([0, 1, 2, 3])
    assert until(lambda: next(seen), "two", holds=lambda number: number == 2) == 2
    assert next(seen) == 3


def test_at_the_deadline_it_says_what_was_seen_last() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s: a rollout; last seen: 1 of 2"):
        until(lambda: "1 of 2", "a rollout", 0, holds=lambda text: text == "2 of 2")
