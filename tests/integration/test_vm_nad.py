# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of the VMs: the module alone, and declared once for a fleet of two releases of OpenPERouter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.calls import on
from integration.playbooks import playbook
from testbed.resources import Object
from testbed.testing import TestBed, TestCluster, own_bed

NADS = "network-attachment-definitions"
LAYER2: Object = {
    "name": "layer2",
    "vni": 110,
    "vrf": "red",
    "l3vni_vni": 100,
    "gateways": ["192.170.1.1/24"],
    "mtu": 1400,
    "namespaces": ["default", "kube-public"],
}
OFFICE: Object = {"name": "office", "bridge": "br1", "vlan": 120, "mtu": 1500, "namespaces": ["default"]}
NETWORKS: dict[str, Any] = {"vm_network_networks": [LAYER2, OFFICE]}


def vm(name: str, network: str) -> Object:
    """A VM that is switched off and would join the network."""
    disk = {"name": "os", "containerDisk": {"image": "quay.io/kubevirt/fedora"}}
    devices = {"disks": [{"name": "os", "disk": {"bus": "virtio"}}], "interfaces": [{"name": "red", "bridge": {}}]}
    domain = {"devices": devices, "resources": {"requests": {"memory": "128M"}}}
    inner = {"domain": domain, "networks": [{"name": "red", "multus": {"networkName": network}}], "volumes": [disk]}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"runStrategy": "Halted", "template": {"spec": inner}},
    }


def test_the_module_alone_leaves_the_network_of_a_vm_alone(bed: TestBed, namespace: str) -> None:
    cluster = next(iter(bed.clusters.values()))
    wish: Object = {"name": "layer2", "namespace": namespace, "vni": 110, "mtu": 1400}
    mark = cluster.mark()
    told = on(cluster, "vm_nad", check_mode=True, **wish)
    assert not cluster.writes(mark)
    made = on(cluster, "vm_nad", **wish)
    assert (made["diff"], made["vm_nad"]) == (told["diff"], told["vm_nad"])
    cluster.client.create("virtualmachines", vm("holder", f"{namespace}/layer2"))
    mark = cluster.mark()
    assert not on(cluster, "vm_nad", **wish).changed
    for change in ({"state": "absent"}, {"vni": 111}):
        failure = on(cluster, "vm_nad", **(wish | change)).failure
        assert (failure["reason"], failure["found"]) == ("nad_in_use", "VirtualMachine default/holder")
    assert not cluster.writes(mark)
    cluster.client.delete("virtualmachines", "holder", "default")
    cluster.client.until(lambda found: found is None, "virtualmachines", "holder", "default")
    for expected in (True, False):
        assert on(cluster, "vm_nad", **wish, state="absent").changed is expected


@pytest.fixture(scope="module")
def fleet() -> Iterator[TestBed]:
    """The demo's two clusters, the second with a release that needs an L3VNI behind a gateway."""
    with own_bed("vm-nad", ("cluster-a", "cluster-b"), "cluster-b.l2vni_shape=C") as bed:
        yield bed


def counts(cluster: TestCluster) -> list[int]:
    kinds = ("l3vnis", "l2vnis") if cluster.name == "cluster-a" else ("network-l3vnis", "network-l2vnis")
    return [len(cluster.client.list(kind)) for kind in (*kinds, NADS)]


@pytest.mark.simulated
def test_a_fleet_gets_them_with_its_migration_network_and_loses_them_with_it(fleet: TestBed) -> None:
    # A release with a routing domain cannot have the VRF of the demo without an L3VNI.
    extra: dict[str, Any] = {**NETWORKS, "migration_network_l3vni_vni": 665}
    check = playbook(fleet, "site", "--check", **extra).succeeded()
    assert check.writes == []
    playbook(fleet, "site", **extra).succeeded()
    for cluster in fleet.clusters.values():
        # Each of the migration network and of layer2; layer2 in two namespaces, office in one, and the migration's.
        assert counts(cluster) == [2, 2, 4]
        found = cluster.client.get(NADS, "layer2", "kube-public")
        config = json.loads((found or {})["spec"]["config"])
        assert (config["bridge"], config["mtu"], config["disableContainerInterface"]) == ("br-hs-110", 1400, True)
    again = playbook(fleet, "site", **extra).succeeded()
    assert (again.writes, sum(again.changed.values())) == ([], 0), again.output

    second = fleet.clusters["cluster-b"].client
    second.delete(NADS, "office", "default")
    drifted = playbook(fleet, "verify", **extra).refused()
    assert "default/office" in drifted.output
    assert len(playbook(fleet, "site", **extra).succeeded().writes) == 1

    second.create("virtualmachines", vm("holder", "layer2"))
    held = playbook(fleet, "teardown", **extra).refused()
    assert "VirtualMachine default/holder" in held.output
    second.delete("virtualmachines", "holder", "default")
    second.until(lambda found: found is None, "virtualmachines", "holder", "default")
    playbook(fleet, "teardown", **extra).succeeded()
    assert [counts(cluster) for cluster in fleet.clusters.values()] == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.simulated
def test_numbers_that_are_given_twice_are_refused_before_the_first_write(fleet: TestBed) -> None:
    twice: dict[str, Any] = {"vm_network_networks": [LAYER2, {"name": "second", "vni": 110, "namespaces": ["default"]}]}
    refused = playbook(fleet, "site", migration_network_l3vni_vni=665, **twice).refused()
    assert "[vni-taken-twice] VNI 110" in refused.output
