# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When KubeVirt has settled: held to what its own operator did, and to every half-way state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _kubevirt as kv
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _kubevirt_rollout as rollout
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Missing
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    DAEMON_SET,
    DEPLOYMENT,
    KUBEVIRT,
    POD,
)
from unit.kubevirt_site import HANDLER, NAMESPACE, SYNC, Site

ON = {"developerConfiguration": {"featureGates": [kv.GATE]}, "migrations": {"network": "migration-evpn"}}
RECORDING = Path(__file__).parent / "recordings" / "kubevirt-v1.9.0-settling.jsonl"
NETWORKS = "k8s.v1.cni.cncf.io/networks"


def recorded() -> Iterator[tuple[str, float, bool, int, str]]:
    """Recording, time, our verdict, generation and CA after each recorded change."""
    kubevirt: dict[str, Any] = {}
    authority, renewing, last = "", False, ""
    for row in map(json.loads, RECORDING.read_text().splitlines()):
        if row["recording"] != last:
            kubevirt, authority, last = {}, "", row["recording"]
        if "ca" in row:
            authority, renewing = row["ca"], "kubevirt.io/duration" not in row["annotations"]
        else:
            kubevirt = {
                "metadata": {"generation": row["generation"]},
                "status": {
                    "phase": row["phase"],
                    "observedGeneration": row["observedGeneration"],
                    "conditions": [{"type": kind, "status": status} for kind, status, _why in row["conditions"]],
                },
            }
        if kubevirt and authority:
            done = kv.settled(kubevirt).done and not renewing
            yield last, row["t"], done, kubevirt["metadata"]["generation"], authority


def test_a_settled_kubevirt_keeps_its_ca_until_its_cr_is_changed() -> None:
    seen: dict[tuple[str, int], str] = {}
    for recording, time, done, generation, authority in recorded():
        if done:
            assert seen.setdefault((recording, generation), authority) == authority, f"{recording} at {time}"
    assert len(seen) == 6


def test_settles_when_the_recordings_do() -> None:
    changes: dict[str, list[tuple[float, bool]]] = {}
    for recording, time, done, _generation, _authority in recorded():
        story = changes.setdefault(recording, [])
        if not story or story[-1][1] != done:
            story.append((time, done))
    assert changes["site-preparation"] == [
        (0.172, True),
        (2.954, False),
        (65.039, True),
        (124.017, False),
        (142.442, True),
    ]
    assert [done for _time, done in changes["network-unset-and-gate-off"]] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"phase": "Deploying"}, "phase is Deploying"),
        ({"phase": None}, "phase is not set"),
        ({"targetDeploymentID": "2", "observedDeploymentID": "1"}, "still deploys"),
        ({"conditions": []}, "condition Available is not set"),
        ({"conditions": [{"type": "Available", "status": "False", "message": "No handler."}]}, "No handler."),
    ],
)
def test_not_settled(status: dict[str, Any], reason: str) -> None:
    site = Site()
    site.edit(KUBEVIRT, "kubevirt", {"status": status})
    verdict = kv.settled(site.kubevirt)
    assert not verdict.done
    assert reason in verdict.reason


@pytest.fixture
def site() -> Site:
    site = Site()
    site.nad()
    site.configure(ON)
    return site


def reason(site: Site) -> str:
    verdict = rollout.verdict(rollout.read(site.cluster, NAMESPACE, "kubevirt"))
    assert verdict.done == (not verdict.reason)
    return verdict.reason


def test_done(site: Site) -> None:
    assert reason(site) == ""
    site.configure({})
    assert reason(site) == ""


def test_not_before_the_workloads_are_there(site: Site) -> None:
    site.cluster.objects.pop((DEPLOYMENT.plural, NAMESPACE, SYNC))
    assert "no Deployment virt-synchronization-controller yet" in reason(site)
    site.cluster.objects.pop((DAEMON_SET.plural, NAMESPACE, HANDLER))
    assert "no DaemonSet" in reason(site)


def test_not_while_the_synchronization_controller_outlives_its_gate(site: Site) -> None:
    site.edit(KUBEVIRT, "kubevirt", {"spec": {"configuration": {"developerConfiguration": None}}})
    site.edit(KUBEVIRT, "kubevirt", {"status": {"observedGeneration": 3}})
    assert "the gate is off" in reason(site)
    site.cluster.objects.pop((DEPLOYMENT.plural, NAMESPACE, SYNC))
    assert "synchronizationAddresses are still 192.170.10.4:9185" in reason(site)


def test_not_while_a_template_or_pod_has_another_network(site: Site) -> None:
    annotations = {"metadata": {"annotations": {NETWORKS: "old@migration0"}}}
    site.edit(DAEMON_SET, HANDLER, {"spec": {"template": annotations}})
    assert "has network old@migration0, not migration-evpn@migration0" in reason(site)
    site.configure(ON | {"x": 1})
    site.edit(POD, "virt-handler-1", annotations)
    assert "virt-handler-1: started for network old@migration0" in reason(site)


def test_not_without_an_address_on_the_interface(site: Site) -> None:
    status = {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/network-status": "[]"}}}
    site.edit(POD, "virt-handler-2", status)
    assert "virt-handler-2 on cluster-a-node-2: no address on migration0" in reason(site)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({"containerStatuses": [{"state": {"running": {}}}, {"state": {"terminated": {"reason": "Error"}}}]}, "Error"),
        ({"containerStatuses": [{"state": {"terminated": {"exitCode": 2}}}]}, "terminated"),
        ({"conditions": [{"type": "Ready", "status": "False", "message": "probe failed"}]}, "probe failed"),
        ({"phase": "Pending", "conditions": []}, "phase Pending"),
    ],
)
def test_not_while_a_pod_is_in_trouble(site: Site, status: dict[str, Any], text: str) -> None:
    site.edit(POD, "virt-handler-1", {"status": {"conditions": []} | status})
    assert reason(site) == f"virt-handler-1 on cluster-a-node-1: {text}"


@pytest.mark.parametrize(
    ("addresses", "text"),
    [
        ([], "are empty"),
        (["10.1.0.4:9185"], "10.1.0.4:9185, no address migration0 of a synchronization pod"),
        (["nonsense"], "nonsense"),
        (["192.170.10.4:9185", "192.170.10.99:9185"], "192.170.10.99"),
    ],
)
def test_not_before_the_addresses_are_the_pods_own(site: Site, addresses: list[str], text: str) -> None:
    site.edit(KUBEVIRT, "kubevirt", {"status": {"synchronizationAddresses": addresses}})
    assert text in reason(site)


def test_the_pod_network_counts_where_no_network_is_set(site: Site) -> None:
    site.configure({"developerConfiguration": ON["developerConfiguration"]})
    assert reason(site) == ""
    assert kv.sync_addresses(site.kubevirt) == ["10.1.0.4:9185"]
    site.edit(KUBEVIRT, "kubevirt", {"status": {"synchronizationAddresses": ["192.170.10.4:9185"]}})
    assert "no address of a synchronization pod" in reason(site)


def test_a_cr_that_vanishes_is_an_error(site: Site) -> None:
    site.cluster.objects.pop((KUBEVIRT.plural, NAMESPACE, "kubevirt"))
    with pytest.raises(Missing, match="none any more"):
        rollout.read(site.cluster, NAMESPACE, "kubevirt")


def test_the_port_of_the_cr_counts(site: Site) -> None:
    site.configure(ON, synchronizationPort="9999")
    assert kv.sync_port(site.kubevirt) == 9999
