# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory that says more than the demo's: both address families, weights, networks of the VMs, two releases.

Every pod has an address of each family, KubeVirt uses the first; the networks of the VMs are declared once for the
fleet and come and go with the migration network. The tests are the chapters of one story, in this order.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.networks import addresses, vm_on
from integration.playbooks import playbook
from testbed.resources import Object
from testbed.testing import TestBed, TestCluster, own_bed

pytestmark = pytest.mark.simulated

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
# A release with a routing domain cannot have the VRF of the demo without an L3VNI.
EXTRA: dict[str, Any] = {
    "vm_network_networks": [LAYER2, OFFICE],
    "migration_network_l3vni_vni": 665,
    "migration_network_second_range": "fd00:170::/64",
    "migration_network_weights": [3, 1],
    "migration_network_reserved": ["fd00:170::1"],
}
SLICES = {"cluster-a": ("192.170.10.2", "192.170.10.190"), "cluster-b": ("192.170.10.191", "192.170.10.254")}


@pytest.fixture(scope="module")
def fleet() -> Iterator[TestBed]:
    """The demo's two clusters, the second with a release that needs an L3VNI behind a gateway."""
    with own_bed("inventory", ("cluster-a", "cluster-b"), "cluster-b.l2vni_shape=C") as bed:
        yield bed


def counts(cluster: TestCluster) -> list[int]:
    kinds = ("l3vnis", "l2vnis") if cluster.name == "cluster-a" else ("network-l3vnis", "network-l2vnis")
    return [len(cluster.client.list(kind)) for kind in (*kinds, NADS)]


def test_check_do_do_again(fleet: TestBed) -> None:
    assert playbook(fleet, "site", "--check", **EXTRA).succeeded().writes == []
    playbook(fleet, "site", **EXTRA).succeeded()
    playbook(fleet, "site", **EXTRA).did_nothing()


def test_every_pod_has_an_address_of_both_families_and_kubevirt_uses_the_first(fleet: TestBed) -> None:
    for name, (first, last) in SLICES.items():
        cluster = fleet.clusters[name]
        pairs = addresses(cluster)
        assert pairs
        for one, other in pairs:
            assert ipaddress.IPv4Address(first) <= ipaddress.IPv4Address(one) <= ipaddress.IPv4Address(last)
            assert ipaddress.IPv6Address(other) in ipaddress.IPv6Network("fd00:170::/64")
        kubevirt = cluster.client.need("kubevirts", "kubevirt", "kubevirt")
        assert kubevirt["status"]["synchronizationAddresses"][0].startswith("192.170.10.")


def test_the_vms_have_their_networks_on_both_clusters(fleet: TestBed) -> None:
    for cluster in fleet.clusters.values():
        # Each of the migration network and of layer2; layer2 in two namespaces, office in one, and the migration's.
        assert counts(cluster) == [2, 2, 4]
        config = json.loads(cluster.client.need(NADS, "layer2", "kube-public")["spec"]["config"])
        assert (config["bridge"], config["mtu"], config["disableContainerInterface"]) == ("br-hs-110", 1400, True)


def test_a_network_of_the_vms_that_was_lost_is_reported_and_mended(fleet: TestBed) -> None:
    fleet.clusters["cluster-b"].client.delete(NADS, "office", "default")
    assert "default/office" in playbook(fleet, "verify", **EXTRA).refused().output
    assert len(playbook(fleet, "site", **EXTRA).succeeded().writes) == 1


def test_numbers_that_are_given_twice_are_refused_before_the_first_write(fleet: TestBed) -> None:
    twice = EXTRA | {"vm_network_networks": [LAYER2, {"name": "second", "vni": 110, "namespaces": ["default"]}]}
    assert "[vni-taken-twice] VNI 110" in playbook(fleet, "site", **twice).refused().output


def test_they_go_with_the_migration_network_when_no_vm_has_them(fleet: TestBed) -> None:
    second = fleet.clusters["cluster-b"].client
    second.create("virtualmachines", vm_on("layer2", "holder"))
    assert "VirtualMachine default/holder" in playbook(fleet, "teardown", **EXTRA).refused().output
    second.delete("virtualmachines", "holder", "default")
    second.until(lambda found: found is None, "virtualmachines", "holder", "default")
    playbook(fleet, "teardown", **EXTRA).succeeded()
    assert [counts(cluster) for cluster in fleet.clusters.values()] == [[0, 0, 0], [0, 0, 0]]
