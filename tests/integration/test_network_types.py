# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook site on one cluster that goes from one type of network to the next, and back to the pod network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.networks import migrating
from integration.playbooks import Ran, playbook
from testbed.resources import Object
from testbed.sim.multus import reported
from testbed.testing import TestBed, TestCluster, own_bed

NADS = "network-attachment-definitions"
POLICIES = "nodenetworkconfigurationpolicies"
RESOURCE = "openshift.io/migration"

OVERLAY: dict[str, Any] = {
    "migration_network_vrf": "",
    "migration_network_node_selector": {"match_labels": {"kubevirt.io/schedulable": "true"}},
    "migration_network_style": "exclude",
    "migration_network_growth": 3,
}
VLAN: dict[str, Any] = {
    "migration_network_type": "vlan",
    "migration_network_bridge": "br1",
    "migration_network_vlan": 100,
    "migration_network_uplink": "eth1",
}
IPVLAN: dict[str, Any] = {
    "migration_network_type": "ipvlan",
    "migration_network_master": "eth2.300",
    "migration_network_uplink": "eth2",
    "migration_network_uplink_vlan": 300,
}
MACVLAN: dict[str, Any] = {"migration_network_type": "macvlan", "migration_network_master": "eth2"}
OVS: dict[str, Any] = {
    "migration_network_type": "ovs",
    "migration_network_bridge": "br-ex",
    "migration_network_vlan": 7,
}
SRIOV: dict[str, Any] = {"migration_network_type": "sriov", "migration_network_resource_name": RESOURCE}
NONE: dict[str, Any] = {"migration_network_type": "none"}

pytestmark = pytest.mark.simulated


@pytest.fixture(scope="module")
def bed() -> Iterator[TestBed]:
    """One cluster whose node has everything that some type of network needs."""
    interfaces = "node_interfaces=eth0:1500,eth1:9000,eth2:9000,br-ex:9000:ovs-bridge"
    settings = ("nodes=1", "nmstate=true", "l2vni_shape=B", interfaces, f"device_plugin={RESOURCE}=9")
    with own_bed("types", ("cluster-a",), *settings) as made:
        yield made


@pytest.fixture
def cluster(bed: TestBed) -> TestCluster:
    return bed.clusters["cluster-a"]


def site(bed: TestBed, *arguments: str, **extra: Any) -> Ran:
    return playbook(bed, "site", *arguments, fleet="cluster-a", **extra)


def network(cluster: TestCluster) -> tuple[Object, Object]:
    """The only NAD with its configuration, once it is what every pod of KubeVirt has."""
    (nad,) = cluster.client.list(NADS, "kubevirt")
    pods = migrating(cluster)
    assert pods
    for pod in pods:
        assert [entry["name"] for entry in reported(pod)[1:]] == [f"kubevirt/{nad['metadata']['name']}"]
    return nad, dict(json.loads(nad["spec"]["config"]))


def order(done: Ran, *kinds: str) -> list[str]:
    """What was written of some kinds, one after the other."""
    return [kind for write in done.writes for kind in kinds if f"/{kind}" in write.path]


def links(cluster: TestCluster) -> dict[str, Object]:
    """What nmstate reports of the node."""
    (state,) = cluster.client.list("nodenetworkstates")
    return {link["name"]: link for link in state["status"]["currentState"]["interfaces"]}


def tags(policy: Object) -> list[int]:
    """The VLANs of the first bridge's trunk."""
    (port,) = policy["spec"]["desiredState"]["interfaces"][0]["bridge"]["port"]
    return [tag["id"] for tag in port["vlan"]["trunk-tags"]]


def test_an_overlay(bed: TestBed, cluster: TestCluster) -> None:
    site(bed, migration_network_limits={"max_downtime_ms": 700}, **OVERLAY).succeeded()
    segment = cluster.client.need("l2vnis", "migration", "openperouter-system")["spec"]
    assert segment["nodeSelector"] == {"matchLabels": {"kubevirt.io/schedulable": "true"}}
    _nad, config = network(cluster)
    assert (config["bridge"], "range_start" in config["ipam"]) == ("br-hs-666", False)
    assert "192.170.10.128/25" in config["ipam"]["exclude"]
    kubevirt = cluster.client.need("kubevirts", "kubevirt", "kubevirt")
    assert kubevirt["spec"]["configuration"]["migrations"]["maxDowntimeMs"] == 700


def test_an_overlay_that_leaves_out_a_node_of_virt_handler(bed: TestBed) -> None:
    nowhere = OVERLAY | {"migration_network_node_selector": {"match_labels": {"zone": "nowhere"}}}
    refused = site(bed, **nowhere).refused().output
    assert "node_selector leaves out cluster-a-node-1" in refused, refused


def test_another_number_beside_it(bed: TestBed, cluster: TestCluster) -> None:
    """The pods keep the bridge of the old one until they have left it."""
    done = site(bed, **OVERLAY, migration_network_vni=777).succeeded()
    assert order(done, "l2vnis", NADS, "kubevirts") == ["l2vnis", NADS, "kubevirts", NADS, "l2vnis"]
    _nad, config = network(cluster)
    assert config["bridge"] == "br-hs-777"
    (segment,) = cluster.client.list("l2vnis")
    assert (segment["metadata"]["name"], segment["spec"]["vni"]) == ("migration-777", 777)


def test_a_vlan_instead_of_it(bed: TestBed, cluster: TestCluster) -> None:
    missing = site(bed, **VLAN | {"migration_network_uplink": ""}).refused()
    assert "linux-bridge br1 with mtu 1400" in missing.output
    site(bed, **VLAN).succeeded()
    _nad, config = network(cluster)
    assert (config["type"], config["bridge"], config["vlan"]) == ("bridge", "br1", 100)
    assert cluster.client.list("l2vnis") == []
    assert tags(cluster.client.need(POLICIES, "migration-uplink")) == [100]


def test_another_vlan_beside_it(bed: TestBed, cluster: TestCluster) -> None:
    """The old one stays on the nodes until no pod has it any more."""
    changed = VLAN | {"migration_network_vlan": 200}
    done = site(bed, **changed).succeeded()
    assert order(done, POLICIES, NADS, "kubevirts") == [POLICIES, NADS, "kubevirts", NADS, POLICIES]
    _nad, config = network(cluster)
    assert config["vlan"] == 200
    assert tags(cluster.client.need(POLICIES, "migration-uplink")) == [200]
    site(bed, **changed).did_nothing()


def test_an_interface_of_another_card(bed: TestBed, cluster: TestCluster) -> None:
    site(bed, **IPVLAN).succeeded()
    _nad, config = network(cluster)
    assert (config["type"], config["master"]) == ("ipvlan", "eth2.300")
    assert links(cluster)["eth2.300"]["vlan"] == {"base-iface": "eth2", "id": 300}
    assert "br1" not in links(cluster)


def test_an_open_vswitch_bridge(bed: TestBed, cluster: TestCluster) -> None:
    site(bed, **OVS).succeeded()
    _nad, config = network(cluster)
    assert (config["type"], config["bridge"], config["vlan"]) == ("ovs", "br-ex", 7)
    assert cluster.client.list(POLICIES) == []
    assert "eth2.300" not in links(cluster)


def test_virtual_functions(bed: TestBed, cluster: TestCluster) -> None:
    site(bed, **SRIOV).succeeded()
    nad, config = network(cluster)
    assert config["type"] == "sriov"
    assert nad["metadata"]["annotations"]["k8s.v1.cni.cncf.io/resourceName"] == RESOURCE


def test_an_interface_of_the_nodes_and_back_to_the_pod_network(bed: TestBed, cluster: TestCluster) -> None:
    site(bed, **MACVLAN).succeeded()
    _nad, config = network(cluster)
    assert (config["type"], config["master"], config["mode"]) == ("macvlan", "eth2", "bridge")
    refused = site(bed, **MACVLAN, migration_network_vlan=100).refused()
    assert "eth1.100" in refused.output

    check = site(bed, "--check", **NONE).succeeded()
    assert check.writes == []
    site(bed, **NONE).succeeded()
    assert cluster.client.list(NADS, "kubevirt") == []
    kubevirt = cluster.client.need("kubevirts", "kubevirt", "kubevirt")
    settings = kubevirt["spec"]["configuration"]
    assert "network" not in settings["migrations"]
    # What is not about the network stays.
    assert "DecentralizedLiveMigration" in settings["developerConfiguration"]["featureGates"]
    site(bed, **NONE).did_nothing()
