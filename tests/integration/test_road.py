# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole road on two clusters of its own: prepare, move there and back, verify, take away.

Each step is also run in check mode before, where the API servers must see no write, and again after, where nothing
may change and nothing may be written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from integration.playbooks import Ran, playbook
from testbed.resources import Object
from testbed.testing import TestBed

VM = "vm-1"


@pytest.fixture
def fleet(separate_bed: TestBed) -> TestBed:
    """Two fresh clusters with a running VM on the first."""
    separate_bed.clusters["cluster-a"].vm(VM)
    return separate_bed


def thrice(bed: TestBed, name: str, **extra: Any) -> Ran:
    """Check mode, for real, and again."""
    check = playbook(bed, name, "--check", **extra).succeeded()
    assert check.writes == [], "check mode wrote"
    real = playbook(bed, name, **extra).succeeded()
    assert sum(check.changed.values()) > 0, "check mode said nothing would change"
    again = playbook(bed, name, **extra).succeeded()
    assert (again.writes, sum(again.changed.values())) == ([], 0), again.output
    return real


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


def assert_progress_was_shown(moved: Ran) -> None:
    """While the guest was copied, and not as a flood."""
    told = [when for when, line in moved.heard if f"{VM}: " in line]
    assert 3 <= len(told) <= 30, moved.output
    task = next(number for number, (_when, line) in enumerate(moved.heard) if "Move the guest" in line)
    ended = next(when for when, line in moved.heard[task:] if line.startswith(f"changed: [default/{VM}]"))
    assert [when for when in told if when < ended - 1.5], "nothing was told before the end"


def test_the_whole_road(fleet: TestBed, tmp_path: Path) -> None:
    thrice(fleet, "site")

    request = {"source": "cluster-a", "target": "cluster-b", "vms": f"default/{VM}"}
    before = guest(fleet, "cluster-a")
    with fleet.fault("copy-seconds", "cluster-a", seconds="2"):
        moved = thrice(fleet, "migrate", **request)
    assert_progress_was_shown(moved)
    assert_moved(fleet, "cluster-a", "cluster-b", before)

    back = {"source": "cluster-b", "target": "cluster-a", "vms": f"default/{VM}"}
    thrice(fleet, "migrate", vm_migration_report=str(tmp_path / "move.json"), **back)
    assert_moved(fleet, "cluster-b", "cluster-a", before)
    report = json.loads((tmp_path / "move.json").read_text())
    assert report["outcome"] == "already_migrated"
    assert {cluster: days > 0 for cluster, days in report["ca_expires_in_days"].items()} == dict.fromkeys(
        ("cluster-a", "cluster-b"), True
    )

    given_up: dict[str, Any] = back | {"vm_migration_state": "absent"}
    over = playbook(fleet, "migrate", **given_up).succeeded()
    assert (over.writes, sum(over.changed.values())) == ([], 0), "there is no move to give up"

    verified = playbook(fleet, "verify").succeeded()
    assert verified.writes == []
    drifted = playbook(fleet, "verify", migration_network_mtu=1350).refused()
    assert "differs from the inventory" in drifted.output

    thrice(fleet, "teardown")
    for cluster in fleet.clusters.values():
        assert cluster.client.get("network-attachment-definitions", "migration-evpn", "kubevirt") is None
        assert cluster.client.list("l2vnis") == []
        assert cluster.client.get("deployments", "virt-synchronization-controller", "kubevirt") is None
    guest(fleet, "cluster-a")
