# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of every kind of cluster lives its life: made, looked at, grown, renumbered, damaged, mended, taken away.

The tests are the chapters of one story, in this order; each leaves the fleet as the next one finds it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.harvester import LIMITS, NAMESPACE, addresses, network, setting
from integration.playbooks import playbook, written
from testbed.testing import TestBed, own_bed

pytestmark = pytest.mark.simulated

NAD = "network-attachment-definitions"
FLEET = Path(__file__).parent / "fleet"
KINDS = {
    "munich": ("l2vni_shape=A",),
    "zurich": ("l2vni_shape=B",),
    "vienna": ("l2vni_shape=C",),
    "ghent": ("hco=1.19",),
    "oslo": ("harvester=v1.9.0",),
    "turin": ("openperouter=false", "nmstate=true"),
    "porto": ("l2vni_shape=C",),
}
FIRST = ",".join(name for name in KINDS if name != "porto")


@pytest.fixture(scope="module")
def fleet() -> Iterator[TestBed]:
    settings = [f"{name}.{setting}" for name, settings in KINDS.items() for setting in settings]
    with own_bed("fleet", tuple(KINDS), "nodes=1", *settings) as bed:
        # Nobody but the operator tells Harvester what the uplinks of mgmt carry.
        mtu = {"metadata": {"annotations": {"network.harvesterhci.io/uplink-mtu": "1400"}}}
        bed.clusters["oslo"].client.patch("clusternetworks", "mgmt", mtu)
        yield bed


@pytest.fixture
def run(fleet: TestBed) -> Any:
    return functools.partial(playbook, fleet, inventory=FLEET)


def test_a_harvester_cluster_without_a_cluster_network_is_refused(run: Any) -> None:
    assert "cluster_network" in run("site", fleet="oslo", migration_network_cluster_network="").refused().output


def test_six_clusters_get_their_network_and_keep_it(fleet: TestBed, run: Any) -> None:
    run("site", fleet=FIRST).succeeded()
    oslo = fleet.clusters["oslo"]
    assert len(set(addresses(oslo))) == 3
    assert json.loads(setting(oslo, LIMITS)["value"])["bandwidthPerMigration"] == "64Mi"
    run("site", fleet=FIRST).did_nothing()


def test_a_cluster_joins_and_nobody_moves(fleet: TestBed, run: Any) -> None:
    before = {name: slice_of(fleet, name) for name in FIRST.split(",")}
    marks = {name: fleet.clusters[name].mark() for name in before}
    run("site").succeeded()
    assert {name: slice_of(fleet, name) for name in before} == before
    paths = {write.path.rpartition("/")[2] for write in written(fleet, marks)}
    assert paths == {"kubevirt-external-ca", "livemigration-trust"}, "only the trust in it is new to them"


def test_what_was_lost_or_changed_by_hand_is_reported_and_mended(fleet: TestBed, run: Any) -> None:
    fleet.clusters["turin"].client.delete(NAD, "migration", "kubevirt")
    by_hand = {"spec": {"configuration": {"migrations": {"network": None}}}}
    fleet.clusters["oslo"].client.patch("kubevirts", "kubevirt", by_hand, NAMESPACE)
    found = run("verify").refused()
    for told in ("turin", "NetworkAttachmentDefinition kubevirt/migration", "oslo", "vm-migration-network"):
        assert told in found.output
    run("site").succeeded()
    run("verify").did_nothing()


def test_the_fleet_is_renumbered_without_two_pods_having_one_address(fleet: TestBed, run: Any) -> None:
    before = {name: slice_of(fleet, name) for name in KINDS}
    run("site", migration_network_max_clusters=16).succeeded()
    after = {name: slice_of(fleet, name) for name in KINDS}
    assert all(after[name] != before[name] for name in KINDS if name != "munich"), (before, after)
    run("site", migration_network_max_clusters=16).did_nothing()


def test_all_of_it_goes_again(fleet: TestBed, run: Any) -> None:
    run("teardown", migration_network_max_clusters=16).succeeded()
    oslo = fleet.clusters["oslo"]
    assert (network(oslo), setting(oslo)["value"], addresses(oslo)) == (None, "", [])
    for name, cluster in fleet.clusters.items():
        assert networks(fleet, name) == [], name
        for kubevirt in cluster.client.list("kubevirts"):
            assert "network" not in kubevirt["spec"]["configuration"].get("migrations", {}), name
    run("teardown", migration_network_max_clusters=16).did_nothing()


def networks(fleet: TestBed, name: str) -> list[dict[str, Any]]:
    """The migration NADs of a cluster."""
    found = fleet.clusters[name].client.list(NAD)
    return [each for each in found if "whereabouts" in each["spec"]["config"]]


def slice_of(fleet: TestBed, name: str) -> dict[str, Any]:
    """What bounds the addresses of a cluster's pods."""
    (network,) = networks(fleet, name)
    ipam: dict[str, Any] = json.loads(network["spec"]["config"])["ipam"]
    return {key: ipam[key] for key in ("range_start", "range_end", "exclude") if key in ipam}
