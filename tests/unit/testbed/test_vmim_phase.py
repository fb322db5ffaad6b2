# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-controller's phases of a migration, one question after the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from testbed.sim.vmim_phase import Next, Seen, decide

from .vmi_samples import (
    NOW,
    SOURCE_UID,
    TARGET_UID,
    Object,
    both_sides,
    pod,
    receiver,
    source_vmim,
    target_vmim,
    vmi,
    vmim,
)


def look(migration: Object, instance: Object, target: Object | None = None, **seen: Any) -> Next:
    facts: dict[str, Any] = {"source_pod": "", "may_migrate": True, "handed_off": False, "quota_error": False}
    facts |= {"addresses": ["10.0.0.1:9185"], "now": NOW} | seen
    return decide(Seen(vmim=migration, vmi=instance, pod=target, **facts))


def phase(migration: Object, instance: Object, target: Object | None = None, **seen: Any) -> str:
    return str(look(migration, instance, target, **seen).status.get("phase", ""))


def conditions(made: Next) -> list[str]:
    return [one["type"] for one in made.status.get("conditions", [])]


READY = {"targetNode": "node-b", "targetNodeAddress": "10.1.0.9"}
WITH_ADDRESS = both_sides() | {"targetState": {"migrationUID": TARGET_UID, "nodeAddress": "10.1.0.9"}}
PREPARED = both_sides() | {"targetState": {"migrationUID": TARGET_UID, "pod": "launcher", "node": "node-b"}}


@pytest.mark.parametrize(
    ("migration", "wanted"),
    [
        (source_vmim(), "Synchronizing"),
        (target_vmim(), "WaitingForSync"),
        (vmim("", "local", {}), "Pending"),
        (vmim("", "both", {"sendTo": {"migrationID": "x"}, "receive": {"migrationID": "x"}}), "Pending"),
    ],
)
def test_the_first_phase_is_that_of_the_side(migration: Object, wanted: str) -> None:
    assert phase(migration, vmi()) == wanted
    assert phase(migration, vmi(), may_migrate=False) == "Failed"


def test_a_target_waits_until_it_knows_all_of_its_source() -> None:
    complete = both_sides()
    assert phase(target_vmim("WaitingForSync"), receiver(migrationState=complete)) == "Pending"
    for part in ("migrationUID", "pod", "node", "nodeSelectors"):
        source = {key: value for key, value in complete["sourceState"].items() if key != part}
        assert (
            phase(target_vmim("WaitingForSync"), receiver(migrationState=complete | {"sourceState": source}))
            == "WaitingForSync"
        )


def test_a_source_without_cpu_labels_keeps_its_target_waiting() -> None:
    """An empty nodeSelectors vanishes in JSON."""
    state = both_sides()
    state["sourceState"]["nodeSelectors"] = {}
    assert phase(target_vmim("WaitingForSync"), receiver(migrationState=state)) == "WaitingForSync"


def test_a_source_needs_no_more_than_the_targets_id() -> None:
    state = {"sourceState": {"migrationUID": SOURCE_UID}, "targetState": {}}
    assert phase(source_vmim("Synchronizing"), vmi(migrationState=state)) == "Synchronizing"
    state["targetState"] = {"migrationUID": TARGET_UID}
    assert phase(source_vmim("Synchronizing"), vmi(migrationState=state)) == "Pending"


def test_the_way_of_a_target() -> None:
    state = both_sides(migrationUid=TARGET_UID)
    assert phase(target_vmim("Pending"), receiver()) == "Pending"
    assert phase(target_vmim("Pending"), receiver(), pod("Pending")) == "Scheduling"
    assert phase(target_vmim("Scheduling"), receiver(), pod("Pending")) == "Scheduling"
    assert phase(target_vmim("Scheduling"), receiver(), pod()) == "Scheduled"
    assert phase(target_vmim("Scheduled"), receiver(migrationState=PREPARED), pod()) == "PreparingTarget"
    assert phase(target_vmim("PreparingTarget"), receiver(migrationState=state | READY), pod()) == "TargetReady"
    assert (
        phase(target_vmim("TargetReady"), receiver(migrationState=state | {"startTimestamp": NOW}), pod()) == "Running"
    )
    assert phase(target_vmim("Running"), receiver(migrationState=state | {"completed": True}), pod()) == "Succeeded"


def test_the_way_of_a_source() -> None:
    state = both_sides(migrationUid=SOURCE_UID)
    assert phase(source_vmim("Pending"), vmi()) == "Scheduling"
    assert phase(source_vmim("Pending"), vmi("Scheduled")) == "Pending"
    assert phase(source_vmim("Scheduling"), vmi(migrationState=state)) == "Scheduling"
    assert phase(source_vmim("Scheduling"), vmi(migrationState=PREPARED)) == "Scheduled"
    assert phase(source_vmim("Scheduled"), vmi(migrationState=PREPARED)) == "PreparingTarget"
    known = WITH_ADDRESS | {"migrationUid": SOURCE_UID}
    assert phase(source_vmim("PreparingTarget"), vmi(migrationState=known)) == "TargetReady"
    assert phase(source_vmim("Running"), vmi(migrationState=known | {"completed": True})) == "Succeeded"


def test_a_pending_change_of_the_guest_keeps_a_migration_running() -> None:
    state = both_sides(migrationUid=TARGET_UID, completed=True)
    for type_, status in (("HotVCPUChange", "False"), ("HotMemoryChange", "True"), ("MigrationRequired", "True")):
        instance = receiver(migrationState=state, conditions=[{"type": type_, "status": status}])
        assert phase(target_vmim("Running"), instance, pod()) == "Running"
    waits = receiver(migrationState=state, conditions=[{"type": "MigrationRequired", "status": "False"}])
    assert phase(target_vmim("Running"), waits, pod()) == "Succeeded"


@pytest.mark.parametrize("target", [None, pod("Failed"), pod("Succeeded")])
def test_a_target_pod_that_is_gone_or_dead_fails_the_migration(target: Object | None) -> None:
    assert phase(target_vmim("PreparingTarget"), receiver(migrationState=both_sides()), target) == "Failed"


def test_a_source_has_no_pod_to_lose() -> None:
    known = both_sides(migrationUid=SOURCE_UID)
    assert phase(source_vmim("PreparingTarget"), vmi(migrationState=known)) == "PreparingTarget"


def test_state_that_was_cleared_or_taken_over_fails_the_migration() -> None:
    assert phase(target_vmim("TargetReady"), receiver(), pod()) == "Failed"
    assert (
        phase(target_vmim("TargetReady"), receiver(migrationState=both_sides(migrationUid="other")), pod()) == "Failed"
    )


def test_a_failure_counts_for_the_migration_it_names_only() -> None:
    failed = both_sides(migrationUid=SOURCE_UID, failed=True)
    assert phase(source_vmim("Scheduling"), vmi(migrationState=failed)) == "Failed"
    assert phase(target_vmim("Scheduling"), receiver(migrationState=failed), pod("Pending")) == "Scheduling"


def test_a_cancel_before_the_hand_off_ends_it_at_once() -> None:
    made = look(source_vmim("Synchronizing", deleting=True), vmi())
    assert made.status["phase"] == "Failed"
    assert conditions(made) == ["migrationAbortRequested"]


def test_a_cancel_after_the_hand_off_is_noted_and_the_migration_goes_on() -> None:
    known = WITH_ADDRESS | {"migrationUid": SOURCE_UID}
    noted = look(source_vmim("PreparingTarget", deleting=True), vmi(migrationState=known), handed_off=True)
    assert noted.status["phase"] == "PreparingTarget"
    assert conditions(noted) == ["migrationAbortRequested"]
    again = source_vmim("PreparingTarget", deleting=True, conditions=noted.status["conditions"])
    assert phase(again, vmi(migrationState=known), handed_off=True) == "TargetReady"


def test_an_instance_that_ended_fails_its_migration_unless_it_was_the_source() -> None:
    assert phase(source_vmim("Scheduling"), vmi("Succeeded", migrationState=both_sides())) == "Failed"
    source = {"syncAddress": "10.0.0.9:9185", "nodeAddress": "10.1.0.9", "migrationUID": TARGET_UID}
    state = both_sides(migrationUid=SOURCE_UID, completed=True) | {"targetState": source}
    assert phase(source_vmim("Running"), vmi("Succeeded", migrationState=state)) == "Succeeded"


def test_a_final_migration_keeps_the_state_and_lets_go() -> None:
    state = both_sides(migrationUid=SOURCE_UID, completed=True)
    made = look(source_vmim("Succeeded"), vmi(migrationState=state))
    assert made.status["migrationState"] == state
    assert made.finalizers == []
    other = look(source_vmim("Failed"), vmi(migrationState=state | {"migrationUid": "other"}))
    assert "migrationState" not in other.status


def test_quota_is_told_while_pending_and_forgotten_in_scheduling() -> None:
    refused = look(target_vmim("Pending"), receiver(), quota_error=True)
    assert conditions(refused) == ["migrationRejectedByResourceQuota"]
    later = look(target_vmim("Scheduling", conditions=refused.status["conditions"]), receiver(), pod("Pending"))
    assert "conditions" not in later.status


def test_the_instances_trouble_is_mirrored_with_its_words() -> None:
    trouble = {"type": "DecentralizedLiveMigrationFailure", "status": "True", "reason": "R", "message": "M"}
    made = look(source_vmim("Synchronizing"), vmi(conditions=[trouble]))
    (shown,) = made.status["conditions"]
    assert (shown["type"], shown["reason"], shown["message"]) == ("decentralizedMigrationBlocked", "R", "M")
    gone = look(source_vmim("Synchronizing", conditions=[shown]), vmi())
    assert "conditions" not in gone.status


def test_the_source_pod_is_noted_while_pending_only() -> None:
    assert look(source_vmim("Pending"), vmi("Scheduled"), source_pod="p").status["migrationState"] == {"sourcePod": "p"}
    assert "migrationState" not in look(source_vmim("Pending"), vmi(), source_pod="p").status


PHASES = (
    "",
    "Pending",
    "WaitingForSync",
    "Synchronizing",
    "Scheduling",
    "Scheduled",
    "PreparingTarget",
    "TargetReady",
    "Running",
)
ORDER = {
    name: place
    for place, name in enumerate(
        ("", "WaitingForSync", "Synchronizing", *PHASES[1:2], *PHASES[4:], "Succeeded", "Failed")
    )
}


@given(
    phase_=st.sampled_from(PHASES),
    side=st.sampled_from((source_vmim, target_vmim)),
    deleting=st.booleans(),
    flags=st.fixed_dictionaries({name: st.booleans() for name in ("completed", "failed")}),
    holder=st.sampled_from(("", SOURCE_UID, TARGET_UID, "other")),
    instance=st.sampled_from(("Running", "Scheduled", "WaitingForSync", "Succeeded")),
    target=st.sampled_from((None, pod(), pod("Pending"), pod("Failed"))),
    handed_off=st.booleans(),
)
def test_no_look_goes_back_or_skips_the_copy(
    phase_: str,
    side: Any,
    deleting: bool,
    flags: Object,
    holder: str,
    instance: str,
    target: Object | None,
    handed_off: bool,
) -> None:
    """Whatever was seen: phases only go forward, one at a time, and success needs `completed`."""
    state = both_sides(migrationUid=holder) | {name: True for name, on in flags.items() if on}
    migration = side(phase_, deleting=deleting)
    new = phase(migration, vmi(instance, migrationState=state), target, handed_off=handed_off)
    assert ORDER[new] >= ORDER[phase_]
    if new == "Succeeded":
        assert flags["completed"]
        assert phase_ == "Running"
    if ORDER[new] > ORDER[phase_] and new not in ("Succeeded", "Failed") and phase_:
        assert ORDER[new] - ORDER[phase_] <= (2 if phase_ == "WaitingForSync" else 1)
