# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a VM from being moved, found before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._attempt import ATTEMPT
from ansible_collections.livemigration.kubevirt.plugins.module_utils._vm_checks import movable
from unit.vm_samples import vm, vmi

Object = dict[str, Any]
NONE: list[Object] = []


def ids(body: Object, guest: Object | None, vmims: list[Object] = NONE) -> list[str]:
    return [finding.id for finding in movable("cluster-a", body, guest, vmims)]


def vmim(phase: str | None, **metadata: Any) -> Object:
    status = {"phase": phase} if phase else {}
    return {"metadata": {"name": "m", **metadata}, "status": status}


def named(name: str) -> Object:
    body = vm()
    body["metadata"]["name"] = name
    return body


def with_devices(**devices: Any) -> Object:
    body = vm()
    body["spec"]["template"]["spec"]["domain"]["devices"] |= devices
    return body


def condition(kind: str, reason: str) -> Object:
    return vmi(conditions=[{"type": kind, "status": "False", "reason": reason, "message": "because"}])


def test_a_running_vm_can_be_moved() -> None:
    assert ids(vm(), vmi()) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [("n" * 47, []), ("n" * 48, ["name-long"]), ("n" * 63, ["name-long"]), ("n" * 64, ["name-too-long"])],
)
def test_names(name: str, expected: list[str]) -> None:
    assert ids(named(name), vmi()) == expected


@pytest.mark.parametrize("phase", ["Pending", "Scheduling", "WaitingForSync", "Succeeded", "Failed"])
def test_only_a_running_guest_can_be_moved(phase: str) -> None:
    assert ids(vm(), vmi(phase)) == ["vm-not-running"]
    assert ids(vm(), None) == ["vm-not-running"]


def test_a_guest_that_is_leaving_or_arriving_is_left_alone() -> None:
    leaving, arriving = vmi(), vmi()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z"
    arriving["metadata"]["annotations"] = {"kubevirt.io/create-migration-target": "true"}
    assert ids(vm(), leaving) == ["vm-stopping"]
    assert ids(vm(), arriving) == ["vm-receiving"]


def test_what_kubevirt_says_counts_except_that_disks_are_local() -> None:
    assert ids(vm(), condition("LiveMigratable", "HostDeviceNotLiveMigratable")) == ["vm-not-migratable"]
    assert ids(vm(), condition("LiveMigratable", "DisksNotLiveMigratable")) == []
    assert ids(vm(), condition("StorageLiveMigratable", "NotMigratable")) == ["storage-not-migratable"]


def test_disks_that_cannot_be_copied() -> None:
    assert ids(with_devices(disks=[{"name": "d", "shareable": True, "disk": {}}]), vmi()) == ["disk-shareable"]
    assert ids(with_devices(disks=[{"name": "d", "lun": {}}]), vmi()) == ["disk-lun"]
    assert ids(with_devices(filesystems=[{"name": "f", "virtiofs": {}}]), vmi()) == ["disk-virtiofs"]
    local = vm()
    local["spec"]["template"]["spec"]["volumes"].append({"name": "h", "hostDisk": {"path": "/d"}})
    assert ids(local, vmi()) == ["disk-of-node"]


def test_a_migration_of_somebody_else_is_in_the_way_and_ours_is_not() -> None:
    assert ids(vm(), vmi(), [vmim("Running")]) == ["migration-in-flight"]
    assert ids(vm(), vmi(), [vmim(None, deletionTimestamp="now")]) == ["migration-in-flight"]
    assert ids(vm(), vmi(), [vmim("Succeeded"), vmim("Failed")]) == []
    assert ids(vm(), vmi(), [vmim("Running", annotations={ATTEMPT: "id"})]) == []


def test_a_finding_names_cluster_and_vm() -> None:
    finding = movable("cluster-a", vm(), None, [])[0]
    assert (finding.cluster, finding.object) == ("cluster-a", "VirtualMachine default/vm-1")
