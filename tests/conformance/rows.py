# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a live object shows, written as a row of the recordings (see compare.py)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

Object = dict[str, Any]
Row = dict[str, Any]

NETWORKS = "k8s.v1.cni.cncf.io/networks"
NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status"
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_INTERESTING_GENERATIONS = (
    "virt-synchronization-controller",
    "virt-synchronization-controller-pdb",
    "virt-handler",
)


def fingerprints(pem: str) -> list[str]:
    """First twelve hex digits of the SHA-256 of every certificate, in order."""
    ders = (base64.b64decode("".join(block.split())) for block in _PEM.findall(pem))
    return [hashlib.sha256(der).hexdigest()[:12] for der in ders]


def row(seconds: float, site: str, event: str, obj: Object) -> Row:
    """One event about one object, with the fields the recordings keep of its kind."""
    meta = obj["metadata"]
    head = {"t": round(seconds, 3), "site": site, "event": event, "kind": obj["kind"], "name": meta["name"]}
    if "deletionTimestamp" in meta:
        head["deleting"] = True
    fields = _FIELDS[obj["kind"]](obj)
    return head | {key: value for key, value in fields.items() if value not in (None, [], {}, "")}


def _kubevirt(obj: Object) -> Row:
    status = obj.get("status", {})
    generations = [[each["name"], each["lastGeneration"]] for each in status.get("generations", [])]
    return {
        "generation": obj["metadata"]["generation"],
        "spec": obj.get("spec"),
        "phase": status.get("phase"),
        "observedGeneration": status.get("observedGeneration"),
        "generations": [pair for pair in generations if pair[0] in _INTERESTING_GENERATIONS],
        "addresses": status.get("synchronizationAddresses"),
        "conditions": sorted([c["type"], c["status"], c.get("reason", "")] for c in status.get("conditions", [])),
    }


def _workload(obj: Object) -> Row:
    annotations = obj["spec"]["template"]["metadata"].get("annotations", {})
    return {
        "generation": obj["metadata"]["generation"],
        "network": annotations.get(NETWORKS),
        "status": {key: value for key, value in obj.get("status", {}).items() if isinstance(value, int)},
    }


def _pod(obj: Object) -> Row:
    annotations = obj["metadata"].get("annotations", {})
    status = obj.get("status", {})
    return {
        "generation": obj["metadata"].get("generation"),
        "labels": obj["metadata"].get("labels"),
        "annotations": annotations,
        "network": annotations.get(NETWORKS),
        "networkStatus": annotations.get(NETWORK_STATUS),
        "phase": status.get("phase"),
        "conditions": _conditions(obj),
        "nodeName": obj["spec"].get("nodeName"),
    }


def _config_map(obj: Object) -> Row:
    data = obj.get("data", {})
    return {"bundle": fingerprints(data.get("ca-bundle", "")), "keys": sorted(data)}


def _secret(obj: Object) -> Row:
    crt = base64.b64decode(obj.get("data", {}).get("tls.crt", "")).decode()
    return {"annotations": sorted(obj["metadata"].get("annotations", {})), "current": fingerprints(crt)}


def _lease(obj: Object) -> Row:
    return {"holder": obj["spec"].get("holderIdentity")}


def _virtual_machine(obj: Object) -> Row:
    status = obj.get("status", {})
    return _metadata(obj) | {
        "conditions": _conditions(obj),
        "runStrategy": obj["spec"].get("runStrategy"),
        "printableStatus": status.get("printableStatus"),
        "ready": status.get("ready"),
    }


def _instance(obj: Object) -> Row:
    status = obj.get("status", {})
    return _metadata(obj) | {
        "phase": status.get("phase"),
        "conditions": _conditions(obj),
        "nodeName": status.get("nodeName"),
        "migrationState": status.get("migrationState"),
    }


def _migration(obj: Object) -> Row:
    status = obj.get("status", {})
    return _metadata(obj) | {
        "spec": obj["spec"],
        "phase": status.get("phase"),
        "synchronizationAddresses": status.get("synchronizationAddresses"),
        "conditions": _conditions(obj),
        "migrationState": status.get("migrationState"),
    }


def _metadata(obj: Object) -> Row:
    meta = obj["metadata"]
    return {key: meta.get(key) for key in ("labels", "annotations", "finalizers")}


def _conditions(obj: Object) -> list[list[str]]:
    found = obj.get("status", {}).get("conditions", [])
    return sorted([c["type"], c["status"], c.get("reason", ""), c.get("message", "")] for c in found)


def network_status(text: str) -> list[dict[str, Any]]:
    """The network-status annotation as the list it is."""
    parsed = json.loads(text)
    assert isinstance(parsed, list)
    return parsed


_FIELDS = {
    "KubeVirt": _kubevirt,
    "DaemonSet": _workload,
    "Deployment": _workload,
    "Pod": _pod,
    "ConfigMap": _config_map,
    "Secret": _secret,
    "Lease": _lease,
    "VirtualMachine": _virtual_machine,
    "VirtualMachineInstance": _instance,
    "VirtualMachineInstanceMigration": _migration,
}
