# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_network_info on a cluster whose network is sound, and on one that was broken on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.calls import Called, on
from integration.networks import NETWORK, PLAN, slot, wire
from testbed.sim.multus import STATUS
from testbed.testing import TestBed, TestCluster


@pytest.fixture
def cluster(bed: TestBed) -> TestCluster:
    """A cluster with its migration network in force."""
    cluster = list(bed.clusters.values())[1]
    wire(bed, cluster)
    return cluster


def look(bed: TestBed, cluster: TestCluster, **options: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"network": NETWORK, "slot": slot(bed, cluster)} | PLAN | options
    called: Called = on(cluster, "migration_network_info", **wanted)
    assert not called.changed
    found: dict[str, Any] = called["migration_network_info"]
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in found["findings"]]


def test_a_sound_network(bed: TestBed, cluster: TestCluster) -> None:
    found = look(bed, cluster)
    assert (found["ready"], found["findings"]) == (True, [])
    nodes = {node["metadata"]["name"] for node in cluster.client.list("nodes")}
    assert {pod["node"] for pod in found["pods"] if pod["component"] == "virt-handler"} == nodes
    addresses = [address for pod in found["pods"] for address in pod["addresses"]]
    assert len(addresses) == len(set(addresses)) == len(found["pods"])
    assert all(pod["in_slice"] for pod in found["pods"])
    assert found["leader"] == found["synchronization_addresses"][0]["pod"]
    assert found["pools"][0]["used"] == len(addresses)


def test_it_writes_nothing(quiet_bed: TestBed, cluster: TestCluster) -> None:
    mark = cluster.mark()
    look(quiet_bed, cluster)
    assert cluster.writes(mark) == []


def test_the_slice_of_another_cluster(bed: TestBed, cluster: TestCluster) -> None:
    found = look(bed, cluster, slot=1 - slot(bed, cluster))
    assert not found["ready"]
    assert set(ids(found)) == {"address-outside-slice", "sync-address-outside-slice"}


@pytest.fixture
def handler(quiet_bed: TestBed, cluster: TestCluster) -> Iterator[dict[str, Any]]:
    """A virt-handler to break; replaced afterwards."""
    pod = cluster.client.list("pods", "kubevirt", "kubevirt.io=virt-handler")[0]
    name, status = pod["metadata"]["name"], pod["metadata"]["annotations"][STATUS]
    yield pod
    if cluster.client.get("pods", name, "kubevirt"):
        # whereabouts frees what this annotation says: without it the address would leak.
        cluster.client.patch("pods", name, {"metadata": {"annotations": {STATUS: status}}}, "kubevirt")
        cluster.client.delete("pods", name, "kubevirt")
    on(cluster, "kubevirt_migrations", wait_timeout=60)["changed"]


def test_finds_a_handler_that_fell_back_to_the_pod_network(
    quiet_bed: TestBed, cluster: TestCluster, handler: dict[str, Any]
) -> None:
    name = handler["metadata"]["name"]
    cluster.client.patch("pods", name, {"metadata": {"annotations": {STATUS: "[]"}}}, "kubevirt")
    found = look(quiet_bed, cluster)
    assert ids(found) == ["interface-missing"]
    assert found["findings"][0]["object"] == f"Pod kubevirt/{name}"
    assert "restart the pod" in found["findings"][0]["hint"]


def test_finds_a_node_without_handler(quiet_bed: TestBed, cluster: TestCluster, handler: dict[str, Any]) -> None:
    with quiet_bed.fault("pod-stuck", cluster.name, pod="kubevirt/virt-handler-*"):
        cluster.client.delete("pods", handler["metadata"]["name"], "kubevirt")
        cluster.client.until(lambda pod: pod is None, "pods", handler["metadata"]["name"], "kubevirt")
        found = look(quiet_bed, cluster)
        assert not found["ready"]
        assert set(ids(found)) & {"pod-not-ready", "node-without-handler", "interface-missing"}
