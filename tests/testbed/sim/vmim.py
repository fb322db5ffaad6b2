# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VirtualMachineInstanceMigration says, alone and beside its VMI: KubeVirt's predicates as pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..resources import Object
from .vmi import migration_state, phase, side

VMI_NAME = "kubevirt.io/vmi-name"
JOB_FINALIZER = "kubevirt.io/migrationJobFinalize"
SYNC_FINALIZER = "synchronization.kubevirt.io/migrationFinalizer"
JOB_UID = "kubevirt.io/migrationJobUID"
JOB_NAME = "kubevirt.io/migrationJobName"
READY_TIME = "kubevirt.io/migration-target-ready-timestamp"
UNSCHEDULABLE_TIMEOUT = "kubevirt.io/migrationUnschedulablePodTimeoutSeconds"
PENDING_TIMEOUT = "kubevirt.io/migrationPendingPodTimeoutSeconds"

ABORT_REQUESTED = "migrationAbortRequested"
REJECTED_BY_QUOTA = "migrationRejectedByResourceQuota"
BLOCKED = "decentralizedMigrationBlocked"
SYNC_FAILURE = "DecentralizedLiveMigrationFailure"
"""The condition of the VMI that BLOCKED mirrors."""

_BEFORE_TARGET_POD = ("", "Pending", "WaitingForSync", "Synchronizing")
_BEFORE_HAND_OFF = (*_BEFORE_TARGET_POD, "Scheduling", "Scheduled")
_NOT_RUNNING = ("", "Pending", "Succeeded", "Failed", "WaitingForSync", "Synchronizing")


def uid(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["uid"])


def vmi_key(vmim: Mapping[str, Any]) -> str:
    """Queue key of the VMI it moves."""
    return f"{vmim['metadata']['namespace']}/{vmim['spec']['vmiName']}"


def is_decentralized(vmim: Mapping[str, Any]) -> bool:
    """An exclusive or: with both blocks (the webhook lets them pass when the ids agree) it is a local migration."""
    spec = vmim["spec"]
    return (spec.get("sendTo") is not None) != (spec.get("receive") is not None)


def is_source(vmim: Mapping[str, Any]) -> bool:
    return is_decentralized(vmim) and vmim["spec"].get("sendTo") is not None


def is_target(vmim: Mapping[str, Any]) -> bool:
    return is_decentralized(vmim) and vmim["spec"].get("receive") is not None


def makes_target_pod(vmim: Mapping[str, Any]) -> bool:
    """Local migrations and the target side of decentralized ones."""
    return not is_source(vmim)


def tells_source(vmim: Mapping[str, Any]) -> bool:
    """Local migrations and the source side of decentralized ones."""
    return not is_target(vmim)


def migration_id(vmim: Mapping[str, Any]) -> str:
    """The key both sides share; with both blocks sendTo counts."""
    spec = vmim["spec"]
    return str((spec.get("sendTo") or spec.get("receive") or {}).get("migrationID", ""))


def counts_against_limits(vmim: Mapping[str, Any]) -> bool:
    """Whether it takes a place of parallelMigrationsPerCluster; a source does so from Scheduled on."""
    return phase(vmim) not in _NOT_RUNNING and not (phase(vmim) == "Scheduling" and is_source(vmim))


def target_is_created(vmim: Mapping[str, Any]) -> bool:
    return phase(vmim) not in _BEFORE_TARGET_POD


def is_past_hand_off(vmim: Mapping[str, Any]) -> bool:
    """Its phase says that virt-handler has taken over."""
    return phase(vmim) not in _BEFORE_HAND_OFF


def source_synchronized(vmi: Mapping[str, Any]) -> bool:
    """A target knows all it must know of its source. An empty nodeSelectors vanishes in JSON and never counts."""
    state = migration_state(vmi)
    source = side(vmi, "sourceState")
    complete = all(source.get(part) for part in ("migrationUID", "pod", "nodeSelectors", "node"))
    return complete and state.get("targetState") is not None


def synchronized(vmi: Mapping[str, Any], vmim: Mapping[str, Any]) -> bool:
    """Both sides have heard of each other; of a local migration: there is any state."""
    if not is_decentralized(vmim):
        return "migrationState" in (vmi.get("status") or {})
    return bool(side(vmi, "sourceState").get("migrationUID") and side(vmi, "targetState").get("migrationUID"))


def owns_state(vmi: Mapping[str, Any], vmim: Mapping[str, Any]) -> bool:
    """Both sides are known and the state of the VMI speaks of this migration."""
    return synchronized(vmi, vmim) and migration_state(vmi).get("migrationUid", "") == uid(vmim)


def target_preparing(vmi: Mapping[str, Any], vmim: Mapping[str, Any]) -> bool:
    if is_decentralized(vmim):
        target = side(vmi, "targetState")
        return synchronized(vmi, vmim) and bool(target.get("pod") and target.get("node"))
    state = migration_state(vmi)
    return state.get("migrationUid") == uid(vmim) and bool(state.get("targetNode"))


def may_migrate(vmim: Mapping[str, Any], vmi: Mapping[str, Any], all_: list[Object]) -> bool:
    """No other migration that still exists and is not final holds the VMI's state."""
    holder = migration_state(vmi).get("migrationUid", "")
    if holder in ("", uid(vmim)):
        return True
    namespace = vmim["metadata"]["namespace"]
    return not any(
        uid(other) == holder and phase(other) not in ("Succeeded", "Failed")
        for other in all_
        if other["metadata"]["namespace"] == namespace
    )
