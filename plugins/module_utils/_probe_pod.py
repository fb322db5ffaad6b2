# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod of a probe: what is asked of the cluster for it, and what it says in return."""

from __future__ import annotations

import inspect
import json
from typing import Any

from . import _kubevirt as kv
from . import _kubevirt_pods as pods
from . import _multus as multus
from . import _probe_places, _probe_program, _probe_search, _probe_wire
from ._cluster import Object
from ._resources import FINAL

NAME = "livemigration-probe"
LABEL = "livemigration.kubevirt/probe"
SELECTOR = f"{LABEL}=pod"
IMAGE = "docker.io/library/python:3.13-alpine"
PORT = 29185
"""UDP, of the probes among themselves."""

_ORDERS = "livemigration.kubevirt/probe-orders"
_RUN = "livemigration.kubevirt/probe-run"
_PROGRAM = {
    "probe-program": _probe_program,
    "probe-places": _probe_places,
    "probe-search": _probe_search,
    "probe-wire": _probe_wire,
}
_FOLDER = "/probe"
_RESULT = "/dev/termination-log"
_NOBODY = 65532


def files() -> dict[str, str]:
    """The program: the text of each of its files by annotation."""
    return {f"livemigration.kubevirt/{name}": inspect.getsource(module) for name, module in _PROGRAM.items()}


def render(
    namespace: str,
    network: str,
    image: str,
    run: str,
    *,
    patience: int,
    lifetime: int,
    raw: bool,
    secrets: list[str],
    tolerations: list[Object],
) -> Object:
    """The pod. It brings its program along in its own annotations, so there is one object to make and to remove.

    :param run: tells our pod from another run's.
    :param patience: seconds for which it waits for orders.
    :param lifetime: seconds after which the kubelet ends it, whatever became of us.
    :param tolerations: those of KubeVirt's own workloads: the probe has to get where they are.
    :param raw: root with NET_RAW instead of nobody with nothing.
    """
    annotations = {multus.NETWORKS: f"{network}@{kv.INTERFACE}", _ORDERS: "", _RUN: run} | files()
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": NAME,
            "namespace": namespace,
            "labels": {LABEL: "pod", "app.kubernetes.io/managed-by": "livemigration.kubevirt"},
            "annotations": annotations,
        },
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": lifetime,
            "terminationGracePeriodSeconds": 5,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            # Where virt-handler works, so where the migration network has to.
            "nodeSelector": {"kubevirt.io/schedulable": "true"},
            "tolerations": tolerations,
            "securityContext": _security(raw),
            "imagePullSecrets": [{"name": name} for name in secrets],
            "containers": [_container(image, patience, raw)],
            "volumes": [{"name": "probe", "downwardAPI": {"items": _items()}}],
        },
    }


def _security(raw: bool) -> Object:
    return {
        "runAsNonRoot": not raw,
        "runAsUser": 0 if raw else _NOBODY,
        "runAsGroup": 0 if raw else _NOBODY,
        "seccompProfile": {"type": "RuntimeDefault"},
        # One of the sysctls that restricted pods may set: ICMP echo without a capability.
        "sysctls": [{"name": "net.ipv4.ping_group_range", "value": "0 2147483647"}],
    }


def orders(annotation: dict[str, Any]) -> Object:
    """The patch that sets a waiting probe to work: the kubelet shows a changed annotation in the pod's volume."""
    return {"metadata": {"annotations": {_ORDERS: json.dumps(annotation, separators=(",", ":"))}}}


def run_of(pod: Object) -> str:
    """Which run made the pod."""
    return str((pod["metadata"].get("annotations") or {}).get(_RUN) or "")


def address(pod: Object) -> tuple[str, str] | None:
    """Address and MAC on the migration network once the pod runs, ``None`` before."""
    if (pod.get("status") or {}).get("phase") != "Running":
        return None
    found = pods.of(pod)
    return (str(found.addresses[0]), found.mac) if found.addresses else None


def ended(pod: Object) -> bool:
    """Whether it has come to its end."""
    return (pod.get("status") or {}).get("phase") in FINAL


def trouble(pod: Object | None) -> str:
    """Why it does not run (yet)."""
    if not pod:
        return "no such pod any more"
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"{condition.get('reason')}: {condition.get('message')}"
    return pods.of(pod).trouble


def report(pod: Object) -> dict[str, Any]:
    """What it found; with the key ``error`` when it could not even try."""
    for container in (pod.get("status") or {}).get("containerStatuses") or []:
        ending = (container.get("state") or {}).get("terminated") or {}
        text = ending.get("message") or ""
        try:
            found = json.loads(text)
        except ValueError:
            return {"error": text or f"{ending.get('reason') or 'no result'} (exit code {ending.get('exitCode')})"}
        return found if isinstance(found, dict) else {"error": text}
    status = pod.get("status") or {}
    return {"error": status.get("message") or status.get("reason") or "no result"}


def _container(image: str, patience: int, raw: bool) -> Object:
    program = [f"{_FOLDER}/orders", kv.INTERFACE, str(PORT), _RESULT, str(patience)]
    return {
        "name": "probe",
        "image": image,
        # As a part of a package, so that its files can import each other as they do in the collection.
        "command": ["python3", "-B", "-m", "probe._probe_program", *program],
        "workingDir": "/",
        "terminationMessagePath": _RESULT,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]} | ({"add": ["NET_RAW"]} if raw else {}),
        },
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": "500m", "memory": "128Mi"},
        },
        "volumeMounts": [{"name": "probe", "mountPath": _FOLDER, "readOnly": True}],
    }


def _items() -> list[Object]:
    shown = {_ORDERS: "orders"} | {
        f"livemigration.kubevirt/{name}": f"{module.__name__.rpartition('.')[2]}.py"
        for name, module in _PROGRAM.items()
    }
    return [
        {"path": path, "fieldRef": {"fieldPath": f"metadata.annotations['{name}']"}} for name, path in shown.items()
    ]
