# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virt-controller makes of a VM's run strategy, hazards included."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from testbed.sim.vm_controller_status import Seen, printable, set_status
from testbed.sim.vm_controller_strategy import Decision, decide

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
Object = dict[str, Any]


def vm(strategy: str | None = "Always", *, status: Object | None = None, restore: str = "") -> Object:
    spec: Object = {"template": {"spec": {}}} | ({"runStrategy": strategy} if strategy else {"running": True})
    notes = {"kubevirt.io/restore-run-strategy": restore} if restore else {}
    meta = {"name": "v", "namespace": "n", "uid": "vm", "generation": 1, "annotations": notes}
    return {"metadata": meta, "spec": spec, "status": status or {}}


def vmi(phase: str = "Running", *, receiver: bool = False, deleting: bool = False, **state: Any) -> Object:
    meta: Object = {"name": "v", "namespace": "n", "uid": "vmi"}
    if receiver:
        meta["annotations"] = {"kubevirt.io/create-migration-target": "true"}
    if deleting:
        meta["deletionTimestamp"] = "2026-11-22T12:00:00Z"
    return {"metadata": meta, "spec": {}, "status": {"phase": phase} | ({"migrationState": state} if state else {})}


# What a source persists: only the address of its peer.
MOVED: Object = {"sourceState": {}, "targetState": {"syncAddress": "192.170.10.128:9185"}, "completed": True}
# After its synchronization controller started over: its own address too.
MOVED_AND_RESTARTED: Object = MOVED | {"sourceState": {"syncAddress": "192.170.10.2:9185"}}


@pytest.mark.parametrize(
    ("strategy", "instance", "action"),
    [
        ("Always", None, "start"),
        (None, None, "start"),
        ("Always", vmi(), "nothing"),
        ("Always", vmi("Succeeded"), "stop"),
        ("Always", vmi("Failed"), "stop"),
        ("RerunOnFailure", None, "start"),
        ("RerunOnFailure", vmi("Succeeded"), "stop"),
        ("RerunOnFailure", vmi("Succeeded", deleting=True), "nothing"),
        ("Manual", None, "nothing"),
        ("Manual", vmi("Succeeded"), "nothing"),
        ("Once", None, "start"),
        ("Once", vmi("Failed"), "nothing"),
        ("Halted", None, "nothing"),
        ("Halted", vmi(), "stop"),
        ("WaitAsReceiver", None, "start"),
        ("WaitAsReceiver", vmi("WaitingForSync", receiver=True), "nothing"),
        ("WaitAsReceiver", vmi(), "refuse"),
        ("Sometimes", None, "refuse"),
    ],
)
def test_each_strategy(strategy: str | None, instance: Object | None, action: str) -> None:
    assert decide(vm(strategy), instance, NOW).action == action


def test_a_guest_that_moved_away_is_not_started_again() -> None:
    assert decide(vm(), vmi("Succeeded", **MOVED), NOW) == Decision("change", "Halted")


def test_a_guest_that_ended_before_the_word_came_is_waited_for() -> None:
    ended = vmi("Succeeded", **(MOVED | {"completed": False}))
    assert decide(vm(), ended, NOW) == Decision(again=2.0)


def test_split_brain_after_a_restarted_leader() -> None:
    """Both addresses stored: the end of the guest is taken for an ordinary one, and it is started again."""
    assert decide(vm("Always"), vmi("Succeeded", **MOVED_AND_RESTARTED), NOW).action == "stop"


def test_the_guard_prevents_it() -> None:
    assert decide(vm("Manual"), vmi("Succeeded", **MOVED_AND_RESTARTED), NOW).action == "nothing"


def test_a_crash_after_a_failed_attempt_halts_the_vm() -> None:
    """The state of the attempt stays, and only `completed` is looked at."""
    assert decide(vm(), vmi("Failed", **(MOVED | {"failed": True})), NOW) == Decision("change", "Halted")


def test_a_received_guest_gets_its_strategy_back() -> None:
    received = vm("WaitAsReceiver", restore="RerunOnFailure")
    assert decide(received, vmi(completed=True), NOW) == Decision("change", "RerunOnFailure")
    assert decide(vm("WaitAsReceiver"), vmi(completed=True), NOW) == Decision()


def test_rerun_on_failure_starts_once_and_after_failures() -> None:
    seen = {"runStrategy": "RerunOnFailure"}
    assert decide(vm("RerunOnFailure", status=seen), None, NOW).action == "nothing"
    assert decide(vm("RerunOnFailure"), vmi("Failed"), NOW) == Decision("stop", start_afterwards=True)
    asked = seen | {"stateChangeRequests": [{"action": "Start"}]}
    assert decide(vm("RerunOnFailure", status=asked), None, NOW).action == "start"


def test_a_guest_that_never_starts_is_tried_ever_later() -> None:
    machine = vm()
    set_status(machine, Seen(vmi("Failed")), "Always", NOW)
    assert machine["status"]["startFailure"]["consecutiveFailCount"] == 1
    assert machine["status"]["printableStatus"] == "CrashLoopBackOff"
    assert decide(machine, None, NOW) == Decision(again=10.0)


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (Seen(None), "Stopped"),
        (Seen(None, start_expected=True), "Starting"),
        (Seen(vmi("Scheduled")), "Starting"),
        (Seen(vmi()), "Running"),
        (Seen(vmi(startTimestamp="2026-11-22T12:00:00Z")), "Migrating"),
        (Seen(vmi(startTimestamp="2026-11-22T12:00:00Z", endTimestamp="2026-11-22T12:00:01Z")), "Running"),
        (Seen(vmi("Succeeded")), "Stopped"),
        (Seen(vmi(deleting=True)), "Stopping"),
        (Seen(vmi("Scheduling"), provisioning=True), "Provisioning"),
        (Seen(None, unbound=True), "WaitingForVolumeBinding"),
    ],
)
def test_one_word_for_people(seen: Seen, word: str) -> None:
    assert printable(vm(), seen) == word


def test_a_receiver_waits() -> None:
    assert printable(vm("WaitAsReceiver"), Seen(vmi("WaitingForSync", receiver=True))) == "WaitingForReceiver"


def test_no_node_fits() -> None:
    waiting = vmi("Scheduling", receiver=True)
    waiting["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    assert printable(vm("WaitAsReceiver"), Seen(waiting)) == "ErrorUnschedulable"


def test_conditions_follow_the_instance() -> None:
    machine, instance = vm(), vmi()
    instance["status"]["conditions"] = [
        {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": "2026-11-22T12:00:00Z"},
        {"type": "DecentralizedLiveMigrationFailure", "status": "True", "reason": "r", "message": "m"},
    ]
    set_status(machine, Seen(instance), "Always", NOW)
    assert [one["type"] for one in machine["status"]["conditions"]] == ["Ready", "DecentralizedLiveMigrationFailure"]
    assert machine["status"]["ready"] is True
    instance["status"]["conditions"] = instance["status"]["conditions"][:1]
    set_status(machine, Seen(instance), "Always", NOW)
    assert [one["type"] for one in machine["status"]["conditions"]] == ["Ready"]
