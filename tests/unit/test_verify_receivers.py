# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A receiver that was left over, judged with what its source cluster says: may it go, or does it hold the guest?"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _guests as guests
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _network_info_moves as moves
from ansible_collections.livemigration.kubevirt.plugins.module_utils._attempt import (
    ATTEMPT,
    MOVED_TO,
    SOURCE_CLUSTER,
    SOURCE_VM,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VM, VMI, VMIM
from unit.memory_cluster import START, MemoryCluster
from unit.verify_fleet import fleet
from unit.verify_judged import ids, judged, look, outcomes

COMMAND = "migrate -e vm_migration_state=absent -e source=cluster-a -e target=cluster-b -e vms=default/vm-1"
HERE = "uid-of-cluster-b/elsewhere/vm-1/uid-target"
ON = "uid-of-cluster-c/far/vm-1/uid-far"


def place(cluster: MemoryCluster, uid: str, strategy: str, phase: str, namespace: str, **notes: str) -> None:
    """A VM and, unless there is no phase, its VMI."""
    metadata = {"name": "vm-1", "namespace": namespace, "uid": uid}
    body = {"metadata": metadata | {"annotations": notes}, "spec": {"runStrategy": strategy}}
    cluster.put(VM, body)
    if phase:
        cluster.put(VMI, {"metadata": metadata, "status": {"phase": phase}})


class World:
    """Source and target in memory, looked at as the role does."""

    def __init__(self) -> None:
        self.source, self.target = MemoryCluster("cluster-a"), MemoryCluster("cluster-b")

    def receiver(self, phase: str = "", source: str = "uid-of-cluster-a") -> World:
        notes = {SOURCE_CLUSTER: source, SOURCE_VM: "uid-source"}
        place(self.target, "uid-target", "WaitAsReceiver", phase, "elsewhere", **notes)
        return self

    def guest(self, strategy: str, phase: str, uid: str = "uid-source", **notes: str) -> World:
        place(self.source, uid, strategy, phase, "default", **notes)
        return self

    def seen(self) -> dict[str, Any]:
        """What the role brings back."""
        left = moves.read(self.target, START)
        seen = fleet()
        look(seen)["moves"] = [each.as_dict() for each in left]
        look(seen)["findings"] = [each.as_dict() for each in moves.findings("cluster-b", left)]
        asked = [each.source_vm for each in left if each.source_cluster == self.source.uid()]
        seen["cluster-a"]["guests"] = guests.read(self.source, asked)
        assert (self.source.writes, self.target.writes) == ([], [])
        return seen

    def judged(self) -> dict[str, Any]:
        """The report of it."""
        return judged(self.seen())


def told(world: World) -> dict[str, Any]:
    """The only entry, a warning about the receiver."""
    report = world.judged()
    assert (ids(report), report["outcome"]) == ([], "ok")
    (entry,) = report["warnings"]
    assert (entry["id"], entry["object"], entry["clusters"]) == (
        *("receiver-left", "VirtualMachine elsewhere/vm-1", ["cluster-b"]),
    )
    found: dict[str, Any] = entry
    return found


@pytest.mark.parametrize(
    ("strategy", "phase", "notes", "expected"),
    [
        ("Always", "Running", {}, "its guest runs on cluster-a as default/vm-1"),
        ("Manual", "Running", {ATTEMPT: "4f"}, "its guest runs on cluster-a as default/vm-1, attempt 4f is open there"),
        ("Halted", "", {}, "its guest is stopped on cluster-a as default/vm-1"),
        ("Manual", "Failed", {}, "its guest is Failed on cluster-a as default/vm-1"),
        # A VM that went and came back: it runs, whatever the record of the former move says.
        ("Always", "Running", {MOVED_TO: ON}, "its guest runs on cluster-a as default/vm-1"),
    ],
)
def test_a_guest_that_stayed(strategy: str, phase: str, notes: dict[str, str], expected: str) -> None:
    entry = told(World().receiver("WaitingForSync").guest(strategy, phase, **notes))
    assert entry["found"] == expected
    assert "The receiver is empty." in entry["hint"]
    assert COMMAND in entry["hint"]
    assert entry["playbook"] == "livemigration.kubevirt.migrate"


def test_a_guest_that_has_moved_on() -> None:
    entry = told(World().receiver().guest("Halted", "", **{MOVED_TO: ON}))
    assert entry["found"] == (
        "its guest has moved on from cluster-a to the cluster with the UID uid-of-cluster-c as far/vm-1"
    )
    assert COMMAND in entry["hint"]


def test_a_guest_that_has_moved_on_within_the_fleet_is_told_with_the_clusters_name() -> None:
    record = "uid-of-cluster-b/default/vm-1/uid-other"
    entry = told(World().receiver().guest("Halted", "", **{MOVED_TO: record}))
    assert entry["found"] == "its guest has moved on from cluster-a to cluster-b as default/vm-1"


@pytest.mark.parametrize("same_name", [False, True])
def test_a_source_that_is_gone(same_name: bool) -> None:
    world = World().receiver()
    if same_name:
        world.guest("Always", "Running", uid="uid-of-another")
    entry = told(world)
    assert entry["found"] == "its source VM is gone from cluster-a, and nothing says where its guest is"
    assert "do not delete it unless" in entry["hint"]
    assert entry["playbook"] == ""


@pytest.mark.parametrize("notes", [{}, {MOVED_TO: HERE}])
def test_a_receiver_in_which_the_guest_runs_is_not_to_be_deleted(notes: dict[str, str]) -> None:
    entry = told(World().receiver("Running").guest("Halted", "Succeeded", **notes))
    assert entry["found"].endswith("and a guest runs in the receiver")
    assert "Do not delete it" in entry["hint"]
    assert "Do not delete it" in told(World().receiver("Running"))["hint"]
    assert "Do not delete it" in told(World().receiver("Running", "uid-of-nobody"))["hint"]


def test_a_guest_in_two_places() -> None:
    report = World().receiver("Running").guest("Manual", "Running").judged()
    assert (ids(report), ids(report, "warnings"), outcomes(report)) == (["guest-twice"], [], ["drift", "drift"])
    (entry,) = report["drift"]
    assert (entry["found"], entry["playbook"], entry["clusters"]) == (
        *("its guest runs on cluster-a as default/vm-1 and in the receiver, too", "", ["cluster-a", "cluster-b"]),
    )


@pytest.mark.parametrize(("there", "here"), [("", ""), ("Succeeded", "WaitingForSync"), ("Failed", "Failed")])
def test_a_guest_that_runs_nowhere(there: str, here: str) -> None:
    report = World().receiver(here).guest("Halted", there, **{MOVED_TO: HERE}).judged()
    assert (ids(report), outcomes(report)) == (["guest-nowhere"], ["drift", "drift"])
    assert "do not delete it" in report["drift"][0]["hint"]


def test_a_source_cluster_that_is_none_of_the_fleet() -> None:
    entry = told(World().receiver(source="uid-of-cluster-x").guest("Always", "Running"))
    assert entry["found"] == (
        "its source cluster, with the UID uid-of-cluster-x, is none of this run: where its guest is, is unknown"
    )
    assert "Do not delete it before" in entry["hint"]
    assert "names no source cluster" in told(World().receiver(source=""))["found"]


def test_a_source_cluster_that_could_not_be_asked() -> None:
    seen = World().receiver().guest("Always", "Running").seen()
    del seen["cluster-a"]["guests"]
    (entry,) = judged(seen)["warnings"]
    assert entry["found"] == "its source cluster cluster-a could not be asked: where its guest is, is unknown"
    assert COMMAND.removesuffix("default/vm-1") + "elsewhere/vm-1" in entry["hint"]


def test_a_receiver_whose_move_is_under_way_is_no_matter() -> None:
    world = World().receiver("Running").guest("Manual", "Running")
    metadata = {"name": "vm-1-receive", "namespace": "elsewhere", "annotations": {ATTEMPT: "4f"}}
    world.target.put(VMIM, {"metadata": metadata, "spec": {"vmiName": "vm-1", "receive": {}}, "status": {}})
    assert ids(world.judged(), "warnings") == ["move-open"]


def test_several_receivers_for_one_cluster_are_asked_for_at_once() -> None:
    cluster = MemoryCluster("cluster-a")
    place(cluster, "one", "Always", "", "default")
    first, second = guests.read(cluster, ["one", "two"])
    assert (first["vm"], first["run_strategy"], first["phase"]) == ("default/vm-1", "Always", "")
    assert second == {"uid": "two", **dict.fromkeys(("vm", "run_strategy", "phase", "attempt", "moved_to"), "")}


def test_nobody_is_asked_where_nobody_waits() -> None:
    class Silent(MemoryCluster):
        def list(self, *_args: Any, **_more: Any) -> list[Any]:
            raise AssertionError("nothing has to be read")

    assert guests.read(Silent(), []) == []
