# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves between two prepared clusters, and what must be true of a VM afterwards."""

from __future__ import annotations

import dataclasses
from typing import Any

from integration.calls import Called, between, call, connection
from integration.networks import wire
from testbed.resources import Object
from testbed.testing import TestBed, TestCluster

NAMESPACE = "default"
PREFIX = "livemigration.kubevirt/"
PATIENCE = {"receive_timeout": 30, "finish_timeout": 30, "trouble_grace": 2}


def prepare(bed: TestBed) -> TestBed:
    """Both clusters with the migration network in force and trust between them."""
    for cluster in bed.clusters.values():
        wire(bed, cluster)
    assert between(bed, "migration_trust")["migration_trust"]["trusted"]
    return bed


def run_with(cluster: TestCluster, name: str, strategy: str) -> Object:
    """A running VM with a run strategy; the switch is invisible to its guest."""
    cluster.vm(name, NAMESPACE)
    spec = {"running": True, "runStrategy": None} if strategy == "running" else {"runStrategy": strategy}
    return cluster.client.patch("virtualmachines", name, {"spec": spec}, NAMESPACE)


@dataclasses.dataclass
class Road:
    """One VM on its way from one cluster to another."""

    bed: TestBed
    name: str
    source: TestCluster
    target: TestCluster

    @classmethod
    def between(cls, bed: TestBed, name: str, strategy: str = "Always") -> Road:
        """A running VM on the first cluster."""
        source, target = list(bed.clusters.values())[:2]
        run_with(source, name, strategy)
        return cls(bed, name, source, target)

    @property
    def back(self) -> Road:
        return Road(self.bed, self.name, self.target, self.source)

    def options(self, *, proxied: bool = False, **more: Any) -> dict[str, Any]:
        slots = list(self.bed.clusters)
        return {
            "source": connection(self.source, proxied=proxied),
            "target": connection(self.target, proxied=proxied),
            "name": self.name,
            "namespace": NAMESPACE,
            "range": "192.170.10.0/24",
            "max_clusters": 2,
            "source_slot": slots.index(self.source.name),
            "target_slot": slots.index(self.target.name),
            **PATIENCE,
            **more,
        }

    def receiver(self, **more: Any) -> Called:
        both = {"source": connection(self.source), "target": connection(self.target)}
        called = call("vm_receiver", both | {"name": self.name, "namespace": NAMESPACE} | more)
        assert "failure" not in called.result, called.result["msg"]
        return called

    def move(self, *, check_mode: bool = False, proxied: bool = False, **more: Any) -> Called:
        return call("vmim_crosscluster", self.options(proxied=proxied, **more), check_mode=check_mode)

    def guest(self, cluster: TestCluster) -> Object | None:
        return cluster.client.get("virtualmachineinstances", self.name, NAMESPACE)

    def vm(self, cluster: TestCluster) -> Object:
        return cluster.client.need("virtualmachines", self.name, NAMESPACE)

    def migrations(self) -> list[Object]:
        return [
            one
            for side in (self.source, self.target)
            for one in side.client.list("virtualmachineinstancemigrations", NAMESPACE)
            if one["spec"]["vmiName"] == self.name
        ]

    def assert_moved(self, called: Called, strategy: str = "Always") -> None:
        assert "failure" not in called.result, called.result["msg"]
        vmi, vm, left = self.guest(self.target), self.vm(self.target), self.vm(self.source)
        assert vmi is not None
        assert vmi["status"]["phase"] == "Running"
        assert vmi["status"]["migrationState"]["completed"]
        assert not vmi["status"]["migrationState"].get("failed")
        assert vm["spec"]["runStrategy"] == ("Always" if strategy == "running" else strategy)
        assert left["spec"]["runStrategy"] == "Halted"
        assert self.guest(self.source) is None
        assert self.migrations() == []
        assert marks(left) == {"moved-to"}
        assert marks(vm) == {"source-cluster-uid", "source-vm-uid"}

    def assert_stayed(self, strategy: str = "Always") -> None:
        vmi, vm = self.guest(self.source), self.vm(self.source)
        assert vmi is not None
        assert vmi["status"]["phase"] == "Running"
        assert vm["spec"].get("runStrategy") == strategy
        assert not marks(vm) & {"attempt", "remembered-run-strategy", "stopped-because"}
        assert self.migrations() == []
        assert self.vm(self.target)["spec"]["runStrategy"] == "WaitAsReceiver"


def marks(vm: Object) -> set[str]:
    """Our annotations on a VM."""
    found = vm["metadata"].get("annotations") or {}
    return {key.removeprefix(PREFIX) for key in found if key.startswith(PREFIX)}


READER = "reader"


def reader(cluster: TestCluster) -> str:
    """The kubeconfig of a user who may read everything and change VMs, and nothing else."""
    kubeconfig, subject = str(cluster.user(READER)), {"kind": "User", "name": READER}
    if cluster.client.get("clusterroles", READER) is None:
        rules = [
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["kubevirt.io"], "resources": ["virtualmachines"], "verbs": ["patch"]},
        ]
        cluster.client.create("clusterroles", {"metadata": {"name": READER}, "rules": rules})
        role = {"kind": "ClusterRole", "name": READER, "apiGroup": "rbac.authorization.k8s.io"}
        binding = {
            "metadata": {"name": READER},
            "subjects": [subject | {"apiGroup": role["apiGroup"]}],
            "roleRef": role,
        }
        cluster.client.create("clusterrolebindings", binding)
    return kubeconfig


def outcome(called: Called) -> str:
    return str(called.result["vmim_crosscluster"]["outcome"])
