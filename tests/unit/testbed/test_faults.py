# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults strike what they are narrowed down to, as often as they are told to."""

from __future__ import annotations

import re

import pytest
from testbed.faults import FAULTS, Fault, Faults, UnknownFault

NAME = "unit-test-fault"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault("for these tests", {"vm": "namespace/name", "seconds": "how long"})
    monkeypatch.setitem(FAULTS, NAME, fault)


def test_it_is_off_until_it_is_on() -> None:
    faults = Faults()
    assert faults.get(NAME) is None
    faults.set(NAME, seconds="3")
    assert faults.get(NAME) == {"seconds": "3"}
    assert faults.clear(NAME) == 1
    assert faults.get(NAME, default="off") == "off"


@pytest.mark.parametrize(("vm", "strikes"), [("default/vm-1", True), ("default/other", False), ("other/vm-1", False)])
def test_it_is_narrowed_down_with_wildcards(vm: str, strikes: bool) -> None:
    faults = Faults()
    faults.set(NAME, vm="default/vm-*")
    assert (faults.get(NAME, vm=vm) is not None) is strikes


def test_without_arguments_it_strikes_everything() -> None:
    faults = Faults()
    faults.set(NAME)
    assert faults.get(NAME, vm="default/vm-1") == {}


def test_it_wears_off() -> None:
    faults = Faults()
    faults.set(NAME, times=2)
    assert [faults.take(NAME) for _ in range(3)] == [{}, {}, None]


def test_several_of_one_name_live_side_by_side() -> None:
    faults = Faults()
    first = faults.set(NAME, vm="a/*")
    faults.set(NAME, vm="b/*")
    faults.clear(number=first)
    assert faults.get(NAME, vm="a/x") is None
    assert faults.get(NAME, vm="b/x") is not None


def test_switching_is_told() -> None:
    faults = Faults()
    told: list[str] = []
    faults.subscribe(told.append)
    faults.set(NAME)
    faults.clear()
    faults.clear()
    assert told == [NAME, NAME]


def test_what_nobody_knows_is_refused() -> None:
    faults = Faults()
    with pytest.raises(UnknownFault, match=f"no fault 'unit-tset'; there are: .*{NAME}"):
        faults.set("unit-tset")
    with pytest.raises(UnknownFault, match=re.escape(f"fault {NAME} has no vmi; it has: vm, seconds")):
        faults.set(NAME, vmi="x")
    with pytest.raises(UnknownFault, match="never registered"):
        faults.get("unit-tset")
