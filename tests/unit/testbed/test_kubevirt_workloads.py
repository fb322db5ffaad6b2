# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virt-operator makes of a KubeVirt CR: the deployment's id, workloads, addresses, conditions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from testbed.sim import kubevirt_addresses, kubevirt_conditions, kubevirt_workloads
from testbed.sim.kubevirt_config import GATE, Target, target

NETWORKS = kubevirt_workloads.NETWORKS


def cr(gates: tuple[str, ...] = (), **spec: Any) -> dict[str, Any]:
    migrations = spec.pop("migrations", None)
    configuration = {"developerConfiguration": {"featureGates": list(gates)}}
    return {
        "metadata": {"name": "kubevirt", "namespace": "kubevirt", "generation": 2},
        "spec": {"configuration": configuration | ({"migrations": migrations} if migrations else {}), **spec},
    }


def wanted(kubevirt: dict[str, Any]) -> Target:
    return target(kubevirt, "v1.9.0")


def networks_of(workload: dict[str, Any]) -> str | None:
    found: str | None = workload["spec"]["template"]["metadata"]["annotations"].get(NETWORKS)
    return found


def test_only_some_parts_of_the_cr_are_another_deployment() -> None:
    plain = wanted(cr()).id
    assert wanted(cr((GATE,))).id == plain
    assert wanted(cr(migrations={"bandwidthPerMigration": "64Mi"})).id == plain
    assert wanted(cr(migrations={"network": "net"})).id != plain
    assert wanted(cr(migrations={"network": ""})).id != plain
    assert wanted(cr(synchronizationPort="9999")).id != plain


def test_the_target_is_told_as_json() -> None:
    told = json.loads(wanted(cr(migrations={"network": "net"})).config)
    assert told["additionalProperties"]["MigrationNetwork"] == "net"
    assert told["kubeVirtVersion"] == "v1.9.0"


@pytest.mark.parametrize(
    ("migrations", "annotation"),
    [({}, None), ({"network": "net"}, "net@migration0"), ({"network": ""}, "@migration0")],
)
def test_the_network_goes_on_both_templates(migrations: dict[str, str], annotation: str | None) -> None:
    kubevirt = cr((GATE,), migrations=migrations)
    synchronization = kubevirt_workloads.synchronization(kubevirt, wanted(kubevirt))
    assert synchronization is not None
    assert networks_of(synchronization) == annotation
    assert networks_of(kubevirt_workloads.handler(kubevirt, wanted(kubevirt))) == annotation


def test_without_the_gate_there_is_no_synchronization() -> None:
    assert kubevirt_workloads.synchronization(cr(), wanted(cr())) is None


def test_port_replicas_and_placement_follow_the_cr() -> None:
    placement = {"nodeSelector": {"zone": "a"}, "tolerations": [{"key": "k", "operator": "Exists"}]}
    kubevirt = cr((GATE,), synchronizationPort="9999", infra={"replicas": 3, "nodePlacement": placement})
    made = kubevirt_workloads.synchronization(kubevirt, wanted(kubevirt))
    assert made is not None
    pod = made["spec"]["template"]["spec"]
    assert made["spec"]["replicas"] == 3
    assert "9999" in pod["containers"][0]["command"]
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "zone": "a"}
    assert "nodeAffinity" not in pod["affinity"]
    assert pod["tolerations"][-1] == {"key": "k", "operator": "Exists"}


def test_manifests_are_not_shared() -> None:
    kubevirt_workloads.manifest("virt-handler", "kubevirt", "v1.9.0")["spec"].clear()
    assert kubevirt_workloads.manifest("virt-handler", "kubevirt", "v1.9.0")["spec"]


def daemon_set(**status: int) -> dict[str, Any]:
    return {"metadata": {"generation": 2}, "spec": {}, "status": {"observedGeneration": 2, **status}}


@pytest.mark.parametrize(
    ("status", "done"),
    [
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}, True),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}, False),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}, False),
        ({"desiredNumberScheduled": 0, "observedGeneration": 1}, False),
    ],
)
def test_rolled_out(status: dict[str, int], done: bool) -> None:
    assert kubevirt_workloads.rolled_out(daemon_set(**status)) is done


def pod(name: str, *migration: str) -> dict[str, Any]:
    entries = [{"interface": "eth0", "ips": ["10.64.0.9"], "default": True}]
    entries += [{"interface": "migration0", "ips": list(migration)}] if migration else []
    marks = {"k8s.v1.cni.cncf.io/network-status": json.dumps(entries)}
    return {"metadata": {"name": name, "annotations": marks}, "status": {"podIPs": [{"ip": "10.64.0.9"}]}}


LEASE = {"spec": {"holderIdentity": "leader"}}


@pytest.mark.parametrize(
    ("pods", "found"),
    [
        ([pod("leader", "192.170.10.2")], ["192.170.10.2:9185"]),
        ([pod("leader", "192.170.10.2", "fd00::2")], ["192.170.10.2:9185", "[fd00::2]:9185"]),
        ([pod("leader")], ["10.64.0.9:9185"]),
        ([pod("another", "192.170.10.3")], []),
    ],
)
def test_addresses_with_the_silent_fallback(pods: list[dict[str, Any]], found: list[str]) -> None:
    assert kubevirt_addresses.addresses(cr((GATE,)), LEASE, pods) == found
    assert kubevirt_addresses.addresses(cr(), LEASE, pods) == []
    assert kubevirt_addresses.addresses(cr((GATE,)), None, pods) == []


def test_conditions_change_their_time_only_with_themselves() -> None:
    status: dict[str, Any] = {}
    kubevirt_conditions.available(status, "2026-01-01T00:00:00Z")
    kubevirt_conditions.available(status, "2026-01-01T00:00:01Z")
    assert {each["lastProbeTime"] for each in status["conditions"]} == {"2026-01-01T00:00:00Z"}
    kubevirt_conditions.updating(status, "v1", "v1", "r", "2026-01-01T00:00:02Z")
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Available": "True",
        "Progressing": "True",
        "Degraded": "True",
    }
    kubevirt_conditions.deploying(status, "v1", "r", "2026-01-01T00:00:03Z")
    assert {each["type"]: each["status"] for each in status["conditions"]}["Available"] == "False"
