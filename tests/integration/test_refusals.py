# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot work is refused before the first write, and says what was wanted, what was found, where, what to do.

The fleet is compared as a whole, also by a run that leaves some of it out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.playbooks import playbook
from testbed.testing import TestBed

# What is wrong with the inventory, how, and what the user is told.
INPUT: list[tuple[str, dict[str, Any], str]] = [
    ("VNI too large", {"migration_network_vni": 16777216}, r"16777215.*16777216"),
    ("VNI zero", {"migration_network_vni": 0}, r"VNI|vni"),
    ("VRF name", {"migration_network_vrf": "a-name-that-is-too-long"}, r"15 characters|15"),
    ("L2VNI name", {"migration_network_l2vni": "Not_A_Name"}, r"Not_A_Name"),
    ("CIDR", {"migration_network_range": "192.170.10.0/33"}, r"192\.170\.10\.0/33"),
    ("host bits", {"migration_network_range": "192.170.10.5/24"}, r"192\.170\.10\.5/24"),
    (
        "range too small",
        {"migration_network_range": "192.170.10.0/28", "migration_network_max_clusters": 4},
        r"addresses",
    ),
    ("gateway outside", {"migration_network_gateway": "192.171.0.1"}, r"192\.171\.0\.1"),
    ("slot outside", {"migration_network_slot": 2}, r"slot"),
    ("one slot twice", {"migration_network_slot": 0}, r"cluster-a and cluster-b both have slot 0"),
    (
        "MTU too small for IPv6",
        {"migration_network_range": "fd00:10::/64", "migration_network_gateway": "", "migration_network_mtu": 1200},
        r"1280",
    ),
    ("MTU above the underlay", {"migration_network_mtu": 1500, "migration_network_underlay_mtu": 1500}, r"1450"),
    ("bandwidth", {"migration_network_limits": {"bandwidth_per_migration": "fast"}}, r"fast"),
]


@pytest.mark.parametrize(("extra", "told"), [case[1:] for case in INPUT], ids=[case[0] for case in INPUT])
def test_bad_input(separate_bed: TestBed, extra: dict[str, Any], told: str) -> None:
    refused = playbook(separate_bed, "site", **extra).refused()
    assert re.search(told, refused.output), refused.output


def test_a_missing_mtu_is_a_missing_option(separate_bed: TestBed) -> None:
    refused = playbook(separate_bed, "site", migration_network_mtu=None).refused()
    assert re.search(r"(required|wanted)[^\n]*mtu", refused.output), refused.output


def test_an_api_server_that_does_not_answer(separate_bed: TestBed) -> None:
    refused = playbook(
        separate_bed, "site", cluster_connection={"host": "https://127.0.0.1:9", "validate_certs": False}
    )
    assert "https://127.0.0.1:9 does not answer" in refused.refused().output


def test_credentials_that_are_refused(separate_bed: TestBed) -> None:
    kubeconfig = yaml.safe_load(separate_bed.clusters["cluster-a"].kubeconfig.read_text())
    cluster = kubeconfig["clusters"][0]["cluster"]
    connection = {"host": cluster["server"], "api_key": "hush-hush", "validate_certs": False}
    refused = playbook(separate_bed, "site", cluster_connection=connection).refused()
    assert "the credentials are refused" in refused.output
    assert "hush-hush" not in refused.output


def test_a_verb_that_is_forbidden(separate_bed: TestBed) -> None:
    limited = separate_bed.clusters["cluster-a"].user("nobody-special")
    refused = playbook(separate_bed, "site", user="nobody-special", cluster_connection={"kubeconfig": str(limited)})
    refused.refused()
    for word in ("cluster-a", "nobody-special", "cannot list", "kubevirts"):
        assert word in refused.output or (word == "cannot list" and "cannot get" in refused.output), refused.output


def test_a_kubeconfig_that_is_not_there(separate_bed: TestBed) -> None:
    refused = playbook(separate_bed, "site", cluster_connection={"kubeconfig": "/does/not/exist"}).refused()
    assert "/does/not/exist" in refused.output
    assert "a usable kubeconfig" in refused.output


MOVES: list[tuple[str, dict[str, str], str]] = [
    (
        "one cluster",
        {"source": "cluster-a", "target": "cluster-a"},
        r"wanted two different names; found cluster-a twice",
    ),
    ("no such VM", {"vms": "default/nobody"}, r"VirtualMachine default/nobody: wanted the VM to move; found none"),
    ("no target", {"target": ""}, r"target"),
    ("no such cluster", {"target": "cluster-z"}, r"cluster-z"),
]


@pytest.mark.parametrize(("extra", "told"), [case[1:] for case in MOVES], ids=[case[0] for case in MOVES])
def test_bad_requests(separate_bed: TestBed, extra: dict[str, str], told: str) -> None:
    request: dict[str, Any] = {"source": "cluster-a", "target": "cluster-b", "vms": "default/nobody"} | extra
    refused = playbook(separate_bed, "migrate", **request).refused()
    assert re.search(told, refused.output), refused.output


# What the move itself would stumble over is known before the trust, the Secrets and the receiver are written.
UNREADY: list[tuple[str, dict[str, Any], str]] = [
    ("gate off", {}, r"cluster-a KubeVirt: wanted feature gate DecentralizedLiveMigration; found it is off"),
    ("one slot for both", {"migration_network_slot": 1}, r"wanted two different slots; found slot 1 for both"),
]


@pytest.mark.parametrize(("extra", "told"), [case[1:] for case in UNREADY], ids=[case[0] for case in UNREADY])
def test_a_vm_that_runs_where_nothing_is_ready_for_it(separate_bed: TestBed, extra: dict[str, Any], told: str) -> None:
    separate_bed.clusters["cluster-a"].vm("ready")
    refused = playbook(separate_bed, "migrate", source="cluster-a", target="cluster-b", vms="default/ready", **extra)
    assert re.search(told, refused.refused().output), refused.output


OPERATORS = {
    "l2vnis.openpe.openperouter.github.io": "OpenPERouter is not installed",
    "ippools.whereabouts.cni.cncf.io": "whereabouts is not installed",
}


@pytest.mark.parametrize(("crd", "told"), OPERATORS.items(), ids=["OpenPERouter", "whereabouts"])
def test_a_cluster_without_an_operator(separate_bed: TestBed, crd: str, told: str) -> None:
    client = separate_bed.clusters["cluster-b"].client
    kept = client.need("customresourcedefinitions", crd)
    client.delete("customresourcedefinitions", crd)
    client.until(lambda found: found is None, "customresourcedefinitions", crd)
    try:
        refused = playbook(separate_bed, "site")
    finally:
        client.create("customresourcedefinitions", {"metadata": {"name": crd}, "spec": kept["spec"]})
    assert told in refused.refused().output


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
