# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubevirt_migrations where HyperConverged (HCO) owns KubeVirt, in its releases."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from integration.calls import on
from integration.networks import NETWORK, PLAN, make_nad, slot
from testbed.testing import TestBed, TestCluster, own_bed

pytestmark = pytest.mark.simulated

GATE = "DecentralizedLiveMigration"
NAMESPACE = "kubevirt-hyperconverged"
HCO = ("hyperconvergeds", "kubevirt-hyperconverged", NAMESPACE)
CRD = "customresourcedefinitions"
KUBEVIRT = ("kubevirts", "kubevirt-kubevirt-hyperconverged", NAMESPACE)
JSON_PATCH = "kubevirt.kubevirt.io/jsonpatch"
WISH: dict[str, Any] = {
    "decentralized": True,
    "network": NETWORK,
    "bandwidth_per_migration": "64Mi",
    "ca_duration": "168h",
    "ca_renew_before": "84h",
    "wait_timeout": 60,
}


@pytest.fixture(scope="module")
def hco_bed() -> Iterator[TestBed]:
    """Two clusters: one of a release without the gate by default, one of the newest."""
    settings = ("cluster-a.hco=1.16", "cluster-b.hco=1.19")
    with own_bed("hco", ("cluster-a", "cluster-b"), *settings) as bed:
        yield bed


@pytest.fixture(params=["cluster-a", "cluster-b"])
def cluster(hco_bed: TestBed, request: pytest.FixtureRequest) -> TestCluster:
    """Each of the two, with the NAD there and HyperConverged as freshly installed."""
    cluster = hco_bed.clusters[request.param]
    make_nad(hco_bed, cluster, NAMESPACE)
    cluster.client.patch(HCO[0], HCO[1], {"metadata": {"annotations": {JSON_PATCH: None}}}, HCO[2])
    limits = ["bandwidth_per_migration", "completion_timeout_per_gib", "ca_duration", "ca_renew_before"]
    on(cluster, "kubevirt_migrations", state="absent", reset=limits, wait_timeout=60)["changed"]
    return cluster


def spec(cluster: TestCluster, what: tuple[str, str, str]) -> dict[str, Any]:
    found = cluster.client.need(*what)
    result: dict[str, Any] = found["spec"]
    return result


def our_writes(cluster: TestCluster, mark: int) -> list[str]:
    return [write.path for write in cluster.writes(mark) if "selfsubjectaccessreviews" not in write.path]


def test_hco_carries_the_settings_and_a_repeat_writes_nothing(cluster: TestCluster) -> None:
    mark = cluster.mark()
    called = on(cluster, "kubevirt_migrations", **WISH)
    now = called["kubevirt_migrations"]
    assert called.changed
    assert (now["flavour"], now["settled"], now["network"], now["decentralized"]) == ("hco", True, NETWORK, True)
    assert now["object"] == f"HyperConverged {NAMESPACE}/kubevirt-hyperconverged"
    # Both versions are served by 1.19, which stores v1.
    assert {path.split("/hyperconvergeds")[0] for path in our_writes(cluster, mark)} == {
        f"/apis/hco.kubevirt.io/v1beta1/namespaces/{NAMESPACE}"
    }, "the KubeVirt CR is HCO's"
    written = spec(cluster, KUBEVIRT)
    assert written["configuration"]["migrations"]["bandwidthPerMigration"] == "64Mi"
    assert written["certificateRotateStrategy"]["selfSigned"]["ca"] == {
        "duration": "168h0m0s",
        "renewBefore": "84h0m0s",
    }
    mark = cluster.mark()
    again = on(cluster, "kubevirt_migrations", **WISH)
    assert (again.changed, our_writes(cluster, mark)) == (False, [])


@contextlib.contextmanager
def without_v1beta1(cluster: TestCluster) -> Iterator[None]:
    """As a release to come may be: v1 alone is served."""
    name = "hyperconvergeds.hco.kubevirt.io"
    versions = cluster.client.need(CRD, name)["spec"]["versions"]
    left = [each | {"served": each["name"] == "v1"} for each in versions]
    cluster.client.patch(CRD, name, {"spec": {"versions": left}})
    try:
        yield
    finally:
        cluster.client.patch(CRD, name, {"spec": {"versions": versions}})


def test_v1_where_v1beta1_is_gone(hco_bed: TestBed) -> None:
    cluster = hco_bed.clusters["cluster-b"]
    make_nad(hco_bed, cluster, NAMESPACE)
    with without_v1beta1(cluster):
        mark = cluster.mark()
        done = on(cluster, "kubevirt_migrations", flavour="hco", **WISH | {"bandwidth_per_migration": "96Mi"})
        assert (done.changed, done["kubevirt_migrations"]["settled"]) == (True, True)
        assert all(path.startswith("/apis/hco.kubevirt.io/v1/") for path in our_writes(cluster, mark))
        off = on(cluster, "kubevirt_migrations", decentralized=False, wait_timeout=60)
        assert off.changed
        body = cluster.client.need("hyperconvergeds-v1", *HCO[1:])
        assert body["spec"]["featureGates"] == [{"name": "decentralizedLiveMigration", "state": "Disabled"}]
        assert body["spec"]["virtualization"]["liveMigrationConfig"]["bandwidthPerMigration"] == "96Mi"
        mark = cluster.mark()
        assert not on(cluster, "kubevirt_migrations", decentralized=False, network=NETWORK).changed
        assert our_writes(cluster, mark) == []
    assert GATE not in spec(cluster, KUBEVIRT)["configuration"]["developerConfiguration"]["featureGates"]
    assert cluster.client.until(_gate_is_off, *HCO, 10.0)


def _gate_is_off(body: dict[str, Any] | None) -> bool:
    return bool(body and body["spec"]["featureGates"]["decentralizedLiveMigration"] is False)


def test_growth_counts_with_the_nodes_on_which_hco_has_kubevirt(hco_bed: TestBed) -> None:
    cluster = hco_bed.clusters["cluster-b"]
    make_nad(hco_bed, cluster, NAMESPACE)
    plan = PLAN | {"name": NETWORK, "namespace": NAMESPACE, "slot": slot(hco_bed, cluster), "vni": 666, "mtu": 1400}
    nodes = len(cluster.client.list("nodes"))
    room = on(cluster, "migration_nad", growth=100, **plan)
    assert not room.changed
    assert (room["migration_nad"]["capacity"]["nodes"], room["migration_nad"]["capacity"]["growth"]) == (nodes, 100)
    refused = on(cluster, "migration_nad", check_mode=True, growth=200, **plan).failure
    assert refused["reason"] == "slice_too_small"
    assert "200 for growth" in refused["wanted"]


def test_check_mode_writes_nothing_and_foresees_the_same(cluster: TestCluster) -> None:
    mark = cluster.mark()
    told = on(cluster, "kubevirt_migrations", check_mode=True, **WISH)
    assert our_writes(cluster, mark) == []
    done = on(cluster, "kubevirt_migrations", **WISH)
    assert told["actions"] == done["actions"]
    assert told["kubevirt_migrations"]["network"] == NETWORK


def test_absent_goes_back_step_by_step(cluster: TestCluster) -> None:
    on(cluster, "kubevirt_migrations", **WISH)["changed"]
    called = on(cluster, "kubevirt_migrations", state="absent", reset=["completion_timeout_per_gib"], wait_timeout=60)
    assert [("network is removed" in action) for action in called["actions"]] == [True, False]
    assert "network" not in spec(cluster, KUBEVIRT)["configuration"]["migrations"]
    assert GATE not in spec(cluster, KUBEVIRT)["configuration"]["developerConfiguration"]["featureGates"]
    assert called["kubevirt_migrations"]["synchronization_addresses"] == []
    # What HCO fills in by itself is no difference.
    again = on(cluster, "kubevirt_migrations", state="absent", reset=["completion_timeout_per_gib"])
    assert not again.changed


def test_an_edit_of_the_kubevirt_cr_is_hcos_to_take_back(cluster: TestCluster) -> None:
    on(cluster, "kubevirt_migrations", **WISH)["changed"]
    limit = {"spec": {"configuration": {"migrations": {"bandwidthPerMigration": "1Mi"}}}}
    cluster.client.patch(*KUBEVIRT[:2], limit, KUBEVIRT[2])
    called = on(cluster, "kubevirt_migrations", **WISH)
    assert not called.changed
    assert spec(cluster, KUBEVIRT)["configuration"]["migrations"]["bandwidthPerMigration"] == "64Mi"


def test_what_hco_cannot_express_is_refused_by_name(hco_bed: TestBed, cluster: TestCluster) -> None:
    mark = cluster.mark()
    called = on(cluster, "kubevirt_migrations", max_downtime_ms=300)
    assert called.failure["reason"] == "not_in_hco"
    assert "max_downtime_ms" in called.failure["wanted"]
    assert on(cluster, "kubevirt_migrations", ca_duration="5m").failure["reason"] == "bad_rotation"
    older = hco_bed.clusters["cluster-a"]
    assert on(older, "kubevirt_migrations", allow_workload_disruption=True).failure["reason"] == "not_in_hco"
    assert our_writes(cluster, mark) == []
    # Once the annotation says it, it is done.
    patch = [{"op": "add", "path": "/spec/configuration/migrations/maxDowntimeMs", "value": 300}]
    annotation = {"metadata": {"annotations": {JSON_PATCH: json.dumps(patch)}}}
    cluster.client.patch(HCO[0], HCO[1], annotation, HCO[2])
    cluster.client.until(_downtime, *KUBEVIRT, 10.0)
    assert not on(cluster, "kubevirt_migrations", max_downtime_ms=300, wait_timeout=60).changed
    assert on(cluster, "kubevirt_migrations", max_downtime_ms=400).failure["reason"] == "overruled"


def _downtime(kubevirt: dict[str, Any] | None) -> bool:
    return bool(kubevirt and kubevirt["spec"]["configuration"]["migrations"].get("maxDowntimeMs") == 300)


def test_the_deadline_says_what_hco_has_not_written(hco_bed: TestBed, cluster: TestCluster) -> None:
    with hco_bed.fault("hco-stuck", cluster.name):
        called = on(cluster, "kubevirt_migrations", **WISH | {"wait_timeout": 2})
    assert called.failure["reason"] == "deadline_exceeded"
    assert "HCO has not written configuration.migrations.network yet" in called.failure["found"]
    assert called.failure["object"].startswith("HyperConverged")
    assert not on(cluster, "kubevirt_migrations", **WISH).changed


def test_a_gitops_tool_that_applies_hcos_resource_is_not_fought(cluster: TestCluster) -> None:
    mark = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "fleet:x"}}}
    cluster.client.patch(HCO[0], HCO[1], mark, HCO[2])
    try:
        called = on(cluster, "kubevirt_migrations", **WISH)
        assert called.failure["reason"] == "owned_by_gitops"
        assert "liveMigrationConfig.network becomes migration-evpn" in called.failure["hint"]
        assert on(cluster, "kubevirt_migrations", allow_gitops=True, **WISH).changed
    finally:
        mark["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] = None  # type: ignore[assignment]  # JSON null
        cluster.client.patch(HCO[0], HCO[1], mark, HCO[2])
