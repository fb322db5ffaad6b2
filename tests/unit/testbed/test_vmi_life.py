# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the state of a launcher pod becomes the life of an instance."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.sim.vmi_controller_status import Seen, is_patched, next_state, patch

NOW = "2026-11-22T12:00:00Z"
Object = dict[str, Any]


def vmi(phase: str, *, receiver: bool = False, deleting: bool = False, **state: Any) -> Object:
    meta: Object = {
        "name": "v",
        "namespace": "n",
        "uid": "vmi",
        "labels": {},
        "finalizers": ["kubevirt.io/foregroundDeleteVirtualMachine"],
    }
    if receiver:
        meta["annotations"] = {"kubevirt.io/create-migration-target": "true"}
    if deleting:
        meta["deletionTimestamp"] = NOW
    status: Object = {"phase": phase} | ({"migrationState": state} if state else {})
    return {"metadata": meta, "spec": {"domain": {"devices": {}}}, "status": status}


def pod(phase: str = "Running", *, node: str = "node-1", deleting: bool = False) -> Object:
    compute: Object = {"name": "compute", "ready": True, "state": {"running": {}}}
    meta: Object = {"name": "p", "namespace": "n", "uid": "pod", "annotations": {}}
    if deleting:
        meta["deletionTimestamp"] = NOW
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": NOW}
    status = {"phase": phase, "containerStatuses": [compute], "conditions": [ready], "qosClass": "Burstable"}
    return {
        "metadata": meta,
        "spec": {"nodeName": node, "containers": [{"name": "compute", "image": "i"}]},
        "status": status,
    }


def seen(one: Object | None) -> Seen:
    return Seen(one, [one] if one else [])


@pytest.mark.parametrize(
    ("instance", "launcher", "phase"),
    [
        (vmi("Pending"), None, "Pending"),
        (vmi("Pending"), pod("Pending"), "Scheduling"),
        (vmi("Pending", receiver=True), None, "WaitingForSync"),
        (vmi("WaitingForSync", receiver=True), pod("Pending"), "Scheduling"),
        (vmi("WaitingForSync", receiver=True), pod("Failed"), "WaitingForSync"),
        (vmi("WaitingForSync", receiver=True, failed=True), pod(), "WaitingForSync"),
        (vmi("Scheduling"), pod("Pending"), "Scheduling"),
        (vmi("Scheduling"), pod(), "Scheduled"),
        (vmi("Scheduling"), None, "Failed"),
        (vmi("Scheduling", receiver=True), None, "WaitingForSync"),
        (vmi("Scheduling", receiver=True), pod(deleting=True), "WaitingForSync"),
        (vmi("Scheduled"), None, "Failed"),
        (vmi("Scheduled"), pod(), "Scheduled"),
        (vmi("Scheduled", receiver=True), pod("Failed"), "WaitingForSync"),
        (vmi("Scheduled", receiver=True, failed=True), pod(), "WaitingForSync"),
        (vmi("Running"), pod(), "Running"),
        (vmi("Running"), None, "Failed"),
        (vmi("Running"), pod("Succeeded"), "Running"),
        (
            vmi("Running", completed=True, sourceState={}, targetState={"syncAddress": "a"}),
            pod("Succeeded"),
            "Succeeded",
        ),
        (
            vmi("Running", completed=True, sourceState={"syncAddress": "a"}, targetState={"syncAddress": "b"}),
            pod("Succeeded"),
            "Running",
        ),
    ],
)
def test_phases(instance: Object, launcher: Object | None, phase: str) -> None:
    assert next_state(instance, seen(launcher), NOW)["status"]["phase"] == phase


def test_scheduled_means_a_node() -> None:
    new = next_state(vmi("Scheduling"), seen(pod()), NOW)
    assert new["metadata"]["labels"] == {"kubevirt.io/nodeName": "node-1"}
    assert new["status"]["nodeName"] == "node-1"
    assert new["status"]["activePods"] == {"pod": "node-1"}


@pytest.mark.parametrize(
    ("instance", "launcher", "reason"),
    [
        (vmi("Pending"), None, "PodNotExists"),
        (vmi("Scheduling"), pod("Pending"), "GuestNotRunning"),
        (vmi("Running"), pod(deleting=True), "PodTerminating"),
        (vmi("Running"), pod(), ""),
    ],
)
def test_ready_has_the_reasons_of_kubevirt(instance: Object, launcher: Object | None, reason: str) -> None:
    ready = next_state(instance, seen(launcher), NOW)["status"]["conditions"][0]
    assert (ready["type"], ready.get("reason", "")) == ("Ready", reason)


def test_the_state_of_a_migration_is_never_patched() -> None:
    old = vmi("Scheduled", receiver=True, failed=False)
    new = next_state(old, seen(None), NOW)
    new["status"]["migrationState"]["failed"] = True
    assert is_patched(old)
    assert not [change for change in patch(old, new) if "migrationState" in change["path"]]


def test_an_ended_instance_goes_with_its_last_pod() -> None:
    assert next_state(vmi("Succeeded"), seen(pod("Succeeded")), NOW)["metadata"]["finalizers"]
    assert next_state(vmi("Succeeded"), seen(None), NOW)["metadata"]["finalizers"] == []


def test_a_dropped_receiver_goes_at_once() -> None:
    waiting = vmi("WaitingForSync", receiver=True, deleting=True)
    assert next_state(waiting, seen(None), NOW)["metadata"]["finalizers"] == []


def test_no_node_fits() -> None:
    launcher = pod("Pending", node="")
    launcher["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available"}
    ]
    told = next_state(vmi("Scheduling"), seen(launcher), NOW)["status"]["conditions"]
    assert ("PodScheduled", "False", "0/2 nodes are available") in [
        (one["type"], one["status"], one.get("message")) for one in told
    ]


def test_a_missing_interface_is_marked_for_a_while() -> None:
    instance = vmi("Running")
    instance["spec"] = {
        "domain": {"devices": {"interfaces": [{"name": "evpn"}]}},
        "networks": [{"name": "evpn", "multus": {"networkName": "evpn"}}],
    }
    marked = next_state(instance, seen(pod()), NOW)
    assert [one["reason"] for one in marked["status"]["conditions"] if one["type"] == "MigrationRequired"] == [
        "AutoMigrationPending"
    ]
    later = next_state(marked, seen(pod()), "2026-11-22T12:00:16Z")
    assert [one["status"] for one in later["status"]["conditions"] if one["type"] == "MigrationRequired"] == ["True"]
    marked["status"]["interfaces"] = [{"name": "evpn"}]
    reported = next_state(marked, seen(pod()), NOW)
    assert "MigrationRequired" not in [one["type"] for one in reported["status"]["conditions"]]
