# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move does when an API server refuses or fails: try again, give up, or say that it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    Forbidden,
    MigrationError,
    Rejected,
    ServerTrouble,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_steps import State, Stop
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VM, VMIM
from unit.move_world import NAME, Site, World
from unit.test_move_model import assert_moved, assert_stayed, move

Judge = Callable[[Site, str, Object], MigrationError | None]


def obstruct(monkeypatch: pytest.MonkeyPatch, judge: Judge) -> None:
    """Let a judge fail writes before they happen."""
    for verb in ("create", "patch"):
        original = getattr(Site, verb)

        def attempt_it(site: Site, *given: Any, _verb: str = verb, _original: Any = original, **more: Any) -> Any:
            error = judge(site, _verb, given[-1])
            if error is not None:
                raise error
            return _original(site, *given, **more)

        monkeypatch.setattr(Site, verb, attempt_it)


def test_what_passes_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    left = [ServerTrouble("to write", "failed calling webhook: connection refused") for _ in range(4)]
    obstruct(monkeypatch, lambda *_: left.pop() if left else None)
    world = World(1)
    assert move(world).step.outcome == "migrated"
    assert_moved(world)
    assert not left


def test_a_start_that_is_refused_for_good_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(site: Site, verb: str, body: Object) -> MigrationError | None:
        sends = verb == "create" and "sendTo" in body["spec"]
        return Rejected("to create", "in-flight migration detected", site.name) if sends else None

    obstruct(monkeypatch, judge)
    world = World(2)
    ending = move(world)
    assert isinstance(ending.step, Stop)
    assert ending.step.outcome == "rolled_back"
    assert "a write was refused" in ending.step.why.found
    assert_stayed(world)


@pytest.mark.parametrize("error", [Rejected, ServerTrouble])
def test_a_first_write_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, error: type[MigrationError]) -> None:
    obstruct(monkeypatch, lambda site, *_: error("to write", "no", site.name))
    world = World(3)
    ending = move(world)
    assert (ending.step.outcome, ending.changes, world.writes) == ("refused", [], [])


@pytest.mark.parametrize("error", [Forbidden, ServerTrouble])
def test_an_end_that_cannot_be_written_is_not_called_one(
    monkeypatch: pytest.MonkeyPatch, error: type[MigrationError]
) -> None:
    def judge(site: Site, verb: str, body: Object) -> MigrationError | None:
        halts = verb == "patch" and body.get("spec", {}).get("runStrategy") == "Halted"
        return error("to halt the source", "no", site.name) if halts else None

    obstruct(monkeypatch, judge)
    world = World(4)
    ending = move(world)
    assert ending.step.outcome == "indeterminate"
    assert isinstance(ending.step, Stop)
    assert ending.step.why.wanted == "to halt the source"
    vm = world.source.one(VM)
    assert vm
    assert attempt.strategy(vm["spec"]) == attempt.GUARD
    monkeypatch.undo()
    assert move(world).step.outcome == "migrated", "the repeat carries on"
    assert_moved(world)


def test_rights_that_are_lost_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(5)
    read = Site.get

    def get(site: Site, *given: Any, **more: Any) -> Any:
        if len(world.writes) >= 2:
            raise Forbidden("to read", "no longer", site.name)
        return read(site, *given, **more)

    monkeypatch.setattr(Site, "get", get)
    ending = move(world)
    assert ending.step.outcome == "indeterminate"
    monkeypatch.undo()
    assert move(world).step.outcome == "migrated"
    assert_moved(world)


def test_a_receiver_that_never_waits_is_named_before_anything_is_written() -> None:
    world = World(6)
    world._rules = [rule for rule in world._rules if rule.__name__ != "rule_receiver_gets_a_vmi"]
    ending = move(world)
    assert isinstance(ending.step, Stop)
    assert (ending.step.outcome, world.writes) == ("refused", [])
    assert "no VMI yet" in ending.step.why.found


def test_a_source_vm_that_is_deleted_on_the_way_is_indeterminate() -> None:
    world = World(7)
    move(world, "prepared")
    world.source.drop(VM, NAME)
    ending = move(world, "absent")
    assert ending.step.outcome == "indeterminate"


def test_an_attempt_that_another_run_gave_up_is_not_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(8)
    steps = iter(range(12))
    original = world.step

    def step() -> bool:
        if next(steps, None) == 11:
            monkeypatch.setattr(world, "step", original)
            assert move(world, "absent").step.outcome == "cancelled"
        return original()

    monkeypatch.setattr(world, "step", step)
    ending = move(world)
    assert isinstance(ending.step, Stop)
    assert ending.step.outcome == "rolled_back", ending.step
    assert_stayed(world)


def test_a_write_that_was_done_although_it_failed_is_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer was lost: before it is tried again, the API server itself is asked, not the watch that lags."""
    left = {"create": 2, "patch": 2}
    for verb in left:
        original = getattr(Site, verb)

        def lose_the_answer(site: Site, *given: Any, _verb: str = verb, _original: Any = original, **more: Any) -> Any:
            returned = _original(site, *given, **more)
            if left[_verb]:
                left[_verb] -= 1
                raise ServerTrouble("to write", "the connection was reset", site.name)
            return returned

        monkeypatch.setattr(Site, verb, lose_the_answer)
    for seed in range(30):
        left.update({"create": 2, "patch": 2})
        world = World(seed)
        assert move(world).step.outcome == "migrated"
        assert_moved(world)
        created = [write for write in world.writes if " create " in write]
        assert len(created) == 2, (seed, world.writes)


@pytest.mark.parametrize("state", ["migrated", "absent"])
def test_an_attempt_that_another_run_gives_up_while_both_sides_are_unclear(
    monkeypatch: pytest.MonkeyPatch, state: State
) -> None:
    world = World(9)
    move(world, "prepared")
    original, steps = world.step, iter(range(100))

    def step() -> bool:
        if next(steps, 0) == 4:
            source = world.source.one(VM)
            assert source
            for key in (attempt.ATTEMPT, attempt.REMEMBERED, attempt.STOPPED):
                source["metadata"].get("annotations", {}).pop(key, None)
            for site in (world.source, world.target):
                for found in list(site.of(VMIM)):
                    site.drop(VMIM, found["metadata"]["name"])
        return original()

    monkeypatch.setattr(world, "step", step)
    ending = move(world, state)
    assert ending.step.outcome in ("rolled_back", "cancelled", "indeterminate")
    assert world.guests == {"cluster-a"}
