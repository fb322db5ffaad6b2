# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of a plain cluster and a Harvester cluster goes through the shipped playbooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from integration.harvester import NAMESPACE, addresses, network, setting
from integration.playbooks import Ran, playbook
from testbed.testing import TestBed, own_bed

pytestmark = pytest.mark.simulated

HARVESTER = "cluster-b"
VARIABLES: dict[str, Any] = {
    "migration_network_cluster_network": "mgmt",
    "migration_network_vlan": 100,
    "migration_network_allow_decentralized": True,
    "migration_network_limits": {"bandwidth_per_migration": "64Mi"},
}


@pytest.fixture(scope="module")
def fleet() -> Iterator[TestBed]:
    with own_bed("fleet", ("cluster-a", HARVESTER), f"{HARVESTER}.harvester=v1.8.2") as bed:
        # Nobody but the operator tells Harvester what the uplinks of mgmt carry.
        mtu = {"metadata": {"annotations": {"network.harvesterhci.io/uplink-mtu": "1400"}}}
        bed.clusters[HARVESTER].client.patch("clusternetworks", "mgmt", mtu)
        yield bed


def run(fleet: TestBed, directory: Path, name: str, **changed: Any) -> Ran:
    told = directory / "harvester.yml"
    told.write_text(yaml.safe_dump({"all": {"hosts": {HARVESTER: VARIABLES | changed}}}))
    return playbook(fleet, name, f"--inventory={told}")


def test_prepared_verified_mended_and_taken_down(fleet: TestBed, tmp_path: Path) -> None:
    cluster = fleet.clusters[HARVESTER]
    assert "cluster_network" in run(fleet, tmp_path, "site", migration_network_cluster_network="").refused().output
    run(fleet, tmp_path, "site").succeeded()
    assert len(set(addresses(cluster))) == 4
    assert all(int(each.rpartition(".")[2]) >= 128 for each in addresses(cluster))
    assert json.loads(setting(cluster, "kubevirt-migration")["value"])["bandwidthPerMigration"] == "64Mi"
    again = run(fleet, tmp_path, "site").succeeded()
    assert again.changed == {"cluster-a": 0, HARVESTER: 0}
    assert again.writes == []
    assert run(fleet, tmp_path, "verify").succeeded().writes == []
    by_hand = {"spec": {"configuration": {"migrations": {"network": None}}}}
    cluster.client.patch("kubevirts", "kubevirt", by_hand, NAMESPACE)
    drifted = run(fleet, tmp_path, "verify").refused().output
    assert "vm-migration-network" in drifted
    run(fleet, tmp_path, "site").succeeded()
    run(fleet, tmp_path, "verify").succeeded()
    run(fleet, tmp_path, "teardown").succeeded()
    assert (network(cluster), setting(cluster)["value"], addresses(cluster)) == (None, "", [])
    assert run(fleet, tmp_path, "teardown").succeeded().writes == []
