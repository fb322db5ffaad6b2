# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook site on a cluster without an overlay: another type of network, and back to the pod network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from integration.playbooks import Ran, playbook
from testbed.testing import TestBed, own_bed

NADS = "network-attachment-definitions"
MACVLAN: dict[str, Any] = {"migration_network_type": "macvlan", "migration_network_master": "eth1"}
NONE: dict[str, Any] = {"migration_network_type": "none"}

pytestmark = pytest.mark.simulated


@pytest.fixture(scope="module")
def plain() -> Iterator[TestBed]:
    """One cluster whose nodes have cards, and nothing of OpenPERouter."""
    with own_bed(f"pytest-types-{os.getpid()}", ("cluster-a",), "openperouter=false") as bed:
        yield bed


def twice(bed: TestBed, **extra: Any) -> Ran:
    """A run that changes something, and one more that writes nothing."""
    done = playbook(bed, "site", fleet="cluster-a", **extra).succeeded()
    assert done.writes
    again = playbook(bed, "site", fleet="cluster-a", **extra).succeeded()
    assert (again.writes, sum(again.changed.values())) == ([], 0), again.output
    return done


def test_an_interface_of_the_nodes_and_back_to_the_pod_network(plain: TestBed) -> None:
    client = plain.clusters["cluster-a"].client
    twice(plain, **MACVLAN)
    (nad,) = client.list(NADS, "kubevirt")
    config = json.loads(nad["spec"]["config"])
    assert (config["type"], config["master"], config["mode"]) == ("macvlan", "eth1", "bridge")
    refused = playbook(plain, "site", fleet="cluster-a", **MACVLAN, migration_network_vlan=100).refused()
    assert "eth1.100" in refused.output

    check = playbook(plain, "site", "--check", fleet="cluster-a", **NONE).succeeded()
    assert check.writes == []
    twice(plain, **NONE)
    assert client.list(NADS, "kubevirt") == []
    kubevirt = client.get("kubevirts", "kubevirt", "kubevirt") or {}
    settings = kubevirt["spec"]["configuration"]
    assert "network" not in settings["migrations"]
    # What is not about the network stays.
    assert "DecentralizedLiveMigration" in settings["developerConfiguration"]["featureGates"]
