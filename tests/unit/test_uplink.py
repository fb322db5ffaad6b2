# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_uplink: what nmstate is told, what would cut a node off, and what a node says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    DeadlineExceeded,
    Rejected,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    NAD,
    NMSTATE_POLICY,
)
from unit.uplink_site import CARDS, Site, refused, run


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [("br1", "linux-bridge", {"port": [{"name": "eth1"}]})]),
        ({"bridge": None, "vlan": 100}, [("eth1.100", "vlan", {"base-iface": "eth1", "id": 100})]),
        (
            {"vlan": 100},
            [
                ("eth1.100", "vlan", {"base-iface": "eth1", "id": 100}),
                ("br1", "linux-bridge", {"port": [{"name": "eth1.100"}]}),
            ],
        ),
        (
            {"trunk": [200, 100]},
            [
                (
                    "br1",
                    "linux-bridge",
                    {"port": [{"name": "eth1", "vlan": {"mode": "trunk", "trunk-tags": [{"id": 100}, {"id": 200}]}}]},
                )
            ],
        ),
    ],
)
def test_what_nmstate_is_told_and_nothing_the_second_time(site: Site, options: Object, expected: list[Any]) -> None:
    told = run(site, check_mode=True, **options)
    assert site.writes == []
    assert told["node_uplink"]["readiness"] == "not_waited"
    made = run(site, **options)
    assert (made["diff"], made["actions"]) == (told["diff"], told["actions"])
    for link, (name, kind, details) in zip(site.desired, expected, strict=True):
        assert (link["name"], link["type"], link["state"], link["mtu"]) == (name, kind, "up", 9000)
        assert details.items() <= (link.get("vlan") or link["bridge"]).items()
    assert made["node_uplink"]["readiness"] == "available"
    assert made["node_uplink"]["nodes"] == ["node-1", "node-2"]
    assert not run(site, **options)["changed"]
    assert site.writes == ["create NodeNetworkConfigurationPolicy uplink"]


def test_what_is_no_longer_wanted_goes_from_the_nodes(site: Site) -> None:
    run(site, vlan=100, node_selector={"zone": 1})
    run(site, vlan=101)
    gone = {"name": "eth1.100", "type": "vlan", "state": "absent"}
    assert [link["name"] for link in site.desired] == ["eth1.101", "br1", "eth1.100"]
    assert site.desired[-1] == gone
    assert "nodeSelector" not in (site.get(NMSTATE_POLICY, "uplink") or {})["spec"]
    assert not run(site, vlan=101)["changed"]


def test_only_the_selected_nodes_count(site: Site) -> None:
    site.ends["node-2"] = ("Progressing", "")
    assert run(site, node_selector={"zone": "1"})["node_uplink"]["nodes"] == ["node-1"]
    assert refused(site, name="other", node_selector={"zone": "9"}).reason == "no_nodes"


class TestNodes:
    """What the nodes are and say."""

    @pytest.mark.parametrize(
        ("options", "reason", "found"),
        [
            ({"interface": "eth9"}, "uplink_missing", "eth0, eth1, eth2"),
            ({"interface": "eth0"}, "uplink_mtu", "mtu 1500"),
            ({"interface": "eth0", "mtu": 1500}, "uplink_in_use", "it has 172.18.0.2"),
            ({"interface": "eth2"}, "uplink_in_use", "it belongs to bond0"),
        ],
    )
    def test_what_stands_in_the_way_is_named_before_anything_is_written(
        self, site: Site, options: Object, reason: str, found: str
    ) -> None:
        error = refused(site, **options)
        assert (error.reason, error.found, error.object) == (reason, found, "Node node-1")

    def test_a_vlan_of_a_card_with_addresses_does_no_harm(self, site: Site) -> None:
        assert run(site, interface="eth0", vlan=5, mtu=1500)["changed"]

    def test_the_words_of_a_node_that_fails(self, site: Site) -> None:
        site.ends["node-2"] = ("Failing", "NmstateError:\n  VerificationError: no carrier")
        with pytest.raises(Rejected) as caught:
            run(site)
        assert caught.value.reason == "uplink_failed"
        assert caught.value.found == "node-2: NmstateError: VerificationError: no carrier"
        assert caught.value.object == "NodeNetworkConfigurationEnactment node-2.uplink"

    def test_a_node_that_never_ends(self, site: Site) -> None:
        site.ends["node-1"] = ("Progressing", "")
        with pytest.raises(DeadlineExceeded, match="node-1: Progressing"):
            run(site)


class TestLookedAt:
    """Made by somebody else, or not to be seen at all."""

    def test_a_node_without_it_is_named(self, site: Site) -> None:
        bridge = {"name": "br1", "type": "linux-bridge", "mtu": 9000, "bridge": {"port": [{"name": "eth1"}]}}
        site.state("node-1", *CARDS, bridge)
        error = refused(site, manage=False)
        assert (error.reason, error.object, error.found) == ("uplink_missing", "Node node-2", "none")
        site.state("node-2", *CARDS, bridge | {"mtu": 1500})
        assert refused(site, manage=False).reason == "uplink_mtu"
        site.state("node-2", *CARDS, bridge | {"bridge": {}})
        assert refused(site, manage=False).found == "ports none"
        site.state("node-2", *CARDS, bridge)
        found = run(site, manage=False)
        assert (found["changed"], found["node_uplink"]["readiness"]) == (False, "found")

    def test_without_nmstate_it_is_said_that_nothing_can_be_checked(self, site: Site) -> None:
        site.unknown.add(NMSTATE_POLICY.plural)
        found = run(site)
        assert (found["changed"], found["node_uplink"]["readiness"]) == (False, "unchecked")
        assert "br1 cannot be checked" in found["warnings"][0]
        assert not run(site, state="absent")["changed"]


class TestAbsent:
    """The interfaces go before the policy does."""

    def nad(self, site: Site, **plugin: str) -> None:
        body = {"metadata": {"name": "net", "namespace": "kubevirt"}, "spec": {"config": json.dumps(plugin)}}
        site.put(NAD, body)

    def test_interfaces_then_policy_then_nothing(self, site: Site) -> None:
        run(site, vlan=100)
        told = run(site, state="absent", check_mode=True)
        done = run(site, state="absent")
        assert done["actions"] == told["actions"]
        kind = "NodeNetworkConfigurationPolicy uplink"
        assert site.writes == [f"create {kind}", f"patch {kind}", f"delete {kind}"]
        assert {link["state"] for link in done["diff"][0]["after"]["spec"]["desiredState"]["interfaces"]} == {"absent"}
        assert not run(site, state="absent")["changed"]

    @pytest.mark.parametrize("plugin", [{"type": "bridge", "bridge": "br1"}, {"type": "macvlan", "master": "eth1.100"}])
    def test_not_under_a_nad(self, site: Site, plugin: dict[str, str]) -> None:
        run(site, vlan=100)
        self.nad(site, **plugin)
        assert refused(site, state="absent").found == "kubevirt/net"
        assert "kubevirt/net" in run(site, state="absent", check_mode=True)["warnings"][0]

    def test_not_by_renaming_it_either(self, site: Site) -> None:
        run(site)
        self.nad(site, type="bridge", bridge="br1")
        assert refused(site, bridge="br2").reason == "uplink_in_use"

    def test_somebody_elses_policy_stays(self, site: Site) -> None:
        site.put(NMSTATE_POLICY, {"metadata": {"name": "uplink"}, "spec": {}})
        assert refused(site).reason == "foreign_policy"
        assert refused(site, state="absent").reason == "foreign_policy"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "Uplink"}, "name_invalid"),
        ({"interface": "a card"}, "interface_invalid"),
        ({"interface": "enp0s31f6np0", "vlan": 1000}, "vlan_invalid"),
        ({"bridge": "b" * 16}, "bridge_invalid"),
        ({"bridge": "eth1"}, "bridge_invalid"),
        ({"vlan": 0}, "vlan_out_of_range"),
        ({"trunk": [4095]}, "vlan_out_of_range"),
        ({"mtu": 100}, "mtu"),
    ],
)
def test_what_no_node_accepts(site: Site, options: Object, reason: str) -> None:
    assert refused(site, **options).reason == reason
