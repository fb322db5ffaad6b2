# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_nad against a real API server, with whereabouts handing out what it says."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.calls import on
from testbed.resources import Object
from testbed.sim.multus import reported
from testbed.testing import TestBed, TestCluster

NADS = "network-attachment-definitions"


class Network:
    """A NAD of this test's own: a fresh namespace, a fresh range."""

    def __init__(self, cluster: TestCluster, namespace: str, index: int) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.range = f"10.200.{index}.0/24"
        self.options: dict[str, Any] = {"name": "net", "namespace": namespace, "vni": 1000 + index, "mtu": 1400}
        self.options |= {"range": self.range, "slot": 0, "max_clusters": 2, "required_addresses": 3}

    def call(self, *, check_mode: bool = False, **options: Any) -> Any:
        return on(self.cluster, "migration_nad", check_mode=check_mode, **(self.options | options))

    def absent(self, *, check_mode: bool = False) -> Any:
        return self.call(check_mode=check_mode, state="absent")

    @property
    def config(self) -> Object:
        found = self.cluster.client.need(NADS, "net", self.namespace)
        parsed: Object = json.loads(found["spec"]["config"])
        return parsed

    def pod(self, name: str, *, own: bool = False) -> str:
        """A pod on the network; the address it got."""
        metadata: Object = {
            "name": name,
            "namespace": self.namespace,
            "annotations": {"k8s.v1.cni.cncf.io/networks": "net"},
        }
        metadata["labels"] = {"kubevirt.io": "virt-handler"} if own else {}
        container = {"name": "c", "image": "pause"}
        self.cluster.client.create("pods", {"metadata": metadata, "spec": {"containers": [container]}})
        found = self.cluster.client.until(lambda pod: bool(pod and reported(pod)), "pods", name, self.namespace)
        return next(str(entry["ips"][0]) for entry in reported(found or {}) if entry["name"] == f"{self.namespace}/net")


@pytest.fixture
def network(bed: TestBed, namespace: str) -> Iterator[Network]:
    """On a range that has no pool yet: whereabouts never removes one."""
    cluster = next(iter(bed.clusters.values()))
    pools = {pool["metadata"]["name"] for pool in cluster.client.list("ippools")}
    index = next(number for number in range(256) if f"10.200.{number}.0-24" not in pools)
    network = Network(cluster, namespace, index)
    yield network
    for nad in network.cluster.client.list(NADS, namespace):
        network.cluster.client.delete(NADS, nad["metadata"]["name"], namespace)


def test_check_do_do_again_and_undo(network: Network) -> None:
    mark = network.cluster.mark()
    told = network.call(check_mode=True)
    assert told.changed
    assert not network.cluster.writes(mark)
    made = network.call()
    assert (made["diff"], made["migration_nad"]) == (told["diff"], told["migration_nad"])
    assert network.config == made["migration_nad"]["config"]
    mark = network.cluster.mark()
    again = network.call()
    assert (again.changed, again["diff"], network.cluster.writes(mark)) == (False, [], [])
    for expected in (True, False):
        assert network.absent().changed is expected


def test_reordered_text_of_the_same_meaning_is_left_as_it_is(network: Network) -> None:
    network.call()["changed"]
    text = json.dumps(network.config, indent=2, sort_keys=False)
    network.cluster.client.patch(NADS, "net", {"spec": {"config": text}}, network.namespace)
    mark = network.cluster.mark()
    assert not network.call().changed
    assert not network.cluster.writes(mark)


@pytest.mark.parametrize("style", ["bounds", "exclude"])
@pytest.mark.parametrize("slot", [0, 1])
def test_whereabouts_hands_out_addresses_of_the_slice(network: Network, style: str, slot: int) -> None:
    gateway = str(ipaddress.ip_network(network.range)[1])
    made = network.call(style=style, slot=slot, gateway=gateway)["migration_nad"]
    first = ipaddress.ip_address(made["slice"]["first"])
    assert [network.pod("one", own=True), network.pod("two", own=True)] == [str(first), str(first + 1)]
    assert made["pool"] == f"{network.range.split('/')[0]}-24"
    # Another slot: those that run keep their addresses, and are told of.
    moved = network.call(style=style, slot=1 - slot, gateway=gateway)
    assert moved["migration_nad"]["superseded"] == ["net"]
    assert moved["migration_nad"]["changed_allocation"]
    assert moved["migration_nad"]["migration_pods_restart_required"]
    assert [entry["address"] for entry in moved["migration_nad"]["out_of_slice"]] == [str(first), str(first + 1)]
    assert network.call(style=style, slot=slot, gateway=gateway)["migration_nad"]["name"] == "net"


def test_is_not_removed_while_a_pod_uses_it(network: Network) -> None:
    network.call()["changed"]
    network.pod("user")
    failure = network.absent().failure
    assert failure["reason"] == "nad_in_use"
    assert f"pod {network.namespace}/user" in failure["found"]
    assert network.config
    network.cluster.client.delete("pods", "user", network.namespace)
    network.cluster.client.until(lambda pod: pod is None, "pods", "user", network.namespace)
    assert network.absent().changed


def test_a_slice_that_is_too_small_is_refused_before_the_first_write(network: Network) -> None:
    mark = network.cluster.mark()
    failure = network.call(required_addresses=None, growth=125).failure
    assert failure["reason"] == "slice_too_small"
    assert "virt-handler" in failure["wanted"]
    assert not network.cluster.writes(mark)


def test_another_nad_with_addresses_of_the_range_is_named(network: Network) -> None:
    config = {"type": "macvlan", "ipam": {"type": "whereabouts", "range": network.range}}
    rival = {"metadata": {"name": "rival", "namespace": network.namespace}, "spec": {"config": json.dumps(config)}}
    network.cluster.client.create(NADS, rival)
    failure = network.call().failure
    assert failure["reason"] == "range_overlaps_nad"
    assert f"{network.namespace}/rival" in failure["found"]


@pytest.mark.parametrize(
    ("taken", "what"),
    [("10.96.0.0/24", "the service network"), ("100.65.0.0/24", "the tunnel endpoints of Underlay")],
)
def test_a_network_of_the_cluster_itself_is_named(network: Network, taken: str, what: str) -> None:
    failure = network.call(range=taken).failure
    assert failure["reason"] == "range_overlaps_network"
    assert what in failure["found"]


def test_a_namespace_that_is_not_there(network: Network) -> None:
    assert network.call(namespace="nowhere").failure["reason"] == "namespace_missing"
