# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook verify on a fleet that was prepared, and on what can be wrong with one: report, exit code, no write."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from integration.playbooks import Ran, playbook
from testbed.sim.multus import STATUS, addresses
from testbed.testing import TestBed, TestCluster
from unit.verify_schema import assert_valid

pytestmark = pytest.mark.simulated

NAD = "network-attachment-definitions"
OURS = "livemigration.kubevirt"
OK, DRIFT, INCOMPLETE = 0, 2, 4


@pytest.fixture(scope="module")
def fleet(separate_bed: TestBed) -> TestBed:
    """Two clusters that the playbook site has prepared."""
    playbook(separate_bed, "site").succeeded()
    return separate_bed


class Verified:
    """One run: its exit code, its report, what it printed."""

    def __init__(self, bed: TestBed, directory: Path, *arguments: str, **extra: Any) -> None:
        path = directory / "report.json"
        self.ran: Ran = playbook(bed, "verify", *arguments, verify_report=str(path), **extra)
        assert self.ran.writes == [], self.ran.output
        assert path.exists(), self.ran.output
        self.report: dict[str, Any] = json.loads(path.read_text())
        assert_valid(self.report)

    @property
    def code(self) -> int:
        return self.ran.code

    def ids(self, which: str = "drift") -> list[str]:
        return [entry["id"] for entry in self.report[which]]

    @property
    def outcomes(self) -> list[str]:
        return [cluster["outcome"] for cluster in self.report["clusters"]]


def second(bed: TestBed) -> TestCluster:
    return list(bed.clusters.values())[1]


def test_a_fleet_that_is_ready(fleet: TestBed, tmp_path: Path) -> None:
    verified = Verified(fleet, tmp_path)
    assert (verified.code, verified.ids(), verified.ids("warnings")) == (OK, [], []), verified.ran.output
    assert verified.outcomes == ["ok", "ok"]
    assert sum(verified.ran.changed.values()) == 0
    assert [each["trusted"] for each in verified.report["trust"]] == [True, True]
    for cluster in verified.report["clusters"]:
        assert all(pod["in_slice"] is True for pod in cluster["pods"])
        assert cluster["room_for_nodes"] > 100
        assert cluster["mtu"] == {"underlay": "unknown", "segment": "unknown", "network": 1400, "pods": 1400}
        assert cluster["ca"]["expires_in_days"] > 6
    assert len([line for line in verified.ran.output.splitlines() if '"cluster-a: ok;' in line]) == 1


@pytest.mark.parametrize("mode", [[], ["--check"]], ids=["for real", "check mode"])
def test_another_mtu_in_the_inventory(fleet: TestBed, tmp_path: Path, mode: list[str]) -> None:
    verified = Verified(fleet, tmp_path, *mode, migration_network_mtu=1350)
    assert (verified.code, verified.outcomes) == (DRIFT, ["drift", "drift"]), verified.ran.output
    assert verified.ids() == ["object-missing", "object-differs"] * 2
    assert {entry["playbook"] for entry in verified.report["drift"]} == {"livemigration.kubevirt.site"}
    assert "mtu 1350" in verified.report["drift"][0]["wanted"]


def test_a_cluster_that_cannot_be_reached_does_not_hide_the_others(fleet: TestBed, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    lost = {"migration_network_slot": 1, "cluster_connection": {"host": "https://127.0.0.1:9"}}
    inventory.write_text(json.dumps({"all": {"hosts": {"cluster-b": lost}}}))
    verified = Verified(fleet, tmp_path, f"--inventory={inventory}")
    assert (verified.code, verified.outcomes) == (INCOMPLETE, ["ok", "incomplete"]), verified.ran.output
    reachable, gone = verified.report["clusters"]
    assert len(reachable["pods"]) == 4
    assert (gone["pods"], gone["hindrances"][0]["reason"]) == ("unknown", "not_connected")
    assert [each["trusted"] for each in verified.report["trust"]] == ["unknown", "unknown"]
    assert "unreachable=1" in verified.ran.output


def test_a_cluster_without_connection_in_the_inventory(fleet: TestBed, tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"cluster-b": {"cluster_connection": "{{ nobody_said }}"}}}}))
    verified = Verified(fleet, tmp_path, f"--inventory={inventory}")
    assert (verified.code, verified.outcomes) == (INCOMPLETE, ["ok", "incomplete"]), verified.ran.output


def test_a_fleet_without_clusters_is_not_ready(fleet: TestBed) -> None:
    ran = playbook(fleet, "verify", fleet="nowhere")
    assert ran.code == INCOMPLETE, ran.output
    assert "no cluster in the inventory that matches nowhere" in ran.output


def test_an_address_that_two_clusters_have(fleet: TestBed, tmp_path: Path) -> None:
    clusters = list(fleet.clusters.values())
    theirs, mine = (each.client.list("pods", "kubevirt", "kubevirt.io=virt-handler")[0] for each in clusters)
    taken = addresses(theirs, "migration0")
    text = mine["metadata"]["annotations"][STATUS]
    entries = json.loads(text)
    entries[-1]["ips"] = taken
    annotate(clusters[1], mine["metadata"]["name"], json.dumps(entries))
    try:
        verified = Verified(fleet, tmp_path)
    finally:
        annotate(clusters[1], mine["metadata"]["name"], text)
    assert (verified.code, verified.outcomes) == (DRIFT, ["drift", "drift"]), verified.ran.output
    assert set(verified.ids()) == {"fleet-address-duplicate", "address-outside-slice", "pool-mismatch"}


def annotate(cluster: TestCluster, pod: str, text: str) -> None:
    cluster.client.patch("pods", pod, {"metadata": {"annotations": {STATUS: text}}}, "kubevirt")


def test_trust_that_was_lost(fleet: TestBed, tmp_path: Path) -> None:
    client = second(fleet).client
    bundle = client.need("configmaps", "kubevirt-ca", "kubevirt")
    own = client.need("secrets", "kubevirt-ca", "kubevirt")
    client.patch("configmaps", "kubevirt-ca", {"data": {"ca-bundle": ca_of(own)}}, "kubevirt")
    try:
        verified = Verified(fleet, tmp_path)
    finally:
        client.patch("configmaps", "kubevirt-ca", {"data": bundle["data"]}, "kubevirt")
    assert (verified.code, verified.outcomes) == (DRIFT, ["ok", "drift"]), verified.ran.output
    (entry,) = verified.report["drift"]
    assert (entry["id"], entry["object"]) == ("trust-missing", "trust in cluster-a")


def ca_of(secret: dict[str, Any]) -> str:
    return base64.b64decode(secret["data"]["tls.crt"]).decode()


def test_a_nad_that_was_removed(fleet: TestBed, tmp_path: Path) -> None:
    second(fleet).client.delete(NAD, "migration-evpn", "kubevirt")
    verified = Verified(fleet, tmp_path)
    assert (verified.code, verified.outcomes) == (DRIFT, ["ok", "drift"]), verified.ran.output
    assert verified.ids() == ["object-missing"]
    playbook(fleet, "site").succeeded()
    assert Verified(fleet, tmp_path).code == OK


def test_what_a_move_and_a_changed_name_have_left_behind_is_named(fleet: TestBed, tmp_path: Path) -> None:
    source = next(iter(fleet.clusters.values())).client.need("namespaces", "kube-system")["metadata"]["uid"]
    waits = {f"{OURS}/source-vm-uid": "gone", f"{OURS}/source-cluster-uid": source}
    left = {"metadata": {"name": "vm-left", "namespace": "default", "annotations": waits}}
    template = {"spec": {"domain": {"devices": {}, "memory": {"guest": "64Mi"}}}}
    body = left | {"spec": {"runStrategy": "WaitAsReceiver", "template": template}}
    mark = {"app.kubernetes.io/managed-by": OURS}
    orphan = {"metadata": {"name": "old", "namespace": "default", "labels": mark}, "spec": {"config": "{}"}}
    second(fleet).client.create("virtualmachines", body)
    second(fleet).client.create(NAD, orphan)
    try:
        verified = Verified(fleet, tmp_path)
    finally:
        second(fleet).client.delete("virtualmachines", "vm-left", "default")
        second(fleet).client.delete(NAD, "old", "default")
    found = {entry["id"]: entry for entry in verified.report["warnings"]}
    assert (verified.code, verified.ids()) == (OK, []), verified.ran.output
    assert found.keys() == {"receiver-left", "object-orphaned"}
    assert "its source VM is gone from cluster-a" in found["receiver-left"]["found"]
    assert found["object-orphaned"]["object"] == "NetworkAttachmentDefinition default/old"


def test_the_report_of_an_earlier_run_is_taken_away(fleet: TestBed, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("of yesterday")
    ran = playbook(fleet, "verify", verify_report=str(path), migration_network_mtu="{{ nobody_said }}")
    assert ran.code == INCOMPLETE, ran.output
    assert json.loads(path.read_text())["outcome"] == "incomplete"
