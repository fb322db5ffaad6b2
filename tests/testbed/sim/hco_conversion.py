# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HCO's conversion webhook: a HyperConverged resource from v1beta1 to v1 and back; pure.

After `api/v1beta1/conversion.go`: fields move, the gates of v1beta1 are booleans and those of v1 a list of what differs
from the default. What only v1 can say is kept in an annotation of v1beta1 from 1.19 on, and lost before that.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from ..resources import Object

V1BETA1, V1 = "hco.kubevirt.io/v1beta1", "hco.kubevirt.io/v1"
V1_ONLY = "hco.kubevirt.io/v1-only-fields"

_DEFAULTS = {
    "decentralizedLiveMigration": True,
    "alignCPUs": False,
    "downwardMetrics": False,
    "persistentReservation": False,
}
"""The gates of both versions, and what holds in v1 without an entry."""


def converted(body: Object, wanted: str, *, keeps: bool = True) -> Object:
    """The resource in the version that is wanted.

    :param keeps: whether the release keeps in v1beta1 what only v1 can say.
    """
    after = copy.deepcopy(body)
    if body["apiVersion"] != wanted:
        after["apiVersion"] = wanted
        after["spec"] = _to_v1(after, keeps) if wanted == V1 else _to_v1beta1(after, keeps)
    return after


def _to_v1(body: Object, keeps: bool) -> Object:
    """The spec of v1; the annotation is taken from the body."""
    spec = body.get("spec") or {}
    notes = body["metadata"].get("annotations") or {}
    kept = json.loads(notes.pop(V1_ONLY, "{}")) if keeps else {}
    if not notes:
        body["metadata"].pop("annotations", None)
    gates: list[Object] = kept.get("featureGates") or []
    given = spec.get("featureGates") or {}
    for name, default in _DEFAULTS.items():
        gates = _gate(gates, name, given.get(name), default)
    placements = {
        there: spec[here]["nodePlacement"]
        for here, there in (("infra", "infra"), ("workloads", "workload"))
        if (spec.get(here) or {}).get("nodePlacement")
    }
    deployment = _given(nodePlacements=placements, uninstallStrategy=spec.get("uninstallStrategy"))
    return _given(
        deployment=deployment,
        featureGates=gates,
        security=_given(certConfig=spec.get("certConfig")),
        virtualization=_given(liveMigrationConfig=spec.get("liveMigrationConfig")),
    )


def _gate(gates: list[Object], name: str, wanted: bool | None, default: bool) -> list[Object]:
    """An entry only where it says something else than the default, or was there."""
    entry = next((each for each in gates if each["name"].lower() == name.lower()), None)
    if wanted is None:
        return [each for each in gates if each is not entry]
    state = "Enabled" if wanted else "Disabled"
    if entry is None:
        return gates if wanted == default else [*gates, {"name": name, "state": state}]
    if entry.get("state", "Enabled") == state:
        return gates
    return [each | {"state": state} if each is entry else each for each in gates]


def _to_v1beta1(body: Object, keeps: bool) -> Object:
    """The spec of v1beta1; the annotation is put on the body."""
    spec = body.get("spec") or {}
    gates = spec.get("featureGates") or []
    if gates and keeps:
        notes = body["metadata"].get("annotations") or {}
        body["metadata"]["annotations"] = notes | {V1_ONLY: json.dumps({"featureGates": gates})}
    states = {each["name"].lower(): each.get("state", "Enabled") == "Enabled" for each in gates}
    deployment = spec.get("deployment") or {}
    placements = deployment.get("nodePlacements") or {}
    return _given(
        certConfig=(spec.get("security") or {}).get("certConfig"),
        featureGates={name: states.get(name.lower(), default) for name, default in _DEFAULTS.items()},
        infra=_given(nodePlacement=placements.get("infra")),
        liveMigrationConfig=(spec.get("virtualization") or {}).get("liveMigrationConfig"),
        uninstallStrategy=deployment.get("uninstallStrategy"),
        workloads=_given(nodePlacement=placements.get("workload")),
    )


def _given(**fields: Any) -> Object:
    return {name: value for name, value in fields.items() if value}
