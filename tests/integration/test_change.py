# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet whose network changes: killed at every write, renumbered in order, and with others on the network."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from integration.doomed import Doomed
from integration.networks import migrating
from integration.playbooks import playbook
from testbed.proxy import running
from testbed.testing import TestBed, TestCluster

NADS = "network-attachment-definitions"
VMIM = "virtualmachineinstancemigrations"
CHANGE: dict[str, Any] = {
    "migration_network_mtu": 1350,
    "migration_network_l2vni_gateways": ["192.170.10.1/24"],
    "migration_network_l2vni_recreate": True,
}
OTHER_MTU: dict[str, Any] = CHANGE | {"migration_network_mtu": 1300}


@pytest.fixture(scope="module")
def fleet(separate_bed: TestBed) -> TestBed:
    """Two clusters as the playbook leaves them."""
    playbook(separate_bed, "site").succeeded()
    return separate_bed


def nads(cluster: TestCluster) -> dict[str, dict[str, Any]]:
    """The configurations of KubeVirt's NADs by name."""
    found = cluster.client.list(NADS, "kubevirt")
    return {item["metadata"]["name"]: json.loads(item["spec"]["config"]) for item in found}


def pods(cluster: TestCluster) -> list[dict[str, Any]]:
    """The metadata of the pods on the migration network."""
    return [pod["metadata"] for pod in migrating(cluster)]


def test_killed_at_every_write_of_a_change(fleet: TestBed, tmp_path: Path) -> None:
    cluster = fleet.clusters["cluster-a"]
    with contextlib.ExitStack() as stack:
        proxies = [
            stack.enter_context(running(each.kubeconfig, tmp_path, name)) for name, each in fleet.clusters.items()
        ]
        killed = Doomed(tmp_path, proxies).until_done("site", "--limit=cluster-a", **CHANGE)
    for verb, kind in (
        ("DELETE", "l2vnis"),
        ("POST", "l2vnis"),
        ("POST", NADS),
        ("PATCH", "kubevirts"),
        ("DELETE", NADS),
    ):
        assert [write for write in killed if kind in write and verb in write], killed
    ((name, config),) = nads(cluster).items()
    assert (name != "migration-evpn", config["mtu"]) == (True, 1350)
    bridge = cluster.client.need("l2vnis", "migration", "openperouter-system")["metadata"]["creationTimestamp"]
    for pod in pods(cluster):
        assert f"kubevirt/{name}" in pod["annotations"]["k8s.v1.cni.cncf.io/network-status"]
        assert pod["creationTimestamp"] >= bridge


def test_migrations_that_run_stop_a_change_and_the_removal(fleet: TestBed) -> None:
    cluster = fleet.clusters["cluster-b"]
    cluster.vm("moving")
    with fleet.fault("copy-seconds", "cluster-b", seconds="600"):
        metadata = {"name": "evacuation-1", "namespace": "default"}
        cluster.client.create(VMIM, {"metadata": metadata, "spec": {"vmiName": "moving"}})
        for name, extra in (("teardown", {}), ("site", OTHER_MTU)):
            refused = playbook(fleet, name, **extra).refused()
            assert re.search(r"cluster-b.*no unfinished migration; found default/evacuation-1", refused.output), name
    cluster.client.delete(VMIM, "evacuation-1", "default")
    cluster.client.delete("virtualmachines", "moving", "default")
    cluster.client.until(lambda left: left is None, VMIM, "evacuation-1", "default")


def test_a_failure_stops_the_rollout_unless_the_budget_has_it(fleet: TestBed, tmp_path: Path) -> None:
    """cluster-a may not make its new NAD: as canary it ends the run, and in one batch with cluster-b, too."""
    fails, other = fleet.clusters["cluster-a"], fleet.clusters["cluster-b"]
    (tmp_path / "cluster-a.kubeconfig").symlink_to(fails.proxied)
    (tmp_path / "cluster-b.kubeconfig").symlink_to(other.kubeconfig)

    def written(**rollout: Any) -> str:
        """What became of the other cluster."""
        mark = other.mark()
        ran = playbook(fleet, "site", environment={"DEMO_KUBECONFIGS": str(tmp_path)}, **OTHER_MTU, **rollout)
        assert re.search(r"cluster-a +:.* failed=1 ", ran.output), ran.output
        return " ".join(write.path for write in other.writes(mark) if "selfsubject" not in write.path)

    with fleet.fault("api-error", "cluster-a", method="POST", path=f"*{NADS}*", status="403"):
        assert written(stop_budget=50) == ""
        stopped = written(canary=0)
        assert (NADS in stopped, "kubevirts" in stopped) == (True, False)
        assert "kubevirts" in written(canary=0, stop_budget=50)


def test_the_fleet_grows_in_order_and_one_cluster_alone_is_refused(fleet: TestBed) -> None:
    """The second slot of four is part of the first of two: cluster-b has to wait for cluster-a."""
    growth = CHANGE | {"migration_network_max_clusters": 4}
    refused = playbook(fleet, "site", "--limit=cluster-b", **growth).refused()
    assert "cluster-a still holds 192.170.10.2 to 192.170.10.127" in refused.output
    grown = playbook(fleet, "site", **growth).succeeded()
    assert grown.output.count("PLAY [Give the clusters their migration network]") == 2, grown.output
    for cluster, first in (("cluster-a", "192.170.10.2"), ("cluster-b", "192.170.10.64")):
        ((_name, config),) = nads(fleet.clusters[cluster]).items()
        assert config["ipam"]["range_start"] == first


def test_others_on_the_network_are_named_before_anything_goes(fleet: TestBed) -> None:
    cluster = fleet.clusters["cluster-b"]
    (name,) = nads(cluster)
    metadata = {"name": "probe", "namespace": "kubevirt", "annotations": {"k8s.v1.cni.cncf.io/networks": name}}
    container = {"name": "c", "image": "pause"}
    cluster.client.create("pods", {"metadata": metadata, "spec": {"containers": [container]}})
    try:
        assert "pod kubevirt/probe" in playbook(fleet, "teardown").refused().output
        assert "pod kubevirt/probe" in playbook(fleet, "site", **OTHER_MTU).refused().output
    finally:
        cluster.client.delete("pods", "probe", "kubevirt")


WRONG: list[tuple[str, dict[str, Any], int]] = [
    ("site", {"batch": "none"}, 2),
    ("site", {"canary": "many"}, 2),
    ("site", {"stop_budget": "x"}, 2),
    ("site", {"migration_probe_enabled": "perhaps"}, 2),
    # For a program that asks whether the fleet is ready, nothing was looked at.
    ("verify", {"migration_probe_enabled": "perhaps"}, 4),
]


@pytest.mark.parametrize(("name", "wrong", "code"), WRONG, ids=str)
def test_what_is_asked_for_is_checked(fleet: TestBed, name: str, wrong: dict[str, Any], code: int) -> None:
    ran = playbook(fleet, name, **wrong).refused()
    assert (ran.code, next(iter(wrong)) in ran.output) == (code, True), ran.output
