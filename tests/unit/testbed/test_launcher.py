# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launcher pods beside those that virt-controller made of the same instances."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from conformance.compare import RECORDINGS, shape_differences
from testbed.sim import launcher

IMAGE = "quay.io/kubevirt/virt-operator:v1.9.0"
_ADDED_LATER = (
    # by the API server
    ".metadata.generation",
    ".metadata.name",
    ".metadata.creationTimestamp",
    ".metadata.resourceVersion",
    ".metadata.uid",
    ".spec.*terminationMessage*",
    ".spec.containers[].env[].valueFrom.fieldRef.apiVersion",
    ".spec.nodeName",
    ".spec.preemptionPolicy",
    ".spec.priority",
    ".spec.schedulerName",
    ".spec.tolerations*",
    ".status*",
    # by virt-controller once the pod is ready, by the migration, and with the node
    ".metadata.annotations.descheduler*",
    ".metadata.annotations.kubevirt.io/migration-target-ready-timestamp",
    ".metadata.labels.kubevirt.io/migrationTargetNodeName",
)


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    with gzip.open(Path(RECORDINGS, "vm-objects.json.gz"), "rt") as packed:
        found: dict[str, Any] = json.load(packed)
    return found


def test_the_pod_of_a_start(recorded: dict[str, Any]) -> None:
    pod = recorded["waiting.a.pods"][0]
    ours = launcher.render(recorded["waiting.a.vmi"], IMAGE)
    assert shape_differences(pod, ours, ignore=_ADDED_LATER) == []
    assert ours["spec"]["nodeSelector"] == pod["spec"]["nodeSelector"]
    assert ours["spec"]["affinity"] == pod["spec"]["affinity"]
    assert ours["spec"]["containers"][0]["resources"] == pod["spec"]["containers"][0]["resources"]
    networks = "k8s.v1.cni.cncf.io/networks"
    assert ours["metadata"]["annotations"][networks] == pod["metadata"]["annotations"][networks]


def test_the_pod_of_an_arrival(recorded: dict[str, Any]) -> None:
    pod, migration = recorded["copying.b.pods"][0], recorded["copying.b.vmims"][0]
    ours = launcher.render_target(recorded["copying.b.vmi"], migration, IMAGE)
    assert shape_differences(pod, ours, ignore=_ADDED_LATER) == []
    assert ours["spec"]["nodeSelector"] == pod["spec"]["nodeSelector"]
    assert ours["spec"]["affinity"] == pod["spec"]["affinity"]


def test_an_arrival_needs_the_model_of_the_source(recorded: dict[str, Any]) -> None:
    vmi = json.loads(json.dumps(recorded["copying.b.vmi"]))
    vmi["status"]["migrationState"]["sourceState"]["nodeSelectors"] = {"cpu-vendor.node.kubevirt.io/Intel": "true"}
    with pytest.raises(launcher.NoHostModel):
        launcher.render_target(vmi, recorded["copying.b.vmims"][0], IMAGE)


def test_any_cpu_but_never_a_node_of_the_sources_name(recorded: dict[str, Any]) -> None:
    vmi = json.loads(json.dumps(recorded["copying.b.vmi"]))
    vmi["spec"]["domain"]["cpu"]["model"] = "host-passthrough"
    assert launcher.render(vmi, IMAGE)["spec"]["affinity"] == {}
    affinity = launcher.render_target(vmi, recorded["copying.b.vmims"][0], IMAGE)["spec"]["affinity"]
    elsewhere = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["a-node-2"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [elsewhere]}]}
    assert affinity == {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}


def test_the_users_affinity_is_kept_in_every_term(recorded: dict[str, Any]) -> None:
    vmi = json.loads(json.dumps(recorded["waiting.a.vmi"]))
    terms = [{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in ("fast", "large")]
    vmi["spec"]["affinity"] = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    }
    node = launcher.render(vmi, IMAGE)["spec"]["affinity"]["nodeAffinity"]
    told = node["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [[one["key"] for one in term["matchExpressions"]] for term in told] == [
        ["fast", "node-labeller.kubevirt.io/obsolete-host-model"],
        ["large", "node-labeller.kubevirt.io/obsolete-host-model"],
    ]


def test_disks_of_every_kind_are_mounted(recorded: dict[str, Any]) -> None:
    vmi = json.loads(json.dumps(recorded["waiting.a.vmi"]))
    vmi["spec"]["volumes"] = [
        {"name": "claim", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "template", "dataVolume": {"name": "root"}},
        {"name": "settings", "configMap": {"name": "settings", "volumeLabel": "cfg"}},
        {"name": "seed", "cloudInitNoCloud": {"secretRef": {"name": "seed"}}},
    ]
    pod = launcher.render(vmi, IMAGE)["spec"]
    sources = {volume["name"]: {key: volume[key] for key in volume if key != "name"} for volume in pod["volumes"]}
    assert sources["claim"] == {"persistentVolumeClaim": {"claimName": "data"}}
    assert sources["template"] == {"persistentVolumeClaim": {"claimName": "root"}}
    assert sources["settings"] == {"configMap": {"name": "settings"}}
    assert sources["seed-udata"] == {"secret": {"secretName": "seed"}}
    mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounted >= {"claim", "template", "settings", "seed-udata"}
    assert mounted <= set(sources)
