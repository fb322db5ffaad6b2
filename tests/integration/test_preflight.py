# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet is compared as a whole before the first write, also by a run that leaves some of it out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.playbooks import playbook
from testbed.testing import TestBed


def inventory(directory: Path, **hosts: dict[str, Any]) -> str:
    """A second inventory that changes variables of single hosts of the first."""
    path = directory / "changed.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": {name.replace("_", "-"): told for name, told in hosts.items()}}}))
    return f"--inventory={path}"


def test_everything_in_which_the_clusters_do_not_agree_is_shown_at_once(separate_bed: TestBed, tmp_path: Path) -> None:
    wrong = inventory(
        tmp_path,
        cluster_b={
            "migration_network_slot": 0,
            "migration_network_mtu": 1300,
            "migration_network_avoid": ["192.170.0.0/16"],
        },
    )
    output = playbook(separate_bed, "site", wrong).refused().output
    assert "[slot-taken-twice] cluster-b slot 0" in output
    assert "found 1400 (cluster-a); 1300 (cluster-b)" in output
    assert "[range-overlaps-network] cluster-b" in output


@pytest.mark.parametrize(
    ("slot", "found"), [(0, "cluster-a and cluster-b both have slot 0"), (1, "nothing of cluster-b")]
)
def test_a_limited_run_still_knows_the_whole_fleet(
    separate_bed: TestBed, tmp_path: Path, slot: int, found: str
) -> None:
    changed = inventory(tmp_path, cluster_b={"migration_network_slot": slot})
    ran = playbook(separate_bed, "site", changed, "--limit=cluster-a", "--check")
    assert (ran.code == 0) == bool(slot), ran.output
    assert ran.writes == []
    assert found in ran.output


def test_two_hosts_that_are_one_cluster(separate_bed: TestBed, tmp_path: Path) -> None:
    kubeconfig = str(separate_bed.clusters["cluster-a"].kubeconfig)
    wrong = inventory(tmp_path, cluster_b={"cluster_connection": {"kubeconfig": kubeconfig}})
    assert "cluster-a and cluster-b are one cluster" in playbook(separate_bed, "site", wrong).refused().output


def test_tunnels_with_the_same_addresses(separate_bed: TestBed) -> None:
    """What OpenPERouter's own defaults lead to."""
    client = separate_bed.clusters["cluster-b"].client
    name, namespace = "underlay", "openperouter-system"
    kept = client.need("underlays", name, namespace)
    client.patch("underlays", name, {"spec": {"routeridcidr": "10.0.0.0/16"}}, namespace)
    try:
        output = playbook(separate_bed, "site").refused().output
    finally:
        client.patch("underlays", name, {"spec": {"routeridcidr": kept["spec"]["routeridcidr"]}}, namespace)
    assert "[router-ids-overlap] cluster-b" in output


def test_a_cluster_that_was_seen_before_is_remembered(separate_bed: TestBed, tmp_path: Path) -> None:
    cache = {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts")}
    playbook(separate_bed, "site", "--check", environment=cache).succeeded()
    ran = playbook(separate_bed, "site", "--check", "--limit=cluster-a", environment=cache).succeeded()
    assert "cluster-not-seen" not in ran.output


def test_who_may_not_hand_on_the_cas_changes_nothing_at_all(separate_bed: TestBed, tmp_path: Path) -> None:
    """All but ConfigMaps may be written on one cluster: trust comes last, and the right to it is asked for first."""
    cluster = separate_bed.clusters["cluster-b"]
    mark, kubeconfig = cluster.mark(), str(cluster.user("operator"))
    networks = ["k8s.cni.cncf.io", "whereabouts.cni.cncf.io", "kubevirt.io", "openpe.openperouter.github.io"]
    rules = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": networks, "resources": ["*"], "verbs": ["*"]},
    ]
    cluster.client.create("clusterroles", {"metadata": {"name": "operator"}, "rules": rules})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "operator"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "operator"}
    binding = {"metadata": {"name": "operator"}, "roleRef": role, "subjects": [subject]}
    cluster.client.create("clusterrolebindings", binding)
    wrong = inventory(tmp_path, cluster_b={"cluster_connection": {"kubeconfig": kubeconfig}})
    refused = playbook(separate_bed, "site", wrong).refused()
    assert "Grant the verb create on configmaps in namespace kubevirt" in refused.output, refused.output
    assert "to create configmaps in namespace kubevirt" in refused.output
    assert [write for write in cluster.writes(mark, "operator") if "selfsubject" not in write.path] == []
