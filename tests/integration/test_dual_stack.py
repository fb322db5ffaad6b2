# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet with a range of each address family and slices by weight: every pod has both, KubeVirt uses the first."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from integration.playbooks import playbook
from testbed.testing import TestBed, TestCluster

DUAL: dict[str, Any] = {
    "migration_network_second_range": "fd00:170::/64",
    "migration_network_weights": [3, 1],
    "migration_network_reserved": ["fd00:170::1"],
}


def addresses(cluster: TestCluster) -> list[list[str]]:
    """What every pod of KubeVirt has on the migration network."""
    found = []
    for pod in cluster.client.list("pods", "kubevirt"):
        told = json.loads(pod["metadata"].get("annotations", {}).get("k8s.v1.cni.cncf.io/network-status", "[]"))
        found += [entry["ips"] for entry in told if entry.get("interface") == "migration0"]
    return found


def test_a_fleet_of_both_address_families(separate_bed: TestBed) -> None:
    playbook(separate_bed, "site", **DUAL).succeeded()
    slices = {"cluster-a": ("192.170.10.2", "192.170.10.190"), "cluster-b": ("192.170.10.191", "192.170.10.254")}
    for name, (first, last) in slices.items():
        cluster = separate_bed.clusters[name]
        pairs = addresses(cluster)
        assert pairs
        for one, other in pairs:
            assert (
                int(ipaddress.IPv4Address(first)) <= int(ipaddress.IPv4Address(one)) <= int(ipaddress.IPv4Address(last))
            )
            assert ipaddress.IPv6Address(other) in ipaddress.IPv6Network("fd00:170::/64")
        kubevirt = cluster.client.get("kubevirts", "kubevirt", "kubevirt")
        assert kubevirt
        assert kubevirt["status"]["synchronizationAddresses"][0].startswith("192.170.10.")
    again = playbook(separate_bed, "site", **DUAL).succeeded()
    assert (again.writes, sum(again.changed.values())) == ([], 0), again.output
