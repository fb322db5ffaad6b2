# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of the KubeVirt CR in its four states; pure."""

from __future__ import annotations

from ..resources import Object

_AVAILABLE = "All components are ready."
_CREATED = "All resources were created."


def deploying(status: Object, version: str, registry: str, now: str) -> None:
    """The deployment stays what it was and is brought up to the CR."""
    message = f"Deploying version {version} with registry {registry}"
    _set(status, "Available", "False", "DeploymentInProgress", message, now)
    _set(status, "Progressing", "True", "DeploymentInProgress", message, now)
    _set(status, "Degraded", "False", "DeploymentInProgress", message, now)


def updating(status: Object, old: str, new: str, registry: str, now: str) -> None:
    """Another deployment replaces the one there is; Created is told again when it is complete."""
    message = (
        f"Transitioning from previous version {old} with registry {registry} to target version {new} "
        f"using registry {registry}"
    )
    status["conditions"] = [each for each in status.get("conditions", []) if each["type"] != "Created"]
    for type_ in ("Available", "Progressing", "Degraded"):
        _set(status, type_, "True", "UpdateInProgress", message, now)


def created(status: Object, now: str) -> None:
    """Every object is there, not all of them ready."""
    _set(status, "Created", "True", "AllResourcesCreated", _CREATED, now)
    for each in status["conditions"]:
        if each["type"] == "Created":
            each["lastTransitionTime"] = None  # KubeVirt never fills it for this one


def available(status: Object, now: str) -> None:
    """All components are ready."""
    _set(status, "Available", "True", "AllComponentsReady", _AVAILABLE, now)
    _set(status, "Progressing", "False", "AllComponentsReady", _AVAILABLE, now)
    _set(status, "Degraded", "False", "AllComponentsReady", _AVAILABLE, now)
    created(status, now)


def _set(status: Object, type_: str, value: str, reason: str, message: str, now: str) -> None:
    conditions = status.setdefault("conditions", [])
    known = next((each for each in conditions if each["type"] == type_), None)
    if known is None:
        known = {"type": type_}
        conditions.append(known)
    if (known.get("status"), known.get("reason"), known.get("message")) == (value, reason, message):
        return
    known |= {"status": value, "reason": reason, "message": message}
    known |= {"lastProbeTime": now, "lastTransitionTime": now}
