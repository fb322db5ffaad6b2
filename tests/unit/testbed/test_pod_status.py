# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod's status from its binding to Ready."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testbed.sim import handler_start, pod_status

GATE = "kubevirt.io/virtual-machine-unpaused"


def pod(*, gated: bool = False, init: bool = False) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "compute", "image": "quay.io/kubevirt/virt-launcher:v1.9.0"}]}
    if gated:
        spec["readinessGates"] = [{"conditionType": GATE}]
    if init:
        spec["initContainers"] = [{"name": "init", "image": "quay.io/kubevirt/init:v1.9.0"}]
    return {"metadata": {"uid": "u"}, "spec": spec, "status": {"phase": "Pending", "conditions": [_scheduled()]}}


def _scheduled() -> dict[str, str]:
    return {"type": "PodScheduled", "status": "True"}


def test_containers_are_created_then_run() -> None:
    made = pod()
    made["status"] = pod_status.creating(made, "172.18.0.2", "t1")
    assert made["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert pod_status.condition(made, "Ready") == "False"
    made["status"] = pod_status.running(made, ["10.64.0.2"], "t2")
    assert (made["status"]["phase"], made["status"]["podIP"]) == ("Running", "10.64.0.2")
    assert made["status"]["containerStatuses"][0]["imageID"].startswith("quay.io/kubevirt/virt-launcher@sha256:")
    assert pod_status.condition(made, "Ready") == "True"
    assert pod_status.condition(made, "PodScheduled") == "True"


def test_containers_wait_for_the_initial_ones() -> None:
    made = pod(init=True)
    made["status"] = pod_status.creating(made, "172.18.0.2", "t1")
    assert made["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    made["status"] = pod_status.running(made, ["10.64.0.2"], "t2")
    assert made["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0


def test_ready_follows_the_gates() -> None:
    made = pod(gated=True)
    made["status"] = pod_status.running(made, ["10.64.0.2"], "t1")
    assert pod_status.condition(made, "Ready") == "False"
    assert pod_status.with_readiness(made, "t2") is None
    made["status"]["conditions"].append({"type": GATE, "status": "True"})
    status = pod_status.with_readiness(made, "t2")
    assert status is not None
    made["status"] = status
    assert pod_status.condition(made, "Ready") == "True"
    assert pod_status.condition(made, GATE) == "True"
    assert pod_status.with_readiness(made, "t3") is None


def test_a_crashing_pod_runs_but_is_not_ready() -> None:
    made = pod()
    made["status"] = pod_status.crashing(made, ["10.64.0.2"], "t1")
    assert made["status"]["phase"] == "Running"
    assert made["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert pod_status.condition(made, "Ready") == "False"
    assert pod_status.with_readiness(made, "t2") is None


@pytest.mark.parametrize(
    ("component", "entries", "panics"),
    [
        ("virt-handler", [], False),
        ("virt-handler", [{"interface": "migration0", "ips": ["10.0.0.1"]}], False),
        ("virt-handler", [{"interface": "migration0", "ips": ["fd00::1"]}], False),
        ("virt-handler", [{"interface": "migration0", "ips": ["fe80::1"]}], True),
        ("virt-handler", [{"interface": "migration0"}], True),
        ("virt-synchronization-controller", [{"interface": "migration0"}], False),
    ],
)
def test_virt_handler_wants_an_address(component: str, entries: list[dict[str, Any]], panics: bool) -> None:
    marks = {"k8s.v1.cni.cncf.io/network-status": json.dumps(entries)}
    made = {"metadata": {"labels": {"kubevirt.io": component}, "annotations": marks}}
    assert handler_start.panics(made) is panics
