# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call of a module waits for, with which deadline, and where it says that it waits."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import DeadlineExceeded
from ansible_collections.livemigration.kubevirt.plugins.module_utils._wait import Verdict
from unit.memory_cluster import MemoryCluster, Ticking, Told, job

PAIR = {"source": MemoryCluster("munich"), "target": MemoryCluster("zurich")}
ONE = {"other oslo": MemoryCluster("oslo"), "cluster": MemoryCluster("munich")}


def missed(known: dict[str, MemoryCluster], **given: Any) -> tuple[DeadlineExceeded, float]:
    """The error of a wait that nothing ends, and when it came."""
    clock = Ticking()
    with pytest.raises(DeadlineExceeded) as caught:
        job(known, clock, {"wait_timeout": 7}).wait(
            lambda: Verdict(False, "locked"), expected="an open door", object="Door front", hint="Knock.", **given
        )
    return caught.value, clock.seconds


def test_the_deadline_is_that_of_the_module_unless_another_is_given() -> None:
    assert missed(ONE)[1] == pytest.approx(7)
    assert missed(ONE, seconds=2)[1] == pytest.approx(2)
    assert missed(ONE, seconds=0)[1] == 0


def test_it_is_awaited_on_the_cluster_of_the_module_unless_others_are_given() -> None:
    assert missed(ONE)[0].cluster == "munich"
    assert missed(PAIR, clusters=PAIR.values())[0].cluster == "munich, zurich"
    assert missed(PAIR, clusters=[PAIR["target"]])[0].cluster == "zurich"


def test_it_is_told_what_is_missing() -> None:
    told = Told()
    looks = iter([Verdict(False, "locked"), Verdict(True)])
    call = dataclasses.replace(job(ONE, Ticking(), {"wait_timeout": 7}), tell=told)
    call.wait(lambda: next(looks), expected="an open door", object="Door front", hint="Knock.")
    assert told == ["munich: waiting for an open door (Door front)", "munich: 0 s, locked"]


def test_waits_that_share_a_deadline_get_what_is_left_of_it() -> None:
    clock = Ticking()
    call = job(ONE, clock, {})
    clock.seconds = 2.26
    assert call.left(10.0) == 7.7
    assert call.left(1.0) == 0.0
