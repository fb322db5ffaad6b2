# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""cluster_info on the clusters of the test bed."""

from __future__ import annotations

from typing import Any

from integration.calls import on
from integration.networks import NETWORK, wire
from testbed.testing import TestBed, TestCluster


def look(cluster: TestCluster) -> dict[str, Any]:
    called = on(cluster, "cluster_info")
    assert not called.changed
    found: dict[str, Any] = called["cluster_info"]
    return found


def test_what_a_cluster_with_its_network_is(bed: TestBed) -> None:
    cluster = list(bed.clusters.values())[1]
    wire(bed, cluster)
    found = look(cluster)
    assert (found["name"], found["flavour"], found["unreadable"]) == (cluster.name, "kubevirt", [])
    system = cluster.client.get("namespaces", "kube-system")
    assert system
    assert found["uid"] == system["metadata"]["uid"]
    assert found["nodes"] == len(cluster.client.list("nodes"))
    assert (found["kubevirt"]["network"], found["kubevirt"]["gate"]) == (NETWORK, True)
    assert [vni["vni"] for vni in found["openperouter"]["vnis"] if vni["kind"] == "L2VNI"] == [666]
    assert found["openperouter"]["underlays"]
    kinds = {net["kind"] for net in found["networks"]}
    assert kinds >= {"node", "service", "vtep", "router-id", "nad"}


def test_it_writes_nothing_and_tells_clusters_apart(quiet_bed: TestBed) -> None:
    seen = []
    for cluster in quiet_bed.clusters.values():
        mark = cluster.mark()
        seen.append(look(cluster)["uid"])
        assert cluster.writes(mark) == []
    assert len(set(seen)) == len(quiet_bed.clusters)
