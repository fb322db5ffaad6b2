# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a VirtualMachine, computed from its instance and its volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..resources import Object
from . import vmi as it
from .vm_controller_strategy import is_set_to_start, request_is_done, run_strategy

_NOT_COPIED = ("Ready", "Failure", "RestartRequired")
_RESTARTED = ("Always", "RerunOnFailure", "Once")
_LONGEST_BACKOFF = 300


@dataclass(frozen=True, slots=True)
class Seen:
    """What the controller knows beside the VM."""

    vmi: Object | None
    start_expected: bool = False
    """An instance was created that no watch has shown yet."""
    stop_expected: bool = False
    provisioning: bool = False
    """A DataVolume of the VM is being filled."""
    volume_error: bool = False
    unbound: bool = False
    """A claim of the VM has no volume yet."""
    error: str = ""
    error_reason: str = ""


def set_status(vm: Object, seen: Seen, strategy: str, now: datetime) -> None:
    """Everything virt-controller writes into a VM's status. `strategy`: before this pass changed it."""
    status, vmi = vm.setdefault("status", {}), seen.vmi
    _set_flag(status, "created", vmi is not None)
    _set_flag(status, "ready", vmi is not None and it.has_condition(vmi, "Ready"))
    if vmi is not None and (generation := it.annotated(vmi).get(it.VM_GENERATION, "")).isdigit():
        status["observedGeneration"] = int(generation)
        status["desiredGeneration"] = vm["metadata"]["generation"]
    if status.get("runStrategy") or vmi is not None:
        status["runStrategy"] = strategy
    if request_is_done(vm, vmi):
        status["stateChangeRequests"] = status["stateChangeRequests"][1:]
        if not status["stateChangeRequests"]:
            del status["stateChangeRequests"]
    _set_start_failure(vm, vmi, now)
    _set_conditions(vm, seen, f"{now:%Y-%m-%dT%H:%M:%SZ}")
    status["printableStatus"] = printable(vm, seen)


def printable(vm: Mapping[str, Any], seen: Seen) -> str:
    """One word for people: the first that fits, in KubeVirt's order."""
    vmi = seen.vmi
    if it.deleting(vm):
        return "Terminating"
    if vmi is not None and (word := _of_instance(vmi, seen)):
        return word
    if word := _of_volumes(vm, seen):
        return word
    if (vmi is None and seen.start_expected) or (vmi is not None and _is_starting(vmi)):
        return "Starting"
    stopped = (vmi is None and not seen.start_expected) or (vmi is not None and it.is_final(vmi))
    if stopped and it.status(vm).get("startFailure") and run_strategy(vm) in _RESTARTED:
        return "CrashLoopBackOff"
    if stopped:
        return "Stopped"
    waits = vmi is not None and it.phase(vmi) == "WaitingForSync"
    return "WaitingForReceiver" if waits and run_strategy(vm) == "WaitAsReceiver" else "Unknown"


def _of_instance(vmi: Mapping[str, Any], seen: Seen) -> str:
    if not it.is_final(vmi) and (it.deleting(vmi) or seen.stop_expected):
        return "Stopping"
    if it.is_migrating(vmi):
        return "Migrating"
    if it.phase(vmi) == "Running":
        return "Paused" if it.has_condition(vmi, "Paused") else "Running"
    failed = it.condition(vmi, "Synchronized") or {}
    if failed.get("status") == "False" and failed.get("reason") == "FailedPvcNotFound":
        return "ErrorPvcNotFound"
    scheduled = it.condition(vmi, "PodScheduled") or {}
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return "ErrorUnschedulable"
    return ""


def _of_volumes(vm: Mapping[str, Any], seen: Seen) -> str:
    if seen.volume_error:
        return "DataVolumeError"
    if seen.provisioning:
        return "Provisioning"
    return "WaitingForVolumeBinding" if seen.unbound and is_set_to_start(vm, seen.vmi) else ""


def _is_starting(vmi: Mapping[str, Any]) -> bool:
    return it.phase(vmi) in ("", "Pending", "Scheduling", "Scheduled")


def _set_conditions(vm: Object, seen: Seen, now: str) -> None:
    """Ready in the instance's words, Failure from this pass, all others copied from the instance."""
    vmi = seen.vmi
    it.update_condition(vm, _ready(vmi, now))
    if seen.error:
        failure = it.make_condition("Failure", "True", now, reason=seen.error_reason, message=seen.error, probed=False)
        it.update_condition(vm, failure)
    else:
        it.remove_condition(vm, "Failure")
    if vmi is None:
        return
    for condition in it.status(vmi).get("conditions") or []:
        if condition["type"] not in _NOT_COPIED:
            it.update_condition(vm, condition)
    known = {condition["type"] for condition in it.status(vmi).get("conditions") or []}
    for kind in [condition["type"] for condition in vm["status"]["conditions"]]:
        if kind not in known and kind not in _NOT_COPIED:
            it.remove_condition(vm, kind)


def _ready(vmi: Mapping[str, Any] | None, now: str) -> dict[str, Any]:
    if vmi is None:
        return it.make_condition("Ready", "False", now, reason="VMINotExists", message="VMI does not exist")
    ready = it.condition(vmi, "Ready")
    if ready is None:
        text = "VMI is missing the Ready condition"
        return it.make_condition("Ready", "False", now, reason="VMIConditionMissing", message=text)
    return ready


def _set_start_failure(vm: Object, vmi: Mapping[str, Any] | None, now: datetime) -> None:
    """Guests that end before they ever ran are started again ever later."""
    status = vm["status"]
    ran = vmi is not None and any(
        entry["phase"] == "Running" for entry in it.status(vmi).get("phaseTransitionTimestamps") or []
    )
    if ran or run_strategy(vm) not in _RESTARTED:
        status.pop("startFailure", None)
        return
    known = status.get("startFailure") or {}
    if vmi is None or not it.is_final(vmi) or known.get("lastFailedVMIUID") == vmi["metadata"]["uid"]:
        return
    count = known.get("consecutiveFailCount", 0) + 1
    retry = now + timedelta(seconds=min(10 * count**2, _LONGEST_BACKOFF))
    status["startFailure"] = {
        "consecutiveFailCount": count,
        "lastFailedVMIUID": vmi["metadata"]["uid"],
        "retryAfterTimestamp": f"{retry:%Y-%m-%dT%H:%M:%SZ}",
    }


def _set_flag(status: Object, name: str, value: bool) -> None:
    """Go leaves false out."""
    if value:
        status[name] = True
    else:
        status.pop(name, None)
