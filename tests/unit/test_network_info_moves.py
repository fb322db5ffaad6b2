# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves have left behind: named when there is something, silent about what belongs to nobody or to a guest."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _network_info_moves as moves
from ansible_collections.livemigration.kubevirt.plugins.module_utils._attempt import ATTEMPT, SOURCE_VM
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VM, VMI, VMIM
from ansible_collections.livemigration.kubevirt.plugins.module_utils._verify_drift import of_findings
from unit.memory_cluster import START, MemoryCluster

OPEN = {ATTEMPT: "4f1c"}


def vm(cluster: MemoryCluster, strategy: str, annotations: dict[str, str]) -> None:
    metadata = {"name": "vm-1", "namespace": "default", "annotations": annotations}
    cluster.put(VM, {"metadata": metadata, "spec": {"runStrategy": strategy}})


def vmim(cluster: MemoryCluster, phase: str, annotations: dict[str, str]) -> None:
    metadata = {"name": "vm-1-send", "namespace": "default", "annotations": annotations}
    status = {"phase": phase} if phase else {}
    cluster.put(VMIM, {"metadata": metadata, "spec": {"vmiName": "vm-1"}, "status": status})


def found(cluster: MemoryCluster) -> dict[str, str]:
    left = moves.read(cluster, START)
    told = list(moves.findings("cluster-a", left))
    assert {each.severity for each in told} <= {"warning"}
    return {each.id: each.found for each in told}


@pytest.mark.parametrize(
    ("the_vm", "the_vmim", "expected"),
    [
        (("Always", {}), ("Succeeded", {}), {}),
        (("Always", {}), ("Running", {}), {}),
        (("Halted", {SOURCE_VM: "uid"}), None, {}),
        (("WaitAsReceiver", {}), None, {}),
        (("Manual", OPEN), None, {"move-given-up": "attempt 4f1c is open, run strategy Manual"}),
        (("Manual", OPEN), ("", OPEN), {"move-open": "phase new, attempt 4f1c"}),
        (("Manual", OPEN), ("Running", OPEN), {"move-open": "phase Running, attempt 4f1c"}),
        (("Always", {}), ("Failed", OPEN), {"migration-left": "it is Failed, of attempt 4f1c"}),
        (
            ("WaitAsReceiver", {SOURCE_VM: "uid"}),
            None,
            {"receiver-left": "run strategy WaitAsReceiver and no migration towards it"},
        ),
        (
            ("WaitAsReceiver", {SOURCE_VM: "uid"}),
            ("Running", OPEN),
            {"move-open": "phase Running, attempt 4f1c"},
        ),
    ],
)
def test_what_is_left(the_vm: Any, the_vmim: Any, expected: dict[str, str]) -> None:
    cluster = MemoryCluster()
    vm(cluster, *the_vm)
    if the_vmim:
        vmim(cluster, *the_vmim)
    assert found(cluster) == expected


def test_it_is_told_as_it_was_read() -> None:
    cluster = MemoryCluster()
    vm(cluster, "Manual", OPEN)
    (left,) = moves.read(cluster, START)
    assert left.as_dict() == {
        "what": "source",
        "object": "VirtualMachine default/vm-1",
        "vm": "default/vm-1",
        "attempt": "4f1c",
        "phase": "Manual",
        "deleting": False,
        "minutes": 0,
        **dict.fromkeys(("uid", "guest", "source_cluster", "source_vm"), ""),
    }


def ago(minutes: int) -> str:
    return (START - datetime.timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("phase", "created", "deleted", "annotations", "expected"),
    [
        ("Scheduling", 60, 45, {}, "phase Scheduling, being deleted for 45 minutes"),
        ("Scheduling", 60, 45, OPEN, "phase Scheduling, being deleted for 45 minutes"),
        ("Failed", 60, 45, {}, "phase Failed, being deleted for 45 minutes"),
        ("Pending", 11, None, {}, "phase Pending, unfinished for 11 minutes"),
        ("", 11, None, {}, "phase new, unfinished for 11 minutes"),
        ("Running", 9, None, {}, ""),
        ("Scheduling", 60, 9, {}, ""),
        ("Failed", 60, None, {}, ""),
        ("Running", 60, None, OPEN, ""),
    ],
)
def test_a_migration_that_is_stuck_whoever_made_it(
    phase: str, created: int, deleted: int | None, annotations: dict[str, str], expected: str
) -> None:
    cluster = MemoryCluster()
    vm(cluster, "Manual", {})
    vmim(cluster, phase, annotations)
    metadata = cluster.objects["virtualmachineinstancemigrations", "default", "vm-1-send"]["metadata"]
    metadata["creationTimestamp"] = ago(created)
    if deleted:
        metadata |= {"deletionTimestamp": ago(deleted), "finalizers": ["kubevirt.io/migrationJobFinalize"]}
    assert found(cluster).get("migration-stuck", "") == expected


@pytest.mark.parametrize(("there", "advice"), [(True, "leave its finalizers alone"), (False, "remove its finalizers")])
def test_nobody_is_told_to_take_anything_from_a_guest(there: bool, advice: str) -> None:
    cluster = MemoryCluster()
    vmim(cluster, "Scheduling", {})
    metadata = cluster.objects["virtualmachineinstancemigrations", "default", "vm-1-send"]["metadata"]
    metadata["deletionTimestamp"] = ago(60)
    if there:
        cluster.put(VMI, {"metadata": {"name": "vm-1", "namespace": "default"}})
    (told,) = moves.findings("cluster-a", moves.read(cluster, START))
    assert advice in told.hint


@pytest.mark.parametrize(
    ("strategy", "annotations", "sides"),
    [
        ("Manual", OPEN, "-e source=cluster-a -e target=TARGET"),
        ("WaitAsReceiver", {SOURCE_VM: "uid"}, "-e source=SOURCE -e target=cluster-a"),
    ],
)
def test_the_way_to_clean_up_is_told(strategy: str, annotations: dict[str, str], sides: str) -> None:
    cluster = MemoryCluster()
    vm(cluster, strategy, annotations)
    (told,) = moves.findings("cluster-a", moves.read(cluster, START))
    assert f"migrate -e vm_migration_state=absent {sides} -e vms=default/vm-1" in told.hint
    (entry,) = of_findings([told.as_dict()], frozenset())
    assert entry.playbook == "livemigration.kubevirt.migrate"
