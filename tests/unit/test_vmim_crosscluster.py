# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module's work without a cluster: check mode, results, and errors that carry the same keys."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _move_observe, _vmim
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Forbidden,
    MigrationError,
    Unreachable,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._job import Job, Result
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_options import options
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NODE, POD, VM, VMI, VMIM
from unit.memory_cluster import Ticking, Told
from unit.move_world import NAME, NS, Site, World

SLICES = {"range": "192.170.10.0/24", "max_clusters": 2, "source_slot": 0, "target_slot": 1}
KEYS = {
    "outcome",
    "stage",
    "attempt",
    "proof",
    "timeline",
    "durations",
    "source",
    "target",
    "findings",
}


def run(world: World, *, check_mode: bool = True, **params: Any) -> Result:
    defaults = {name: option.get("default") for name, option in options().options.items()}
    clusters: Any = {"source": world.source, "target": world.target}
    given = defaults | SLICES | {"name": NAME, "namespace": NS} | params
    return _vmim.work(Job(given, check_mode, clusters, Ticking(), Told()))


def test_check_mode_foresees_every_change_and_writes_nothing() -> None:
    world = World(1)
    world.settle()
    result = run(world)
    assert world.writes == []
    assert [(line.split(": ")[1].split(" ")[0], line.split(": ")[0]) for line in result["actions"]] == [
        ("patch", "cluster-a"),
        ("create", "cluster-b"),
        ("create", "cluster-a"),
        ("patch", "cluster-a"),
        ("patch", "cluster-b"),
        ("delete", "cluster-a"),
        ("delete", "cluster-b"),
    ]
    shown = result["vmim_crosscluster"]
    assert shown.keys() == KEYS
    assert (shown["outcome"], shown["proof"]) == ("migrated", [])
    assert shown["attempt"]
    assert result["diff"][-2]["after"] == {}


def test_check_mode_with_a_receiver_that_is_not_ready_yet() -> None:
    assert len(run(World(1))["actions"]) == 7


def test_check_mode_of_the_other_states() -> None:
    world = World(1)
    prepared = run(world, state="prepared")
    assert (prepared["vmim_crosscluster"]["outcome"], len(prepared["actions"])) == ("prepared", 2)
    absent = run(world, state="absent")
    assert (absent["vmim_crosscluster"]["outcome"], absent["changed"]) == ("cancelled", False)
    dropped = run(world, keep_source=False)
    assert "keep_source is false" in dropped["actions"][-1]
    kept = run(world, clean=False)
    assert not [line for line in kept["actions"] if "delete" in line]


def test_check_mode_of_a_cancellation() -> None:
    world = World(1)
    named = {attempt.ATTEMPT: "5f0c9e2a", attempt.REMEMBERED: "Always"}
    vm = world.source.one(VM)
    assert vm
    world.source.put(VM, vm | {"metadata": vm["metadata"] | {"annotations": named}, "spec": {"runStrategy": "Manual"}})
    world.settle()
    body = {"spec": {"vmiName": NAME, "receive": {}}, "status": {"phase": "WaitingForSync"}}
    world.target.put(VMIM, {"metadata": {"name": "r", "annotations": {attempt.ATTEMPT: "5f0c9e2a"}}} | body)
    result = run(world, state="absent")
    assert result["vmim_crosscluster"]["outcome"] == "cancelled"
    assert [line.split(": ")[-1] for line in result["actions"]] == [
        "cancelled",
        "nothing is sent to it any more",
        "lift the guard",
    ]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_refusal_carries_what_is_known(check_mode: bool) -> None:
    world = World(1)
    world.source.drop(VMI, NAME)
    with pytest.raises(BadInput) as error:
        run(world, check_mode=check_mode)
    shown = error.value.result["vmim_crosscluster"]
    assert shown.keys() == KEYS
    assert (shown["outcome"], error.value.reason) == ("refused", "guest_not_running")
    assert {found["id"] for found in shown["findings"]} == {"guest-not-running"}
    assert shown["source"]["vmi"] is None
    assert not error.value.result["changed"]


def test_only_check_mode_expects_a_receiver_that_is_still_to_be_made() -> None:
    world = World(1)
    world.without_receiver()
    foreseen = run(world)
    assert len(foreseen["actions"]) == 7
    assert any("unverified" in warning for warning in foreseen["warnings"])
    with pytest.raises(BadInput) as error:
        run(world, check_mode=False)
    assert error.value.reason == "receiver_missing"


def test_a_move_that_is_done_is_no_change() -> None:
    world = World(1)
    vm, target = world.source.one(VM), world.target.one(VM)
    assert vm
    assert target
    gone = f"uid-of-cluster-b/{NS}/{NAME}/{target['metadata']['uid']}"
    notes = {"annotations": {attempt.MOVED_TO: gone}}
    world.source.put(VM, vm | {"metadata": vm["metadata"] | notes, "spec": {"runStrategy": "Halted"}})
    for resource in ("virtualmachineinstances", "pods"):
        kinds = [key for key in world.source.objects if key[0] == resource]
        for key in kinds:
            moved = world.source.objects.pop(key)
            world.target.objects[key] = moved
    origin = {key: target["metadata"]["annotations"][key] for key in (attempt.SOURCE_CLUSTER, attempt.SOURCE_VM)}
    world.target.put(VM, {"metadata": target["metadata"] | {"annotations": origin}, "spec": {"runStrategy": "Always"}})
    world.guests = {"cluster-b"}
    result = run(world, check_mode=False)
    assert (result["changed"], result["vmim_crosscluster"]["outcome"]) == (False, "already_migrated")


def test_a_cluster_that_does_not_answer_is_waited_for_and_then_named() -> None:
    world = World(1)
    world.target.down = True
    with pytest.raises(MigrationError) as error:
        run(world, check_mode=False)
    assert isinstance(error.value, Unreachable)
    assert error.value.cluster == "cluster-b"


def test_what_may_not_be_read_rests_unless_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(1)
    original = Site.list

    def forbid(site: Site, resource: Any, *where: Any, **more: Any) -> Any:
        if resource is NODE or more.get("labels") == "kubevirt.io=virt-handler":
            raise Forbidden("to list", "not allowed", site.name)
        return original(site, resource, *where, **more)

    monkeypatch.setattr(Site, "list", forbid)
    assert run(world)["changed"]

    def forbid_pods(site: Site, resource: Any, *where: Any, **more: Any) -> Any:
        if resource is POD:
            raise Forbidden("to list pods", "not allowed", site.name)
        return original(site, resource, *where, **more)

    monkeypatch.setattr(Site, "list", forbid_pods)
    with pytest.raises(Forbidden):
        run(world)


def test_a_pod_without_the_label_still_counts_for_the_proof() -> None:
    owner = {"kind": "VirtualMachineInstance", "name": NAME}
    pod = {"metadata": {"name": "x", "ownerReferences": [owner]}}
    assert _move_observe._launches(pod, NAME)
    assert not _move_observe._launches(pod, "vm-2")
