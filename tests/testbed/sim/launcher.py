# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virt-launcher pod that virt-controller makes of a VirtualMachineInstance."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..resources import Object
from . import vmi as it
from .launcher_container import compute, console_log, grace, non_root, overhead_bytes
from .launcher_volumes import container_disks, volumes
from .virt_api_defaults import QEMU_USER

MIGRATION_JOB_UID = "kubevirt.io/migrationJobUID"
MIGRATION_JOB_NAME = "kubevirt.io/migrationJobName"
MEMORY_OVERHEAD = "kubevirt.io/memory-overhead-bytes"
NETWORKS = "k8s.v1.cni.cncf.io/networks"
EVICT_ONLY = "descheduler.alpha.kubernetes.io/request-evict-only"

_HOST_MODEL = "host-model-cpu.node.kubevirt.io/"
_REQUIRED_FEATURE = "host-model-required-features.node.kubevirt.io/"
_VENDOR = "cpu-vendor.node.kubevirt.io/"


class NoHostModel(Exception):
    """The source node told no CPU model, so no pod can be made that suits its guest."""


def render(vmi: Mapping[str, Any], image: str) -> Object:
    """The pod that starts a guest here."""
    meta, spec = vmi["metadata"], vmi["spec"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"virt-launcher-{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": _labels(vmi),
            "annotations": _annotations(vmi),
            "ownerReferences": [_owner(vmi)],
        },
        "spec": {
            "affinity": _affinity(spec),
            "automountServiceAccountToken": False,
            "containers": [compute(vmi, image)],
            "dnsPolicy": "ClusterFirst",
            "enableServiceLinks": False,
            "hostname": _short(meta["name"].split(".")[0]),
            "initContainers": [console_log(vmi, image), *container_disks(spec)],
            "nodeSelector": _node_selector(spec),
            "readinessGates": [{"conditionType": it.UNPAUSED}],
            "restartPolicy": "Never",
            "securityContext": {"fsGroup": QEMU_USER, "runAsGroup": QEMU_USER} | non_root(),
            "terminationGracePeriodSeconds": grace(spec) + 30,
            "tolerations": spec.get("tolerations") or [],
            "volumes": volumes(spec, image),
        }
        | ({"schedulerName": spec["schedulerName"]} if spec.get("schedulerName") else {}),
    }


def render_target(vmi: Mapping[str, Any], migration: Mapping[str, Any], image: str) -> Object:
    """The pod that takes a guest in: where the source's CPU can be had, and never on a node of its name."""
    pod = render(vmi, image)
    meta = pod["metadata"]
    meta["labels"][MIGRATION_JOB_UID] = migration["metadata"]["uid"]
    meta["annotations"][MIGRATION_JOB_NAME] = migration["metadata"]["name"]
    source = it.side(vmi, "sourceState")
    if node := source.get("node") or it.status(vmi).get("nodeName"):
        _require(pod["spec"]["affinity"], {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [node]})
    selector = pod["spec"]["nodeSelector"]
    if _cpu_model(vmi["spec"]) == "host-model":
        selector |= _host_model_selector(source.get("nodeSelectors") or {})
    added = migration["spec"].get("addedNodeSelector") or {}
    pod["spec"]["nodeSelector"] = added | selector
    return pod


def interface_name(network: str) -> str:
    """The name of a secondary interface in the pod."""
    return "pod" + hashlib.sha256(network.encode()).hexdigest()[:11]


def _host_model_selector(labels: Mapping[str, str]) -> dict[str, str]:
    models = [label.removeprefix(_HOST_MODEL) for label in labels if label.startswith(_HOST_MODEL)]
    if not models:
        raise NoHostModel(f'node does not contain labels "{_HOST_MODEL}" with information about host cpu model')
    chosen = {f"cpu-model-migration.node.kubevirt.io/{model}": "true" for model in models}
    for label, value in labels.items():
        if label.startswith(_REQUIRED_FEATURE):
            chosen[f"cpu-feature.node.kubevirt.io/{label.removeprefix(_REQUIRED_FEATURE)}"] = value
        elif label.startswith(_VENDOR):
            chosen[label] = value
    return chosen


def _labels(vmi: Mapping[str, Any]) -> dict[str, str]:
    name = _short(vmi["metadata"]["name"])
    return it.labels(vmi) | {
        "kubevirt.io": "virt-launcher",
        it.CREATED_BY: vmi["metadata"]["uid"],
        "vm.kubevirt.io/name": name,
        "vmi.kubevirt.io/id": name,
    }


def _annotations(vmi: Mapping[str, Any]) -> dict[str, str]:
    """The instance's own, but for what controllers note on it, and what hooks and multus read."""
    name, namespace = vmi["metadata"]["name"], vmi["metadata"]["namespace"]
    skipped = (it.LATEST_API, it.STORAGE_API, "kubectl.kubernetes.io/last-applied-configuration")
    made = {key: value for key, value in it.annotated(vmi).items() if key not in skipped} | {
        "kubectl.kubernetes.io/default-container": "compute",
        "kubevirt.io/domain": name,
        MEMORY_OVERHEAD: str(overhead_bytes(vmi["spec"])),
        "kubevirt.io/migrationTransportUnix": "true",
        "pre.hook.backup.velero.io/container": "compute",
        "pre.hook.backup.velero.io/timeout": "60s",
        "post.hook.backup.velero.io/container": "compute",
    }
    for when, option in (("pre", "--freeze"), ("post", "--unfreeze")):
        call = ["/usr/bin/virt-freezer", option, "--name", name, "--namespace", namespace]
        made[f"{when}.hook.backup.velero.io/command"] = json.dumps(call)
    if networks := _multus_networks(vmi):
        made[NETWORKS] = json.dumps(networks, separators=(",", ":"))
    return made


def _multus_networks(vmi: Mapping[str, Any]) -> list[dict[str, str]]:
    spec = vmi["spec"]
    macs = {one["name"]: one.get("macAddress") for one in spec["domain"]["devices"].get("interfaces") or []}
    wanted = []
    for network in spec.get("networks") or []:
        if "multus" not in network or network["multus"].get("default"):
            continue
        namespace, _, name = network["multus"]["networkName"].rpartition("/")
        entry = {"name": name, "namespace": namespace or vmi["metadata"]["namespace"]}
        if mac := macs.get(network["name"]):
            entry["mac"] = mac
        wanted.append(entry | {"interface": interface_name(network["name"])})
    return wanted


def _owner(vmi: Mapping[str, Any]) -> dict[str, Any]:
    meta = vmi["metadata"]
    names = {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "name": meta["name"]}
    return names | {"uid": meta["uid"], "controller": True, "blockOwnerDeletion": True}


def _affinity(spec: Mapping[str, Any]) -> Object:
    """The user's, with nodes left out whose CPU labels are out of date."""
    affinity: Object = copy.deepcopy(spec.get("affinity") or {})
    if _cpu_model(spec) == "host-model":
        _require(affinity, {"key": "node-labeller.kubevirt.io/obsolete-host-model", "operator": "DoesNotExist"})
    return affinity


def _require(affinity: Object, expression: Object) -> None:
    """Of a node, beside what is required already: in every term, as any one of them may be what lets a node in."""
    node = affinity.setdefault("nodeAffinity", {})
    required = node.setdefault("requiredDuringSchedulingIgnoredDuringExecution", {})
    for term in required.setdefault("nodeSelectorTerms", [{}]):
        term.setdefault("matchExpressions", []).append(expression)


def _node_selector(spec: Mapping[str, Any]) -> dict[str, str]:
    machine = spec["domain"]["machine"]["type"]
    chosen = {
        "kubernetes.io/arch": spec["architecture"],
        "kubevirt.io/schedulable": "true",
        f"machine-type.node.kubevirt.io/{machine}": "true",
    }
    model = _cpu_model(spec)
    if model not in ("host-model", "host-passthrough"):
        chosen[f"cpu-model.node.kubevirt.io/{model}"] = "true"
    if (spec["domain"].get("cpu") or {}).get("dedicatedCpuPlacement"):
        chosen["cpumanager"] = "true"
    return chosen | (spec.get("nodeSelector") or {})


def _cpu_model(spec: Mapping[str, Any]) -> str:
    return (spec["domain"].get("cpu") or {}).get("model") or "host-model"


def _short(name: str) -> str:
    """A name that fits into a label: cut and told apart by a hash when it is too long."""
    if len(name) <= 63:
        return name
    return f"{name[:54]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
