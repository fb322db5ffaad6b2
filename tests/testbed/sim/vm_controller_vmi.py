# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VirtualMachineInstance that virt-controller makes of a VirtualMachine."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping
from typing import Any

from ..resources import Object
from . import vmi as it
from .vm_controller_strategy import run_strategy

# KubeVirt's own namespace of firmware ids of VMs that were made without one.
_MAGIC = uuid.UUID("6a1a24a1-4061-4607-8bf4-a3963d0c5895")


def instance_of(vm: Mapping[str, Any], revision: str, instancetype: Mapping[str, Any] | None = None) -> Object:
    """The instance to create. `instancetype`: spec of the one the VM names, when it names one."""
    meta, template = vm["metadata"], vm["spec"]["template"]
    made = copy.deepcopy(dict(template.get("metadata") or {}))
    made.pop("creationTimestamp", None)
    annotations = (made.get("annotations") or {}) | {it.VM_GENERATION: str(meta["generation"])}
    if run_strategy(vm) == "WaitAsReceiver":
        annotations[it.RECEIVER] = "true"
    made |= {
        "name": meta["name"],
        "namespace": meta["namespace"],
        "annotations": annotations,
        "finalizers": [it.VM_FINALIZER],
        "ownerReferences": [owner_reference(vm)],
    }
    spec = copy.deepcopy(template["spec"])
    firmware = spec["domain"].setdefault("firmware", {})
    firmware.setdefault("uuid", str(uuid.uuid5(_MAGIC, meta["name"])))
    if instancetype:
        _apply(instancetype, spec["domain"])
    return {"metadata": made, "spec": spec, "status": {"virtualMachineRevisionName": revision}}


def owner_reference(vm: Mapping[str, Any]) -> dict[str, Any]:
    meta = vm["metadata"]
    names = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "name": meta["name"]}
    return names | {"uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}


def snapshot_statuses(vm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What KubeVirt's snapshot controller says of each volume; no storage here can take snapshots."""
    statuses = []
    for volume in (vm["spec"]["template"].get("spec") or {}).get("volumes") or []:
        name = volume["name"]
        if "persistentVolumeClaim" in volume or "dataVolume" in volume:
            reason = f"No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass [] [{name}]"
        else:
            reason = f"Snapshot is not supported for this volumeSource type [{name}]"
        statuses.append({"enabled": False, "name": name, "reason": reason})
    return statuses


def _apply(instancetype: Mapping[str, Any], domain: Object) -> None:
    """CPU and memory come from the instancetype."""
    cpu = domain.setdefault("cpu", {})
    cpu |= {"sockets": instancetype["cpu"]["guest"], "cores": 1, "threads": 1}
    if model := instancetype["cpu"].get("model"):
        cpu["model"] = model
    domain.setdefault("memory", {})["guest"] = instancetype["memory"]["guest"]
