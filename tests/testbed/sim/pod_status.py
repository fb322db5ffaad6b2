# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status a kubelet writes for a pod, stage by stage; pure."""

from __future__ import annotations

import hashlib
from typing import Any

from ..resources import Object

FINAL = ("Succeeded", "Failed")
# The kubelet's own conditions; PodScheduled is the scheduler's, all others belong to readiness gates.
_OURS = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")


def creating(pod: Object, host: str, now: str) -> Object:
    """Accepted by the node: containers wait in ContainerCreating."""
    status = dict(pod.get("status", {}))
    waiting = {"waiting": {"reason": "ContainerCreating"}}
    first = {"waiting": {"reason": "PodInitializing"}} if _init(pod) else waiting
    status |= {
        "phase": "Pending",
        "hostIP": host,
        "hostIPs": [{"ip": host}],
        "startTime": now,
        "containerStatuses": [_container(each, first, ready=False) for each in pod["spec"]["containers"]],
    }
    if _init(pod):
        status["initContainerStatuses"] = [_container(each, waiting, ready=False) for each in _init(pod)]
    truth = dict.fromkeys(_OURS, "False") | {"Initialized": "False" if _init(pod) else "True"}
    status["conditions"] = _conditions(pod, truth, now, "ContainersNotReady")
    return status


def running(pod: Object, addresses: list[str], now: str) -> Object:
    """Sandbox and containers are up; Ready when the readiness gates say so too."""
    status = dict(pod.get("status", {}))
    up = {"running": {"startedAt": now}}
    done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    status |= {
        "phase": "Running",
        "podIP": addresses[0],
        "podIPs": [{"ip": address} for address in addresses],
        "containerStatuses": [_container(each, up, ready=True) for each in pod["spec"]["containers"]],
    }
    if _init(pod):
        status["initContainerStatuses"] = [_container(each, done, ready=True) for each in _init(pod)]
    ready = "True" if gates_open(pod) else "False"
    status["conditions"] = _conditions(
        pod, dict.fromkeys(_OURS, "True") | {"Ready": ready}, now, "ReadinessGatesNotReady"
    )
    return status


def crashing(pod: Object, addresses: list[str], now: str) -> Object:
    """The containers end as soon as they begin, again and again."""
    status = running(pod, addresses, now)
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    ended = {"terminated": {"exitCode": 2, "reason": "Error", "startedAt": now, "finishedAt": now}}
    for each in status["containerStatuses"]:
        each |= {"state": waiting, "lastState": ended, "ready": False, "started": False, "restartCount": 5}
    truth = dict.fromkeys(_OURS, "True") | {"ContainersReady": "False", "Ready": "False"}
    status["conditions"] = _conditions(pod, truth, now, "ContainersNotReady")
    return status


def with_readiness(pod: Object, now: str) -> Object | None:
    """The status with Ready following the gates and the containers, None when it does so already."""
    status = dict(pod["status"])
    containers = all(each.get("ready") for each in status.get("containerStatuses", []))
    wanted = "True" if containers and gates_open(pod) else "False"
    if condition(pod, "Ready") in (wanted, ""):
        return None
    truth = {each: condition(pod, each) or "True" for each in _OURS} | {"Ready": wanted}
    status["conditions"] = _conditions(pod, truth, now, "ReadinessGatesNotReady")
    return status


def gates_open(pod: Object) -> bool:
    """Every readiness gate of the pod is True."""
    gates = [each["conditionType"] for each in pod["spec"].get("readinessGates") or []]
    return all(condition(pod, gate) == "True" for gate in gates)


def condition(pod: Object, type_: str) -> str:
    """Status of a condition, empty when the pod has none of that type."""
    found = pod.get("status", {}).get("conditions") or []
    return next((str(each["status"]) for each in found if each["type"] == type_), "")


def _conditions(pod: Object, truth: dict[str, str], now: str, reason: str) -> list[Object]:
    """Ours by the given truth, in their place; those of others are kept."""
    before = {each["type"]: each for each in pod.get("status", {}).get("conditions") or []}
    kept = [each for type_, each in before.items() if type_ not in _OURS]
    ours = []
    for type_, status in truth.items():
        old = before.get(type_, {})
        since = old.get("lastTransitionTime", now) if old.get("status") == status else now
        entry: dict[str, Any] = {"type": type_, "status": status, "lastProbeTime": None, "lastTransitionTime": since}
        if status == "False" and type_ in ("Ready", "ContainersReady"):
            entry["reason"] = reason
        ours.append(entry)
    return ours + kept


def _container(container: Object, state: Object, *, ready: bool) -> Object:
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "lastState": {},
        "ready": ready,
        "restartCount": 0,
        "started": ready and "running" in state,
        "state": state,
    }
    if "waiting" not in state:
        digest = hashlib.sha256(container["image"].encode()).hexdigest()
        status["imageID"] = f"{container['image'].rpartition(':')[0]}@sha256:{digest}"
        status["containerID"] = f"containerd://{digest[::-1]}"
    return status


def _init(pod: Object) -> list[Object]:
    return pod["spec"].get("initContainers") or []
