# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits: they end, say what they wait for once a change, and survive a short outage."""

from __future__ import annotations

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    DeadlineExceeded,
    Unreachable,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._wait import SystemClock, Verdict, wait_for
from unit.memory_cluster import Ticking, Told


class Story:
    """Gives one verdict a look; the last one for ever."""

    def __init__(self, *verdicts: Verdict | Exception) -> None:
        self.verdicts = list(verdicts)
        self.looks = 0

    def __call__(self) -> Verdict:
        self.looks += 1
        verdict = self.verdicts.pop(0) if len(self.verdicts) > 1 else self.verdicts[0]
        if isinstance(verdict, Exception):
            raise verdict
        return verdict


def wait(story: Story, seconds: float = 10.0) -> tuple[Ticking, Told]:
    clock, told = Ticking(), Told()
    wait_for(
        story,
        seconds=seconds,
        clock=clock,
        tell=told,
        expected="the door to open",
        cluster="cluster-a",
        object="Door front",
        hint="Knock.",
    )
    return clock, told


def test_what_is_done_already_costs_no_time() -> None:
    clock, told = wait(Story(Verdict(True)))
    assert (clock.seconds, told) == (0.0, [])


def test_progress_is_told_once_a_change() -> None:
    locked, ajar = Verdict(False, "locked"), Verdict(False, "ajar")
    _, told = wait(Story(locked, locked, locked, ajar, ajar, Verdict(True)))
    assert told == [
        "cluster-a: waiting for the door to open (Door front)",
        "cluster-a: 0 s, locked",
        "cluster-a: 0 s, ajar",
    ]


def test_the_first_looks_come_quickly_and_the_pause_is_capped() -> None:
    story = Story(Verdict(False, "locked"))
    with pytest.raises(DeadlineExceeded):
        wait(story, seconds=2.0)
    assert 2.0 / 0.2 <= story.looks <= 2.0 / 0.2 + 5


def test_a_deadline_says_everything() -> None:
    with pytest.raises(DeadlineExceeded) as caught:
        wait(Story(Verdict(False, "locked")), seconds=3.0)
    assert caught.value.as_dict() == {
        "reason": "deadline_exceeded",
        "wanted": "the door to open",
        "found": "after 3 s: locked",
        "cluster": "cluster-a",
        "object": "Door front",
        "hint": "Knock.",
    }


def test_an_outage_counts_as_not_yet() -> None:
    _, told = wait(Story(Unreachable(found="nobody answers", cluster="cluster-a"), Verdict(True)))
    assert "nobody answers" in told[1]


def test_another_error_ends_the_wait() -> None:
    with pytest.raises(BadInput):
        wait(Story(BadInput(found="no door")))


def test_the_clock_of_the_machine_goes_on() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(0)
    assert clock.now() >= before
    assert clock.wall().tzinfo is not None
