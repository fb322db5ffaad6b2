# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_uplink on a cluster with nmstate, whose handlers change what the nodes have, and on one without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.calls import on
from testbed.resources import Object
from testbed.testing import TestBed, TestCluster, own_bed

UPLINK: Object = {"name": "migration-uplink", "interface": "eth1", "bridge": "br1", "trunk": [100], "mtu": 9000}
POLICIES = "nodenetworkconfigurationpolicies"
GONE: Object = {"name": "migration-uplink", "state": "absent"}

pytestmark = pytest.mark.simulated


@pytest.fixture(scope="module")
def nodes() -> Iterator[TestBed]:
    """One cluster with nmstate and one without, neither with KubeVirt."""
    settings = ("kubevirt=false", "openperouter=false", "with-nmstate.nmstate=true")
    with own_bed("uplink", ("with-nmstate", "without"), *settings) as bed:
        yield bed


@pytest.fixture
def cluster(nodes: TestBed) -> TestCluster:
    return nodes.clusters["with-nmstate"]


def links(cluster: TestCluster, node: int = 1) -> dict[str, Object]:
    """What nmstate reports of a node."""
    state = cluster.client.get("nodenetworkstates", f"{cluster.name}-node-{node}") or {}
    return {link["name"]: link for link in state["status"]["currentState"]["interfaces"]}


def test_check_do_do_again_and_undo(cluster: TestCluster) -> None:
    mark = cluster.mark()
    told = on(cluster, "node_uplink", check_mode=True, **UPLINK)
    assert told.changed
    assert not cluster.writes(mark)
    made = on(cluster, "node_uplink", **UPLINK)
    assert (made["actions"], made["diff"]) == (told["actions"], told["diff"])
    assert made["node_uplink"]["readiness"] == "available"
    port = {"name": "eth1", "vlan": {"mode": "trunk", "trunk-tags": [{"id": 100}]}}
    assert [links(cluster, node)["br1"]["bridge"]["port"] for node in (1, 2)] == [[port]] * 2
    mark = cluster.mark()
    assert not on(cluster, "node_uplink", **UPLINK).changed
    assert on(cluster, "node_uplink", manage=False, **UPLINK)["node_uplink"]["readiness"] == "found"
    looked = {key: value for key, value in UPLINK.items() if key != "interface"}
    assert on(cluster, "node_uplink", manage=False, **looked)["node_uplink"]["readiness"] == "found"
    assert not cluster.writes(mark)

    nad: Object = {"name": "net", "namespace": "default", "bridge": "br1", "vlan": 100, "mtu": 9000}
    plan: Object = {"range": "10.203.0.0/24", "slot": 0, "max_clusters": 2, "required_addresses": 3}
    assert on(cluster, "migration_nad", **nad, **plan).changed
    assert on(cluster, "node_uplink", **GONE).failure["found"] == "default/net"
    assert on(cluster, "migration_nad", name="net", namespace="default", state="absent").changed
    for expected in (True, False):
        assert on(cluster, "node_uplink", **GONE).changed is expected
    assert "br1" not in links(cluster)
    assert cluster.client.list(POLICIES) == []


def test_a_node_that_fails_is_told_in_its_own_words(nodes: TestBed, cluster: TestCluster) -> None:
    with nodes.fault("nmstate-failure", cluster=cluster.name, node=f"{cluster.name}-node-2"):
        failure = on(cluster, "node_uplink", **UPLINK).failure
    assert failure["reason"] == "uplink_failed"
    assert failure["found"].startswith(f"{cluster.name}-node-2: ")
    assert "NmstateError" in failure["found"]
    assert on(cluster, "node_uplink", **GONE).changed


def test_what_would_cut_a_node_off_is_refused(cluster: TestCluster) -> None:
    mark = cluster.mark()
    failure = on(cluster, "node_uplink", **(UPLINK | {"interface": "eth0", "mtu": 1500})).failure
    assert (failure["reason"], failure["object"]) == ("uplink_in_use", f"Node {cluster.name}-node-1")
    assert not cluster.writes(mark)


def test_without_nmstate_it_says_that_it_cannot_look(nodes: TestBed) -> None:
    found = on(nodes.clusters["without"], "node_uplink", **UPLINK)
    assert (found.changed, found["node_uplink"]["readiness"]) == (False, "unchecked")
    assert "cannot be checked" in found["warnings"][0]
