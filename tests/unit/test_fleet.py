# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clusters of a fleet have to agree on: silent where they do, one finding for each thing where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.livemigration.kubevirt.plugins.filter.fleet_findings import FilterModule
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _fleet
from ansible_collections.livemigration.kubevirt.plugins.module_utils._fleet_member import Member
from unit.fleet_members import NAMES, fleet, ids, member, only, routed, segment, underlay


def test_a_sound_fleet_has_nothing_to_say() -> None:
    assert _fleet.findings(fleet()) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("range", "10.77.0.0/21"),
        ("second_range", "fd00:77::/64"),
        ("max_clusters", 16),
        ("weights", [1, 1, 1, 1, 1, 1, 1, 2]),
        ("gateway", "10.77.0.2"),
        ("gateway", ""),
        ("mtu", 9000),
        ("vni", 667),
    ],
)
def test_what_is_set_once_for_the_fleet(option: str, value: Any) -> None:
    found = only(member(1, **{option: value}, vnis=[]))
    assert (found.id, found.severity) == (f"{option.replace('_', '-')}-differs", "error")
    assert "(munich, vienna)" in found.found
    assert found.found.endswith("(zurich)")


def test_numbers_are_the_same_however_they_are_spelled() -> None:
    assert ids(member(1, mtu="1400", vni="666", slot="1", max_clusters="8")) == []


def test_a_cluster_that_is_not_on_the_network_need_not_agree() -> None:
    assert ids(member(1, type="none", vni=1)) == []
    assert ids(member(1, type="none", slot=0)) == ["slot-taken-twice"]
    assert ids(member(1, state="absent", mtu=1, slot=0, range="")) == []


def test_only_overlays_have_a_vni() -> None:
    assert ids(member(1, type="vlan", vni=0, vnis=[], underlays=[])) == []


def test_the_port_is_the_one_that_is_asked_for_or_the_one_that_is_there() -> None:
    assert only(member(1, vnis=[segment(port=4790)])).found == "4789 (munich, vienna); 4790 (zurich)"
    for there in ([], [segment()]):
        assert ids(member(1, vnis=there, vxlan_port=4790)) == ["vxlan-port-differs"]
    assert ids(*(member(index, vnis=[segment(port=4790)]) for index in range(3))) == []
    assert ids(*(member(index, vnis=[segment(port=4788 + index)], vxlan_port="4790") for index in range(3))) == []


def test_a_cluster_with_tunnels_needs_an_underlay() -> None:
    found = only(member(1, underlays=[]))
    assert (found.id, found.severity, found.cluster) == ("underlay-missing", "error", "zurich")
    told = member(1, underlays=[])
    assert ids(member(1, underlays=[], unreadable=["underlays.network.openperouter.io"])) == ["networks-unreadable"]
    assert ids(member(1, type="vlan", vnis=[], underlays=[])) == []
    assert ids(member(1, info={})) == ["cluster-not-seen"]
    # Where OpenPERouter itself is missing, the module that needs it says so.
    assert ids(Member(told.name, told.variables, {**told.info, "openperouter": {"shape": None}})) == []


def test_slots_and_plans() -> None:
    found = only(member(1, slot=0))
    assert (found.id, found.cluster, found.found) == (
        "slot-taken-twice",
        "zurich",
        "munich and zurich both have slot 0",
    )
    found = only(member(2, slot=8))
    assert (found.id, found.cluster) == ("slot-outside-plan", "vienna")


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"range": "10.77.0.0/33"}, "range-invalid"),
        ({"range": "10.77.0.5/22"}, "range-invalid"),
        ({"range": "10.77.0.0/28"}, "range-too-small"),
        ({"gateway": "10.99.0.1"}, "gateway-outside-range"),
        ({"max_clusters": 0}, "max-clusters"),
        ({"weights": [1]}, "weights"),
        ({"second_range": "fd00::/127"}, "second-range-too-small"),
        ({"second_range": "10.78.0.0/22"}, "second-range-family"),
    ],
)
def test_what_is_wrong_for_everybody_is_said_once(changed: dict[str, Any], wanted: str) -> None:
    everybody = [member(index, **({"reserved": []} | changed)) for index in range(3)]
    assert ids(*everybody) == [wanted]


def test_reserved_addresses_belong_to_the_range_of_their_family() -> None:
    both = {"second_range": "fd00:77::/64", "reserved": ["10.77.0.8/29", "fd00:77::1"]}
    assert ids(*(member(index, **both) for index in range(3))) == []
    strays = both | {"reserved": ["fd00:78::1"]}
    assert ids(*(member(index, **strays) for index in range(3))) == ["reserved-outside-range"]


def test_one_cluster_under_two_names() -> None:
    found = _fleet.findings(fleet(member(1, uid="uid-0", underlays=[underlay(0)])))
    assert [(each.id, each.cluster) for each in found] == [("cluster-twice", "zurich")]


def test_tunnel_endpoints_and_router_ids_are_apart() -> None:
    found = only(member(2, underlays=[underlay(2, vtep_cidrs=["100.65.0.128/25"])]))
    assert (found.id, found.cluster) == ("vtep-ranges-overlap", "vienna")
    default = [underlay(index, router_id_cidr="10.0.0.0/24") for index in range(3)]
    clash = [member(index, underlays=[default[index]]) for index in range(3)]
    assert ids(*clash) == ["router-ids-overlap"] * 3
    assert "10.0.0.0/24 is OpenPERouter's default" in _fleet.findings(clash)[0].hint


def test_tunnels_that_carry_nothing_of_the_fleet_are_left_alone() -> None:
    alone = {"type": "vlan", "vnis": [], "underlays": [underlay(0)]}
    found = _fleet.findings(fleet(member(1, **alone)))
    assert [(each.id, each.severity) for each in found] == [
        ("vtep-ranges-overlap", "warning"),
        ("router-ids-overlap", "warning"),
    ]
    assert ids(*(member(index, **alone) for index in range(3))) == []
    apps = [{"name": "layer2", "vni": 110, "namespaces": ["shop"]}]
    used = member(1, **alone, apps=apps)
    assert [each.severity for each in _fleet.findings(fleet(used))] == ["error", "error"]


@pytest.mark.parametrize(
    ("cidrs", "told", "most"),
    [
        (["100.65.1.0/24"], "", 1450),
        (["100.65.1.0/24", "fd00:65::/64"], "", 1430),
        (["100.65.1.0/24", "fd00:65::/64"], "ipv4", 1450),
        (["100.65.1.0/24"], "ipv6", 1430),
        ([], "", 1450),
    ],
)
def test_frames_fit_into_what_carries_them(cidrs: list[str], told: str, most: int) -> None:
    """The header is longer where the tunnels may run over IPv6."""

    def having(mtu: int, **more: Any) -> list[str]:
        ends = [underlay(1, vtep_cidrs=cidrs)]
        common = {"mtu": mtu, "underlay_mtu": 1500, "underlay_address_family": told} | more
        return ids(member(0, mtu=mtu), member(1, underlays=ends, **common), member(2, mtu=mtu))

    assert having(most) == []
    assert having(most + 1) == ["mtu-above-underlay"]
    assert having(most + 1, underlay_mtu=0) == []
    assert having(most + 1, type="vlan", vnis=[]) == []


def test_both_are_found_at_once() -> None:
    found = ids(member(1, underlays=[underlay(0)], mtu=9000, slot=2))
    assert sorted(found) == ["mtu-differs", "router-ids-overlap", "slot-taken-twice", "vtep-ranges-overlap"]


def test_tunnels_need_a_common_address_family() -> None:
    ipv6 = member(1, underlays=[underlay(1, vtep_cidrs=["fd00:65::/64"])])
    assert ids(ipv6) == ["vtep-families-differ"] * 2
    both = member(1, underlays=[underlay(1, vtep_cidrs=["fd00:65::/64", "100.65.1.0/24"])])
    assert ids(both) == []


def test_what_the_inventory_says_of_an_underlay_counts_where_the_cluster_was_not_asked() -> None:
    told = {"vtep_cidrs": ["100.65.0.0/24"], "router_id_cidr": "10.77.3.0/24"}
    unseen = member(1, info={})
    assert ids(unseen) == ["cluster-not-seen"]
    named = Member(unseen.name, {**unseen.variables, "preflight_underlay": told})
    assert ids(named) == ["cluster-not-seen", "vtep-ranges-overlap", "range-overlaps-network"]
    asked = Member(NAMES[1], {**member(1).variables, "preflight_underlay": told}, member(1).info)
    assert ids(asked) == []


def test_harvester_has_one_range() -> None:
    dual = [member(index, second_range="fd00:77::/64") for index in range(2)]
    found = only(*dual, member(2, second_range="fd00:77::/64", flavour="harvester"))
    assert (found.id, found.severity, found.cluster) == ("second-range-unsupported", "warning", "vienna")
    seen = member(2, second_range="fd00:77::/64", flavour="auto")
    seen = Member(seen.name, seen.variables, {**seen.info, "flavour": "harvester"})
    assert ids(*dual, seen) == ["second-range-unsupported"]


@pytest.mark.parametrize(
    ("one", "other", "met"),
    [
        ({}, {}, True),
        ({"export_rts": ["1:700"]}, {}, True),
        ({"export_rts": ["1:9"]}, {}, False),
        ({"export_rts": ["1:9"]}, {"import_rts": ["1:9"]}, True),
        ({}, {"import_rts": ["64512:700"]}, True),
        ({}, {"import_rts": ["1:700"]}, False),
    ],
)
def test_route_targets_meet(one: dict[str, list[str]], other: dict[str, list[str]], met: bool) -> None:
    first, second = member(0, vnis=[segment(), routed(**one)]), member(1, vnis=[segment(), routed(**other)])
    found = _fleet.findings(fleet(first, second))
    assert [(each.id, each.severity, each.cluster) for each in found] == (
        [] if met else [("route-targets-differ", "warning", "zurich")]
    )


def test_route_targets_of_the_migration_networks_own_vrf_are_an_error() -> None:
    targets = [member(0, vnis=[segment(), routed(export_rts=["1:9"])], vrf="rouge")]
    targets.append(member(1, vnis=[segment(), routed()], vrf="rouge"))
    assert [each.severity for each in _fleet.findings(fleet(*targets))] == ["error"]


def test_what_could_not_be_read_is_said() -> None:
    found = only(member(1, unreadable=["ippools.whereabouts.cni.cncf.io"]))
    assert (found.id, found.severity, found.cluster) == ("networks-unreadable", "warning", "zurich")


def test_the_filter_takes_the_variables_that_count_and_leaves_the_others_alone() -> None:
    class Variables(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            assert name != "secret", "a variable that does not count may not even be defined"
            return super().__getitem__(name)

    told = {each.name: Variables(each.variables, secret="x", migration_network_cluster=each.info) for each in fleet()}
    judge = FilterModule().filters()["fleet_findings"]
    assert judge(NAMES, told) == []
    told["zurich"]["migration_network_mtu"] = 9000
    (found,) = judge(NAMES, told)
    assert found["id"] == "mtu-differs"
    assert found["text"].startswith("[mtu-differs] fleet: wanted one migration_network_mtu for the fleet; found 1400")


def test_the_example_inventory_is_a_fleet_that_agrees() -> None:
    directory = Path(__file__).parents[2] / "inventory" / "fleet"
    common = yaml.safe_load((directory / "group_vars" / "all.yml").read_text())
    hosts = yaml.safe_load((directory / "hosts.yml").read_text())["all"]["hosts"]
    judge = FilterModule().filters()["fleet_findings"]
    found = judge(list(hosts), {name: {**common, **told} for name, told in hosts.items()})
    assert [each["id"] for each in found] == ["cluster-not-seen"]
