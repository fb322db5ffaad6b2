# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a synchronization controller takes over from its peer's VMI, and the patch it writes it with.

Only `status` travels. Each side owns its own half: the source what it knows of the source, the target the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from ..resources import Object
from . import json_patch
from . import vmi as it

_COMMON = ("migrationPolicyName", "migrationConfiguration", "startTimestamp", "endTimestamp")
_ABORT = ("abortStatus", "failureReason")
# Old fields beside `targetState`; those on the second line keep what they have when the peer is silent.
_FROM_TARGET_ALWAYS = {
    "node": "targetNode",
    "pod": "targetPod",
    "cpuSet": "targetCPUSet",
    "directMigrationNodePorts": "targetDirectMigrationNodePorts",
    "domainDetected": "targetNodeDomainDetected",
    "domainReadyTimestamp": "targetNodeDomainReadyTimestamp",
}
_FROM_TARGET_WHEN_SET = {
    "attachmentPodUID": "targetAttachmentPodUID",
    "nodeAddress": "targetNodeAddress",
    "nodeTopology": "targetNodeTopology",
    "persistentStatePVCName": "targetPersistentStatePVCName",
}
_STATE_FIELDS = (
    *("startTimestamp", "endTimestamp", "targetNodeDomainReadyTimestamp", "targetNodeDomainDetected"),
    *("targetNodeAddress", "targetDirectMigrationNodePorts", "targetNode", "targetPod", "targetAttachmentPodUID"),
    *("sourceNode", "sourcePod", "completed", "failed", "abortRequested", "abortStatus", "failureReason"),
    *("migrationUid", "mode", "migrationPolicyName", "migrationConfiguration", "targetCPUSet"),
    *("targetNodeTopology", "sourcePersistentStatePVCName", "targetPersistentStatePVCName"),
    *("sourceState", "targetState", "migrationNetworkType", "targetMemoryOverhead"),
)


def from_source(vmi: Object, remote: Object) -> Object:
    """The target's VMI after a message of the source; `remote` is the status of the source's VMI."""
    new = deepcopy(vmi)
    status = new["status"]
    state = status.setdefault("migrationState", {})
    theirs = remote["migrationState"]
    source = deepcopy(theirs.get("sourceState") or {})
    state["sourceState"] = source
    _put(state, "sourceNode", source.get("node"))
    _put(state, "sourcePod", source.get("pod"))
    if source.get("persistentStatePVCName"):
        state["sourcePersistentStatePVCName"] = source["persistentStatePVCName"]
    _copy_present(state, theirs, _COMMON)
    if theirs.get("abortRequested") and theirs.get("endTimestamp"):
        _put(state, "failed", theirs.get("failed"))
        _put(state, "completed", theirs.get("completed"))
        _copy_present(state, theirs, _ABORT)
    if remote.get("migratedVolumes"):
        merged = merge_source_volumes(status.get("migratedVolumes") or [], remote["migratedVolumes"])
        status["migratedVolumes"] = merged
    for part in ("migrationMethod", "migrationTransport"):
        _put(status, part, remote.get(part))
    return new


def from_target(vmi: Object, remote: Object) -> Object:
    """The source's VMI after a message of the target."""
    new = deepcopy(vmi)
    status = new["status"]
    state = status.setdefault("migrationState", {})
    theirs = remote["migrationState"]
    target = deepcopy(theirs.get("targetState") or {})
    state["targetState"] = target
    for part, old_field in _FROM_TARGET_ALWAYS.items():
        _put(state, old_field, deepcopy(target.get(part)))
    for part, old_field in _FROM_TARGET_WHEN_SET.items():
        if target.get(part):
            state[old_field] = target[part]
    if status.get("migratedVolumes"):
        merged = merge_target_volumes(status["migratedVolumes"], remote.get("migratedVolumes") or [])
        status["migratedVolumes"] = merged
    _copy_present(state, theirs, _COMMON)
    _put(state, "completed", theirs.get("completed"))
    _put(state, "failed", theirs.get("failed"))
    return new


def merge_source_volumes(ours: list[Object], theirs: list[Object]) -> list[Object]:
    """At the target: what both know with the source's half of the peer (unless known), then what only the peer has."""
    peer = {volume["volumeName"]: volume for volume in theirs}
    merged = []
    for volume in ours:
        other = peer.pop(volume["volumeName"], None)
        if other is not None:
            merged.append(_volume(volume, volume.get("sourcePVCInfo") or other.get("sourcePVCInfo"), volume))
    return merged + [deepcopy(volume) for volume in peer.values()]


def merge_target_volumes(ours: list[Object], theirs: list[Object]) -> list[Object]:
    """At the source: the destination's half comes from the peer."""
    peer = {volume["volumeName"]: volume for volume in theirs}
    return [
        _volume(volume, volume.get("sourcePVCInfo"), peer[volume["volumeName"]])
        if volume["volumeName"] in peer
        else deepcopy(volume)
        for volume in ours
    ]


def patch(old: Object, new: Object) -> json_patch.Patch:
    """Field by field, so that only a change of the same field by somebody else gets in the way.

    Nothing is written any more once the VMI says that its migration is completed.
    """
    before, after = old.get("status") or {}, new["status"]
    state = before.get("migrationState")
    if it.migration_completed(old):
        return []
    ops: json_patch.Patch = []
    for part in ("migrationMethod", "migrationTransport", "migratedVolumes"):
        ops += json_patch.change(f"/status/{part}", before.get(part) or None, after.get(part) or None)
    if state is None:
        return ops + json_patch.change("/status/migrationState", None, after.get("migrationState"))
    for part in _STATE_FIELDS:
        path = f"/status/migrationState/{part}"
        ops += json_patch.change(path, state.get(part) or None, after["migrationState"].get(part) or None)
    return ops


def _volume(base: Object, source: Object | None, target: Object) -> Object:
    halves = {"sourcePVCInfo": source, "destinationPVCInfo": target.get("destinationPVCInfo")}
    return {"volumeName": base["volumeName"]} | {key: deepcopy(value) for key, value in halves.items() if value}


def _copy_present(ours: Object, theirs: Object, parts: Iterable[str]) -> None:
    for part in parts:
        if theirs.get(part):
            ours[part] = deepcopy(theirs[part])


def _put(target: Object, key: str, value: Any) -> None:
    """Go leaves empty values out."""
    if value:
        target[key] = value
    else:
        target.pop(key, None)
