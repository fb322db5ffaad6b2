# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which phase a migration is in next: virt-controller's rules, decided from what was seen and nothing else."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

from ..resources import Object
from . import vmi as it
from . import vmim as job


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look found; `vmim` and `vmi` may be older than what the API server has, as in any informer."""

    vmim: Object
    vmi: Object
    pod: Object | None
    """The target pod, made for this migration."""
    source_pod: str
    """Name of the VMI's current pod; on a target whose VMI has no node yet this is the target pod itself."""
    may_migrate: bool
    handed_off: bool
    quota_error: bool
    """The target pod was just refused for "exceeded quota"."""
    addresses: list[str] | None
    """The local KubeVirt CR's synchronizationAddresses."""
    now: str


@dataclass(slots=True)
class Next:
    """The new status and finalizers, and what else is to be done before they are written."""

    status: Object
    finalizers: list[str]
    delete_pod: bool = False
    """The VMI's current pod goes: the target pod died under a decentralized migration."""
    list_volumes: bool = False
    """The VMI's status has to list the volumes that move."""
    stamp_pod: bool = False
    """The target pod has to carry the moment its guest became ready."""
    why: str = ""
    """What made the migration fail just now, for the log."""


def decide(seen: Seen) -> Next:
    """The order of the questions is KubeVirt's; the first that applies decides."""
    vmim, vmi, pod = seen.vmim, seen.vmi, seen.pod
    made = Next(deepcopy(it.status(vmim)), list(it.finalizers(vmim)))
    if it.is_final(vmim):
        _finish(seen, made)
    elif it.is_final(vmi) and not it.is_migration_source(vmi):
        _fail(made, "vmi shutdown during migration")
    elif it.deleting(vmim) and not seen.handed_off:
        _note_abort(seen, made)
        _fail(made, "canceled")
    elif pod is not None and it.pod_is_down(pod):
        made.delete_pod = it.is_decentralized(vmi)
        _fail(made, "target pod shutdown during migration")
    elif job.target_is_created(vmim) and pod is None and job.makes_target_pod(vmim):
        _fail(made, "target pod was removed during active migration")
    elif job.is_past_hand_off(vmim) and not job.synchronized(vmi, vmim):
        _fail(made, "VMI's migration state was cleared during the active migration")
    elif job.is_past_hand_off(vmim) and not job.owns_state(vmi, vmim):
        _fail(made, "VMI's migration state was taken over by another migration job")
    elif job.owns_state(vmi, vmim) and it.migration_state(vmi).get("failed"):
        _fail(made, "source node reported migration failed")
    elif it.deleting(vmim) and it.condition(vmim, job.ABORT_REQUESTED) is None:
        _note_abort(seen, made)
    else:
        _advance(seen, made)
    _mirror_sync_failure(seen, made)
    _stamp_phase(seen, made)
    _note_source_pod(seen, made)
    _note_addresses(seen, made)
    return made


def _finish(seen: Seen, made: Next) -> None:
    if job.owns_state(seen.vmi, seen.vmim):
        made.status["migrationState"] = deepcopy(it.migration_state(seen.vmi))
    made.finalizers = [one for one in made.finalizers if one != job.JOB_FINALIZER]


def _fail(made: Next, why: str) -> None:
    made.status["phase"] = "Failed"
    made.why = why


def _note_abort(seen: Seen, made: Next) -> None:
    if it.condition(seen.vmim, job.ABORT_REQUESTED) is None:
        _condition(made, job.ABORT_REQUESTED, seen.now)


def _advance(seen: Seen, made: Next) -> None:
    vmim, vmi = seen.vmim, seen.vmi
    state = it.migration_state(vmi)
    match it.phase(vmim):
        case "":
            made.status["phase"] = _first_phase(vmim) if seen.may_migrate else "Failed"
        case "WaitingForSync" if job.source_synchronized(vmi):
            made.status["phase"] = "Pending"
        case "Synchronizing" if job.synchronized(vmi, vmim):
            made.status["phase"] = "Pending"
        case "Pending":
            _leave_pending(seen, made)
        case "Scheduling":
            _leave_scheduling(seen, made)
        case "Scheduled" if job.target_preparing(vmi, vmim):
            made.status["phase"] = "PreparingTarget"
        case "PreparingTarget" if _target_is_ready(vmim, vmi):
            made.status["phase"] = "TargetReady"
        case "TargetReady" if state.get("startTimestamp"):
            made.status["phase"] = "Running"
        case "Running":
            _leave_running(seen, made)


def _first_phase(vmim: Object) -> str:
    if job.is_target(vmim):
        return "WaitingForSync"
    return "Synchronizing" if job.is_source(vmim) else "Pending"


def _leave_pending(seen: Seen, made: Next) -> None:
    if job.makes_target_pod(seen.vmim):
        if seen.pod is not None:
            made.status["phase"] = "Scheduling"
        elif seen.quota_error and it.condition(seen.vmim, job.REJECTED_BY_QUOTA) is None:
            _condition(made, job.REJECTED_BY_QUOTA, seen.now)
    elif it.phase(seen.vmi) == "Running":
        made.status["phase"] = "Scheduling"


def _leave_scheduling(seen: Seen, made: Next) -> None:
    _drop_condition(made, job.REJECTED_BY_QUOTA)
    if job.is_source(seen.vmim):
        made.list_volumes = True
        if it.side(seen.vmi, "targetState").get("pod"):
            made.status["phase"] = "Scheduled"
    elif seen.pod is not None and it.pod_ready(seen.pod):
        made.status["phase"] = "Scheduled"


def _target_is_ready(vmim: Object, vmi: Object) -> bool:
    state = it.migration_state(vmi)
    if job.tells_source(vmim) and job.source_synchronized(vmi) and "nodeAddress" in it.side(vmi, "targetState"):
        return True
    return job.makes_target_pod(vmim) and bool(state.get("targetNode") and state.get("targetNodeAddress"))


def _leave_running(seen: Seen, made: Next) -> None:
    state = it.migration_state(seen.vmi)
    if job.makes_target_pod(seen.vmim) and seen.pod is not None:
        stamped = job.READY_TIME in it.annotated(seen.pod)
        made.stamp_pod = not stamped and bool(state.get("targetNodeDomainReadyTimestamp"))
    changing = (
        it.condition(seen.vmi, "HotVCPUChange") is not None
        or it.has_condition(seen.vmi, "HotMemoryChange")
        or it.has_condition(seen.vmi, "MigrationRequired")
    )
    if state.get("completed") and not changing:
        made.status["phase"] = "Succeeded"


def _mirror_sync_failure(seen: Seen, made: Next) -> None:
    failure = it.condition(seen.vmi, job.SYNC_FAILURE)
    if failure is None:
        _drop_condition(made, job.BLOCKED)
        return
    _condition(made, job.BLOCKED, seen.now, failure.get("reason", ""), failure.get("message", ""))


def _stamp_phase(seen: Seen, made: Next) -> None:
    new = made.status.get("phase", "")
    times = made.status.get("phaseTransitionTimestamps", [])
    if new != it.phase(seen.vmim) and all(one["phase"] != new for one in times):
        made.status["phaseTransitionTimestamps"] = [*times, {"phase": new, "phaseTransitionTimestamp": seen.now}]


def _note_source_pod(seen: Seen, made: Next) -> None:
    """On a target this names the target pod when its node is not known yet; the hand-off carries the error on."""
    if made.status.get("phase") == "Pending" and seen.source_pod:
        made.status.setdefault("migrationState", {})["sourcePod"] = seen.source_pod


def _note_addresses(seen: Seen, made: Next) -> None:
    if seen.addresses:
        made.status["synchronizationAddresses"] = list(seen.addresses)
    else:
        made.status.pop("synchronizationAddresses", None)


def _condition(made: Next, kind: str, now: str, reason: str = "", message: str = "") -> None:
    holder: Object = {"status": made.status}
    new = it.make_condition(kind, "True", None, reason=reason, message=message)
    it.update_condition(holder, new | {"lastProbeTime": now})


def _drop_condition(made: Next, kind: str) -> None:
    kept = [one for one in made.status.get("conditions", []) if one["type"] != kind]
    if kept:
        made.status["conditions"] = kept
    else:
        made.status.pop("conditions", None)
