# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubevirt_restart on the test bed: an L2VNI that is made anew leaves no pod on the bridge that is no more."""

from __future__ import annotations

import itertools

from integration.calls import on
from integration.networks import migrating, wire
from testbed.testing import TestBed, TestCluster


def pods(cluster: TestCluster) -> dict[str, str]:
    """The pods on the migration network and when they were made."""
    alive = [pod["metadata"] for pod in migrating(cluster) if not pod["metadata"].get("deletionTimestamp")]
    return {metadata["name"]: metadata["creationTimestamp"] for metadata in alive}


def made_anew(cluster: TestCluster) -> str:
    """When the bridge was made: later than every pod, in the seconds in which the API counts."""
    youngest = max(pods(cluster).values())
    for number in itertools.count(2):
        gateway = f"192.170.10.{1 if number % 2 else 254}/24"
        made = on(cluster, "l2vni", name="migration", vni=666, vrf="rouge", gateways=[gateway], recreate=True)["l2vni"]
        assert made["migration_pods_restart_required"]
        if made["object"]["metadata"]["creationTimestamp"] > youngest:
            break
    return str(made["object"]["metadata"]["creationTimestamp"])


def test_pods_of_a_bridge_that_is_no_more(separate_bed: TestBed) -> None:
    cluster = next(iter(separate_bed.clusters.values()))
    wire(separate_bed, cluster)
    before = pods(cluster)
    assert not on(cluster, "kubevirt_restart", older_than=min(before.values())).changed
    time = made_anew(cluster)
    mark = cluster.mark()
    told = on(cluster, "kubevirt_restart", older_than=time, check_mode=True)
    assert cluster.writes(mark) == []
    done = on(cluster, "kubevirt_restart", older_than=time, wait_timeout=120)
    assert done["actions"] == told["actions"]
    assert sorted(done["kubevirt_restart"]["pods"]) == sorted(f"kubevirt/{name}" for name in before)
    assert not pods(cluster).keys() & before.keys()
    mark = cluster.mark()
    again = on(cluster, "kubevirt_restart", older_than=time)
    assert (again.changed, cluster.writes(mark)) == (False, [])
    assert on(cluster, "migration_network_info")["migration_network_info"]["ready"]
