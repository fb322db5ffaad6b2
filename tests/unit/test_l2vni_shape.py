# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the API is read from the CRD, also from those of commits between releases."""

from __future__ import annotations

import copy
import dataclasses

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput, Missing
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_nodes import host_veth
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_shape import (
    bridge_of,
    gateways_of,
    shape_of,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_spec import (
    L2vni,
    compact,
    replacing,
    same_gateways,
    specification,
)
from unit.openperouter import crd, shape

PLAIN = L2vni("migration", "openperouter-system", 666)
SELECTOR = {"matchLabels": {"zone": "1"}}
LINUX = {
    "a": {"vni": 666, "vxlanport": 4789, "hostmaster": {"type": "bridge", "autocreate": True}},
    "b1": {"vni": 666, "vxlanport": 4789, "hostmaster": {"type": "linux-bridge", "linuxBridge": {"autoCreate": True}}},
    "b": {"vni": 666, "vxlanport": 4789, "hostmaster": {"type": "linux-bridge", "linuxBridge": {"autoCreate": True}}},
    "c": {
        "vni": 666,
        "vxlanPort": 4789,
        "hostMaster": {"type": "LinuxBridge", "linuxBridge": {"lifecycle": "Managed"}},
    },
}


@pytest.mark.parametrize(
    ("folder", "letter", "group", "detached", "veth"),
    [
        ("a", "A", "openpe.openperouter.github.io", False, "host-666"),
        ("b1", "B", "openpe.openperouter.github.io", False, "host-666"),
        ("b", "B", "openpe.openperouter.github.io", True, "host-e-666"),
        ("c", "C", "network.openperouter.io", True, "host-e-666"),
    ],
)
def test_what_a_release_is(folder: str, letter: str, group: str, detached: bool, veth: str) -> None:
    found = shape(folder)
    assert (found.letter, found.group, found.detached) == (letter, group, detached)
    assert host_veth(666, found) == veth
    assert found.highest_vni() == 16777215
    assert found.release.endswith(f"(shape {letter})")


@pytest.mark.parametrize("folder", list(LINUX))
def test_the_same_network_in_every_shape(folder: str) -> None:
    assert compact(specification(PLAIN, shape(folder))) == LINUX[folder]


@pytest.mark.parametrize("folder", ["b1", "b", "c"])
def test_everything_the_later_shapes_express(folder: str) -> None:
    wanted = L2vni(
        "migration",
        "openperouter-system",
        667,
        vrf="rouge",
        gateways=("192.170.10.1/24", "fd00::1/64"),
        bridge_type="ovs",
        bridge_name="br-mine",
        node_selector=SELECTOR,
    )
    found = compact(specification(wanted, shape(folder), {"type": "L3VNI", "l3vni": {"name": "red"}}))
    host = found["hostMaster" if folder == "c" else "hostmaster"]
    assert host["type"] == ("OVSBridge" if folder == "c" else "ovs-bridge")
    assert host["ovsBridge"] == {
        "name": "br-mine",
        **({"lifecycle": "External"} if folder == "c" else {"autoCreate": False}),
    }
    assert "linuxBridge" not in host
    assert found["gatewayIPs" if folder == "c" else "l2gatewayips"] == ["192.170.10.1/24", "fd00::1/64"]
    assert found["nodeSelector"] == SELECTOR
    assert found.get("routingDomain" if folder == "c" else "vrf") == (
        {"type": "L3VNI", "l3vni": {"name": "red"}} if folder == "c" else "rouge"
    )


def test_shape_a_has_one_gateway_as_text_and_a_bridge_of_ones_own() -> None:
    wanted = L2vni("migration", "openperouter-system", 666, gateways=("192.170.10.1/24",), bridge_name="br-mine")
    found = compact(specification(wanted, shape("a")))
    assert found["l2gatewayip"] == "192.170.10.1/24"
    assert found["hostmaster"] == {"type": "bridge", "autocreate": False, "name": "br-mine"}


@pytest.mark.parametrize(("folder", "word"), [("b", "ipv6"), ("c", "IPv6")])
def test_the_address_family_in_the_shapes_own_capitals(folder: str, word: str) -> None:
    wanted = L2vni("migration", "openperouter-system", 666, underlay_address_family="ipv6")
    assert specification(wanted, shape(folder))["underlayAddressFamily"] == word


@pytest.mark.parametrize(
    ("folder", "wanted", "what"),
    [
        ("a", L2vni("m", "n", 666, bridge_type="ovs"), "a bridge of type ovs"),
        ("a", L2vni("m", "n", 666, node_selector=SELECTOR), "node_selector"),
        ("a", L2vni("m", "n", 666, gateways=("10.0.0.1/24", "fd00::1/64")), "two gateways"),
        ("a", L2vni("m", "n", 666, underlay_address_family="ipv6"), "underlay_address_family"),
        ("b1", L2vni("m", "n", 666, underlay_address_family="ipv6"), "underlay_address_family"),
    ],
)
def test_what_a_shape_has_no_words_for_is_named(folder: str, wanted: L2vni, what: str) -> None:
    with pytest.raises(BadInput) as caught:
        specification(wanted, shape(folder))
    assert caught.value.reason == "shape_lacks"
    assert what in caught.value.wanted


@pytest.mark.parametrize("vni", [0, 16777216, 4294967295])
def test_numbers_that_no_interface_name_can_carry_are_refused_though_shape_a_takes_them(vni: int) -> None:
    with pytest.raises(BadInput, match="vni from 1 to 16777215"):
        specification(L2vni("migration", "n", vni), shape("a"))


@pytest.mark.parametrize("folder", ["a", "b1"])
@pytest.mark.parametrize("name", ["migration-network-1", "migration.net", "1migration"])
def test_without_a_vrf_early_releases_need_a_name_that_can_be_one(folder: str, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        specification(L2vni(name, "n", 666), shape(folder))
    assert caught.value.reason == "name_name"
    specification(L2vni(name, "n", 666, vrf="rouge"), shape(folder))
    specification(L2vni(name, "n", 666), shape("b"))


@pytest.mark.parametrize("folder", ["b", "c"])
def test_a_gateway_without_a_vrf_is_refused_where_the_release_refuses_it(folder: str) -> None:
    with pytest.raises(BadInput, match="VRF for the gateway"):
        specification(L2vni("m", "n", 666, gateways=("10.0.0.1/24",)), shape(folder))


def between() -> Object:
    """A commit after the renaming of the group and before that of the fields."""
    mixed = copy.deepcopy(crd("b"))
    mixed["spec"]["group"] = "network.openperouter.io"
    fields = mixed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields["vxlanPort"] = fields.pop("vxlanport")
    fields["hostmaster"]["properties"]["type"]["enum"] = ["LinuxBridge", "OVSBridge"]
    fields["underlayAddressFamily"]["enum"] = ["IPv4", "IPv6"]
    # An older version that is only stored, not served.
    mixed["spec"]["versions"].insert(
        0, copy.deepcopy(crd("a"))["spec"]["versions"][0] | {"name": "v0", "served": False}
    )
    return mixed


def test_a_commit_between_releases_is_met_field_by_field() -> None:
    found = shape_of(between(), "cluster-a")
    wanted = L2vni("migration", "n", 666, underlay_address_family="ipv4")
    assert compact(specification(wanted, found)) == {
        "vni": 666,
        "vxlanPort": 4789,
        "hostmaster": {"type": "LinuxBridge", "linuxBridge": {"autoCreate": True}},
        "underlayAddressFamily": "IPv4",
    }
    assert found.l2vni.api_version == "network.openperouter.io/v1alpha1"


def test_a_schema_of_none_of_the_shapes_is_said_to_be_unknown() -> None:
    strange = copy.deepcopy(crd("c"))
    fields = strange["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields["gateways"] = fields.pop("gatewayIPs")
    with pytest.raises(Missing) as caught:
        shape_of(strange, "cluster-a")
    assert caught.value.reason == "unknown_shape"


@pytest.mark.parametrize(
    ("spec", "bridge"),
    [
        ({"vni": 666, "hostmaster": {"type": "bridge", "autocreate": True}}, "br-hs-666"),
        ({"vni": 666, "hostmaster": {"type": "bridge", "name": "br-mine"}}, "br-mine"),
        ({"vni": 666, "hostmaster": {"type": "ovs-bridge", "ovsBridge": {"name": "br-mine"}}}, "br-mine"),
        ({"vni": 7, "hostMaster": {"type": "LinuxBridge", "linuxBridge": {"lifecycle": "Managed"}}}, "br-hs-7"),
        ({"vni": 7}, "br-hs-7"),
    ],
)
def test_the_bridge_of_an_existing_object(spec: Object, bridge: str) -> None:
    assert bridge_of(spec) == bridge


@pytest.mark.parametrize("folder", ["a", "b1", "b", "c"])
def test_the_gateways_that_are_written_are_those_that_are_read_in_every_shape(folder: str) -> None:
    with_gateway = dataclasses.replace(PLAIN, vrf="rouge", gateways=("10.0.0.1/24",))
    assert gateways_of(specification(with_gateway, shape(folder))) == ("10.0.0.1/24",)
    assert gateways_of(specification(PLAIN, shape(folder))) == ()


def test_a_patch_empties_what_the_wanted_mapping_does_not_have() -> None:
    before = {"matchLabels": {"zone": "1"}, "matchExpressions": []}
    assert replacing(before, {"matchLabels": {"rack": "7"}}) == {
        "matchLabels": {"rack": "7", "zone": None},
        "matchExpressions": None,
    }
    assert replacing(None, {"a": 1}) == {"a": 1}
    assert replacing({"a": 1}, None) is None


def test_gateways_are_compared_by_meaning() -> None:
    assert same_gateways(("fd00:0::1/64", "10.0.0.1/24"), ("10.0.0.1/24", "fd00::1/64"))
    assert not same_gateways(("10.0.0.1/24",), ("10.0.0.1/25",))
    assert same_gateways(("rubbish",), ("rubbish",))
