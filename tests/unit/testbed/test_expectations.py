# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller waits for its cache, but not for ever."""

from __future__ import annotations

import asyncio

import pytest
from testbed.sim import expectations
from testbed.sim.expectations import Expectations


def test_only_what_was_expected_meets_it() -> None:
    async def run() -> None:
        made = Expectations()
        made.expect("n/v", "new")
        made.met("n/v", "old")
        assert "n/v" in made
        assert "n/w" not in made
        made.met("n/v", "new")
        assert "n/v" not in made

    asyncio.run(run())


def test_it_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        made = Expectations()
        made.expect("n/v", "new")
        monkeypatch.setattr(expectations, "_LONGEST", -1.0)
        assert "n/v" not in made

    asyncio.run(run())
