# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cancellation that is killed at each of its writes, and run again: it ends where an undisturbed one ends.

The move it cancels was itself killed, after any of its writes and with KubeVirt at any point, or is stuck for good.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_loop import Ending
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VM, VMI, VMIM
from unit.move_world import Killed, World, state_of
from unit.test_move_model import assert_moved, assert_stayed, move

SEEDS = range(2)
POINTS = [(1, 0), (2, 0), (2, 20), (3, 2), (3, 6), (3, 10)]
"""Writes of the move before it died (guard, receive, send), and what KubeVirt did afterwards."""

STUCK = ((), ("unschedulable",), ("partition",))
MOST_RUNS = 12


def begun(seed: int, writes: int, steps: int, *faults: str) -> World:
    """A move that died."""
    world = World(seed, *faults)
    world.die_at, world.die_after = writes, True
    with contextlib.suppress(Killed):
        move(world)
    assert len(world.writes) == writes
    for _ in range(steps):
        world.step()
    return world


def worlds() -> Iterator[tuple[int, int, int, tuple[str, ...]]]:
    for seed in SEEDS:
        for writes, steps in POINTS:
            for faults in STUCK:
                yield seed, writes, steps, faults


def assert_over(world: World, ending: Ending) -> None:
    """The guest is in one place for certain, and nothing of the attempt is left."""
    if ending.step.outcome == "cancelled":
        assert_stayed(world)
    else:
        assert ending.step.outcome == "migrated", ending.step
        assert_moved(world)


def cancelled(world: World, at: int, after: bool) -> tuple[Ending, bool]:
    """Cancel, die at that write of the cancellation, and cancel again. :returns: also whether it died."""
    world.die_at, world.die_after = len(world.writes) + at, after
    try:
        return move(world, "absent"), False
    except Killed:
        world.die_at = 0
        return move(world, "absent"), True


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, 5))
def test_killed_at_one_write_the_repeat_ends_it(at: int, after: bool) -> None:
    outcomes: Counter[str] = Counter()
    for seed, writes, steps, faults in worlds():
        world = begun(seed, writes, steps, *faults)
        ending, died = cancelled(world, at, after)
        assert_over(world, ending)
        outcomes["died"] += died
        outcomes[ending.step.outcome] += 1
    assert outcomes["died"], "a write that is never reached proves nothing"
    assert outcomes["cancelled"] > outcomes["migrated"]


def test_killed_after_each_of_its_writes_in_turn_it_comes_to_its_end() -> None:
    """Each run makes one write and dies: what a run has to know, it finds on the objects."""
    longest: list[str] = []
    for seed, writes, steps, faults in worlds():
        world = begun(seed, writes, steps, *faults)
        for _ in range(MOST_RUNS):
            world.die_at, world.die_after = len(world.writes) + 1, True
            try:
                ending = move(world, "absent")
            except Killed:
                continue
            break
        else:
            raise AssertionError(f"it still writes after {MOST_RUNS} runs: {world.writes}")
        assert_over(world, ending)
        assert not ending.changes, "the last run finds nothing to do"
        if ending.step.outcome == "cancelled":
            longest = max(longest, world.writes[writes:], key=len)
    patched = f"cluster-a patch {VM.kind}"
    swept = [f"{cluster} delete {VMIM.kind}" for cluster in ("cluster-a", "cluster-b")]
    assert (longest[0], longest[-1]) == (patched, patched), "first the verdict, the guard is lifted last"
    assert set(swept) <= set(longest), longest


def test_before_the_copy_has_begun_a_cancellation_always_holds() -> None:
    for seed, writes, steps, faults in worlds():
        world = begun(seed, writes, steps, *faults)
        copying = "startTimestamp" in state_of(world.source.one(VMI)) or world.guests != {"cluster-a"}
        if not copying and (faults or writes < 3):
            assert cancelled(world, 1, True)[0].step.outcome == "cancelled"
            assert_stayed(world)
