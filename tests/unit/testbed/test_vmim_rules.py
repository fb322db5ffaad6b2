# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits, policies, target pods and left-overs of migrations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from testbed.sim import vmim_configuration, vmim_limits, vmim_target_pod
from testbed.sim.vmim_garbage import KEPT, surplus

from .vmi_samples import NOW, Object, both_sides, pod, receiver, source_vmim, target_vmim, vmi, vmim

LIMITS = {"parallelMigrationsPerCluster": 5, "parallelOutboundMigrationsPerNode": 2}


@pytest.mark.parametrize(
    ("migration", "counts"),
    [
        (target_vmim("Pending"), False),
        (target_vmim("Scheduling"), True),
        (source_vmim("Scheduling"), False),
        (source_vmim("Scheduled"), True),
        (target_vmim("WaitingForSync"), False),
        (target_vmim("Succeeded"), False),
    ],
)
def test_what_takes_a_place(migration: Object, counts: bool) -> None:
    assert bool(vmim_limits.running([migration], [])) is counts


def test_a_target_pod_takes_a_place_before_its_migration_says_so() -> None:
    labelled = pod("Pending", labels={"kubevirt.io/migrationJobUID": "uid-target"})
    assert vmim_limits.running([target_vmim("Pending")], [labelled])


def test_the_clusters_limit() -> None:
    busy = [target_vmim("Running") for _number in range(5)]
    assert vmim_limits.is_full(receiver(), busy, {}, LIMITS)
    assert not vmim_limits.is_full(receiver(), busy[:4], {}, LIMITS)


def test_receivers_without_a_node_are_compared_with_each_other() -> None:
    waiting = {"default/vm": receiver()}
    assert vmim_limits.is_full(receiver(), [target_vmim("Scheduling")] * 2, waiting, LIMITS)
    placed = {"default/vm": receiver(nodeName="node-b", migrationState=both_sides(sourceNode="node-a"))}
    assert not vmim_limits.is_full(receiver(), [target_vmim("Running")] * 2, placed, LIMITS)


def test_the_cr_over_the_defaults() -> None:
    given_ = {"spec": {"configuration": {"migrations": {"network": "evpn", "allowPostCopy": True, "unknown": 1}}}}
    made = vmim_configuration.of_cluster(given_)
    assert (made["network"], made["allowWorkloadDisruption"], made["progressTimeout"]) == ("evpn", True, 150)
    assert "unknown" not in made
    assert vmim_configuration.of_cluster(None) == vmim_configuration.DEFAULTS


def policy(name: str, vmi_labels: Object | None, namespace_labels: Object | None, **spec: Any) -> Object:
    selectors = {"virtualMachineInstanceSelector": vmi_labels, "namespaceSelector": namespace_labels}
    return {"metadata": {"name": name}, "spec": {"selectors": selectors} | spec}


def test_the_policy_with_most_labels_that_match() -> None:
    policies = [
        policy("loose", {"os": "linux"}, None, bandwidthPerMigration="1Mi"),
        policy("strict", {"os": "linux", "tier": "db"}, None, bandwidthPerMigration="2Mi"),
        policy("other", {"os": "windows"}, {"team": "x", "site": "y"}, bandwidthPerMigration="3Mi"),
        {"metadata": {"name": "aaa"}, "spec": {"bandwidthPerMigration": "4Mi"}},
    ]
    labels = {"os": "linux", "tier": "db"}
    made, name = vmim_configuration.resolve(None, policies, labels, {"team": "x", "site": "y"})
    assert (name, made["bandwidthPerMigration"]) == ("strict", "2Mi")
    assert vmim_configuration.resolve(None, policies, {}, {})[1] is None


def test_equal_policies_go_by_the_instance_first_and_then_by_name() -> None:
    policies = [policy("c", None, {"a": "1"}), policy("b", {"a": "1"}, None), policy("a", {"a": "1"}, None)]
    assert vmim_configuration.resolve(None, policies, {"a": "1"}, {"a": "1"})[1] == "a"


def test_a_target_pod_goes_where_the_sources_cpu_can_be_had() -> None:
    selectors = {"host-model-cpu.node.kubevirt.io/Skylake": "true", "cpu-vendor.node.kubevirt.io/Intel": "true"}
    state = both_sides()
    state["sourceState"] |= {
        "nodeSelectors": selectors,
        "selinuxContext": "system_u:object_r:container_file_t:s0:c1,c2",
    }
    seen = receiver(migrationState=state)
    seen["spec"]["domain"] |= {"memory": {"guest": "256M"}, "resources": {"requests": {"memory": "256M"}}}
    made = vmim_target_pod.target_pod(seen, target_vmim(), "image", source_labels=selectors, match_selinux=True)
    selector = made["spec"]["nodeSelector"]
    assert selector["cpu-model-migration.node.kubevirt.io/Skylake"] == "true"
    assert selector["cpu-vendor.node.kubevirt.io/Intel"] == "true"
    assert made["spec"]["securityContext"]["seLinuxOptions"] == {"level": "s0:c1,c2"}
    assert made["metadata"]["labels"]["kubevirt.io/migrationJobUID"] == "uid-target"
    terms = made["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-a"]} in terms[0]["matchExpressions"]


def test_a_source_that_told_no_selinux_context_gets_no_pod() -> None:
    """Row 14; "none" is an answer."""
    state = both_sides()
    state["sourceState"]["nodeSelectors"] = {"host-model-cpu.node.kubevirt.io/Skylake": "true"}
    seen = receiver(migrationState=state)
    seen["spec"]["domain"] |= {"memory": {"guest": "256M"}, "resources": {"requests": {"memory": "256M"}}}
    with pytest.raises(vmim_target_pod.NoSelinuxContext):
        vmim_target_pod.target_pod(seen, target_vmim(), "image", source_labels={}, match_selinux=True)
    assert vmim_target_pod.target_pod(seen, target_vmim(), "image", source_labels={}, match_selinux=False)
    state["sourceState"]["selinuxContext"] = "none"
    assert vmim_target_pod.target_pod(seen, target_vmim(), "image", source_labels={}, match_selinux=True)


def waited(seconds: float, *, unschedulable: bool = False, **annotations: str) -> float | None:
    made = pod("Pending")
    if unschedulable:
        made["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]
    migration = target_vmim()
    migration["metadata"]["annotations"] = {f"kubevirt.io/{key}": value for key, value in annotations.items()}
    now = datetime.fromisoformat(NOW) + timedelta(seconds=seconds)
    return vmim_target_pod.seconds_left(made, migration, now)


def test_how_long_a_pod_may_be_pending() -> None:
    assert waited(0) == 900
    assert waited(0, unschedulable=True) == 300
    assert waited(301, unschedulable=True) == 0
    assert waited(10, unschedulable=True, migrationUnschedulablePodTimeoutSeconds="12") == 2
    assert waited(0, migrationPendingPodTimeoutSeconds="7") == 7
    assert waited(0, migrationPendingPodTimeoutSeconds="soon") == 900
    assert vmim_target_pod.seconds_left(pod(), target_vmim(), datetime.now(UTC)) is None


@given(st.permutations(range(9)), st.integers(0, 9))
def test_the_newest_finished_migrations_stay(order: list[int], finished: int) -> None:
    made = []
    for number in order:
        one = vmim("Succeeded" if number < finished else "Running", f"m{number}", {})
        one["metadata"]["creationTimestamp"] = f"2026-11-22T00:00:0{number}Z"
        made.append(one)
    gone = [old.name for old in surplus(made, "vm")]
    assert gone == [f"m{number}" for number in range(max(0, finished - KEPT))]


def test_the_pod_that_goes_with_an_old_migration() -> None:
    state = {"targetPod": "new", "sourcePod": "old"}
    made = [
        vmim("Failed", f"m{number}", {}, migrationState=state | {"failed": number == 0, "completed": True})
        for number in range(7)
    ]
    assert [old.pod for old in surplus(made, "vm")] == ["new", "old"]
    assert surplus(made, "another") == []


def test_labels_of_a_source_node_that_count() -> None:
    node = {"metadata": {"labels": {"cpu-vendor.node.kubevirt.io/Intel": "true", "kubernetes.io/arch": "amd64"}}}
    assert vmim_target_pod.node_selectors(node) == {"cpu-vendor.node.kubevirt.io/Intel": "true"}
    assert vmim_target_pod.node_selectors(None) == {}
    assert vmim_limits.living_pods(vmi(), [pod(), pod("Failed")]) == 1
