# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of the VMs over a fleet: one segment each, and out of the way of everything else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _fleet
from ansible_collections.livemigration.kubevirt.plugins.module_utils._fleet_member import Member
from unit.fleet_members import fleet, ids, member, net, only, routed, segment, underlay

LAYER2: dict[str, Any] = {
    "name": "layer2",
    "vni": 110,
    "vrf": "red",
    "l3vni_vni": 100,
    "gateways": ["192.168.110.1/24"],
    "mtu": 1400,
    "namespaces": ["shop"],
}
OFFICE: dict[str, Any] = {"name": "office", "bridge": "br1", "vlan": 120, "mtu": 1500, "namespaces": ["shop"]}
RED = segment(110) | {"name": "openperouter-system/layer2", "vrf": "red"}


def everywhere(*apps: dict[str, Any], **options: Any) -> list[Member]:
    return [member(index, apps=[*apps], **options) for index in range(3)]


def but(index: int, *apps: dict[str, Any], **options: Any) -> list[Member]:
    """The fleet with the usual networks, but for one cluster."""
    members = everywhere(LAYER2, OFFICE)
    members[index] = member(index, apps=[*apps], **options)
    return members


def test_a_fleet_with_the_same_networks_everywhere_has_nothing_to_say() -> None:
    assert ids(*everywhere(LAYER2, OFFICE)) == []
    assert ids(*but(1)) == []


@pytest.mark.parametrize(
    ("option", "value", "severity"),
    [
        ("vni", 111, "error"),
        ("l3vni_vni", 101, "error"),
        ("gateways", ["192.168.110.2/24"], "error"),
        ("gateways", [], "error"),
        ("mtu", 9000, "error"),
        ("mtu", None, "error"),
        ("vrf", "rouge", "warning"),
    ],
)
def test_what_a_network_has_once_for_the_fleet(option: str, value: Any, severity: str) -> None:
    found = only(*but(1, LAYER2 | {option: value}, OFFICE))
    name = f"vm-network-{option.replace('_', '-')}-differs"
    assert (found.id, found.severity, found.object) == (name, severity, "network layer2")
    assert "(munich, vienna)" in found.found
    assert found.found.endswith("(zurich)")


def test_a_network_may_be_a_bridge_elsewhere_and_a_release_may_need_no_l3vni() -> None:
    bridge = {"name": "layer2", "bridge": "br2", "mtu": 1400, "namespaces": ["shop"]}
    assert ids(*but(1, bridge, OFFICE)) == []
    assert ids(*but(1, bridge | {"mtu": 1500}, OFFICE)) == ["vm-network-mtu-differs"]
    assert ids(*but(1, LAYER2 | {"l3vni_vni": 0}, OFFICE)) == []
    dual = {"gateways": ["fd00:110::1/64", "192.168.110.1/24"], "vni": "110", "mtu": "1400"}
    spelled = LAYER2 | dual
    members = [member(0, apps=[spelled]), member(1, apps=[spelled | {"gateways": [*reversed(dual["gateways"])]}])]
    other = member(2, apps=[spelled | {"gateways": ["192.168.110.1/24", "fd00:110:0::1/64"]}])
    assert ids(*members, other) == []


@pytest.mark.parametrize(
    ("changed", "number"), [({"vni": 666}, 666), ({"l3vni_vni": 666}, 666), ({"vni": 100}, 100), ({"vni": 700}, 700)]
)
def test_a_number_is_for_one_thing_in_the_whole_fleet(changed: dict[str, Any], number: int) -> None:
    """Also where the clusters that use it for one thing are not those that use it for the other."""
    second = {"name": "second", "vni": 120, "namespaces": ["shop"]} | changed
    members = [member(0, l3vni_vni=700, vrf="rouge", apps=[LAYER2]), member(1, apps=[LAYER2])]
    found = only(*members, member(2, apps=[second | {"vrf": "blue"}]))
    assert (found.id, found.object) == ("vni-taken-twice", f"VNI {number}")
    assert "network second (vienna)" in found.found or "VRF blue (vienna)" in found.found


def test_two_vrfs_of_one_cluster_share_no_number() -> None:
    second = LAYER2 | {"name": "second", "vni": 120, "vrf": "blue", "gateways": []}
    assert ids(*everywhere(LAYER2, second)) == ["vni-taken-twice"]
    assert ids(*everywhere(LAYER2, second | {"vrf": "red"})) == []


@pytest.mark.parametrize(
    ("second", "title"),
    [
        ({"name": "migration"}, "L2VNI openperouter-system/migration"),
        ({"vrf": "red", "l3vni": "other", "l3vni_vni": 100}, "VRF red"),
        ({"vrf": "blue", "l3vni": "red", "l3vni_vni": 101}, "L3VNI openperouter-system/red"),
        ({"vrf": "blue", "l3vni": "migration", "l3vni_vni": 101}, "L3VNI openperouter-system/migration"),
        ({"nad": "layer2"}, "NetworkAttachmentDefinition shop/layer2"),
        ({"nad": "migration", "namespaces": ["virt"]}, "NetworkAttachmentDefinition virt/migration"),
    ],
)
def test_no_object_is_for_two_networks(second: dict[str, Any], title: str) -> None:
    more = {"name": "second", "vni": 120, "namespaces": ["shop"]} | second
    own = {"vrf": "rouge", "l3vni_vni": 700, "kubevirt_namespace": "virt"}
    found = _fleet.findings(fleet(*everywhere(LAYER2, more, **own)))
    assert {(each.id, each.object) for each in found} == {("vm-network-name-taken", title)}
    assert [each.cluster for each in found] == ["munich", "zurich", "vienna"]


def test_early_releases_have_one_segment_a_vrf() -> None:
    second = {"name": "second", "vni": 120, "vrf": "red", "namespaces": ["shop"]}
    assert ids(*everywhere(LAYER2, second)) == []
    assert ids(*but(1, LAYER2, second, shape="A")) == ["vm-network-name-taken"]
    assert ids(*but(1, LAYER2, shape="A", vrf="red")) == ["vm-network-name-taken"]
    assert ids(*but(1, LAYER2, shape="A", l2vni="red")) == ["vm-network-name-taken"]


@pytest.mark.parametrize("there", [[], [RED]], ids=["first run", "second run"])
def test_gateways_keep_apart_from_the_migration_network(there: list[dict[str, Any]]) -> None:
    """The same before the network is made and once it is: a run may not make what the next one refuses."""
    app = LAYER2 | {"gateways": ["10.77.2.1/24"]}
    made = [net("l2vni", "10.77.2.0/24", "openperouter-system/layer2")] if there else []
    members = [member(index, *made, apps=[app], vnis=[segment(), *there]) for index in range(3)]
    found = only(*members)
    assert (found.id, found.object, found.found) == ("vm-network-overlaps-range", "network layer2", "10.77.2.0/24")
    inside = LAYER2 | {"gateways": ["10.77.0.9/30"]}
    made = [net("l2vni", "10.77.0.8/30", "openperouter-system/layer2")] if there else []
    members = [member(index, *made, apps=[inside], vnis=[segment(), *there]) for index in range(3)]
    assert ids(*members) == []


@pytest.mark.parametrize("kind", ["pod", "service", "node", "vtep", "router-id"])
def test_gateways_keep_apart_from_what_guests_may_have_to_reach(kind: str) -> None:
    found = only(
        *but(2, LAYER2, OFFICE, underlays=[underlay(2)]), member(2, net(kind, "192.168.110.7/32"), apps=[LAYER2])
    )
    assert (found.id, found.cluster, found.object) == ("vm-network-overlaps", "vienna", "network layer2")
    assert found.found == f"192.168.110.0/24, and the {kind} network it is 192.168.110.7/32"


@pytest.mark.parametrize("kind", ["nad", "pool", "l2vni"])
def test_pods_may_have_addresses_of_the_same_network(kind: str) -> None:
    assert ids(*but(2, LAYER2), member(2, net(kind, "192.168.110.0/24"), apps=[LAYER2])) == []


def test_what_the_inventory_says_of_an_underlay_counts_for_gateways_too() -> None:
    unseen = member(2, apps=[LAYER2], info={})
    told = {"vtep_cidrs": ["192.168.110.128/25"], "router_id_cidr": "10.0.9.0/24"}
    unseen = Member(unseen.name, {**unseen.variables, "preflight_underlay": told})
    assert ids(*everywhere(LAYER2)[:2], unseen) == ["cluster-not-seen", "vm-network-overlaps"]


def test_subnets_of_one_vrf_keep_apart() -> None:
    second = {"name": "second", "vni": 120, "vrf": "red", "gateways": ["192.168.110.129/25"], "namespaces": ["shop"]}
    assert ids(*everywhere(LAYER2, second)) == ["vm-network-overlaps"]
    assert ids(*everywhere(LAYER2, second | {"vrf": "blue"})) == []


def test_networks_of_clusters_that_migrate_over_the_pod_network_count_too() -> None:
    off = {"type": "none", "vnis": [], "slot": 1}
    assert ids(*but(1, LAYER2 | {"mtu": 9000}, **off)) == ["vm-network-mtu-differs"]
    gone = but(1, LAYER2 | {"mtu": 9000}, state="absent")
    assert ids(*gone) == []
    taken = gone[1]
    taken = Member(taken.name, {**taken.variables, "migration_network_state": "present", "vm_network_state": "absent"})
    assert "vm-network-mtu-differs" not in ids(*gone[:1], taken, gone[2])


def test_ports_and_routes_of_the_networks_are_compared() -> None:
    there = [segment(), segment(110, port=4790)]
    found = only(*but(1, LAYER2, vnis=there))
    assert (found.id, found.object, found.found) == (
        "vxlan-port-differs",
        "network layer2",
        "4789 (munich, vienna); 4790 (zurich)",
    )
    red = {"name": "openperouter-system/red", "vni": 100, "vrf": "red"}
    one, other = routed(export_rts=["1:9"]) | red, routed() | red
    apart = [member(index, apps=[LAYER2], vnis=[segment(), one if index == 0 else other]) for index in range(3)]
    assert {(each.id, each.severity) for each in _fleet.findings(fleet(*apart))} == {("route-targets-differ", "error")}


def test_frames_of_guests_fit_into_what_carries_them() -> None:
    ends = [underlay(1, vtep_cidrs=["fd00:65::/64", "100.65.1.0/24"])]
    one = member(1, apps=[LAYER2 | {"mtu": 1431}, OFFICE], underlays=ends)
    one = Member(one.name, {**one.variables, "vm_network_underlay_mtu": 1500}, one.info)
    found = [each for each in _fleet.findings(fleet(one)) if each.cluster]
    assert [(each.id, each.object, each.found) for each in found] == [("mtu-above-underlay", "network layer2", "1431")]
    told = Member(one.name, {**one.variables, "vm_network_underlay_address_family": "ipv4"}, one.info)
    assert ids(told) == []


@pytest.mark.parametrize("rubbish", ["layer2", {"name": "layer2"}, ["layer2"], [{"vni": 110}], None])
def test_what_is_no_list_of_networks_is_left_to_the_role(rubbish: Any) -> None:
    assert ids(member(1, apps=rubbish)) == []


def test_rubbish_in_a_network_is_left_to_the_role() -> None:
    wrong = {"name": "x", "vni": "many", "gateways": ["here"], "namespaces": "shop", "l3vni_vni": [1]}
    assert ids(*everywhere(wrong)) == []
