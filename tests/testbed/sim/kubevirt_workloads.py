# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workloads virt-operator wants for a KubeVirt CR; pure, from the manifests of manifests/kubevirt."""

from __future__ import annotations

import copy
import hashlib
from functools import cache
from pathlib import Path

import yaml

from ..resources import Object
from ..versions import decentralized
from .kubevirt_config import GATE, Target, gates, migration_network

MANIFESTS = Path(__file__).parent.parent / "manifests" / "kubevirt"

HANDLER = "virt-handler"
SYNCHRONIZATION = "virt-synchronization-controller"
API = "virt-api"
CONTROLLER = "virt-controller"

GENERATION = "kubevirt.io/generation"
CUSTOMIZER = "kubevirt.io/customizer-identifier"
NETWORKS = "k8s.v1.cni.cncf.io/networks"
INTERFACE = "migration0"
LABELS = {"app.kubernetes.io/component": "kubevirt", "app.kubernetes.io/managed-by": "virt-operator"}


def handler(kubevirt: Object, target: Target) -> Object:
    """DaemonSet virt-handler."""
    made = _workload(HANDLER, kubevirt, target)
    _connect(made, kubevirt)
    _place(made, kubevirt["spec"].get("workloads"))
    return made


def synchronization(kubevirt: Object, target: Target) -> Object | None:
    """Deployment virt-synchronization-controller, None while the gate is off, or on a KubeVirt that has none."""
    if GATE not in gates(kubevirt) or not decentralized(target.version):
        return None
    made = _control_plane(SYNCHRONIZATION, kubevirt, target)
    _connect(made, kubevirt)
    port = kubevirt["spec"].get("synchronizationPort") or "9185"
    container = made["spec"]["template"]["spec"]["containers"][0]
    container["command"] = [port if each == "9185" else each for each in container["command"]]
    for each in container["ports"]:
        if each["name"] == "sync":
            each["containerPort"] = int(port)
    return made


def api(kubevirt: Object, target: Target) -> Object:
    """Deployment virt-api."""
    return _control_plane(API, kubevirt, target)


def controller(kubevirt: Object, target: Target) -> Object:
    """Deployment virt-controller."""
    return _control_plane(CONTROLLER, kubevirt, target)


def disruption_budget(deployment: Object, kubevirt: Object, target: Target) -> Object:
    """The PodDisruptionBudget that goes with a Deployment of more than one replica."""
    replicas = deployment["spec"]["replicas"]
    return {
        "metadata": {
            "name": f"{deployment['metadata']['name']}-pdb",
            "namespace": kubevirt["metadata"]["namespace"],
            "labels": dict(LABELS),
            "annotations": marks(kubevirt, target),
        },
        "spec": {
            "minAvailable": max(replicas - 1, 0),
            "selector": copy.deepcopy(deployment["spec"]["selector"]),
        },
    }


def marks(kubevirt: Object, target: Target) -> dict[str, str]:
    """What virt-operator writes on each of its objects."""
    return {GENERATION: str(kubevirt["metadata"]["generation"])} | target.annotations()


def customizer(kubevirt: Object) -> str:
    """Stands for `spec.customizeComponents`."""
    return hashlib.sha1(repr(kubevirt["spec"].get("customizeComponents") or {}).encode()).hexdigest()


def manifest(name: str, namespace: str, version: str) -> Object:
    """A manifest with namespace and version filled in."""
    made = copy.deepcopy(_load(name, version))
    made["metadata"]["namespace"] = namespace
    return made


def rolled_out(workload: Object) -> bool:
    """Every pod of the current template is there and available."""
    status, spec = workload.get("status", {}), workload["spec"]
    if status.get("observedGeneration", 0) < workload["metadata"]["generation"]:
        return False
    if "replicas" in spec:
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
        return counts == [spec["replicas"]] * 3
    wanted = status.get("desiredNumberScheduled", 0)
    return all(status.get(key, 0) == wanted for key in ("updatedNumberScheduled", "numberAvailable"))


@cache
def _load(name: str, version: str) -> Object:
    made: Object = yaml.safe_load((MANIFESTS / f"{name}.yaml").read_text().replace("VERSION", version))
    return made


def _workload(name: str, kubevirt: Object, target: Target) -> Object:
    made = manifest(name, kubevirt["metadata"]["namespace"], target.version)
    made["metadata"]["annotations"] = marks(kubevirt, target) | {CUSTOMIZER: customizer(kubevirt)}
    made["spec"]["template"]["metadata"].setdefault("annotations", {}).update(target.annotations())
    return made


def _control_plane(name: str, kubevirt: Object, target: Target) -> Object:
    made = _workload(name, kubevirt, target)
    infra = kubevirt["spec"].get("infra") or {}
    made["spec"]["replicas"] = infra.get("replicas") or made["spec"]["replicas"]
    _place(made, infra)
    return made


def _connect(workload: Object, kubevirt: Object) -> None:
    """The migration network as an annotation of the template; an empty name is written all the same."""
    network = migration_network(kubevirt)
    if network is not None:
        annotation = f"{network}@{INTERFACE}"
        workload["spec"]["template"]["metadata"]["annotations"][NETWORKS] = annotation


def _place(workload: Object, component: Object | None) -> None:
    """A placement of the CR replaces the preference for control-plane nodes."""
    placement = (component or {}).get("nodePlacement")
    if placement is None:
        return
    pod = workload["spec"]["template"]["spec"]
    pod["nodeSelector"] = {**pod.get("nodeSelector", {}), **(placement.get("nodeSelector") or {})}
    affinity = {key: value for key, value in pod.get("affinity", {}).items() if key != "nodeAffinity"}
    pod["affinity"] = affinity | (placement.get("affinity") or {})
    pod["tolerations"] = [*pod.get("tolerations", []), *(placement.get("tolerations") or [])]
