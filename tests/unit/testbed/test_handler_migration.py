# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-handler's rules around a copy: how long it may take, and when it is over."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.sim import handler_migration_guest as them
from testbed.sim.handler_migration_monitor import gigabytes, monitor

from .vmi_samples import NOW, Object, both_sides, vmi


def with_memory(guest: str, **status: Any) -> Object:
    made = vmi(**status)
    made["spec"]["domain"]["memory"] = {"guest": guest}
    return made


@pytest.mark.parametrize(("guest", "size"), [("256M", 1), ("1G", 1), ("1Gi", 2), ("8Gi", 9)])
def test_each_begun_gigabyte_counts(guest: str, size: int) -> None:
    assert gigabytes(with_memory(guest)) == size


def test_volumes_that_move_count_too() -> None:
    volumes = [{"volumeName": "root", "sourcePVCInfo": {"capacity": {"storage": "10G"}}}]
    assert gigabytes(with_memory("1G", migratedVolumes=volumes)) == 11


def test_a_copy_that_moves_has_the_time_its_size_gives_it() -> None:
    watched = monitor(with_memory("2G"), patience=1.0)
    watched.pass_time(300, moving=True)
    assert not watched.gives_up
    watched.pass_time(1, moving=True)
    assert watched.gives_up


def test_a_copy_that_stands_still_has_less() -> None:
    watched = monitor(with_memory("64G"), patience=1.0)
    watched.pass_time(150, moving=False)
    assert not watched.gives_up
    watched.pass_time(1, moving=True)
    watched.pass_time(150, moving=False)
    assert not watched.gives_up, "it had moved in between"
    watched.pass_time(1, moving=False)
    assert watched.gives_up


def test_the_targets_configuration_counts() -> None:
    state = both_sides(migrationConfiguration={"progressTimeout": 10, "completionTimeoutPerGiB": 7})
    watched = monitor(with_memory("2G", migrationState=state), patience=0.5)
    assert (watched.stall_seconds, watched.all_seconds) == (5, 14)


@pytest.mark.parametrize(
    ("state", "done", "to_finish"),
    [
        ({}, False, False),
        ({"startTimestamp": NOW, "completed": True}, False, False),
        ({"startTimestamp": NOW, "endTimestamp": NOW}, False, True),
        ({"endTimestamp": NOW}, False, False),
        ({"startTimestamp": NOW, "endTimestamp": NOW, "completed": True}, True, False),
        ({"startTimestamp": NOW, "endTimestamp": NOW, "failed": True}, True, False),
    ],
)
def test_when_a_migration_is_over(state: Object, done: bool, to_finish: bool) -> None:
    seen = vmi(migrationState=state)
    assert them.is_done(seen) is done
    assert them.needs_finalization(seen) is to_finish
    aborted = vmi(migrationState=state | {"abortRequested": True})
    assert them.aborting(aborted) is not done
