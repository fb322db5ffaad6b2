# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HCO makes of a HyperConverged resource: the spec of the KubeVirt CR, and what its webhook refuses; pure."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

from ..resources import Object
from .kubevirt_ca import duration, go_text

JSON_PATCH = "kubevirt.kubevirt.io/jsonpatch"
VERSIONS = {"1.16": "1.16.1", "1.18": "1.18.2", "1.19": "1.19.0"}
HAS_V1, STORES_V1 = frozenset({"1.18", "1.19"}), frozenset({"1.19"})
"""The releases that serve the API as v1, too, and those that store it so and work with it themselves."""

_MANDATORY = ("CPUManager", "HostDevices", "KubevirtSeccompProfile", "Snapshot")
_GATES = {
    "alignCPUs": "AlignCPUs",
    "decentralizedLiveMigration": "DecentralizedLiveMigration",
    "downwardMetrics": "DownwardMetrics",
    "persistentReservation": "PersistentReservation",
}
_SHORTEST = timedelta(minutes=10)


class BadPatch(ValueError):
    """The annotation with JSON patches cannot be applied."""


def kubevirt_spec(hyperconverged: Object, version: str) -> Object:
    """The spec that the KubeVirt CR has to have; :raises BadPatch: when the annotation spoils it."""
    spec = hyperconverged["spec"]
    gates = [name for field, name in _GATES.items() if (spec.get("featureGates") or {}).get(field)]
    certificates = spec["certConfig"]
    wanted: Object = {
        "uninstallStrategy": spec["uninstallStrategy"],
        "configuration": {
            "developerConfiguration": {"featureGates": sorted([*_MANDATORY, *gates]), "useEmulation": True},
            "migrations": dict(spec["liveMigrationConfig"]),
        },
        "certificateRotateStrategy": {
            "selfSigned": {
                # As its own type prints a duration, whatever the user wrote.
                part: {name: go_text(duration(text)) for name, text in certificates[part].items()}
                for part in ("ca", "server")
            }
        },
        "productName": "hyperconverged-cluster",
        "productVersion": version,
        "productComponent": "compute",
        "workloadUpdateStrategy": {},
    }
    text = (hyperconverged["metadata"].get("annotations") or {}).get(JSON_PATCH)
    return wanted if text is None else _patched(wanted, text)


def refusal(hyperconverged: Object, version: str) -> str | None:
    """The words in which the webhook refuses; None when it does not."""
    certificates = hyperconverged["spec"]["certConfig"]
    try:
        spans = {
            f"spec.certConfig.{part}.{name}": duration(text)
            for part in ("ca", "server")
            for name, text in certificates[part].items()
        }
    except ValueError as error:
        return str(error)
    small = next((name for name, span in spans.items() if span < _SHORTEST), None)
    if small:
        return f"{small}: value is too small"
    for part in ("ca", "server"):
        if spans[f"spec.certConfig.{part}.duration"] < spans[f"spec.certConfig.{part}.renewBefore"]:
            return f"spec.certConfig.{part}: duration is smaller than renewBefore"
    if spans["spec.certConfig.ca.duration"] < spans["spec.certConfig.server.duration"]:
        return "spec.certConfig: ca.duration is smaller than server.duration"
    try:
        kubevirt_spec(hyperconverged, version)
    except BadPatch as error:
        return f"invalid jsonPatch in the {JSON_PATCH} annotation: {error}"
    return None


def same_spec(found: Object, wanted: Object) -> bool:
    """Whether they are equal once what is empty counts as absent, as in the operator's own type."""
    return bool(_full(found) == _full(wanted))


def _full(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {name: _full(each) for name, each in value.items()}
    return {name: each for name, each in kept.items() if each not in ({}, [], None)}


def _patched(spec: Object, text: str) -> Object:
    """The operations that users write (add, replace, remove, test) on the KubeVirt CR, which begin with /spec/."""
    body = {"spec": copy.deepcopy(spec)}
    try:
        operations = json.loads(text)
    except ValueError as error:
        raise BadPatch(str(error)) from error
    for operation in operations:
        if not str(operation.get("path", "")).startswith("/spec/"):
            raise BadPatch("can only modify spec fields")
        _operate(body, operation)
    return body["spec"]


def _operate(body: Object, operation: Object) -> None:
    *way, last = [step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]]
    where: Any = body
    for step in way:
        where = where[int(step)] if isinstance(where, list) else where.get(step) if isinstance(where, dict) else None
        if where is None:
            raise BadPatch(f"doc is missing path: {operation['path']}")
    match operation["op"], where:
        case "add", list():
            where.insert(len(where) if last == "-" else int(last), operation["value"])
        case "add", dict():
            where[last] = operation["value"]
        case (("replace" | "remove" | "test"), dict()) if last not in where:
            raise BadPatch(f"{operation['op']} operation does not apply: doc is missing key: {operation['path']}")
        case "replace", dict():
            where[last] = operation["value"]
        case "remove", dict():
            del where[last]
        case "test", dict() if where[last] == operation["value"]:
            return
        case _:
            raise BadPatch(f"{operation['op']} operation does not apply: {operation['path']}")
