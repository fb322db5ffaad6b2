# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration network of the published procedure, made with the collection's own modules."""

from __future__ import annotations

from typing import Any

from integration.calls import Called, on
from testbed.resources import Object
from testbed.sim import multus
from testbed.testing import TestBed, TestCluster

NETWORK = "migration-evpn"
PLAN: dict[str, Any] = {"range": "192.170.10.0/24", "max_clusters": 2, "gateway": "192.170.10.1"}


def slot(bed: TestBed, cluster: TestCluster) -> int:
    """The slot of a cluster: its place in the bed."""
    return list(bed.clusters).index(cluster.name)


def make_nad(bed: TestBed, cluster: TestCluster, namespace: str = "kubevirt") -> None:
    """Bridge and NAD on one cluster; nothing where they are already."""
    on(cluster, "l2vni", name="migration", vni=666, vrf="rouge", gateways=["192.170.10.1/24"])["changed"]
    own: dict[str, Any] = {
        "name": NETWORK,
        "namespace": namespace,
        "slot": slot(bed, cluster),
    }
    on(cluster, "migration_nad", vni=666, mtu=1400, **own, **PLAN)["changed"]


def wire(bed: TestBed, cluster: TestCluster) -> Called:
    """One cluster with its migration network in force."""
    make_nad(bed, cluster)
    called = on(cluster, "kubevirt_migrations", decentralized=True, network=NETWORK, wait_timeout=60)
    assert called["kubevirt_migrations"]["settled"]
    return called


def migrating(cluster: TestCluster, namespace: str = "kubevirt") -> list[Object]:
    """KubeVirt's pods that belong on the migration network."""
    return cluster.client.list("pods", namespace, "kubevirt.io in (virt-handler,virt-synchronization-controller)")


def addresses(cluster: TestCluster, namespace: str = "kubevirt") -> list[list[str]]:
    """What each of them has on the migration network; fails the test where multus has told nothing of one."""
    pods = migrating(cluster, namespace)
    assert all(multus.reported(pod) for pod in pods), pods
    return [multus.addresses(pod, "migration0") for pod in pods]


def vm_on(network: str, name: str) -> Object:
    """A VM of namespace default that is switched off and would join a network."""
    disk = {"name": "os", "containerDisk": {"image": "quay.io/kubevirt/fedora"}}
    devices = {"disks": [{"name": "os", "disk": {"bus": "virtio"}}], "interfaces": [{"name": "red", "bridge": {}}]}
    domain = {"devices": devices, "resources": {"requests": {"memory": "128M"}}}
    inner = {"domain": domain, "networks": [{"name": "red", "multus": {"networkName": network}}], "volumes": [disk]}
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"runStrategy": "Halted", "template": {"spec": inner}},
    }
