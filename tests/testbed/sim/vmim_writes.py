# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virt-controller writes on a VMI for a migration, as pure functions from the VMI seen to the VMI wanted.

`patch(old, new)` turns such a pair into the one guarded JSON patch that virt-controller sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from ..resources import Object
from . import json_patch
from . import vmi as it
from . import vmim as job
from .launcher import MEMORY_OVERHEAD

VMIS = "virtualmachineinstances"
_STATE = "/status/migrationState"


def patch(old: Object, new: Object) -> json_patch.Patch:
    """State and labels as wholes: whoever changed a bit of them meanwhile makes it fail."""
    state = (old.get("status") or {}).get("migrationState")
    ops = json_patch.change(_STATE, state, (new.get("status") or {}).get("migrationState"))
    labels = old["metadata"].get("labels")
    return ops + json_patch.change("/metadata/labels", labels, new["metadata"].get("labels"))


def begin_target(vmi: Object, vmim: Object) -> Object:
    """In WaitingForSync: the target's id, over a state that a completed migration may have left."""
    new, state = _fresh_state(vmi)
    target = state.setdefault("targetState", {})
    for part, value in (("pod", state.get("targetPod")), ("node", state.get("targetNode"))):
        if value:
            target[part] = value
        else:
            target.pop(part, None)
    target["migrationUID"] = job.uid(vmim)
    return new


def begin_source(vmi: Object, vmim: Object) -> Object:
    """In Synchronizing: who the source is, and where the target is to be found for the first contact.

    A state that never completed is kept, with whatever an earlier attempt left in it.
    """
    new, state = _fresh_state(vmi)
    source = state.setdefault("sourceState", {})
    source["migrationUID"] = job.uid(vmim)
    source["virtualMachineInstanceUID"] = job.uid(vmi)
    source["domainNamespace"] = vmi["metadata"]["namespace"]
    state.setdefault("targetState", {})["syncAddress"] = vmim["spec"]["sendTo"]["connectURL"]
    return new


def tell_source(vmi: Object, vmim: Object, selectors: Mapping[str, str]) -> Object:
    """In Scheduling: where the guest runs, and what kind of node it needs."""
    new = deepcopy(vmi)
    node, pod = it.status(vmi).get("nodeName", ""), _source_pod(vmim)
    state = new["status"].setdefault("migrationState", {})
    state |= {"migrationUid": job.uid(vmim), "sourceNode": node, "sourcePod": pod}
    source = state.setdefault("sourceState", {})
    source |= {"node": node, "pod": pod, "persistentStatePVCName": ""}
    _set_or_drop(source, "selinuxContext", it.status(vmi).get("selinuxContext"))
    _set_or_drop(source, "nodeSelectors", dict(selectors))
    return new


def hand_off(vmi: Object, vmim: Object, pod: Object, configuration: Mapping[str, Any], policy: str | None) -> Object:
    """In Scheduled: everything virt-handler on the target's node needs, and the label that makes it look."""
    new = deepcopy(vmi)
    node, name = pod["spec"]["nodeName"], pod["metadata"]["name"]
    decentralized = job.is_decentralized(vmim)
    state: Object = new["status"].get("migrationState") or {} if decentralized else {}
    new["status"]["migrationState"] = state
    for flag in ("completed", "failed"):
        state.pop(flag, None)
    state |= {"migrationUid": job.uid(vmim), "targetNode": node, "targetPod": name}
    _set_or_drop(state, "sourceNode", _source_node(vmi, decentralized))
    if overhead := it.annotated(pod).get(MEMORY_OVERHEAD):
        state["targetMemoryOverhead"] = overhead
    if decentralized:
        state["targetState"] |= {
            "migrationUID": job.uid(vmim),
            "node": node,
            "pod": name,
            "virtualMachineInstanceUID": job.uid(vmi),
            "domainNamespace": vmi["metadata"]["namespace"],
            "domainName": vmi["metadata"]["name"],
        }
    if it.status(vmim).get("migrationState"):
        # Of a target this may be the target pod itself; the source's next message puts it right.
        _set_or_drop(state, "sourcePod", _source_pod(vmim))
    _set_or_drop(state, "migrationPolicyName", policy)
    state["migrationConfiguration"] = dict(configuration)
    new["metadata"].setdefault("labels", {})[it.TARGET_NODE_NAME] = node
    return new


def mark_failed(vmi: Object, vmim: Object, now: str) -> json_patch.Patch:
    """Field by field and unguarded but for the migration's id, so that it does not race with the synchronization."""
    state = it.migration_state(vmi)
    ops = json_patch.test(f"{_STATE}/migrationUid", job.uid(vmim))
    fields: Object = {"failed": True, "completed": True}
    fields |= {time: now for time in ("endTimestamp", "startTimestamp") if not state.get(time)}
    if not state.get("failureReason"):
        fields["failureReason"] = "Target pod is down"
    for name, value in fields.items():
        ops += json_patch.add(f"{_STATE}/{name}", value)
    return ops


def request_abort(vmi: Object) -> json_patch.Patch:
    """The whole status is tested and replaced."""
    new = deepcopy(vmi)
    new["status"]["migrationState"]["abortRequested"] = True
    return json_patch.change("/status", vmi["status"], new["status"])


def run_as_nonroot(vmi: Object) -> json_patch.Patch:
    """The mark that launchers of old releases need; set before each target pod."""
    path = f"/metadata/annotations/{json_patch.escape(it.NONROOT)}"
    if not vmi["metadata"].get("annotations"):
        return json_patch.add("/metadata/annotations", {it.NONROOT: "true"})
    return [] if it.NONROOT in it.annotated(vmi) else json_patch.add(path, "true")


def list_volumes(vmi: Object, claims: Mapping[str, Object]) -> json_patch.Patch:
    """Every claim of the VMI, described as source and as destination; the peer puts its own half in.

    `claims`: the PersistentVolumeClaims of the namespace by name; one that does not exist is left out.
    """
    listed = []
    for volume in vmi["spec"].get("volumes") or []:
        name = _claim_of(volume)
        if name in claims:
            info = _claim_info(claims[name])
            listed.append({"volumeName": volume["name"], "sourcePVCInfo": info, "destinationPVCInfo": deepcopy(info)})
    return json_patch.change("/status/migratedVolumes", it.status(vmi).get("migratedVolumes"), listed or None)


def _claim_of(volume: Object) -> str:
    """A DataVolume's claim bears its name."""
    claim = volume.get("persistentVolumeClaim") or {}
    return str(claim.get("claimName") or (volume.get("dataVolume") or {}).get("name", ""))


def _claim_info(claim: Object) -> Object:
    spec, status = claim["spec"], claim.get("status") or {}
    info = {
        "claimName": claim["metadata"]["name"],
        "accessModes": spec.get("accessModes"),
        "volumeMode": spec.get("volumeMode"),
        "requests": (spec.get("resources") or {}).get("requests"),
        "capacity": status.get("capacity"),
    }
    return {key: value for key, value in info.items() if value}


def _fresh_state(vmi: Object) -> tuple[Object, Object]:
    """A copy with its migration state, emptied when that tells of a completed migration."""
    new = deepcopy(vmi)
    status = new.setdefault("status", {})
    if it.migration_completed(vmi) or status.get("migrationState") is None:
        status["migrationState"] = {}
    state: Object = status["migrationState"]
    return new, state


def _source_pod(vmim: Object) -> str:
    return str((it.status(vmim).get("migrationState") or {}).get("sourcePod", ""))


def _source_node(vmi: Object, decentralized: bool) -> str:
    return str((it.side(vmi, "sourceState").get("node") if decentralized else it.status(vmi).get("nodeName")) or "")


def _set_or_drop(target: Object, key: str, value: Any) -> None:
    """Go leaves empty values out."""
    if value:
        target[key] = value
    else:
        target.pop(key, None)
