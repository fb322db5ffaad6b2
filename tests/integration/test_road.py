# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole road on two clusters of its own: prepare, move there and back, verify, take away.

In check mode the API servers must see no write, and no more of them once a step is done: the move is run all three
ways here, preparing in test_full_inventory, taking away again in test_fleet.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from integration.playbooks import playbook
from testbed.resources import Object
from testbed.testing import TestBed

VM = "vm-1"


@pytest.fixture
def fleet(separate_bed: TestBed) -> TestBed:
    """Two fresh clusters with a running VM on the first."""
    separate_bed.clusters["cluster-a"].vm(VM)
    return separate_bed


def assert_check_mode_only_tells(bed: TestBed, name: str, **extra: Any) -> None:
    check = playbook(bed, name, "--check", **extra).succeeded()
    assert check.writes == [], "check mode wrote"
    assert sum(check.changed.values()) > 0, "check mode said nothing would change"


def guest(bed: TestBed, cluster: str) -> Object:
    found = bed.clusters[cluster].client.get("virtualmachineinstances", VM, "default")
    assert found is not None, f"no guest on {cluster}"
    assert found["status"]["phase"] == "Running"
    return found


def identity(vmi: Object) -> tuple[str, str, str]:
    firmware = vmi["spec"]["domain"]["firmware"]
    return vmi["status"]["interfaces"][0]["mac"], firmware["uuid"], firmware["serial"]


def assert_moved(bed: TestBed, source: str, target: str, before: Object) -> None:
    after = guest(bed, target)
    assert after["status"]["migrationState"]["completed"]
    assert identity(after) == identity(before)
    there, here = bed.clusters[target].client, bed.clusters[source].client
    assert there.need("virtualmachines", VM, "default")["spec"]["runStrategy"] == "Always"
    left = here.get("virtualmachines", VM, "default")
    assert left is not None
    assert left["spec"]["runStrategy"] == "Halted"
    assert here.get("virtualmachineinstances", VM, "default") is None
    for client in (here, there):
        assert client.list("virtualmachineinstancemigrations", "default") == []


def assert_progress_is_shown(bed: TestBed, request: dict[str, Any]) -> None:
    """The guest's new pod may start only once its user has read that it is waited for, and the move then goes on."""

    def hear(line: str) -> None:
        if f"{VM}: " in line and "scheduling on the target, waiting for KubeVirt" in line:
            bed.calm()

    with bed.fault("pod-stuck", "cluster-b", pod=f"default/virt-launcher-{VM}-*"):
        moved = playbook(bed, "migrate", hear=hear, **request).succeeded()
    told = [line for line in moved.output.splitlines() if f"{VM}: " in line]
    assert 3 <= len(told) <= 30, moved.output


def assert_reported(path: Path) -> None:
    report = json.loads(path.read_text())
    assert report["outcome"] == "already_migrated"
    assert {cluster: days > 0 for cluster, days in report["ca_expires_in_days"].items()} == {
        "cluster-a": True,
        "cluster-b": True,
    }


def test_the_whole_road(fleet: TestBed, tmp_path: Path) -> None:
    playbook(fleet, "site").succeeded()

    report = tmp_path / "move.json"
    request: dict[str, Any] = {
        "source": "cluster-a",
        "target": "cluster-b",
        "vms": f"default/{VM}",
        "vm_migration_report": str(report),
    }
    before = guest(fleet, "cluster-a")
    assert_check_mode_only_tells(fleet, "migrate", **request)
    assert_progress_is_shown(fleet, request)
    assert_moved(fleet, "cluster-a", "cluster-b", before)
    playbook(fleet, "migrate", **request).did_nothing()
    assert_reported(report)

    back: dict[str, Any] = {"source": "cluster-b", "target": "cluster-a", "vms": f"default/{VM}"}
    playbook(fleet, "migrate", **back).succeeded()
    assert_moved(fleet, "cluster-b", "cluster-a", before)
    # There is no move to give up.
    playbook(fleet, "migrate", vm_migration_state="absent", **back).did_nothing()

    playbook(fleet, "verify").did_nothing()

    assert_check_mode_only_tells(fleet, "teardown")
    playbook(fleet, "teardown").succeeded()
    for cluster in fleet.clusters.values():
        assert cluster.client.get("network-attachment-definitions", "migration-evpn", "kubevirt") is None
        assert cluster.client.list("l2vnis") == []
        assert cluster.client.get("deployments", "virt-synchronization-controller", "kubevirt") is None
    guest(fleet, "cluster-a")
