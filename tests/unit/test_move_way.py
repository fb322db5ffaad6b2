# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next step at named points of a move's way: what it waits for, what it gives up for, what it says at the end."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._decide import decide
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_steps import (
    Finish,
    State,
    Step,
    Stop,
    Wait,
    Wish,
    Write,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VM, VMIM
from unit.move_sides import GOOD, Views, launcher, situation
from unit.move_situations import set_field, way
from unit.test_decide import SLICES


def step(views: Views, state: State = "migrated", *, clean: bool = True, keep: bool = True, **times: Any) -> Step:
    return decide(situation(views, **times), Wish(state, SLICES, clean, keep))


def note(views: Views, side: str, key: str, value: str) -> None:
    views[side]["vm"][0]["metadata"]["annotations"][key] = value


def listening(**changes: Any) -> Views:
    """The target listens, the source is guarded, nothing is sent yet."""
    views = way("", "WaitingForSync", False)
    views["target"]["vmi"][0]["status"]["migrationState"] = {"targetState": {"migrationUID": "receive"}}
    for path, value in changes.items():
        side, kind, *keys = path.split("__")
        set_field(side, kind, "/".join(keys), value)(views)
    return views


def verdict(found: Step) -> str:
    """The words with which the attempt is given up, as the source VM will carry them."""
    assert isinstance(found, Write), found
    assert (found.change.cluster, found.change.ref.resource) == ("cluster-a", VM)
    assert isinstance(found.change.body, dict)
    return str(found.change.body["metadata"]["annotations"][attempt.STOPPED])


class TestBegin:
    def test_there_is_no_vm_at_all(self) -> None:
        views = way("", "", False)
        views["source"]["vm"], views["source"]["vmi"], views["source"]["pods"] = [], [], []
        found = step(views)
        assert isinstance(found, Stop)
        assert found.outcome == "refused"
        assert "cluster-a" in found.why.cluster

    def test_the_source_vm_is_gone_and_its_guest_runs_on_the_target(self) -> None:
        views = way("", "", False)
        views["source"] |= {"vm": [], "vmi": [], "pods": []}
        views["target"]["vm"][0]["spec"]["runStrategy"] = "Always"
        views["target"]["vmi"][0]["metadata"]["annotations"] = {}
        views["target"]["vmi"][0]["status"] = {"phase": "Running", "nodeName": "node-b"}
        views["target"]["pods"] = [launcher("launcher-b", "vmi-b", "Running", "node-b")]
        assert isinstance(step(views), Finish | Write), "moved before"
        note(views, "target", attempt.SOURCE_CLUSTER, "another")
        assert isinstance(step(views), Stop), "a guest from elsewhere"

    def test_a_receiver_that_never_waits_is_told_with_kubevirts_own_words(self) -> None:
        views = copy.deepcopy(GOOD)
        views["target"]["vmi"][0]["status"] = {"phase": "Pending"}
        views["target"]["vm"][0]["status"] = {"printableStatus": "ErrorUnschedulable"}
        found = step(views, overdue=True, seconds=120)
        assert isinstance(found, Stop)
        assert "after 120 s: the receiver on cluster-b to wait for a guest: VMI Pending" in found.why.found
        assert "(cluster-b: ErrorUnschedulable: no node fits)" in found.why.found
        assert [line.split(":")[0] for line in found.proof] == ["cluster-a", "cluster-b"], "both sides, too"


class TestSend:
    def test_it_is_sent_to_the_address_as_published(self) -> None:
        found = step(listening())
        assert isinstance(found, Write)
        assert found.proven
        assert isinstance(found.change.body, dict)
        assert found.change.body["spec"]["sendTo"]["connectURL"] == "192.170.10.128:9185"

    def test_the_guest_stopped_meanwhile(self) -> None:
        found = step(listening(source__pods__status__phase="Succeeded"))
        assert "does not run on cluster-a any more" in verdict(found)

    def test_an_old_launcher_pod_on_the_target_is_waited_for(self) -> None:
        views = listening()
        views["target"]["pods"] = [launcher("launcher-old", "vmi-old", "Running", "node-b")]
        found = step(views)
        assert isinstance(found, Wait)
        assert "launcher pod of an earlier attempt" in found.what

    def test_an_address_outside_the_slice_is_given_up_for(self) -> None:
        found = step(listening(target__kubevirts__status__synchronizationAddresses=["10.0.0.1:9185"]))
        assert "no address to connect to on cluster-b" in verdict(found)

    def test_no_address_at_the_moment_is_waited_for(self) -> None:
        found = step(listening(target__kubevirts__status__synchronizationAddresses=[]))
        assert isinstance(found, Wait)
        assert "its leader is changing" in found.what

    def test_the_guard_comes_before_the_send(self) -> None:
        found = step(listening(source__vm__spec__runStrategy="Always"))
        assert isinstance(found, Write)
        assert "guard" in found.change.why

    def test_the_target_listens_for_somebody_else(self) -> None:
        found = step(listening(target__vmi__status__migrationState={"targetState": {"migrationUID": "x"}}))
        assert isinstance(found, Wait)
        assert "to listen" in found.what


class TestAdvance:
    def test_a_copy_to_an_address_outside_the_slice_is_given_up(self) -> None:
        views = way("Scheduling", "Pending", False)
        target = {"migrationUID": "receive"}
        state = {"migrationUid": "receive", "targetNodeAddress": "10.0.0.1", "targetState": target}
        set_field("target", "vmi", "status/migrationState", state)(views)
        assert "the copy would go to 10.0.0.1" in verdict(step(views))

    def test_a_send_that_disappeared_is_noticed_on_the_target(self) -> None:
        state = {"sourceState": {"migrationUID": "send"}, "targetState": {"migrationUID": "receive"}}
        found = step(listening(target__vmi__status__migrationState=state))
        assert verdict(found) == "the sending VirtualMachineInstanceMigration on cluster-a is gone"

    def test_what_another_migration_left_on_the_target_is_no_sign_of_it(self) -> None:
        state = {"sourceState": {"migrationUID": "send"}, "targetState": {"migrationUID": "older"}}
        assert isinstance(step(listening(target__vmi__status__migrationState=state)), Wait)

    def test_a_failure_without_a_reason_says_so(self) -> None:
        views = way("Failed", "Running", False)
        set_field("source", "vmi", "status/migrationState/failed", False)(views)
        assert "KubeVirt gives no reason" in verdict(step(views))

    def test_a_deadline_tells_kubevirts_own_words_and_how_far_both_sides_are(self) -> None:
        views = way("Synchronizing", "WaitingForSync", False)
        said = "connection error: dial tcp 192.170.10.128:9185: no route to host"
        one = {"type": "decentralizedMigrationBlocked", "status": "True", "message": said}
        views["source"]["vmims"][0]["status"]["conditions"] = [one]
        told = verdict(step(views, overdue=True, seconds=60))
        state = "KubeVirt: cluster-a Synchronizing, cluster-b WaitingForSync"
        assert f"(sync) passed after 60 s: {state} (cluster-a: {said}). Check the migration network" in told
        views["source"]["vmims"][0]["status"]["conditions"] = []
        assert verdict(step(views, overdue=True, seconds=60)).endswith(state)

    def test_a_deleted_migration_is_named(self) -> None:
        views = way("Running", "Running", False)
        set_field("target", "vmims", "metadata/deletionTimestamp", "t")(views)
        assert "was deleted by somebody else" in verdict(step(views))


class TestFinish:
    def arrived(self) -> Views:
        views = way("Succeeded", "Succeeded", True)
        set_field("source", "vm", "spec/runStrategy", "Halted")(views)
        moved = "uid-of-cluster-b/default/vm-1/vm-b"
        views["source"]["vm"][0]["metadata"]["annotations"] = {attempt.MOVED_TO: moved}
        views["target"]["vm"][0]["spec"]["runStrategy"] = "Always"
        views["target"]["vm"][0]["metadata"]["annotations"].pop(attempt.REMEMBERED)
        views["target"]["vmi"][0]["metadata"]["annotations"] = {}
        return views

    def test_what_hangs_at_the_deadline_is_told_and_does_not_undo_the_success(self) -> None:
        views = self.arrived()
        for side in ("source", "target"):
            set_field(side, "vmims", "metadata/deletionTimestamp", "t")(views)
        waits = step(views)
        assert isinstance(waits, Wait)
        found = step(views, overdue=True)
        assert isinstance(found, Finish)
        assert found.outcome == "migrated"
        assert any("is still there and is being deleted" in told for told in found.warnings)
        assert any("has not removed the ended VMI yet" in told for told in found.warnings)

    def test_a_migration_that_kubevirt_cannot_end_is_released_at_the_deadline(self) -> None:
        views = self.arrived()
        views["source"] |= {"vmi": [], "pods": []}
        views["target"]["vmims"] = []
        set_field("source", "vmims", "metadata/deletionTimestamp", "t")(views)
        set_field("source", "vmims", "metadata/finalizers", ["kubevirt.io/migrationJobFinalize"])(views)
        found = step(views, overdue=True)
        assert isinstance(found, Write)
        assert (found.change.ref.resource, found.proven) == (VMIM, True)
        assert isinstance(found.change.body, dict)
        assert found.change.body["metadata"]["finalizers"] is None

    def test_a_target_without_its_vm_is_no_arrival(self) -> None:
        views = self.arrived()
        views["target"]["vm"] = []
        assert not isinstance(step(views), Finish)

    def test_the_source_stays_by_default_and_goes_when_asked(self) -> None:
        views = self.arrived()
        views["source"] |= {"vmi": [], "pods": [], "vmims": []}
        views["target"]["vmims"] = []
        assert isinstance(step(views), Finish)
        found = step(views, keep=False)
        assert isinstance(found, Write)
        assert (found.change.verb, found.change.ref.resource) == ("delete", VM)
        set_field("source", "vm", "metadata/deletionTimestamp", "t")(views)
        assert isinstance(step(views, keep=False), Wait)
        late = step(views, keep=False, overdue=True)
        assert isinstance(late, Finish)
        assert any("is being deleted and still there" in told for told in late.warnings)


class TestUndo:
    @pytest.mark.parametrize(("state", "outcome"), [("migrated", "rolled_back"), ("absent", "cancelled")])
    def test_the_last_write_lifts_the_guard_and_says_why(self, state: State, outcome: str) -> None:
        views = way("", "", False)
        note(views, "source", attempt.STOPPED, "cancelled")
        found = step(views, state)
        assert isinstance(found, Write)
        assert found.then is not None
        assert found.then.outcome == outcome
        if isinstance(found.then, Stop):
            assert found.then.why.hint == "It was cancelled. Run again to move it."

    def test_a_strategy_that_the_user_changed_meanwhile_is_left_alone(self) -> None:
        views = way("", "", False)
        note(views, "source", attempt.STOPPED, "cancelled")
        set_field("source", "vm", "spec/runStrategy", "RerunOnFailure")(views)
        found = step(views)
        assert isinstance(found, Write)
        assert isinstance(found.change.body, dict)
        assert "spec" not in found.change.body
