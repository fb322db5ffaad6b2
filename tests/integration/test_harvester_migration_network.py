# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""harvester_migration_network against a real API server, with Harvester's validator and controllers behind it."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.calls import call, connection, on
from integration.harvester import (
    LIMITS,
    NAMESPACE,
    NETWORK,
    WISH,
    addresses,
    nads,
    network,
    off,
    run,
    setting,
    vlan_config,
    written,
)
from testbed.kube import ApiError
from testbed.testing import TestBed, TestCluster, own_bed
from testbed.until import until

pytestmark = pytest.mark.simulated

GATE = "DecentralizedLiveMigration"


@pytest.fixture(scope="module")
def harvester_bed() -> Iterator[TestBed]:
    with own_bed("harvester", ("harvester",), "harvester.harvester=v1.8.2") as bed:
        yield bed


@pytest.fixture
def cluster(harvester_bed: TestBed) -> Iterator[TestCluster]:
    """A cluster with a cluster network on both nodes, and migrations on the pod network."""
    cluster = harvester_bed.clusters["harvester"]
    client = cluster.client
    if client.get("clusternetworks", "migration") is None:
        client.create("clusternetworks", {"metadata": {"name": "migration"}})
        client.create("vlanconfigs", vlan_config("both"))
    on(cluster, "harvester_migration_network", state="absent", wait_timeout=60)["changed"]
    yield cluster
    harvester_bed.calm()


def test_enabled_repeated_and_disabled(cluster: TestCluster) -> None:
    mark = cluster.mark()
    foreseen = on(cluster, "harvester_migration_network", check_mode=True, **WISH)
    assert foreseen.changed
    assert written(cluster, mark) == []
    done = run(cluster)
    assert (done["actions"], done["diff"]) == (foreseen["actions"], foreseen["diff"])
    facts = done["harvester_migration_network"]
    assert facts["settled"]
    assert nads(cluster) == [facts["nad"]] == [network(cluster)]
    piece = ipaddress.ip_network("172.30.0.64/26")
    assert len(set(addresses(cluster))) == 2
    assert all(ipaddress.ip_address(each) in piece for each in addresses(cluster))
    mark = cluster.mark()
    assert not run(cluster).changed
    assert written(cluster, mark) == []
    gone = off(cluster)
    assert gone["harvester_migration_network"]["settled"]
    assert (network(cluster), nads(cluster), addresses(cluster)) == (None, [], [])
    mark = cluster.mark()
    assert not off(cluster).changed
    assert written(cluster, mark) == []


def test_on_mgmt_with_the_gate_and_limits(cluster: TestCluster) -> None:
    done = run(cluster, cluster_network="mgmt", vlan=2, allow_decentralized=True, bandwidth_per_migration="64Mi")
    facts = done["harvester_migration_network"]
    assert facts["migrations"]["bandwidthPerMigration"] == "64Mi"
    assert facts["synchronization_addresses"]
    assert len(set(addresses(cluster))) == 4
    kubevirt = cluster.client.need("kubevirts", "kubevirt", NAMESPACE)
    gates = kubevirt["spec"]["configuration"]["developerConfiguration"]["featureGates"]
    assert gates[0] == "LiveMigration"
    assert gates[-1] == GATE
    # The limits outlive the network.
    off(cluster)["changed"]
    assert json.loads(setting(cluster, LIMITS)["value"])["bandwidthPerMigration"] == "64Mi"
    assert cluster.client.get("deployments", "virt-synchronization-controller", NAMESPACE) is None


def test_another_text_of_the_same_meaning_is_left_alone(cluster: TestCluster) -> None:
    run(cluster)["changed"]
    text = json.dumps(json.loads(setting(cluster)["value"]), indent=2)
    cluster.client.patch("settings", NETWORK, {"value": text})
    assert not run(cluster).changed
    assert setting(cluster)["value"] == text


def test_a_change_of_vlan_is_a_new_nad_on_every_pod(cluster: TestCluster) -> None:
    first = run(cluster)["harvester_migration_network"]["nad"]
    second = run(cluster, vlan=101)["harvester_migration_network"]["nad"]
    assert nads(cluster) == [second] != [first]
    assert len(set(addresses(cluster))) == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"range": "2001:db8::/64"}, "range_ipv6"),
        ({"range": "10.0.0.0/15"}, "range_too_large"),
        ({"range": "172.30.0.1/24"}, "range_invalid"),
        ({"vlan": 4095}, "vlan_out_of_range"),
        ({"cluster_network": "mgmt", "vlan": 1}, "vlan_out_of_range"),
        ({"cluster_network": "other"}, "harvester_cluster_network_missing"),
        ({"range": "172.30.0.0/28", "growth": 1}, "harvester_too_few_addresses"),
        ({"range": "10.52.0.0/24"}, "harvester_range_overlaps_network"),
        ({"mtu": 9000}, "harvester_mtu_differs"),
    ],
)
def test_refused_before_harvester_is_asked(cluster: TestCluster, options: dict[str, Any], reason: str) -> None:
    mark = cluster.mark()
    assert run(cluster, **options).failure["reason"] == reason
    assert written(cluster, mark) == []


def test_what_we_refuse_harvester_refuses_too(cluster: TestCluster) -> None:
    for value in (
        {"clusterNetwork": "mgmt", "vlan": 1, "range": "172.30.0.0/24"},
        {"clusterNetwork": "other", "vlan": 100, "range": "172.30.0.0/24"},
        {"clusterNetwork": "migration", "vlan": 100, "range": "172.30.0.0/31"},
    ):
        with pytest.raises(ApiError) as caught:
            cluster.client.patch("settings", NETWORK, {"value": json.dumps(value)})
        assert caught.value.status == 422
    with pytest.raises(ApiError) as caught:
        cluster.client.delete("settings", NETWORK)
    assert caught.value.status == 405


def test_a_node_without_the_network_is_named(harvester_bed: TestBed, cluster: TestCluster) -> None:
    run(cluster)["changed"]
    selector = {"kubernetes.io/hostname": "harvester-node-1"}
    patch = {"spec": {"nodeSelector": selector}}
    cluster.client.patch("vlanconfigs", "both", patch)
    try:
        until(lambda: "harvester-node-2" in str(run(cluster).result.get("warnings")), "the node that is left out", 15)
        assert run(cluster, vlan=101).failure["reason"] == "harvester_node_uncovered"
    finally:
        cluster.client.patch("vlanconfigs", "both", {"spec": {"nodeSelector": None}})
        until(lambda: not run(cluster).result.get("warnings"), "the node back", 15)
    with harvester_bed.fault("harvester-link-down", "harvester", node="harvester-node-2"):
        until(lambda: run(cluster).result.get("warnings"), "the link down", 15)
        assert run(cluster, vlan=101).failure["reason"] == "harvester_vlan_status_not_ready"


@pytest.mark.parametrize("reason", ["GetKubeVirtError", "CreateNadError", "UpdateKubeVirtError", "RemoveOldNadError"])
def test_harvester_is_made_to_try_again(harvester_bed: TestBed, cluster: TestCluster, reason: str) -> None:
    run(cluster)["changed"]
    with harvester_bed.fault("harvester-failure", "harvester", reason=reason):
        failed = run(cluster, vlan=102, retries=1)
        assert failed.failure["reason"].startswith("harvester_")
        assert reason in failed.failure["found"]
    again = run(cluster, vlan=102)
    assert len(again["actions"]) == 1
    assert again["harvester_migration_network"]["settled"]
    assert nads(cluster) == [again["harvester_migration_network"]["nad"]]
    with harvester_bed.fault("harvester-failure", "harvester", times=1, reason=reason):
        assert len(run(cluster, vlan=103)["actions"]) == 2


def test_a_vm_on_the_old_network_stops_the_change(cluster: TestCluster) -> None:
    nad = run(cluster)["harvester_migration_network"]["nad"]
    interface = {"name": "wrong", "bridge": {}}
    devices = {"interfaces": [interface]}
    networks = [{"name": "wrong", "multus": {"networkName": f"{NAMESPACE}/{nad}"}}]
    domain = {"devices": devices, "resources": {"requests": {"memory": "64Mi"}}}
    template = {"spec": {"domain": domain, "networks": networks}}
    spec = {"runStrategy": "Halted", "template": template}
    cluster.client.create("virtualmachines", {"metadata": {"name": "wrong", "namespace": "default"}, "spec": spec})
    try:
        assert run(cluster, vlan=104).failure["reason"] == "harvester_nad_in_use"
        assert off(cluster).failure["reason"] == "harvester_nad_in_use"
        # Harvester itself would have switched KubeVirt first.
        cluster.client.patch("settings", NETWORK, {"value": ""})
        failed = off(cluster, retries=0)
        assert failed.failure["reason"] == "harvester_remove_old_nad_error"
        assert network(cluster) is None
    finally:
        cluster.client.delete("virtualmachines", "wrong", "default")
    cluster.client.until(lambda found: found is None, "virtualmachines", "wrong", "default")
    assert off(cluster, retries=9)["harvester_migration_network"]["settled"]
    assert nads(cluster) == []


def test_what_is_changed_by_hand_is_mended_through_harvester(cluster: TestCluster) -> None:
    first = run(cluster)["harvester_migration_network"]["nad"]
    patch = {"spec": {"configuration": {"migrations": {"network": None}}}}
    cluster.client.patch("kubevirts", "kubevirt", patch, NAMESPACE)
    assert run(cluster)["harvester_migration_network"]["nad"] == first == network(cluster)
    cluster.client.delete("network-attachment-definitions", first, NAMESPACE)
    second = run(cluster)["harvester_migration_network"]["nad"]
    assert nads(cluster) == [second] != [first]
    nad = cluster.client.need("network-attachment-definitions", second, NAMESPACE)
    text = nad["spec"]["config"].replace('"vlan":100', '"vlan":200')
    cluster.client.patch("network-attachment-definitions", second, {"spec": {"config": text}}, NAMESPACE)
    third = run(cluster)["harvester_migration_network"]["nad"]
    assert nads(cluster) == [third] != [second]
    assert not run(cluster).changed


def test_another_mtu_of_the_uplinks_reaches_every_pod(cluster: TestCluster) -> None:
    """Harvester writes it into the NAD and leaves the pods as they are."""
    nad = run(cluster, mtu=1500)["harvester_migration_network"]["nad"]
    uplinks(cluster, 9000)
    try:
        until(lambda: config(cluster, nad).get("mtu") == 9000, "the MTU in the NAD", 15)
        assert "mtu-mismatch" in proof(cluster)
        done = run(cluster, mtu=9000)
        assert [each.partition(" delete ")[2].split("-")[0] for each in done["actions"]] == ["Pod harvester"] * 2
        assert done["harvester_migration_network"]["nad"] == nad
        assert "mtu-mismatch" not in proof(cluster)
        assert not run(cluster, mtu=9000).changed
    finally:
        uplinks(cluster, 1500)


def uplinks(cluster: TestCluster, mtu: int) -> None:
    uplink = {"nics": ["eth1"], "linkAttributes": {"mtu": mtu}}
    cluster.client.patch("vlanconfigs", "both", {"spec": {"uplink": uplink}})


def config(cluster: TestCluster, nad: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        cluster.client.need("network-attachment-definitions", nad, NAMESPACE)["spec"]["config"]
    )
    return found


def proof(cluster: TestCluster) -> list[str]:
    """What the proof of a rollout finds."""
    wish = {name: WISH[name] for name in ("range", "slot", "max_clusters")}
    found = on(cluster, "migration_network_info", namespace=NAMESPACE, **wish)["migration_network_info"]["findings"]
    return [each["id"] for each in found]


def test_migrations_stop_a_change_and_those_without_a_state_one_of_limits(cluster: TestCluster) -> None:
    run(cluster)["changed"]
    cluster.vm("moving")
    made = {"metadata": {"name": "move", "namespace": "default"}, "spec": {"vmiName": "moving"}}
    with cluster.bed.fault("copy-seconds", "harvester", seconds="600"):
        cluster.client.create("virtualmachineinstancemigrations", made)
        assert run(cluster, vlan=105).failure["reason"] == "busy"
        failed = run(cluster, progress_timeout=99, allow_during_migrations=True)
        assert failed.failure["reason"] == "harvester_migration_open"
        assert "default/move" in failed.failure["object"]
    cluster.client.delete("virtualmachineinstancemigrations", "move", "default")
    cluster.client.delete("virtualmachines", "moving", "default")
    cluster.client.until(lambda found: found is None, "virtualmachineinstancemigrations", "move", "default")


def test_pods_without_an_address_are_named(harvester_bed: TestBed, cluster: TestCluster) -> None:
    with harvester_bed.fault("pool-exhausted", "harvester", range="172.30.0.0/24"):
        failed = run(cluster, wait_timeout=8)
        assert failed.failure["reason"] == "deadline_exceeded"
        assert "virt-handler-" in failed.failure["found"]
    again = run(cluster)
    assert not again.changed
    assert again["harvester_migration_network"]["settled"]


def test_an_answer_that_is_lost_is_no_failure(harvester_bed: TestBed, cluster: TestCluster) -> None:
    options = connection(cluster, proxied=True) | WISH
    with harvester_bed.fault("api-lost-answer", "harvester", times=1, method="PATCH", path="*settings*"):
        called = call("harvester_migration_network", options)
    assert called["changed"]
    assert called["harvester_migration_network"]["settled"]


def test_a_webhook_that_is_away_is_named(harvester_bed: TestBed, cluster: TestCluster) -> None:
    with harvester_bed.fault("webhook-down", "harvester", path="/v1/webhook/validation"):
        failed = run(cluster)
    assert failed.failure["reason"] == "webhook_down"
    assert "harvester-webhook" in failed.failure["hint"]


def test_where_there_is_no_harvester(harvester_bed: TestBed, bed: TestBed) -> None:
    plain = next(iter(bed.clusters.values()))
    assert run(plain).failure["reason"] == "harvester_missing"
