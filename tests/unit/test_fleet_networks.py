# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The range keeps apart from every network of every cluster, and the network's own objects are no strangers."""

from __future__ import annotations

import pytest
from unit.fleet_members import ids, member, net, only, segment


@pytest.mark.parametrize("kind", ["pod", "service", "node", "vtep", "router-id", "l2vni", "nad", "pool"])
def test_the_range_keeps_apart_from_every_network_of_every_cluster(kind: str) -> None:
    found = only(member(2, net(kind, "10.77.2.0/24")))
    assert (found.id, found.cluster) == ("range-overlaps-network", "vienna")
    assert found.found == f"the {kind} network it is 10.77.2.0/24"
    assert ids(member(2, net(kind, "10.77.0.8/30"))) == []
    assert ids(member(2, net(kind, "10.78.0.0/24"))) == []


def test_the_second_range_too() -> None:
    second = [member(index, second_range="fd00:77::/64") for index in range(2)]
    last = member(2, net("service", "fd00::/16"), second_range="fd00:77::/64")
    assert ids(*second, last) == ["range-overlaps-network"]


def test_the_networks_own_objects_are_no_strangers() -> None:
    own = (
        net("l2vni", "10.77.0.0/22", "openperouter-system/migration"),
        net("nad", "10.77.0.0/22", "kubevirt/migration"),
        net("pool", "10.77.0.0/22", "kube-system/10.77.0.0-22"),
    )
    assert ids(member(0, *own)) == []


@pytest.mark.parametrize(
    ("ipam", "harm"), [("whereabouts", False), ("", False), ("host-local", True), ("static", True)]
)
def test_only_whereabouts_keeps_to_bounds_within_one_range(ipam: str, harm: bool) -> None:
    theirs = net("nad", "10.77.0.0/22", "shop/theirs") | {"ipam": ipam}
    assert ids(member(0, theirs)) == (["range-overlaps-network"] if harm else [])


def test_the_network_as_it_was_before_its_range_changed_is_no_stranger() -> None:
    before = net("nad", "10.77.0.0/23", "kubevirt/migration") | {"ipam": "whereabouts"}
    later = net("nad", "10.76.0.0/15", "kubevirt/migration-0a1b2c3d") | {"family": "migration"}
    held = net("pool", "10.77.0.0/23", "kube-system/10.77.0.0-23")
    assert ids(member(0, before, later, held)) == []
    assert ids(member(0, held)) == ["range-overlaps-network"]
    assert ids(member(0, before, later, held, nad="other")) == ["range-overlaps-network"] * 3
    assert ids(member(0, before, kubevirt_namespace="virt")) == ["range-overlaps-network"]


def test_a_segment_whose_number_changes_is_no_stranger_and_hands_on_its_port() -> None:
    """A run that ended in the middle of the change is repeated."""
    old, new = segment(666, port=4790), segment(667, port=4790) | {"name": "openperouter-system/migration-667"}
    gateway = net("l2vni", "10.77.0.0/22", "openperouter-system/migration")
    beside = new | {"family": "migration"}
    changed = [
        member(0, gateway, vni=667, vnis=[old]),
        member(1, vni=667, vnis=[old, beside]),
        member(2, vni=667, vnis=[beside]),
    ]
    assert ids(*changed) == []
    assert ids(*changed[:2], member(2, vni=667, vnis=[segment(667)])) == ["vxlan-port-differs"]
    assert ids(member(0, net("l2vni", "10.77.0.0/22", "other/migration"))) == ["range-overlaps-network"]


def test_the_nodes_network_is_apart_from_an_overlay_only() -> None:
    lan = net("node-network", "10.77.0.0/16")
    assert ids(member(0, lan)) == ["range-overlaps-network"]
    assert ids(member(0, lan, type="macvlan", vnis=[], underlays=[])) == []


def test_what_the_user_keeps_off() -> None:
    found = only(member(2, avoid=["10.77.3.0/24", "10.99.0.0/16"]))
    assert (found.id, found.cluster, found.found) == (
        "range-overlaps-network",
        "vienna",
        "a network to avoid is 10.77.3.0/24",
    )
