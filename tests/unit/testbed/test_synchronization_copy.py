# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which fields cross between the sites, and how they are written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from testbed.sim import synchronization_copy as copying

from .vmi_samples import NOW, Object, both_sides, receiver, vmi

FLAGS = st.fixed_dictionaries({}, optional={name: st.just(True) for name in ("completed", "failed", "abortRequested")})


def from_source(state: Object, ours: Object | None = None, **status: object) -> Object:
    new = copying.from_source(receiver(migrationState=ours or {}), {"migrationState": state} | status)
    found: Object = new["status"]
    return found


def from_target(state: Object, ours: Object | None = None) -> Object:
    new = copying.from_target(vmi(migrationState=ours or {}), {"migrationState": state})
    found: Object = new["status"]["migrationState"]
    return found


def test_a_target_learns_of_its_source() -> None:
    status = from_source(
        both_sides(mode="PreCopy"), {"targetState": {"migrationUID": "own"}}, migrationTransport="Unix"
    )
    state = status["migrationState"]
    assert state["sourceState"] == both_sides()["sourceState"]
    assert state["targetState"] == {"migrationUID": "own"}, "its own half is its own"
    assert (state["sourceNode"], state["sourcePod"], status["migrationTransport"]) == ("node-a", "launcher-a", "Unix")
    assert "mode" not in state


def test_a_source_learns_of_its_target() -> None:
    target = {"migrationUID": "t", "node": "node-b", "pod": "p", "nodeAddress": "10.1.0.9", "domainDetected": True}
    state = from_target({"targetState": target | {"directMigrationNodePorts": {"4001": 0}}, "completed": True})
    assert (state["targetNode"], state["targetPod"], state["targetNodeAddress"]) == ("node-b", "p", "10.1.0.9")
    assert state["targetDirectMigrationNodePorts"] == {"4001": 0}
    assert state["targetNodeDomainDetected"] is True
    assert state["completed"] is True


def test_a_sources_failure_crosses_only_after_an_abort() -> None:
    """A copy that failed by itself is for the target's own handler to find out."""
    failed = both_sides(failed=True, completed=True, endTimestamp=NOW, failureReason="broken")
    state = from_source(failed)["migrationState"]
    assert (state.get("failed"), state.get("completed"), state["endTimestamp"]) == (None, None, NOW)
    aborted = from_source(failed | {"abortRequested": True, "abortStatus": "Succeeded"})["migrationState"]
    assert (aborted["failed"], aborted["completed"], aborted["abortStatus"]) == (True, True, "Succeeded")
    assert "abortRequested" not in aborted


@given(FLAGS, FLAGS)
def test_a_targets_outcome_always_crosses(ours: Object, theirs: Object) -> None:
    state = from_target({"targetState": {}} | theirs, ours)
    assert bool(state.get("completed")) == bool(theirs.get("completed"))
    assert bool(state.get("failed")) == bool(theirs.get("failed"))
    assert state.get("abortRequested") == ours.get("abortRequested")


def volume(name: str, source: str = "", target: str = "") -> Object:
    halves = {"sourcePVCInfo": source, "destinationPVCInfo": target}
    return {"volumeName": name} | {key: {"claimName": value} for key, value in halves.items() if value}


def test_volumes_get_each_half_from_its_side() -> None:
    at_target = copying.merge_source_volumes(
        [volume("root", target="new")], [volume("root", "old", "old"), volume("data", "d", "d")]
    )
    assert at_target == [volume("root", "old", "new"), volume("data", "d", "d")]
    at_source = copying.merge_target_volumes([volume("root", "old", "old")], [volume("root", "x", "new")])
    assert at_source == [volume("root", "old", "new")]


def test_the_patch_is_field_by_field() -> None:
    old = vmi(migrationState=both_sides(startTimestamp=NOW))
    new = copying.from_target(old, {"migrationState": {"targetState": {"migrationUID": "t"}, "endTimestamp": NOW}})
    ops = [(op["op"], op["path"]) for op in copying.patch(old, new)]
    assert ("add", "/status/migrationState/endTimestamp") in ops
    assert ("test", "/status/migrationState/targetState") in ops
    assert ("replace", "/status/migrationState/targetState") in ops
    assert all("startTimestamp" not in path for _op, path in ops)


def test_the_first_state_is_written_whole() -> None:
    new = copying.from_source(receiver(), {"migrationState": both_sides()})
    assert [op["path"] for op in copying.patch(receiver(), new)] == ["/status/migrationState"]


@given(FLAGS)
def test_nothing_is_written_after_completion(flags: Object) -> None:
    old = vmi(migrationState=both_sides() | flags)
    new = copying.from_target(old, {"migrationState": {"targetState": {"node": "elsewhere"}}})
    assert bool(copying.patch(old, new)) is not bool(flags.get("completed"))
