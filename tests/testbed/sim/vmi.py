# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VirtualMachineInstance says: KubeVirt's predicates, conditions and phases, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..resources import Object

RECEIVER = "kubevirt.io/create-migration-target"
RESTORE_RUN_STRATEGY = "kubevirt.io/restore-run-strategy"
NODE_NAME = "kubevirt.io/nodeName"
TARGET_NODE_NAME = "kubevirt.io/migrationTargetNodeName"
CREATED_BY = "kubevirt.io/created-by"
VM_GENERATION = "kubevirt.io/vm-generation"
LATEST_API = "kubevirt.io/latest-observed-api-version"
STORAGE_API = "kubevirt.io/storage-observed-api-version"
PCI_TOPOLOGY = "kubevirt.io/pci-topology-version"
NONROOT = "kubevirt.io/nonroot"

VM_FINALIZER = "kubevirt.io/virtualMachineControllerFinalize"
VMI_FINALIZER = "kubevirt.io/foregroundDeleteVirtualMachine"

UNPAUSED = "kubevirt.io/virtual-machine-unpaused"


def key_of(obj: Mapping[str, Any]) -> str:
    """Queue key of a namespaced object."""
    meta = obj["metadata"]
    return f"{meta['namespace']}/{meta['name']}"


def annotated(obj: Mapping[str, Any]) -> dict[str, str]:
    return obj["metadata"].get("annotations") or {}


def labels(obj: Mapping[str, Any]) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def finalizers(obj: Mapping[str, Any]) -> list[str]:
    return obj["metadata"].get("finalizers") or []


def deleting(obj: Mapping[str, Any]) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def status(obj: Mapping[str, Any]) -> dict[str, Any]:
    return obj.get("status") or {}


def phase(obj: Mapping[str, Any]) -> str:
    return status(obj).get("phase") or ""


def is_final(vmi: Mapping[str, Any]) -> bool:
    return phase(vmi) in ("Succeeded", "Failed")


def is_unprocessed(vmi: Mapping[str, Any]) -> bool:
    return phase(vmi) in ("", "Pending")


def is_receiver(vmi: Mapping[str, Any]) -> bool:
    """Created to be filled by a migration; virt-handler takes the mark off after success."""
    return annotated(vmi).get(RECEIVER) == "true"


def migration_state(vmi: Mapping[str, Any]) -> dict[str, Any]:
    return status(vmi).get("migrationState") or {}


def side(vmi: Mapping[str, Any], which: str) -> dict[str, Any]:
    """`sourceState` or `targetState`, empty when absent."""
    return migration_state(vmi).get(which) or {}


def is_decentralized(vmi: Mapping[str, Any]) -> bool:
    """Both states known and exactly one of them has a syncAddress: each side stores only its peer's.

    A synchronization controller that starts over while a migration runs stores its own address too, and this
    turns false in the middle of the migration. Kept as it is: that is how a split brain comes about.
    """
    state = migration_state(vmi)
    if state.get("sourceState") is None or state.get("targetState") is None:
        return False
    return ("syncAddress" in side(vmi, "sourceState")) != ("syncAddress" in side(vmi, "targetState"))


def is_migration_source(vmi: Mapping[str, Any]) -> bool:
    target = side(vmi, "targetState")
    return "syncAddress" in target and "nodeAddress" in target


def migration_completed(vmi: Mapping[str, Any]) -> bool:
    """Also true after a failed migration, as in KubeVirt."""
    return bool(migration_state(vmi).get("completed"))


def is_migrating(vmi: Mapping[str, Any]) -> bool:
    state = migration_state(vmi)
    return bool(state.get("startTimestamp")) and not state.get("endTimestamp")


def condition(obj: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    for found in status(obj).get("conditions") or []:
        if found["type"] == kind:
            return dict(found)
    return None


def has_condition(obj: Mapping[str, Any], kind: str, value: str = "True") -> bool:
    found = condition(obj, kind)
    return found is not None and found["status"] == value


def make_condition(
    kind: str, value: str, now: str | None, *, reason: str = "", message: str = "", probed: bool = True
) -> dict[str, Any]:
    """As Go writes it: no reason and message when empty, times always there, null when unset."""
    made: dict[str, Any] = {
        "type": kind,
        "status": value,
        "lastProbeTime": now if probed else None,
        "lastTransitionTime": now,
    }
    return made | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def update_condition(obj: Object, new: Mapping[str, Any]) -> None:
    """Replace in place when status, reason or message differ, append when new, leave alone otherwise."""
    known = obj.setdefault("status", {}).setdefault("conditions", [])
    for place, old in enumerate(known):
        if old["type"] == new["type"]:
            if any(old.get(part, "") != new.get(part, "") for part in ("status", "reason", "message")):
                known[place] = dict(new)
            return
    known.append(dict(new))


def remove_condition(obj: Object, kind: str) -> None:
    kept = [found for found in status(obj).get("conditions") or [] if found["type"] != kind]
    if "conditions" in status(obj):
        obj["status"]["conditions"] = kept


def set_phase(vmi: Object, new: str, now: str) -> None:
    """Move to a phase and note the time, once a phase."""
    stat = vmi.setdefault("status", {})
    if stat.get("phase") == new:
        return
    stat["phase"] = new
    times = stat.setdefault("phaseTransitionTimestamps", [])
    if all(entry["phase"] != new for entry in times):
        times.append({"phase": new, "phaseTransitionTimestamp": now})


def controlled_by(obj: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    uid = owner["metadata"].get("uid")
    return any(ref.get("controller") and ref["uid"] == uid for ref in obj["metadata"].get("ownerReferences") or [])


def pod_is_down(pod: Mapping[str, Any]) -> bool:
    return phase(pod) in ("Succeeded", "Failed")


def pod_going_down(pod: Mapping[str, Any]) -> bool:
    return pod_is_down(pod) or _compute_terminated(pod) or deleting(pod)


def _compute_terminated(pod: Mapping[str, Any]) -> bool:
    return any(
        "terminated" in (container.get("state") or {})
        for container in status(pod).get("containerStatuses") or []
        if container["name"] == "compute"
    )


def pod_ready(pod: Mapping[str, Any]) -> bool:
    """What virt-controller calls ready: running, compute container started; not the Ready condition."""
    if pod_going_down(pod) or phase(pod) != "Running":
        return False
    for container in status(pod).get("containerStatuses") or []:
        if container["name"] == "compute":
            if "running" not in (container.get("state") or {}):
                return False
        elif not container.get("ready"):
            return False
    return True


def current_pod(vmi: Mapping[str, Any], pods: list[Object]) -> Object | None:
    """The newest pod of the VMI on the VMI's node, or the newest at all while it has no node."""
    node = status(vmi).get("nodeName")
    mine = [
        pod for pod in pods if controlled_by(pod, vmi) and (not node or pod.get("spec", {}).get("nodeName") == node)
    ]
    return max(mine, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), default=None)
