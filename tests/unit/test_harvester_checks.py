# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before Harvester is asked: each check speaks once, and is silent on a sound cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _harvester_checks as checks
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _harvester_mtu as mtu
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from ansible_collections.livemigration.kubevirt.plugins.module_utils._harvester import observe
from ansible_collections.livemigration.kubevirt.plugins.module_utils._harvester_options import wanted_of
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    CLUSTER_NETWORK,
    IP_POOL,
    KUBEVIRT,
    NAD,
    NODE,
    VLAN_CONFIG,
    VLAN_STATUS,
    VM,
    VMI,
)
from unit.harvester_site import DEFAULTS, NAMESPACE, NETWORK, WISH, Site, absent, refused, run

WITNESS = "node-role.harvesterhci.io/witness"
CONFIG = {"clusterNetwork": "storage", "vlan": 7, "range": "192.170.10.0/25"}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


def found(site: Site, **options: Any) -> list[str]:
    """The checks that speak."""
    wanted = wanted_of(DEFAULTS | WISH | options, "cluster-a")
    return [finding.id.removeprefix("harvester-") for finding in checks.check(wanted, observe(site.cluster))]


def test_a_sound_cluster_gives_no_finding(site: Site) -> None:
    assert found(site) == []
    assert found(site, cluster_network="mgmt", vlan=2, mtu=1500) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"range": "2001:db8::/64", "gateway": None}, "range_ipv6"),
        ({"range": "10.0.0.0/15", "gateway": None}, "range_too_large"),
        ({"range": "192.170.10.1/24"}, "range_invalid"),
        ({"range": "192.170.10.0/31"}, "range_too_small"),
        ({"vlan": 4095}, "vlan_out_of_range"),
        ({"vlan": -1}, "vlan_out_of_range"),
        ({"cluster_network": "mgmt", "vlan": 1}, "vlan_out_of_range"),
        ({"cluster_network": "mgmt", "vlan": 0}, "vlan_out_of_range"),
        ({"cluster_network": "thirteen-long"}, "cluster_network_invalid"),
        ({"cluster_network": ""}, "cluster_network_invalid"),
        ({"avoid": ["x"]}, "avoid_invalid"),
        ({"reserved": ["10.9.9.9"]}, "reserved_outside_range"),
    ],
)
def test_what_no_harvester_can_take_is_refused_before_any_call(
    site: Site, options: dict[str, Any], reason: str
) -> None:
    assert refused(site, **options).reason == reason


@pytest.mark.parametrize("options", [{"vlan": 0}, {"vlan": 4094}, {"cluster_network": "mgmt", "vlan": 2}])
def test_vlans_that_harvester_takes(site: Site, options: dict[str, Any]) -> None:
    assert found(site, **options) == []


def test_the_largest_and_the_smallest_range(site: Site) -> None:
    whole: dict[str, Any] = {"gateway": None, "slot": None, "max_clusters": None}
    assert found(site, range="172.30.0.0/16", **whole) == []
    run(site, range="172.30.0.0/16", **whole, check_mode=True)
    # Two addresses for two nodes, and none for what Harvester forgets.
    assert found(site, range="172.30.0.0/30", **whole, required_addresses=2) == []
    assert found(site, range="172.30.0.0/30", **whole) == ["too-few-addresses"]


def without(site: Site, kind: Any) -> None:
    for key in [key for key in site.cluster.objects if key[0] == kind.plural]:
        del site.cluster.objects[key]


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (CLUSTER_NETWORK, "cluster-network-missing"),
        (VLAN_STATUS, "vlan-status-missing"),
        (VLAN_CONFIG, "vlan-config-missing"),
    ],
)
def test_a_cluster_network_needs_all_its_parts(site: Site, kind: Any, check: str) -> None:
    without(site, kind)
    assert found(site) == [check]


def test_a_link_that_is_down_is_named(site: Site) -> None:
    site.cover("cluster-a-node-1", "cluster-a-node-2", ready="False")
    assert found(site) == ["vlan-status-not-ready"]
    site.cover("cluster-a-node-1", "cluster-a-node-2", ready="Unknown")
    assert found(site) == []


def test_every_node_but_a_witness_must_be_covered(site: Site) -> None:
    site.node("w", **{WITNESS: "true"})
    assert found(site) == []
    site.node("late")
    assert found(site) == ["node-uncovered"]
    assert "late" in refused(site).found


@pytest.mark.parametrize(("version", "speaks"), [("v1.8.2", ["vlan-config-unmatched"]), ("v1.9.0", [])])
def test_a_vlan_config_without_nodes_stops_older_releases(
    monkeypatch: pytest.MonkeyPatch, version: str, speaks: list[str]
) -> None:
    site = Site(monkeypatch, version)
    site.put(VLAN_CONFIG, "empty", {"labels": {checks.CLUSTER_NETWORK: "migration"}})
    assert found(site) == speaks


def test_addresses_are_counted_with_room_for_what_harvester_forgets(site: Site) -> None:
    small = {"range": "192.170.10.0/28", "max_clusters": 2, "slot": 1}
    assert found(site, **small) == []
    assert found(site, **small, growth=4) == ["too-few-addresses"]
    # The gate brings two synchronization controllers, and a third while they roll.
    assert found(site, **small, allow_decentralized=True) == []
    assert found(site, **small, allow_decentralized=True, growth=1) == ["too-few-addresses"]
    assert found(site, **small, allow_decentralized=True, growth=1, required_addresses=2) == []
    for number in range(9):
        site.node(f"w{number}", **{WITNESS: "true"})
    assert found(site, **small) == []


def test_addresses_that_nobody_gave_back_count(site: Site) -> None:
    small: dict[str, Any] = {"range": "192.170.10.0/28", "max_clusters": 2, "slot": 1, "growth": 3}
    given = {str(offset): {"podref": f"{NAMESPACE}/gone-{offset}"} for offset in (9, 10)}
    spec = {"range": "192.170.10.0/28", "allocations": given}
    site.put(IP_POOL, "192.170.10.0-28", {"namespace": "kube-system"}, spec=spec)
    assert found(site, **small) == ["too-few-addresses"]
    assert "2 held by others" in refused(site, **small).found
    # A network that is as it was goes on.
    site.slice_start = 8
    run(site, **{**small, "growth": 1})
    site.put(IP_POOL, "192.170.10.0-28", {"namespace": "kube-system"}, spec=spec)
    called = run(site, **small)
    assert [each["severity"] for each in called["harvester_migration_network"]["findings"]] == ["warning"]
    assert called["harvester_migration_network"]["capacity"]["taken"] == 2


def test_harvesters_own_count_holds_whatever_the_user_says(site: Site) -> None:
    site.node("n3")
    site.cover("cluster-a-node-1", "cluster-a-node-2", "n3")
    tiny = {"range": "192.170.10.0/29", "gateway": None, "slot": 0, "max_clusters": 2, "reserved": ["192.170.10.1"]}
    assert found(site, **tiny, required_addresses=1) == ["too-few-addresses"]


@pytest.mark.parametrize(
    ("name", "value", "speaks"),
    [
        ("storage-network", CONFIG, ["range-overlaps-setting"]),
        ("storage-network", CONFIG | {"exclude": ["192.170.10.0/25"], "range": "192.170.10.0/24"}, []),
        ("storage-network", CONFIG | {"vlan": 100, "range": "10.9.0.0/24", "exclusiveVlan": True}, ["vlan-exclusive"]),
        ("storage-network", CONFIG | {"vlan": 100, "range": "10.9.0.0/24"}, []),
        ("rwx-network", {"network": CONFIG}, ["range-overlaps-setting"]),
        ("rwx-network", {"network": CONFIG, "share-storage-network": True}, []),
        ("rwx-network", [], []),
    ],
)
def test_the_other_networks_of_harvester_count(site: Site, name: str, value: Any, speaks: list[str]) -> None:
    site.setting(name, json.dumps(value))
    assert found(site) == speaks


@pytest.mark.parametrize("text", ["10.52.3.0/24", "10.42.0.0/24", "10.53.0.0/24", "10.43.9.0/24"])
def test_reserved_ranges_are_refused_though_harvester_takes_them(site: Site, text: str) -> None:
    assert found(site, range=text, gateway=None) == ["range-overlaps-network"]


def test_networks_that_the_cluster_or_the_user_names_are_kept_apart(site: Site) -> None:
    assert found(site, avoid=["192.170.0.0/16"]) == ["range-overlaps-network"]
    assert found(site, avoid=["192.170.10.1/32"]) == []
    addresses = [{"type": "InternalIP", "address": "192.170.10.200"}]
    site.put(NODE, "cluster-a-node-1", spec={"podCIDRs": ["192.170.10.64/26"]}, status={"addresses": addresses})
    assert found(site) == ["range-overlaps-network"] * 2
    text = json.dumps({"type": "bridge", "ipam": {"type": "whereabouts", "range": "192.170.0.0/16"}})
    site.put(NAD, "theirs", {"namespace": "default"}, spec={"config": text})
    assert found(site) == ["range-overlaps-network"] * 3


def test_only_harvesters_own_attachments_are_left_to_their_settings(site: Site) -> None:
    run(site)
    assert found(site) == []
    text = json.dumps({"type": "bridge", "ipam": {"type": "whereabouts", "range": "192.170.10.0/24"}})
    mark = {"storage-network.settings.harvesterhci.io": "true"}
    site.put(NAD, "storage", {"namespace": NAMESPACE, "annotations": mark}, spec={"config": text})
    assert found(site) == []
    site.put(NAD, "theirs", {"namespace": NAMESPACE}, spec={"config": text})
    assert found(site) == ["range-overlaps-network"]
    # One that the mark was lost from is still that of its setting.
    site.setting("storage-network", json.dumps(CONFIG | {"range": "192.170.10.0/24", "exclude": ["192.170.10.0/25"]}))
    assert found(site) == []


def test_the_mtu_is_that_of_the_uplinks(site: Site) -> None:
    assert found(site, mtu=1500) == []
    assert found(site, mtu=9000) == ["mtu-differs"]
    site.put(CLUSTER_NETWORK, "migration", {"annotations": {mtu.MTU: "9000"}})
    assert found(site, mtu=9000) == []
    assert found(site, cluster_network="mgmt", vlan=2, mtu=1400) == ["mtu-differs"]


@pytest.mark.parametrize("kind", [VM, VMI])
def test_a_vm_on_the_old_network_stops_a_change_and_a_removal(site: Site, kind: Any) -> None:
    nad = run(site)["harvester_migration_network"]["nad"]
    networks = [{"name": "x", "multus": {"networkName": f"{NAMESPACE}/{nad}"}}]
    spec: dict[str, Any] = {"networks": networks}
    site.put(kind, "vm", {"namespace": "default"}, spec={"template": {"spec": spec}} if kind is VM else spec)
    assert found(site) == []
    assert found(site, vlan=101) == ["nad-in-use"]
    with pytest.raises(BadInput, match="default/vm"):
        absent(site)
    assert site.value


def test_what_harvester_does_not_say_is_warned_about(site: Site) -> None:
    site.cluster.unknown.add(IP_POOL.plural)
    assert found(site) == ["whereabouts-missing"]
    site.cluster.unknown.clear()
    site.cluster.put(KUBEVIRT, site.kubevirt | {"status": site.kubevirt["status"] | {"phase": "Deploying"}})
    assert found(site) == ["kubevirt-unsettled"]
    setting = site.read(NETWORK)
    site.put(
        type(IP_POOL)("harvesterhci.io", "v1beta1", "settings", "Setting", False),
        NETWORK,
        value="",
        source="env",
    )
    assert found(site) == ["kubevirt-unsettled", "value-from-env"]
    assert setting["value"] == ""
    site.cluster.put(KUBEVIRT, site.kubevirt | {"spec": {"configuration": {"migrations": {"network": "mine"}}}})
    assert found(site) == ["kubevirt-unsettled", "value-from-env", "network-by-hand"]


def test_a_network_that_harvester_lost_sight_of_is_named(site: Site) -> None:
    run(site)
    lost = {"namespace": NAMESPACE, "annotations": {"vm-migration-network.settings.harvesterhci.io": "true"}}
    site.put(NAD, "vm-migration-network-lost", lost, spec={"config": "{}"})
    assert found(site) == ["nad-orphaned"]


def test_a_node_that_came_later_is_a_warning_while_nothing_is_written(site: Site) -> None:
    run(site)
    site.node("late")
    called = run(site)
    assert not called["changed"]
    assert any("late" in warning for warning in called["warnings"])
    assert called["harvester_migration_network"]["findings"][0]["severity"] == "error"
