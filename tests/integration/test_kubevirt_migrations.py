# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubevirt_migrations against a real API server with virt-operator behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.calls import call, connection, on
from integration.networks import NETWORK, addresses, make_nad
from testbed.testing import TestBed, TestCluster

GATE = "DecentralizedLiveMigration"
KUBEVIRT = ("kubevirts", "kubevirt", "kubevirt")


@pytest.fixture
def cluster(quiet_bed: TestBed) -> TestCluster:
    """A cluster with the NAD there and KubeVirt as freshly installed."""
    cluster = next(iter(quiet_bed.clusters.values()))
    make_nad(quiet_bed, cluster)
    fresh(cluster)
    return cluster


@pytest.fixture(scope="module", autouse=True)
def tidy(session_bed: TestBed) -> Iterator[None]:
    """The settings are gone afterwards."""
    yield
    fresh(next(iter(session_bed.clusters.values())))


def fresh(cluster: TestCluster) -> None:
    limits = ["bandwidth_per_migration", "ca_duration", "ca_renew_before"]
    on(cluster, "kubevirt_migrations", state="absent", reset=limits, wait_timeout=60)["changed"]


def configuration(cluster: TestCluster) -> dict[str, Any]:
    found = cluster.client.need(*KUBEVIRT)
    result: dict[str, Any] = found["spec"].get("configuration") or {}
    return result


def test_sets_the_network_and_waits_until_it_is_on_every_pod(cluster: TestCluster) -> None:
    called = on(cluster, "kubevirt_migrations", decentralized=True, network=NETWORK, bandwidth_per_migration="64Mi")
    now = called["kubevirt_migrations"]
    assert called.changed
    assert now["settled"]
    assert now["network"] == NETWORK
    assert GATE in configuration(cluster)["developerConfiguration"]["featureGates"]
    pods = addresses(cluster)
    assert len(pods) == 4
    assert all(len(own) == 1 for own in pods)
    ip = now["synchronization_addresses"][0].rpartition(":")[0]
    assert [ip] in pods
    assert any("waiting for the migration settings" in line for line in called.told)


def test_a_repeat_writes_nothing_on_the_wire(cluster: TestCluster) -> None:
    wish: dict[str, Any] = {"decentralized": True, "network": NETWORK, "ca_duration": "168h", "ca_renew_before": "84h"}
    assert on(cluster, "kubevirt_migrations", **wish).changed
    mark = cluster.mark()
    called = on(cluster, "kubevirt_migrations", **wish)
    assert (called.changed, called["actions"], called["diff"]) == (False, [], [])
    assert called["kubevirt_migrations"]["settled"]
    assert not [write for write in cluster.writes(mark) if "selfsubjectaccessreviews" not in write.path]


def test_check_mode_writes_nothing_on_the_wire_and_foresees_the_same(cluster: TestCluster) -> None:
    wish: dict[str, Any] = {"decentralized": True, "network": NETWORK}
    mark = cluster.mark()
    told = on(cluster, "kubevirt_migrations", check_mode=True, **wish)
    assert told.changed
    assert not [write for write in cluster.writes(mark) if "selfsubjectaccessreviews" not in write.path]
    done = on(cluster, "kubevirt_migrations", **wish)
    assert (told["actions"], told["diff"]) == (done["actions"], done["diff"])


def test_absent_takes_the_network_from_every_pod_before_the_gate(cluster: TestCluster) -> None:
    on(cluster, "kubevirt_migrations", decentralized=True, network=NETWORK)["changed"]
    called = on(cluster, "kubevirt_migrations", state="absent")
    assert len(called["actions"]) == 2
    assert "network" not in (configuration(cluster).get("migrations") or {})
    assert all(own == [] for own in addresses(cluster))
    assert cluster.client.get("deployments", "virt-synchronization-controller", "kubevirt") is None
    assert called["kubevirt_migrations"]["synchronization_addresses"] == []


def test_a_gate_that_somebody_adds_is_kept(cluster: TestCluster) -> None:
    gates = {"spec": {"configuration": {"developerConfiguration": {"featureGates": ["Snapshot"]}}}}
    cluster.client.patch("kubevirts", "kubevirt", gates, "kubevirt")
    on(cluster, "kubevirt_migrations", decentralized=True)["changed"]
    assert configuration(cluster)["developerConfiguration"]["featureGates"] == ["Snapshot", GATE]


def test_a_pod_that_cannot_start_is_named_at_the_deadline(quiet_bed: TestBed, cluster: TestCluster) -> None:
    with quiet_bed.fault("pod-stuck", cluster.name, pod="kubevirt/virt-handler-*"):
        called = on(cluster, "kubevirt_migrations", decentralized=True, network=NETWORK, wait_timeout=10)
        assert called.failure["reason"] == "deadline_exceeded"
        assert "; virt-handler-" in called.failure["found"]
    # A repeat picks up where it stood: nothing to write, only to wait for.
    again = on(cluster, "kubevirt_migrations", decentralized=True, network=NETWORK)
    assert not again.changed
    assert again["kubevirt_migrations"]["settled"]


def test_what_the_webhook_would_refuse_is_refused_before_the_write(cluster: TestCluster) -> None:
    mark = cluster.mark()
    called = on(cluster, "kubevirt_migrations", ca_duration="24h", ca_renew_before="25h")
    assert called.failure["reason"] == "bad_rotation"
    assert on(cluster, "kubevirt_migrations", network="no-such-nad").failure["reason"] == "missing"
    assert on(cluster, "kubevirt_migrations", network="kubevirt/x").failure["object"] == "option network"
    assert cluster.writes(mark) == []


def test_an_answer_that_is_lost_is_no_failure(quiet_bed: TestBed, cluster: TestCluster) -> None:
    options = connection(cluster, proxied=True) | {"bandwidth_per_migration": "32Mi", "wait_timeout": 30}
    with quiet_bed.fault("api-lost-answer", cluster.name, times=1, method="PATCH", path="*kubevirts*"):
        called = call("kubevirt_migrations", options)
    assert called["changed"]
    assert configuration(cluster)["migrations"]["bandwidthPerMigration"] == "32Mi"


def test_without_the_right_to_change_the_cr_nothing_is_written(quiet_bed: TestBed, cluster: TestCluster) -> None:
    stranger = cluster.user("stranger")
    called = call("kubevirt_migrations", {"kubeconfig": str(stranger), "cluster_name": cluster.name})
    assert called.failure["reason"] == "forbidden"
    assert "kubevirts" in called.failure["found"]
