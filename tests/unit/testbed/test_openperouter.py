# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPERouter's checks as simulated: the table of its releases, and their words."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.resources import Object
from testbed.sim.openperouter_checks import Overlay, dependencies, early, early_vrfs, interface_name, late
from testbed.sim.openperouter_shape import RELEASES, Release, selects

A, B1, B, C = (RELEASES[name] for name in ("A", "B1", "B", "C"))


def l2(name: str, vni: int, namespace: str = "openperouter-system", **spec: Any) -> Object:
    return {"kind": "L2VNI", "metadata": {"name": name, "namespace": namespace}, "spec": {"vni": vni, **spec}}


def l3(name: str, vni: int, vrf: str, **spec: Any) -> Object:
    return l2(name, vni, vrf=vrf, **spec) | {"kind": "L3VNI"}


def first(release: Release, *items: Object) -> str:
    return early(release, items, "L2VNI", Overlay(items, ()))


def stages(release: Release, overlay: Overlay) -> list[tuple[str, list[str]]]:
    return [(stage, [str(one) for one in failures]) for stage, failures in late(release, overlay) if failures]


def test_the_first_release_refuses_a_vrf_twice_the_next_does_not() -> None:
    items = (l2("a", 1, vrf="rouge"), l2("b", 2, vrf="rouge"))
    assert first(A, *items) == "duplicate vrf rouge: a - b"
    assert first(B1, *items) == ""


@pytest.mark.parametrize("release", [A, B1])
def test_a_vni_twice(release: Release) -> None:
    assert first(release, l2("a", 7), l2("b", 7)) == "duplicate vni 7:a - b"


def test_the_objects_name_is_its_vrf_in_early_releases() -> None:
    found = first(A, l2("a-name-that-is-too-long", 7))
    assert found.startswith("invalid vrf name for vni a-name-that-is-too-long: ")
    assert found.endswith("can't be longer than 15 characters")


def test_gateways_in_each_releases_words() -> None:
    assert first(A, l2("a", 1, l2gatewayip="10.0.0.1")) == (
        "invalid l2gatewayip for vni a: 10.0.0.1 - invalid CIDR: 10.0.0.1 - invalid CIDR address: 10.0.0.1"
    )
    same = first(B1, l2("a", 1, l2gatewayips=["10.0.0.1/24", "10.1.0.1/24"]))
    assert same.startswith('invalid l2gatewayips for vni "a" = [10.0.0.1/24 10.1.0.1/24]: ')
    assert "same address family" in same
    ((stage, failures),) = stages(B, Overlay((l2("a", 1, l2gatewayips=["10.0.0.1/24"]),), ()))
    assert stage == "failed to validate l2vnis for node"
    assert failures == ['L2VNI/a: l2gatewayips cannot be set without spec.vrf for vni "a"']


@pytest.mark.parametrize("host", [{"name": "1x"}, {"linuxBridge": {"name": "1x"}}, {"ovsBridge": {"name": "1x"}}])
def test_bridge_names(host: Object) -> None:
    assert "invalid hostmaster name for vni a: 1x" in first(A, l2("a", 1, hostmaster=host))


def test_later_releases_count_l2vnis_l3vnis_and_l3vpns_together() -> None:
    overlay = Overlay((l2("a", 7), l2("b", 8)), (l3("red", 7, "rouge"),))
    assert stages(B, overlay) == [("duplicate VNIs found in L2VNIs for node", ["L2VNI/a: duplicate vni 7:L3VNI/red"])]
    vpn = l2("vpn", 0, vrf="bleu", rdAssignedNumber=8) | {"kind": "L3VPN"}
    assert stages(C, Overlay((l2("b", 8),), (), (vpn,)))[0][1] == ["L2VNI/b: duplicate vni 8:L3VPN/vpn"]


def test_subnets_of_one_vrf_must_not_overlap() -> None:
    red = l3("red", 7, "rouge", hostsession={"localcidr": {"ipv4": "10.0.0.0/16"}})
    item = l2("a", 1, vrf="rouge", l2gatewayips=["10.0.1.1/24"])
    told = early_vrfs(B1, Overlay((item,), (red,)))
    assert told.startswith(
        'subnet overlap in VRF "rouge": IPNet 10.0.1.0/24 (L2VNI openperouter-system/a) overlaps with'
    )
    assert stages(B, Overlay((item,), (red,)))[0][0] == "subnet overlaps found in VRFs for node"
    assert early_vrfs(B1, Overlay((l2("a", 1, vrf="bleu", l2gatewayips=["10.0.1.1/24"]),), (red,))) == ""
    assert "more than one L3VNI" in early_vrfs(B1, Overlay((), (red, l3("again", 8, "rouge"))))


def test_dependencies_of_later_releases() -> None:
    assert [str(one) for one in dependencies(B, Overlay((l2("a", 1, vrf="rouge"), l2("b", 2)), ()))] == [
        'L2VNI/a: no valid L3 resource for VRF "rouge"'
    ]
    domain = {"type": "L3VNI", "l3vni": {"name": "red"}}
    item = l2("a", 1, routingDomain=domain)
    assert [str(one) for one in dependencies(C, Overlay((item,), ()))] == ['L2VNI/a: referenced L3VNI "red" not found']
    assert dependencies(C, Overlay((item,), (l3("red", 7, "rouge"),))) == []
    assert dependencies(B, Overlay((l2("a", 1, vrf="rouge"),), (l3("red", 7, "rouge"),))) == []


def test_only_what_a_node_gets_is_judged() -> None:
    node = {"metadata": {"name": "n", "labels": {"zone": "1"}}}
    overlay = Overlay((l2("a", 7), l2("b", 7, nodeSelector={"matchLabels": {"zone": "2"}})), ())
    assert stages(B, overlay.on(node)) == []
    assert selects({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["2"]}]}, node)
    assert not selects({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, node)


def test_interface_names() -> None:
    assert interface_name("") == "interface name cannot be empty"
    assert "invalid characters" in interface_name("1x")
    assert interface_name("br.100") == ""
