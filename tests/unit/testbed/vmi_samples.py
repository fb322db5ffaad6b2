# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small objects of a migration for the tests of its simulators."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
NOW = "2026-11-22T02:47:54Z"
SOURCE_UID, TARGET_UID = "uid-source", "uid-target"


def vmi(phase: str = "Running", *, labels: dict[str, str] | None = None, **status: Any) -> Object:
    meta = {"name": "vm", "namespace": "default", "uid": "uid-vmi", "labels": labels or {}, "annotations": {}}
    spec: Object = {"domain": {"devices": {}, "machine": {"type": "q35"}, "cpu": {"model": "host-model"}}}
    spec |= {"architecture": "amd64", "volumes": [], "networks": []}
    return {"metadata": meta, "spec": spec, "status": {"phase": phase} | status}


def receiver(phase: str = "WaitingForSync", **status: Any) -> Object:
    made = vmi(phase, **status)
    made["metadata"]["annotations"]["kubevirt.io/create-migration-target"] = "true"
    return made


def source_vmim(phase: str = "", *, url: str = "10.0.0.2:9185", **status: Any) -> Object:
    return vmim(phase, "source", {"sendTo": {"migrationID": "m1", "connectURL": url}}, **status)


def target_vmim(phase: str = "", **status: Any) -> Object:
    return vmim(phase, "target", {"receive": {"migrationID": "m1"}}, **status)


def vmim(phase: str, name: str, ends: Object, *, deleting: bool = False, **status: Any) -> Object:
    meta: Object = {"name": name, "namespace": "default", "uid": f"uid-{name}", "creationTimestamp": NOW}
    meta |= {"labels": {"kubevirt.io/vmi-name": "vm"}, "annotations": {}}
    meta["finalizers"] = ["kubevirt.io/migrationJobFinalize"]
    if deleting:
        meta["deletionTimestamp"] = NOW
    if phase:
        status["phase"] = phase
    return {"metadata": meta, "spec": {"vmiName": "vm"} | ends, "status": status}


def pod(phase: str = "Running", name: str = "launcher", node: str = "node-b", **meta: Any) -> Object:
    containers = [{"name": "compute", "ready": True, "state": {"running": {}}}] if phase == "Running" else []
    owner = {"kind": "VirtualMachineInstance", "name": "vm", "uid": "uid-vmi", "controller": True}
    meta = {"name": name, "namespace": "default", "annotations": {}, "creationTimestamp": NOW} | meta
    meta["ownerReferences"] = [owner]
    return {
        "metadata": meta,
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase, "containerStatuses": containers},
    }


def both_sides(**state: Any) -> Object:
    """A migration state in which both have heard of each other."""
    source = {"migrationUID": SOURCE_UID, "pod": "launcher-a", "node": "node-a", "nodeSelectors": {"x": "true"}}
    return {"sourceState": source, "targetState": {"migrationUID": TARGET_UID}} | state
