# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the CNI plugins make of a node's interfaces."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.sim.multus import MultusError
from testbed.sim.node_network import Link, NodeNetwork

POD: dict[str, Any] = {"spec": {"containers": [{"resources": {"limits": {"cpu": "1"}}}]}}


def node() -> NodeNetwork:
    return NodeNetwork(
        {
            "eth0": Link(),
            "eth1": Link(mtu=9000),
            "br1": Link("linux-bridge", ports=("eth0",)),
            "br-ex": Link("ovs-bridge"),
        }
    )


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"type": "no-such-plugin"}, 'failed to find plugin "no-such-plugin"'),
        ({"type": "bridge", "disableContainerInterface": True, "ipam": {"type": "static"}}, "cannot use IPAM"),
        ({"type": "bridge", "vlan": 4095}, "invalid VLAN ID 4095"),
        ({"type": "bridge", "bridge": "br-ex"}, "not a bridge"),
        ({"type": "macvlan", "master": "eth9"}, "Link not found"),
        ({"type": "ipvlan", "master": "eth9"}, "Link not found"),
        ({"type": "macvlan", "master": "eth1", "mode": "l2"}, 'unknown macvlan mode: "l2"'),
        ({"type": "ipvlan", "master": "eth1", "mode": "vepa"}, 'unknown ipvlan mode: "vepa"'),
        ({"type": "macvlan", "master": "eth1", "mtu": 9001}, r"invalid MTU 9001, must be \[0, master MTU\(9000\)\]"),
        ({"type": "macvlan", "master": "eth0", "mtu": 1500}, "device or resource busy"),
        ({"type": "ovs", "bridge": "br1"}, "failed to find bridge br1"),
        ({"type": "sriov"}, "VF pci addr is required"),
    ],
)
def test_what_the_plugins_refuse(config: dict[str, Any], text: str) -> None:
    with pytest.raises(MultusError, match=text):
        node().attach(config, POD)


@pytest.mark.parametrize(
    ("config", "mtu"),
    [
        ({"type": "bridge", "bridge": "br1", "mtu": 1400}, 1400),
        ({"type": "macvlan", "master": "eth1", "mtu": 8000}, 8000),
        ({"type": "ipvlan", "master": "eth1", "mode": "l2"}, 9000),
        ({"type": "ovs", "bridge": "br-ex", "mtu": 1400}, 1400),
        ({"type": "tap"}, 1500),
    ],
)
def test_what_pods_join(config: dict[str, Any], mtu: int) -> None:
    assert node().attach(config, POD) == mtu


def test_a_missing_bridge_is_made_and_leads_nowhere() -> None:
    found = node()
    found.attach({"type": "bridge", "bridge": "br9", "vlan": 5}, POD)
    assert found.links["br9"] == Link("linux-bridge", 1500, filtering=True)


def test_a_virtual_function_comes_with_the_resource_alone() -> None:
    pod = {"spec": {"containers": [{"resources": {"limits": {"openshift.io/mig": "1"}}}]}}
    assert node().attach({"type": "sriov"}, pod) == 1500
    with pytest.raises(MultusError, match="vlan id 4095 invalid"):
        node().attach({"type": "sriov", "vlan": 4095}, pod)
