# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_probe against two API servers; the pods' own program runs in network namespaces."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._probe_pod import render
from integration.calls import Called, call, connection
from integration.networks import NETWORK, wire
from testbed.testing import TestBed, TestCluster

pytestmark = pytest.mark.simulated

NAMESPACE, POD = "kubevirt", "livemigration-probe"


@pytest.fixture(scope="module")
def wired(separate_bed: TestBed) -> TestBed:
    """Two clusters on the migration network."""
    for cluster in separate_bed.clusters.values():
        wire(separate_bed, cluster)
    return separate_bed


@pytest.fixture
def pair(wired: TestBed) -> tuple[TestCluster, TestCluster]:
    wired.calm()
    source, target = wired.clusters.values()
    return source, target


@pytest.fixture
def namespace_restricted(pair: tuple[TestCluster, TestCluster]) -> Iterator[str]:
    """A namespace in which the API server admits only what satisfies the restricted standard."""
    name = f"restricted-{uuid.uuid4().hex[:6]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    pair[0].client.create("namespaces", {"metadata": {"name": name, "labels": labels}})
    yield name
    pair[0].client.delete("namespaces", name)


def probe(bed: TestBed, *, check_mode: bool = False, **options: Any) -> Called:
    clusters = [connection(cluster) for cluster in bed.clusters.values()]
    own: dict[str, Any] = {"clusters": clusters, "mtu": 1400, "duration": 6, "wait_timeout": 30}
    return call("migration_probe", own | options, check_mode=check_mode)


def pods(cluster: TestCluster) -> list[str]:
    found = cluster.client.list("pods", NAMESPACE)
    return [pod["metadata"]["name"] for pod in found if pod["metadata"]["name"] == POD]


def ids(called: Called) -> set[tuple[str, str]]:
    return {(each["id"], each["object"]) for each in called["migration_probe"]["findings"]}


def our_writes(cluster: TestCluster, mark: int) -> list[str]:
    return [f"{write.verb} {write.path}" for write in cluster.writes(mark) if "accessreviews" not in write.path]


def test_everything_passes_and_nothing_stays(wired: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    marks = [cluster.mark() for cluster in pair]
    called = probe(wired, duration=30)
    found = called["migration_probe"]
    assert (found["passed"], found["findings"], called.changed) == (True, [], False)
    assert [(link["status"], link["passed_size"], link["pods"]) for link in found["links"]] == [("passes", 1400, 4)] * 2
    assert [link["ports"][0]["state"] for link in found["links"]] == ["open", "open"]
    assert [pods(cluster) for cluster in pair] == [[], []]
    # One pod made, told, and removed on each cluster, and nothing else.
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    wanted = [f"create {path}", f"patch {path}/{POD}", f"delete {path}/{POD}"]
    assert [our_writes(cluster, mark) for cluster, mark in zip(pair, marks, strict=True)] == [wanted, wanted]


def test_addresses_are_given_back(wired: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    def taken() -> list[int]:
        return [
            len(pool["spec"]["allocations"])
            for cluster in pair
            for pool in cluster.client.list("ippools", "kube-system")
        ]

    before = taken()
    probe(wired)["migration_probe"]
    assert taken() == before


def test_check_mode_writes_nothing_on_the_wire(wired: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    marks = [cluster.mark() for cluster in pair]
    told = probe(wired, check_mode=True)
    assert [our_writes(cluster, mark) for cluster, mark in zip(pair, marks, strict=True)] == [[], []]
    assert told["actions"] == probe(wired)["actions"]


def test_an_underlay_that_carries_less_is_found(wired: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    source, target = pair
    with wired.fault("underlay-mtu", target.name, mtu="1372"):
        called = probe(wired)
    names = (source.name, target.name)
    assert ids(called) == {("link-mtu", f"link {a} to {b}") for a, b in (names, names[::-1])}
    assert {link["passed_size"] for link in called["migration_probe"]["links"]} == {1372}


def test_a_partition_in_one_direction_is_found_in_that_direction(
    wired: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    source, target = pair
    with wired.partition(source.name, target.name, one_way=True):
        called = probe(wired)
    assert ids(called) == {("link-dead", f"link {source.name} to {target.name}")}


def test_an_address_that_a_stranger_has_is_found(wired: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    source, target = pair
    kubevirt = target.client.get("kubevirts", "kubevirt", NAMESPACE)
    assert kubevirt is not None
    address = str(kubevirt["status"]["synchronizationAddresses"][0]).rpartition(":")[0]
    with wired.fault("address-taken", source.name, address=address):
        called = probe(wired, allow_raw_sockets=True)
    assert ("address-taken", address) in ids(called)
    assert [each["heard_every_claim"] for each in called["migration_probe"]["probes"]] == [True, True]


def test_a_pod_that_does_not_start_is_told_with_its_reason(
    wired: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    _source, target = pair
    with wired.fault("pod-stuck", target.name, pod=f"{NAMESPACE}/{POD}"):
        called = probe(wired, wait_timeout=3)
    (found,) = called["migration_probe"]["findings"]
    assert (found["id"], found["cluster"]) == ("probe-failed", target.name)
    assert "ContainerCreating" in found["found"]
    assert [pods(cluster) for cluster in pair] == [[], []]


def test_what_an_interrupted_run_left_is_removed_and_the_probe_done(
    wired: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    source, _target = pair
    left = render(NAMESPACE, NETWORK, "image", "earlier", patience=60, lifetime=600, raw=False, secrets=[])
    source.client.create("pods", left)
    called = probe(wired)
    assert called["migration_probe"]["passed"]
    assert called.changed
    assert [entry["before_header"] for entry in called["diff"]] == [f"{source.name} Pod {NAMESPACE}/{POD}"]
    assert pods(source) == []


@pytest.mark.parametrize(("raw", "accepted"), [(False, True), (True, False)])
def test_the_api_server_itself_finds_the_pod_restricted(
    wired: TestBed, pair: tuple[TestCluster, TestCluster], namespace_restricted: str, raw: bool, accepted: bool
) -> None:
    source, _target = pair
    body = render(namespace_restricted, NETWORK, "image", "x", patience=1, lifetime=9, raw=raw, secrets=[])
    if accepted:
        source.client.create("pods", body)
    else:
        with pytest.raises(Exception, match="restricted"):
            source.client.create("pods", body)
