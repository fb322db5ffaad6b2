# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Harvester cluster as its tests look at it, and calls of the module on it."""

from __future__ import annotations

from typing import Any

from integration import networks
from integration.calls import Called, on
from testbed.testing import TestCluster

NAMESPACE = "harvester-system"
NETWORK, LIMITS = "vm-migration-network", "kubevirt-migration"
WISH: dict[str, Any] = {
    "cluster_network": "migration",
    "vlan": 100,
    "range": "172.30.0.0/24",
    "slot": 1,
    "max_clusters": 4,
    "wait_timeout": 60,
}


def vlan_config(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"clusterNetwork": "migration", "uplink": {"nics": ["eth1"]}} | spec}


def run(cluster: TestCluster, **options: Any) -> Called:
    return on(cluster, "harvester_migration_network", **WISH | options)


def off(cluster: TestCluster, **options: Any) -> Called:
    return on(cluster, "harvester_migration_network", state="absent", wait_timeout=60, **options)


def setting(cluster: TestCluster, name: str = NETWORK) -> dict[str, Any]:
    found = cluster.client.need("settings", name)
    return dict(found)


def network(cluster: TestCluster) -> str | None:
    kubevirt = cluster.client.need("kubevirts", "kubevirt", NAMESPACE)
    name: str | None = (kubevirt["spec"]["configuration"].get("migrations") or {}).get("network")
    return name


def nads(cluster: TestCluster) -> list[str]:
    return [each["metadata"]["name"] for each in cluster.client.list("network-attachment-definitions", NAMESPACE)]


def addresses(cluster: TestCluster) -> list[str]:
    """All addresses on migration0 of KubeVirt's pods."""
    return [address for own in networks.addresses(cluster, NAMESPACE) for address in own]


def written(cluster: TestCluster, mark: int) -> list[str]:
    return [write.path for write in cluster.writes(mark) if "selfsubjectaccessreviews" not in write.path]
