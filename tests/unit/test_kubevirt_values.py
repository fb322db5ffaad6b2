# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantities and durations, compared by what they mean."""

from __future__ import annotations

import datetime
from fractions import Fraction

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._kubevirt_values import (
    duration,
    hours,
    quantity,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("64Mi", 64 * 1024**2),
        ("1.5Gi", 1536 * 1024**2),
        ("+1k", 1000),
        ("2E", 2 * 10**18),
        ("2Ei", 2 * 1024**6),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12E-1", Fraction(12, 10)),
        ("5m", Fraction(5, 1000)),
        ("1n", Fraction(1, 10**9)),
        ("3P", 3 * 10**15),
        (".5", Fraction(1, 2)),
        ("1.", 1),
    ],
)
def test_quantities(text: str, number: Fraction) -> None:
    assert quantity(text) == number


@pytest.mark.parametrize("text", ["", "Mi", "1 Mi", "1mi", "1KiB", "--1", "1e999999", "0x10", "1.2.3"])
def test_no_quantities(text: str) -> None:
    assert quantity(text) is None


@given(st.integers(0, 10**9))
def test_a_quantity_means_the_same_in_every_unit(number: int) -> None:
    assert quantity(f"{number}Mi") == quantity(f"{number * 1024}Ki") == number * 1024**2
    assert quantity(f"{number}M") == quantity(f"{number}e6") == number * 10**6


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0", {}),
        ("168h0m0s", {"days": 7}),
        ("1.5h", {"minutes": 90}),
        ("1h30m", {"minutes": 90}),
        ("250ms", {"milliseconds": 250}),
        ("3\u00b5s", {"microseconds": 3}),
        ("3us", {"microseconds": 3}),
    ],
)
def test_durations(text: str, span: dict[str, int]) -> None:
    assert duration(text) == datetime.timedelta(**span)


@pytest.mark.parametrize("text", ["", "7d", "1", "h", "1h ", "-1h", "1h2"])
def test_no_durations(text: str) -> None:
    assert duration(text) is None


@given(st.integers(0, 10**5), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(h: int, m: int, s: int) -> None:
    assert duration(f"{h}h{m}m{s}s") == datetime.timedelta(hours=h, minutes=m, seconds=s)


def test_hours_for_people() -> None:
    assert hours(datetime.timedelta(hours=33, minutes=36)) == "33.6 h"
