# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an instance as virt-controller decides it from its pod: phases, conditions, who owns it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..resources import Object
from . import json_patch
from . import vmi as it
from .launcher import MEMORY_OVERHEAD

_INTERFACE_GRACE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Seen:
    """What the controller knows beside the instance. `pods`: all that it owns, `pod`: the one that counts."""

    pod: Object | None = None
    pods: list[Object] = field(default_factory=list)
    claims: dict[str, Object] = field(default_factory=dict)
    """PersistentVolumeClaims of the namespace by name."""
    has_owner: bool = True
    error: str = ""
    error_reason: str = ""


def next_state(vmi: Object, seen: Seen, now: str) -> Object:
    """The instance as virt-controller wants it; what of it may be written depends on who owns it."""
    new = copy.deepcopy(vmi)
    status, pod = new.setdefault("status", {}), seen.pod
    if seen.pods or "activePods" in status:
        status["activePods"] = {one["metadata"]["uid"]: one["spec"].get("nodeName", "") for one in seen.pods}
    it.update_condition(new, _ready(vmi, pod, now))
    if pod is not None:
        status["launcherContainerImageVersion"] = _compute_image(pod)
        overhead = (pod["metadata"].get("annotations") or {}).get(MEMORY_OVERHEAD)
        if overhead and "memory" in status:
            status["memory"]["memoryOverhead"] = overhead
    _move_on(vmi, new, seen, now)
    if not is_patched(vmi):
        _note_failure(new, seen, now)
    return new


def is_patched(vmi: Mapping[str, Any]) -> bool:
    """virt-handler owns these: only some fields are patched, the state of a migration never."""
    return it.phase(vmi) in ("Running", "Scheduled")


def patch(old: Object, new: Object) -> json_patch.Patch:
    """What virt-controller changes of an instance that virt-handler owns."""
    before, after = it.status(old), it.status(new)
    changes: json_patch.Patch = []
    for part in ("volumeStatus", "conditions", "activePods", "phase", "launcherContainerImageVersion", "interfaces"):
        changes += json_patch.change(f"/status/{part}", before.get(part), after.get(part))
    for part in ("labels", "finalizers"):
        changes += json_patch.change(f"/metadata/{part}", old["metadata"].get(part), new["metadata"].get(part))
    return changes


def _move_on(old: Object, new: Object, seen: Seen, now: str) -> None:
    match it.phase(old):
        case "" | "Pending":
            _from_pending(old, new, seen, now)
        case "Scheduling":
            _from_scheduling(old, new, seen, now)
        case "Scheduled":
            _from_scheduled(old, new, seen)
        case "Running":
            _from_running(old, new, seen, now)
        case "WaitingForSync":
            _from_waiting(old, new, seen, now)
        case _:
            _let_go(old, new, seen)


def _from_pending(old: Object, new: Object, seen: Seen, now: str) -> None:
    if seen.pod is not None:
        it.set_phase(new, "Scheduling", now)
    elif it.deleting(old):
        it.set_phase(new, "Failed", now)
    elif it.is_receiver(old) and it.TARGET_NODE_NAME not in it.labels(old):
        it.set_phase(new, "WaitingForSync", now)
    else:
        it.set_phase(new, "Pending", now)
        if seen.error_reason == "FailedPvcNotFound":
            it.remove_condition(new, "PodScheduled")
            missing = it.make_condition("PodScheduled", "False", None, reason="Unschedulable", message=seen.error)
            it.update_condition(new, missing)


def _from_scheduling(old: Object, new: Object, seen: Seen, now: str) -> None:
    pod, status = seen.pod, new["status"]
    it.remove_condition(new, "Provisioning")
    if pod is None:
        it.set_phase(new, _without_pod(old), now)
        return
    if quality := it.status(pod).get("qosClass"):
        status["qosClass"] = quality
    scheduled = it.condition(pod, "PodScheduled")
    it.remove_condition(new, "PodScheduled")
    if scheduled is not None and scheduled["status"] == "False":
        it.update_condition(new, _as_go_writes(scheduled))
    if it.pod_ready(pod) and not it.deleting(old):
        node = pod["spec"]["nodeName"]
        _note_volumes(new, seen)
        new["metadata"]["labels"] = it.labels(new) | {it.NODE_NAME: node}
        status["nodeName"] = node
        if "kubevirt.io/migrationTransportUnix" in it.annotated(pod):
            status["migrationTransport"] = "Unix"
        it.set_phase(new, "Scheduled", now)
    elif it.pod_going_down(pod):
        it.set_phase(new, _without_pod(old), now)


def _from_scheduled(old: Object, new: Object, seen: Seen) -> None:
    """A failed receiver goes back to waiting; the state of its migration is not virt-controller's to write."""
    receiver = it.is_receiver(old)
    failed = receiver and bool(it.migration_state(old).get("failed"))
    if seen.pod is None or failed or (receiver and it.pod_is_down(seen.pod)):
        new["status"]["phase"] = "WaitingForSync" if receiver else "Failed"
        return
    _note_volumes(new, seen)


def _from_running(old: Object, new: Object, seen: Seen, now: str) -> None:
    if seen.pod is None:
        new["status"]["phase"] = "Failed"
    elif it.phase(seen.pod) == "Succeeded" and it.is_decentralized(old) and it.migration_completed(old):
        new["status"]["phase"] = "Succeeded"
    else:
        _note_volumes(new, seen)
        if not it.is_migrating(old):
            _note_missing_interfaces(new, now)


def _note_missing_interfaces(new: Object, now: str) -> None:
    """A further network that virt-handler does not report (yet) is taken for one that was plugged in: its pod lacks it.

    So a guest that has just arrived is marked for a moment; were it for longer, it would be migrated once more.
    """
    spec, kind = new["spec"], "MigrationRequired"
    further = {network["name"] for network in spec.get("networks") or [] if "multus" in network}
    wanted = {one["name"] for one in spec["domain"]["devices"].get("interfaces") or []} & further
    if wanted <= {one.get("name") for one in it.status(new).get("interfaces") or []}:
        it.remove_condition(new, kind)
        return
    known = it.condition(new, kind)
    if known is None:
        pending = it.make_condition(kind, "False", now, reason="AutoMigrationPending", probed=False)
        it.update_condition(new, pending)
    elif known["status"] == "False" and _seconds(known["lastTransitionTime"], now) > _INTERFACE_GRACE_SECONDS:
        overdue = it.make_condition(kind, "True", now, reason="AutoMigrationDueToLiveUpdate", probed=False)
        it.update_condition(new, overdue)


def _seconds(since: str, now: str) -> float:
    return (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()


def _from_waiting(old: Object, new: Object, seen: Seen, now: str) -> None:
    if it.deleting(old):
        _drop_finalizers(new, seen, it.VMI_FINALIZER)
        return
    failed = it.is_receiver(old) and bool(it.migration_state(old).get("failed"))
    down = seen.pod is not None and it.is_receiver(old) and it.pod_is_down(seen.pod)
    if seen.pod is not None and not failed and not down:
        it.set_phase(new, "Scheduling", now)


def _let_go(_old: Object, new: Object, seen: Seen) -> None:
    """An ended instance may go once its pods have gone."""
    if seen.pods:
        _drop_finalizers(new, seen)
        return
    _drop_finalizers(new, seen, it.VMI_FINALIZER)
    new["status"].pop("launcherContainerImageVersion", None)


def _drop_finalizers(new: Object, seen: Seen, *dropped: str) -> None:
    """Without a VM around nobody else would take the VM controller's finalizer off."""
    leaving = {*dropped} | (set() if seen.has_owner else {it.VM_FINALIZER})
    if "finalizers" in new["metadata"]:
        new["metadata"]["finalizers"] = [one for one in it.finalizers(new) if one not in leaving]


def _without_pod(vmi: Object) -> str:
    return "WaitingForSync" if it.is_receiver(vmi) else "Failed"


def _ready(vmi: Object, pod: Object | None, now: str) -> Object:
    if pod is None:
        reason, text = "PodNotExists", "virt-launcher pod has not yet been scheduled"
    elif it.pod_going_down(pod):
        reason, text = "PodTerminating", "virt-launcher pod is terminating"
    elif it.phase(vmi) != "Running":
        reason, text = "GuestNotRunning", "Guest VM is not reported as running"
    elif (ready := it.condition(pod, "Ready")) is not None:
        return _as_go_writes(ready)
    else:
        reason, text = "PodConditionMissing", "virt-launcher pod is missing the Ready condition"
    return it.make_condition("Ready", "False", now, reason=reason, message=text)


def _as_go_writes(pod_condition: Object) -> Object:
    """A pod's condition as one of an instance."""
    taken = {key: pod_condition[key] for key in ("type", "status", "reason", "message") if pod_condition.get(key)}
    return taken | {key: pod_condition.get(key) for key in ("lastProbeTime", "lastTransitionTime")}


def _note_failure(new: Object, seen: Seen, now: str) -> None:
    if seen.error:
        failed = it.make_condition(
            "Synchronized", "False", now, reason=seen.error_reason, message=seen.error, probed=False
        )
        it.update_condition(new, failed)
    else:
        it.remove_condition(new, "Synchronized")


def _note_volumes(new: Object, seen: Seen) -> None:
    known = {one["name"]: one for one in it.status(new).get("volumeStatus") or []}
    noted = [known.get(volume["name"]) or _volume(volume, seen) for volume in new["spec"].get("volumes") or []]
    if noted:
        new["status"]["volumeStatus"] = noted


def _volume(volume: Object, seen: Seen) -> Object:
    status: Object = {"name": volume["name"], "target": ""}
    name = (volume.get("persistentVolumeClaim") or {}).get("claimName") or (volume.get("dataVolume") or {}).get("name")
    if name and (claim := seen.claims.get(name)):
        spec = claim["spec"]
        status["persistentVolumeClaimInfo"] = {
            "claimName": name,
            "accessModes": spec.get("accessModes", []),
            "capacity": it.status(claim).get("capacity") or {},
            "requests": spec.get("resources", {}).get("requests", {}),
            "volumeMode": spec.get("volumeMode", "Filesystem"),
        }
    return status


def _compute_image(pod: Object) -> str:
    return next((one["image"] for one in pod["spec"]["containers"] if one["name"] == "compute"), "")
