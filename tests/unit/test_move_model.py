# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A move against a small KubeVirt, interleaved at random, killed at any write and run again."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._feed import Target
from ansible_collections.livemigration.kubevirt.plugins.module_utils._job import Job
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_loop import Ending, Move
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_observe import Lookout, Place
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_options import patience
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_report import Journal
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_steps import State, Wish
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VM, VMI, VMIM
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from unit.memory_cluster import Ticking, Told
from unit.move_world import NAME, NS, Killed, Site, World

STRATEGIES = ("Always", "RerunOnFailure", "Manual", "Once", "running")
TIMES = {
    "receive_timeout": 20,
    "sync_timeout": 20,
    "schedule_timeout": 20,
    "prepare_timeout": 20,
    "copy_timeout": 20,
    "finish_timeout": 20,
    "trouble_grace": 3,
}


class WorldFeed:
    """The picture a watch gives: it may lag behind, each kind on its own, and KubeVirt acts while one waits."""

    def __init__(self, world: World, targets: Sequence[Target], clock: Ticking, lag: bool) -> None:
        self.world, self.targets, self.clock, self.lag = world, targets, clock, lag
        self.seen: dict[str, list[Object]] = {}
        self._deliver(everything=True)

    def _deliver(self, everything: bool = False) -> None:
        for target in self.targets:
            site = target.cluster
            assert isinstance(site, Site)
            if everything or not self.lag or self.world.random.random() < 0.5:
                self.seen[target.key] = copy.deepcopy(site.of(target.resource))

    def ready(self, seconds: float) -> bool:
        return True

    def snapshot(self) -> dict[str, list[Object]]:
        return self.seen

    def wait(self, seconds: float) -> bool:
        moved = self.world.step()
        self.clock.seconds += 0.05 if moved else seconds
        self._deliver(everything=not moved)
        return moved

    def note(self, key: str, body: Object) -> None:
        name = body["metadata"]["name"]
        self.seen[key] = [one for one in self.seen[key] if one["metadata"]["name"] != name] + [body]

    def stale(self, site: Site) -> float:
        return 60.0 if site.down else 0.0

    def trouble(self, site: Site) -> None:
        return None


def move(world: World, state: State = "migrated", lag: bool = True, **wish: Any) -> Ending:
    def tick() -> None:
        world.step()

    clock = Ticking(tick)

    @contextlib.contextmanager
    def follow(targets: Sequence[Target], _clock: Any) -> Iterator[Any]:
        yield WorldFeed(world, targets, clock, lag)

    clusters: Any = {"source": world.source, "target": world.target}
    lookout = Lookout(Place(clusters["source"], NS, NAME), Place(clusters["target"], NS, NAME))
    job = Job({}, False, clusters, clock, Told())
    return Move(job, lookout, Wish(state, **wish), patience(TIMES), Journal(clock.now()), follow).run()


def to_the_end(world: World, state: State = "migrated", lag: bool = True) -> Ending:
    """Run it, and run it again if it dies."""
    try:
        return move(world, state, lag)
    except Killed:
        world.die_at = 0
        return move(world, state, lag)


def assert_moved(world: World) -> None:
    world.settle()
    source, target = world.source.one(VM), world.target.one(VM)
    assert source
    assert target
    assert world.guests == {"cluster-b"}
    assert attempt.strategy(source["spec"]) == "Halted"
    assert target["spec"]["runStrategy"] == attempt.restored(world.strategy)
    assert world.source.one(VMI) is None
    assert not [*world.source.of(VMIM), *world.target.of(VMIM)]
    assert set(source["metadata"]["annotations"]) == {attempt.MOVED_TO}
    assert set(target["metadata"]["annotations"]) == {attempt.SOURCE_CLUSTER, attempt.SOURCE_VM}


def assert_stayed(world: World) -> None:
    world.settle()
    source, target = world.source.one(VM), world.target.one(VM)
    assert source
    assert target
    assert world.guests == {"cluster-a"}
    if world.strategy == "running":
        assert source["spec"] == {"running": True}
    else:
        assert source["spec"] == {"runStrategy": world.strategy}
    assert not source["metadata"].get("annotations")
    assert target["spec"]["runStrategy"] == attempt.RECEIVER
    assert not [*world.source.of(VMIM), *world.target.of(VMIM)]


# A smaller seed is no simpler interleaving: nothing is shrunk.
many = settings(
    max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
seeds = st.integers(0, 10**9)


@many
@given(seeds, st.sampled_from(STRATEGIES), st.booleans())
def test_a_guest_moves_under_every_strategy(seed: int, strategy: str, lag: bool) -> None:
    world = World(seed, strategy=strategy)
    ending = move(world, lag=lag)
    assert ending.step.outcome == "migrated", ending.step
    assert_moved(world)


@many
@given(seeds, st.sampled_from(STRATEGIES), st.integers(1, 9), st.booleans())
def test_killed_at_any_write_and_run_again_it_ends_the_same(seed: int, strategy: str, at: int, after: bool) -> None:
    world = World(seed, strategy=strategy)
    world.die_at, world.die_after = at, after
    ending = to_the_end(world)
    assert ending.step.outcome == "migrated", ending.step
    assert_moved(world)


@many
@given(seeds, st.sampled_from(("copy", "unschedulable", "partition")), st.integers(0, 9), st.booleans())
def test_what_cannot_work_is_rolled_back_wherever_it_is_killed(seed: int, fault: str, at: int, after: bool) -> None:
    world = World(seed, fault)
    world.die_at, world.die_after = at, after
    ending = to_the_end(world)
    assert ending.step.outcome == "rolled_back", ending.step
    assert_stayed(world)


@many
@given(seeds, st.integers(0, 25), st.integers(0, 9), st.booleans())
def test_a_cancellation_ends_on_one_side_for_certain(seed: int, at: int, dies: int, after: bool) -> None:
    world = World(seed)
    world.die_at = world.random.randrange(1, 5)
    with contextlib.suppress(Killed):
        move(world)
    for _ in range(at):
        world.step()
    world.die_at, world.die_after = len(world.writes) + dies, after
    ending = to_the_end(world, "absent")
    if ending.step.outcome == "cancelled":
        assert_stayed(world)
    else:
        assert ending.step.outcome == "migrated", ending.step
        assert_moved(world)


@many
@given(seeds, st.sampled_from(("Always", "running")))
def test_a_leader_that_restarts_starts_no_second_guest(seed: int, strategy: str) -> None:
    """Row 17 of the facts: without the guard KubeVirt starts the guest again on the source."""
    world = World(seed, "restart", strategy=strategy)
    assert move(world).step.outcome == "migrated"
    assert_moved(world)


@many
@given(seeds, st.integers(0, 9))
def test_a_source_that_is_never_told_is_left_alone(seed: int, at: int) -> None:
    world = World(seed, "untold")
    world.die_at = at
    ending = to_the_end(world)
    assert ending.step.outcome == "indeterminate", ending.step
    vm = world.source.one(VM)
    assert vm
    assert attempt.strategy(vm["spec"]) == attempt.GUARD, "the guard stays"
    assert world.guests == {"cluster-b"}


@many
@given(seeds)
def test_two_running_guests_are_said_aloud(seed: int) -> None:
    world = World(seed, "stray")
    ending = move(world)
    assert ending.step.outcome == "split_brain"
    assert not any("delete" in line for line in world.writes), "nothing is deleted"


@many
@given(seeds, st.integers(0, 40), st.booleans())
def test_nothing_is_written_while_a_side_is_out_of_reach(seed: int, at: int, source: bool) -> None:
    world = World(seed)
    steps = iter(range(at))
    original = world.step

    def step() -> bool:
        if next(steps, None) is None:
            (world.source if source else world.target).down = True
        return original()

    world.step = step  # type: ignore[method-assign]  # one method of one world, for this test
    ending = move(world)
    assert ending.step.outcome in ("migrated", "indeterminate", "refused"), ending.step


def test_a_second_run_changes_nothing() -> None:
    world = World(1)
    assert move(world).step.outcome == "migrated"
    world.settle()
    writes = len(world.writes)
    again = move(world)
    assert (again.step.outcome, again.changes, len(world.writes)) == ("migrated", [], writes)


def test_prepared_then_migrated() -> None:
    world = World(2)
    assert move(world, "prepared").step.outcome == "prepared"
    vm = world.source.one(VM)
    assert vm
    assert vm["spec"] == {"runStrategy": "Always"}, "no guard yet"
    assert move(world, "prepared").changes == []
    assert move(world).step.outcome == "migrated"
    assert_moved(world)


def test_prepared_then_given_up() -> None:
    world = World(3)
    move(world, "prepared")
    assert move(world, "absent").step.outcome == "cancelled"
    assert_stayed(world)


@pytest.mark.parametrize("keep", [True, False])
def test_the_source_is_kept_unless_told_otherwise(keep: bool) -> None:
    world = World(4)
    ending = move(world, keep_source=keep)
    assert ending.step.outcome == "migrated"
    vm = world.source.one(VM)
    assert vm is not None
    assert ("deletionTimestamp" in vm["metadata"]) is not keep
