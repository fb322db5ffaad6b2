# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of migration_nad on nodes that have what they need, and on nodes that do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.calls import on
from testbed.resources import Object
from testbed.sim.multus import STATUS, reported
from testbed.testing import TestBed, TestCluster, own_bed

NADS = "network-attachment-definitions"
RESOURCE = "openshift.io/migration"
PLAN: Object = {"mtu": 1400, "slot": 0, "max_clusters": 2, "required_addresses": 3}

pytestmark = pytest.mark.simulated


@pytest.fixture(scope="module")
def cards() -> Iterator[TestBed]:
    """A cluster whose nodes have cards, an Open vSwitch bridge and one virtual function each."""
    interfaces = "node_interfaces=eth0:1500,eth1:9000,eth1.100:9000,br-ex:9000:ovs-bridge"
    settings = (interfaces, f"device_plugin={RESOURCE}=1", "nodes=1", "openperouter=false")
    with own_bed("cards", ("cards",), *settings) as bed:
        yield bed


@pytest.fixture
def cluster(cards: TestBed) -> TestCluster:
    return cards.clusters["cards"]


def pod(cluster: TestCluster, name: str, network: str) -> None:
    metadata = {"name": name, "namespace": "default", "annotations": {"k8s.v1.cni.cncf.io/networks": network}}
    container = {"name": "c", "image": "pause"}
    cluster.client.create("pods", {"metadata": metadata, "spec": {"containers": [container]}})


def attached(cluster: TestCluster, name: str) -> Object:
    """What multus reports of the pod's second interface."""
    found = cluster.client.until(lambda pod: bool(pod and reported(pod)), "pods", name, "default", seconds=20)
    (entry,) = reported(found or {})[1:]
    return entry


def waits(cluster: TestCluster, name: str, text: str) -> None:
    """The pod stays away, and its events or conditions say why."""

    def told(pod: Object | None) -> bool:
        events = [event["message"] for event in cluster.client.list("events", "default") if name in str(event)]
        return text in str(events) or text in str((pod or {})["status"])

    waiting = cluster.client.until(told, "pods", name, "default", seconds=20)
    assert STATUS not in str(waiting)


WORKS: list[tuple[str, Object]] = [
    ("bridge", {"bridge": "br1"}),
    ("vlan", {"bridge": "br1", "vlan": 100}),
    ("macvlan", {"kind": "macvlan", "master": "eth1.100"}),
    ("ipvlan", {"kind": "ipvlan", "master": "eth1"}),
    ("ovs", {"kind": "ovs", "bridge": "br-ex", "vlan": 7}),
    ("sriov", {"kind": "sriov", "resource_name": RESOURCE}),
]
WAITS: list[tuple[str, Object, str]] = [
    ("no-master", {"kind": "macvlan", "master": "eth9"}, "Link not found"),
    ("small-master", {"kind": "ipvlan", "master": "eth0", "mtu": 9000}, "invalid MTU 9000"),
    ("no-ovs", {"kind": "ovs", "bridge": "br-int"}, "failed to find bridge br-int"),
    ("no-plugin", {"kind": "sriov", "resource_name": "openshift.io/none"}, "Insufficient openshift.io/none"),
]


def make(cluster: TestCluster, name: str, index: int, options: Object) -> Any:
    wish = {"name": name, "namespace": "default", "range": f"10.201.{index}.0/24", **PLAN, **options}
    return on(cluster, "migration_nad", **wish)


@pytest.mark.parametrize("index", range(len(WORKS)), ids=[name for name, _options in WORKS])
def test_pods_join_the_network_of_every_kind(cluster: TestCluster, index: int) -> None:
    name, options = WORKS[index]
    assert make(cluster, name, index, options).changed
    mark = cluster.mark()
    again = make(cluster, name, index, options)
    assert (again.changed, cluster.writes(mark)) == (False, [])
    pod(cluster, name, name)
    assert attached(cluster, name)["ips"] == [f"10.201.{index}.1"]
    assert (
        on(cluster, "migration_nad", name=name, namespace="default", state="absent").failure["reason"] == "nad_in_use"
    )


@pytest.mark.parametrize("index", range(len(WAITS)), ids=[name for name, _options, _text in WAITS])
def test_pods_wait_for_what_their_node_lacks(cluster: TestCluster, index: int) -> None:
    name, options, text = WAITS[index]
    make(cluster, name, 100 + index, options)["changed"]
    pod(cluster, name, name)
    waits(cluster, name, text)
