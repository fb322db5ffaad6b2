# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A situation in which everything is right, for tests that spoil one thing."""

from __future__ import annotations

from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_observe import Place
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_read import CREATE_TARGET
from ansible_collections.livemigration.kubevirt.plugins.module_utils._situation import Situation
from unit.memory_cluster import MemoryCluster

NAME, NS = "vm-1", "default"


def metadata(uid: str, **more: Any) -> Object:
    """Metadata of an object of the VM."""
    return {"name": NAME, "namespace": NS, "uid": uid, "resourceVersion": "1"} | more


def kubevirt(address: str) -> Object:
    """A KubeVirt with the gate on."""
    gates = {"developerConfiguration": {"featureGates": ["DecentralizedLiveMigration"]}}
    status = {"synchronizationAddresses": [f"{address}:9185"]}
    return {"metadata": {"name": "kubevirt"}, "spec": {"configuration": gates}, "status": status}


def launcher(name: str, vmi: str, phase: str, node: str) -> Object:
    """A launcher pod."""
    labels = {"kubevirt.io/created-by": vmi, "vm.kubevirt.io/name": NAME}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"nodeName": node}, "status": {"phase": phase}}


_FROM = {attempt.SOURCE_CLUSTER: "uid-of-cluster-a", attempt.SOURCE_VM: "vm-a", attempt.REMEMBERED: "Always"}

GOOD: dict[str, dict[str, list[Object]]] = {
    "source": {
        "vm": [{"metadata": metadata("vm-a"), "spec": {"runStrategy": "Always"}}],
        "vmi": [{"metadata": metadata("vmi-a"), "spec": {}, "status": {"phase": "Running", "nodeName": "node-a"}}],
        "vmims": [],
        "pods": [launcher("launcher-a", "vmi-a", "Running", "node-a")],
        "kubevirts": [kubevirt("192.170.10.2")],
    },
    "target": {
        "vm": [{"metadata": metadata("vm-b", annotations=_FROM), "spec": {"runStrategy": attempt.RECEIVER}}],
        "vmi": [
            {
                "metadata": metadata("vmi-b", annotations={CREATE_TARGET: "true"}),
                "spec": {},
                "status": {"phase": "WaitingForSync"},
            }
        ],
        "vmims": [],
        "pods": [],
        "kubevirts": [kubevirt("192.170.10.128")],
    },
}


Views = dict[str, dict[str, list[Object]]]


def situation(views: Views, nodes: tuple[str, ...] = ("node-b",), **more: Any) -> Situation:
    """The situation that the objects of both sides make."""
    handlers = frozenset({"192.170.10.3"})
    source = Place(MemoryCluster("cluster-a"), NS, NAME, "uid-of-cluster-a", handlers, frozenset({"node-a"}))
    target = Place(MemoryCluster("cluster-b"), NS, NAME, "uid-of-cluster-b", frozenset(), frozenset(nodes))
    return Situation(source.side(views["source"]), target.side(views["target"]), **more)
