# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virt-controller writes on a VMI in each phase of a migration."""

from __future__ import annotations

from testbed.sim import vmim_writes as writes

from .vmi_samples import NOW, SOURCE_UID, TARGET_UID, both_sides, pod, receiver, source_vmim, target_vmim, vmi

CONFIGURATION = {"completionTimeoutPerGiB": 150}


def test_a_target_begins_with_its_id_alone() -> None:
    new = writes.begin_target(receiver(), target_vmim())
    assert new["status"]["migrationState"] == {"targetState": {"migrationUID": TARGET_UID}}


def test_a_source_begins_with_itself_and_the_address_of_first_contact() -> None:
    new = writes.begin_source(vmi(), source_vmim(url="192.170.10.128:9185"))
    source = {"migrationUID": SOURCE_UID, "virtualMachineInstanceUID": "uid-vmi", "domainNamespace": "default"}
    assert new["status"]["migrationState"] == {
        "sourceState": source,
        "targetState": {"syncAddress": "192.170.10.128:9185"},
    }


def test_a_completed_state_is_thrown_away_and_any_other_is_kept() -> None:
    """Row 27 of the measurements: an attempt that never connected stays in the way of the next."""
    old = vmi(migrationState=both_sides(completed=True, failureReason="x"))
    assert set(writes.begin_source(old, source_vmim())["status"]["migrationState"]) == {"sourceState", "targetState"}
    stale = vmi(migrationState={"targetState": {"migrationUID": "of another"}})
    new = writes.begin_source(stale, source_vmim())["status"]["migrationState"]
    assert new["targetState"] == {"migrationUID": "of another", "syncAddress": "10.0.0.2:9185"}


def test_a_source_in_scheduling_tells_where_its_guest_runs() -> None:
    seen = vmi(nodeName="node-a", selinuxContext="none", migrationState=both_sides())
    migration = source_vmim("Scheduling", migrationState={"sourcePod": "launcher-a"})
    state = writes.tell_source(seen, migration, {"cpu-vendor.node.kubevirt.io/Intel": "true"})["status"][
        "migrationState"
    ]
    assert (state["migrationUid"], state["sourceNode"], state["sourcePod"]) == (SOURCE_UID, "node-a", "launcher-a")
    assert state["sourceState"]["selinuxContext"] == "none"
    assert state["sourceState"]["persistentStatePVCName"] == ""
    assert state["sourceState"]["nodeSelectors"] == {"cpu-vendor.node.kubevirt.io/Intel": "true"}


def test_selectors_of_a_node_without_labels_are_no_selectors() -> None:
    told = writes.tell_source(vmi(nodeName="n", migrationState={}), source_vmim("Scheduling"), {})
    assert "nodeSelectors" not in told["status"]["migrationState"]["sourceState"]


def test_the_hand_off() -> None:
    seen = receiver("Scheduled", migrationState=both_sides(completed=True, failed=True))
    migration = target_vmim("Scheduled", migrationState={"sourcePod": "launcher"})
    launcher = pod(annotations={"kubevirt.io/memory-overhead-bytes": "281518368"})
    new = writes.hand_off(seen, migration, launcher, CONFIGURATION, "a-policy")
    state = new["status"]["migrationState"]
    assert new["metadata"]["labels"] == {"kubevirt.io/migrationTargetNodeName": "node-b"}
    assert not {"completed", "failed"} & set(state)
    assert (state["targetNode"], state["targetPod"], state["sourceNode"]) == ("node-b", "launcher", "node-a")
    assert state["targetState"] == {
        "migrationUID": TARGET_UID,
        "node": "node-b",
        "pod": "launcher",
        "virtualMachineInstanceUID": "uid-vmi",
        "domainNamespace": "default",
        "domainName": "vm",
    }
    assert (state["migrationPolicyName"], state["targetMemoryOverhead"]) == ("a-policy", "281518368")
    assert state["sourcePod"] == "launcher", "the target's own pod, as KubeVirt has it until the source speaks again"


def test_the_patch_tests_what_it_replaces() -> None:
    old = vmi(migrationState=both_sides())
    ops = writes.patch(old, writes.begin_source(old, source_vmim()))
    assert [op["op"] for op in ops] == ["test", "replace"]
    assert ops[0]["value"] == both_sides()
    assert writes.patch(old, old) == []
    assert [op["op"] for op in writes.patch(vmi(), writes.begin_source(vmi(), source_vmim()))] == ["add"]


def test_a_failure_mark_keeps_what_is_known() -> None:
    known = vmi(migrationState=both_sides(startTimestamp="then", failureReason="because"))
    ops = writes.mark_failed(known, target_vmim(), NOW)
    assert ops[0] == {"op": "test", "path": "/status/migrationState/migrationUid", "value": TARGET_UID}
    added = {op["path"].rpartition("/")[2]: op["value"] for op in ops[1:]}
    assert added == {"failed": True, "completed": True, "endTimestamp": NOW}


def test_volumes_are_listed_twice_and_missing_claims_left_out() -> None:
    seen = vmi()
    seen["spec"]["volumes"] = [
        {"name": "root", "dataVolume": {"name": "disk"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "gone"}},
        {"name": "image", "containerDisk": {}},
    ]
    claim = {"metadata": {"name": "disk"}, "spec": {"accessModes": ["ReadWriteOnce"], "volumeMode": "Block"}}
    (op,) = writes.list_volumes(seen, {"disk": claim})
    info = {"claimName": "disk", "accessModes": ["ReadWriteOnce"], "volumeMode": "Block"}
    assert op["value"] == [{"volumeName": "root", "sourcePVCInfo": info, "destinationPVCInfo": info}]
    assert writes.list_volumes(vmi(), {}) == []


def test_the_mark_of_a_launcher_without_root_is_set_once() -> None:
    seen = receiver()
    (op,) = writes.run_as_nonroot(seen)
    assert op["path"] == "/metadata/annotations/kubevirt.io~1nonroot"
    seen["metadata"]["annotations"]["kubevirt.io/nonroot"] = "true"
    assert writes.run_as_nonroot(seen) == []


def test_an_abort_replaces_the_whole_status() -> None:
    seen = vmi(migrationState=both_sides())
    test, replace = writes.request_abort(seen)
    assert test["value"] == seen["status"]
    assert replace["value"]["migrationState"]["abortRequested"] is True
