# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known before the first write of a move: what may not be written, and whether it would be refused."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Forbidden,
    MigrationError,
    ServerTrouble,
    Unauthorized,
    Unreachable,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_loop import Move
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import POD, VM, VMI, VMIM
from unit.move_world import NAME, Killed, Site, World
from unit.test_move_model import move
from unit.test_vmim_crosscluster import KEYS, run

WRITES = [
    ("cluster-a", "patch", "VirtualMachine"),
    ("cluster-b", "create", "VirtualMachineInstanceMigration"),
    ("cluster-a", "create", "VirtualMachineInstanceMigration"),
    ("cluster-b", "patch", "VirtualMachine"),
    ("cluster-a", "delete", "VirtualMachineInstanceMigration"),
    ("cluster-b", "delete", "VirtualMachineInstanceMigration"),
]


@pytest.mark.parametrize("how", ["for real", "check mode", "checked"])
@pytest.mark.parametrize(("cluster", "verb", "kind"), WRITES)
def test_a_write_that_is_not_allowed_is_named_before_the_first_one(
    cluster: str, verb: str, kind: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Move, "run")
    world = World(1)
    world.settle()
    (world.source if cluster == "cluster-a" else world.target).denied = {(verb, kind)}
    with pytest.raises(Forbidden) as error:
        run(world, check_mode=how == "check mode", state="checked" if how == "checked" else "migrated")
    assert (world.writes, error.value.cluster) == ([], cluster)
    assert verb in error.value.hint
    assert kind.lower() in error.value.hint
    result = error.value.result
    assert result["vmim_crosscluster"].keys() == KEYS
    assert (result["vmim_crosscluster"]["outcome"], result["changed"]) == ("refused", False)
    assert len(result["actions"]) == (7 if how == "check mode" else 0), "who may only read learns what there is to do"
    assert result["vmim_crosscluster"]["source"]["vmi"]["phase"] == "Running", "as it is, not as it might be"


def test_only_what_is_to_be_written_has_to_be_allowed() -> None:
    world = World(1)
    world.settle()
    world.source.denied = {("create", VMIM.kind), ("delete", VM.kind)}
    assert run(world, state="prepared")["changed"], "it sends nothing"
    world.source.denied = {("delete", VM.kind)}
    assert run(world)["changed"]
    with pytest.raises(Forbidden):
        run(world, keep_source=False)


def begun(world: World) -> None:
    """An attempt is open, and the receiver listens."""
    named = {attempt.ATTEMPT: "5f0c9e2a", attempt.REMEMBERED: "Always"}
    vm = world.source.one(VM)
    assert vm
    world.source.put(VM, vm | {"metadata": vm["metadata"] | {"annotations": named}, "spec": {"runStrategy": "Manual"}})
    world.settle()
    metadata = {"name": "r", "annotations": {attempt.ATTEMPT: "5f0c9e2a"}}
    world.target.put(VMIM, {"metadata": metadata, "spec": {"vmiName": NAME, "receive": {}}})
    world.settle()


def test_what_has_begun_is_carried_on_and_a_cancellation_is_all_or_nothing() -> None:
    world = World(1)
    begun(world)
    world.target.denied = {("delete", VMIM.kind)}
    assert run(world)["changed"]
    with pytest.raises(Forbidden):
        run(world, state="absent")
    vm = world.source.one(VM)
    assert vm
    vm["metadata"]["annotations"][attempt.STOPPED] = "cancelled"
    assert run(world, state="absent")["changed"]


def test_who_cannot_be_asked_is_not_taken_for_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(1)

    def allowed(site: Site, *_: Any) -> bool:
        raise error("to ask", "no", site.name)

    monkeypatch.setattr(Site, "allowed", allowed)
    error: type[MigrationError] = ServerTrouble
    assert run(world)["changed"]
    error = Unauthorized
    with pytest.raises(Unauthorized):
        run(world)


def test_checked_says_what_is_expected_and_nothing_else() -> None:
    world = World(1)
    world.without_receiver()
    result = run(world, check_mode=False, state="checked")
    shown = result.pop("vmim_crosscluster")
    assert result == {"changed": False, "actions": [], "diff": []}, "no warning: the receiver is still to be made"
    assert shown.keys() == KEYS
    assert (shown["outcome"], shown["proof"], world.writes) == ("migrated", [], [])


def test_checked_refuses_what_a_move_refuses() -> None:
    world = World(1)
    world.source.drop(VMI, NAME)
    with pytest.raises(BadInput) as error:
        run(world, check_mode=False, state="checked")
    assert (error.value.reason, world.writes) == ("guest_not_running", [])
    with pytest.raises(BadInput) as error:
        run(world, check_mode=False, state="checked", source_slot=1)
    assert error.value.reason == "same_slot"


def test_an_attempt_that_has_to_be_undone_does_not_stand_against_a_move() -> None:
    world = World(1)
    begun(world)
    (found,) = world.target.of(VMIM)
    world.target.put(VMIM, found | {"status": {"phase": "Failed"}})
    result = run(world, check_mode=False, state="checked")
    assert (result["vmim_crosscluster"]["outcome"], world.writes) == ("rolled_back", [])
    with pytest.raises(MigrationError):
        run(world)


@pytest.mark.parametrize("state", ["migrated", "checked"])
def test_nothing_is_foreseen_from_half_of_the_picture(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    world, left = World(1), iter(range(3))
    original = Site.list

    def busy(site: Site, resource: Resource, *where: Any, **more: Any) -> Any:
        if resource is POD and site is world.source and not more and next(left, None) is not None:
            raise ServerTrouble("an answer", "too many requests", site.name)
        return original(site, resource, *where, **more)

    monkeypatch.setattr(Site, "list", busy)
    shown = run(world, state=state)["vmim_crosscluster"]
    assert shown["outcome"] == "migrated"
    left = iter(range(10**6))
    with pytest.raises(Unreachable) as error:
        run(world, state=state)
    assert (error.value.cluster, error.value.result["vmim_crosscluster"]["outcome"]) == ("cluster-a", "refused")


@pytest.mark.parametrize("faults", [(), ("copy",), ("unschedulable",), ("partition",)])
def test_a_move_that_is_repeated_anywhere_passes_the_check_that_comes_first(faults: tuple[str, ...]) -> None:
    """Killed after any write, with KubeVirt at any point since: what picks up where it stood is not refused."""
    for writes in range(1, 9):
        for steps in (0, 6, 60):
            world = World(writes, *faults)
            world.die_at, world.die_after = writes, True
            with contextlib.suppress(Killed):
                move(world)
            for _ in range(steps):
                world.step()
            before = len(world.writes)
            shown = run(world, check_mode=False, state="checked")["vmim_crosscluster"]
            assert shown["outcome"] in ("migrated", "already_migrated", "rolled_back"), (writes, steps)
            assert len(world.writes) == before
