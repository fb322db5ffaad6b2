# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""l2vni against real API servers that hold OpenPERouter's kinds in each of its shapes, webhook included."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._connect import connect
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Rejected
from ansible_collections.livemigration.kubevirt.plugins.module_utils._kube import KubeCluster
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_shape import GROUPS, Shape, shape_of
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CRD
from ansible_collections.livemigration.kubevirt.plugins.module_utils._wait import SystemClock
from integration.calls import connection, on
from testbed.resources import Object
from testbed.testing import TestBed, TestCluster, own_bed

NAMESPACE = "openperouter-system"
SHAPES = {"shape-a": "A", "shape-b1": "B1", "shape-b": "B", "shape-c": "C"}
SETTINGS = ("kubevirt=false", "nodes=1", *(f"{name}.l2vni_shape={shape}" for name, shape in SHAPES.items()))


@pytest.fixture(scope="module")
def shapes() -> Iterator[TestBed]:
    """A cluster of each shape; nothing but OpenPERouter is on them."""
    with own_bed("shapes", tuple(SHAPES), *SETTINGS) as bed:
        yield bed


@pytest.fixture(params=list(SHAPES))
def cluster(shapes: TestBed, request: pytest.FixtureRequest) -> Iterator[TestCluster]:
    """One of them, left as it was found."""
    cluster = shapes.clusters[request.param]
    yield cluster
    clear(cluster)


def key(cluster: TestCluster, plural: str = "l2vnis") -> str:
    return f"network-{plural}" if SHAPES[cluster.name] == "C" else plural


def clear(cluster: TestCluster) -> None:
    for plural in ("l2vnis", "l3vnis"):
        for item in cluster.client.list(key(cluster, plural)):
            cluster.client.delete(key(cluster, plural), item["metadata"]["name"], item["metadata"]["namespace"])


def spec(cluster: TestCluster, name: str = "migration") -> Object:
    found = cluster.client.need(key(cluster), name, NAMESPACE)
    result: Object = found["spec"]
    return result


def add(cluster: TestCluster, plural: str, name: str, spec: Object) -> None:
    cluster.client.create(key(cluster, plural), {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec})


def rouge(cluster: TestCluster) -> dict[str, Any]:
    """The options for the VRF of the published procedure, with what later shapes need for it."""
    if SHAPES[cluster.name] in ("B", "C"):
        add(cluster, "l3vnis", "rouge", {"vni": 665, "vrf": "rouge"})
    return {"vrf": "rouge"}


def test_check_do_do_again_and_undo(cluster: TestCluster) -> None:
    options = {"name": "migration", "vni": 666, **rouge(cluster), "wait_timeout": 60}
    mark = cluster.mark()
    told = on(cluster, "l2vni", check_mode=True, **options)
    assert told.changed
    assert not cluster.writes(mark)
    made = on(cluster, "l2vni", **options)
    assert (made["diff"], made["actions"]) == (told["diff"], told["actions"])
    assert made["l2vni"]["shape"] == SHAPES[cluster.name][0]
    assert made["l2vni"]["readiness"] == ("reported" if SHAPES[cluster.name] in ("B", "C") else "unknown")
    assert spec(cluster)["vni"] == 666
    mark = cluster.mark()
    again = on(cluster, "l2vni", **options)
    assert (again.changed, again["diff"], cluster.writes(mark)) == (False, [], [])
    for expected in (True, False):
        gone = on(cluster, "l2vni", name="migration", state="absent")
        assert (gone.changed, gone["l2vni"]["object"]) == (expected, None)


def test_another_number_beside_the_old_one(cluster: TestCluster) -> None:
    """OpenPERouter's webhook lets both be there at a time."""
    wish: dict[str, Any] = {"name": "migration", "beside": True, "wait_timeout": 60}
    assert on(cluster, "l2vni", vni=666, **wish).changed
    made = on(cluster, "l2vni", vni=777, **wish)
    assert made["l2vni"]["superseded"] == ["migration"]
    assert (spec(cluster)["vni"], spec(cluster, "migration-777")["vni"]) == (666, 777)
    assert on(cluster, "l2vni", name="migration", state="absent").changed
    mark = cluster.mark()
    again = on(cluster, "l2vni", vni=777, **wish)
    assert (again.changed, again["l2vni"]["superseded"], cluster.writes(mark)) == (False, [], [])
    assert on(cluster, "l2vni", name="migration", state="absent", beside=True).changed


def test_every_option_that_the_shape_has_passes_its_schema(cluster: TestCluster) -> None:
    shape = SHAPES[cluster.name]
    options: dict[str, Any] = {"bridge_managed": False, "bridge_name": "br-mine", "vxlan_port": 4790}
    gateways = ["192.170.10.1/24", "fd00::1/64"]
    if shape != "A":
        options |= {"bridge_type": "ovs", "node_selector": {"match_labels": {"kubernetes.io/os": "linux"}}}
    if shape in ("B", "C"):
        options["underlay_address_family"] = "ipv4"
    wish: dict[str, Any] = {"name": "migration", "vni": 666, "gateways": gateways[: 1 if shape == "A" else 2]}
    assert on(cluster, "l2vni", **wish, **options, **rouge(cluster)).changed
    found = str(spec(cluster))
    assert "br-mine" in found
    assert "192.170.10.1/24" in found
    # Back to the plain form: what is left out goes, but for the port, which the whole fleet has to have alike.
    assert on(cluster, "l2vni", **wish, vrf="rouge").changed
    found = str(spec(cluster))
    assert not [word for word in ("br-mine", "ovs", "OVS", "nodeSelector", "Family") if word in found]
    assert "4790" in found
    assert not on(cluster, "l2vni", **wish, vrf="rouge").changed
    assert on(cluster, "l2vni", **wish, vrf="rouge", vxlan_port=4789).changed
    assert "4790" not in str(spec(cluster))


def test_a_gateway_is_changed_only_by_making_the_object_anew(cluster: TestCluster) -> None:
    wish = {"name": "migration", "vni": 666, **rouge(cluster)}
    assert on(cluster, "l2vni", **wish, gateways=["192.170.10.1/24"]).changed
    uid = cluster.client.get(key(cluster), "migration", NAMESPACE)
    mark = cluster.mark()
    assert on(cluster, "l2vni", **wish, gateways=["192.170.10.2/24"]).failure["reason"] == "gateway_immutable"
    assert on(cluster, "l2vni", **wish).failure["reason"] == "gateway_immutable"
    assert not cluster.writes(mark)
    again = on(cluster, "l2vni", **wish, gateways=["192.170.10.2/24"], recreate=True)
    assert again.changed
    assert again["l2vni"]["object"]["metadata"]["uid"] != (uid or {})["metadata"]["uid"]


def test_a_vni_that_is_taken_is_refused_on_create_and_on_update(cluster: TestCluster) -> None:
    assert on(cluster, "l2vni", name="first", vni=700).changed
    mark = cluster.mark()
    refused = on(cluster, "l2vni", name="migration", vni=700).failure
    assert (refused["reason"], refused["cluster"]) == ("vni_taken", cluster.name)
    assert f"{NAMESPACE}/first" in refused["found"]
    assert not cluster.writes(mark)
    assert on(cluster, "l2vni", name="migration", vni=701).changed
    assert on(cluster, "l2vni", name="migration", vni=700).failure["reason"] == "vni_taken"
    assert spec(cluster)["vni"] == 701


def test_the_webhook_admits_on_update_what_it_refuses_on_create_in_some_releases(cluster: TestCluster) -> None:
    for name, vni in (("first", 700), ("migration", 701)):
        assert on(cluster, "l2vni", name=name, vni=vni).changed
    change = {"spec": {"vni": 700}}
    if SHAPES[cluster.name] in ("B1", "B"):
        cluster.client.patch(key(cluster), "migration", change, NAMESPACE)
        assert spec(cluster)["vni"] == 700
    else:
        with pytest.raises(Exception, match="duplicate vni 700"):
            cluster.client.patch(key(cluster), "migration", change, NAMESPACE)


def test_the_webhook_refuses_a_duplicate_in_its_own_words(cluster: TestCluster) -> None:
    on(cluster, "l2vni", name="first", vni=700)["changed"]
    body = spec(cluster, "first")
    with pytest.raises(
        Exception, match=r"l2vnivalidationwebhook\.openperouter\.io.*validation failed: .*duplicate vni 700"
    ):
        add(cluster, "l2vnis", "second", body | ({"vrf": "second"} if SHAPES[cluster.name] in ("A", "B1") else {}))


def test_while_the_webhook_is_down_every_write_fails(shapes: TestBed, cluster: TestCluster) -> None:
    with shapes.fault("webhook-down", cluster=cluster.name, path="*l2vni"):
        failure = on(cluster, "l2vni", name="migration", vni=666).failure
    assert failure["reason"] == "webhook_down"
    assert on(cluster, "l2vni", name="migration", vni=666).changed


@pytest.mark.parametrize("cluster", ["shape-b", "shape-c"], indirect=True)
class TestLaterReleases:
    """v0.2.0 and later report per node and need an L3VNI behind a VRF."""

    def test_a_vrf_that_nothing_provides_is_refused(self, cluster: TestCluster) -> None:
        mark = cluster.mark()
        failure = on(cluster, "l2vni", name="migration", vni=666, vrf="rouge").failure
        assert failure["reason"] == "routing_domain_missing"
        assert not cluster.writes(mark)

    def test_the_nodes_report_of_a_routing_domain_that_vanished_is_told(self, cluster: TestCluster) -> None:
        options = {"name": "migration", "vni": 666, **rouge(cluster)}
        on(cluster, "l2vni", **options)["changed"]
        cluster.client.delete(key(cluster, "l3vnis"), "rouge", NAMESPACE)
        statuses = key(cluster, "routernodeconfigurationstatuses")
        node = f"{cluster.name}-node-1"
        failed = cluster.client.until(
            lambda found: "DependencyFailed" in str(found), statuses, node, NAMESPACE, seconds=20
        )
        assert (failed or {})["status"]["failedResources"][0]["kind"] == "L2VNI"
        assert on(cluster, "l2vni", **options).failure["reason"] == "routing_domain_missing"
        # Without the VRF the object is healed.
        assert on(cluster, "l2vni", name="migration", vni=666, wait_timeout=30)["l2vni"]["readiness"] == "reported"

    def test_a_node_that_reports_nothing_new_is_named_at_the_deadline(
        self, shapes: TestBed, cluster: TestCluster
    ) -> None:
        statuses, node = key(cluster, "routernodeconfigurationstatuses"), f"{cluster.name}-node-1"
        with shapes.fault("openperouter-stuck", cluster=cluster.name, node="*"):
            cluster.client.delete(statuses, node, NAMESPACE)
            failure = on(cluster, "l2vni", name="migration", vni=666, wait_timeout=1).failure
        assert failure["reason"] == "deadline_exceeded"
        assert f"{node}: no report yet" in failure["found"]


@pytest.mark.parametrize("cluster", ["shape-a"], indirect=True)
class TestFirstShape:
    """v0.0.x can say the least."""

    @pytest.mark.parametrize(
        "options",
        [
            {"bridge_type": "ovs"},
            {"node_selector": {"match_labels": {"a": "b"}}},
            {"underlay_address_family": "ipv6"},
            {"gateways": ["192.170.10.1/24", "fd00::1/64"]},
        ],
    )
    def test_what_it_cannot_express_is_named(self, cluster: TestCluster, options: dict[str, Any]) -> None:
        mark = cluster.mark()
        failure = on(cluster, "l2vni", name="migration", vni=666, **options).failure
        assert failure["reason"] == "shape_lacks"
        assert "shape A" in failure["found"]
        assert not cluster.writes(mark)

    def test_a_vrf_can_be_in_one_l2vni_only(self, cluster: TestCluster) -> None:
        on(cluster, "l2vni", name="first", vni=700, vrf="rouge")["changed"]
        assert on(cluster, "l2vni", name="migration", vni=666, vrf="rouge").failure["reason"] == "vrf_taken"


@pytest.mark.simulated
def test_a_user_without_rights_is_told_which(bed: TestBed) -> None:
    cluster = next(iter(bed.clusters.values()))
    kubeconfig = str(cluster.user(f"nobody-{random.randrange(10**6)}"))
    failure = on(cluster, "l2vni", kubeconfig=kubeconfig, name="migration", vni=666).failure
    assert failure["reason"] == "forbidden"
    assert "customresourcedefinitions" in failure["found"]


def test_a_field_that_the_kind_does_not_have_is_rejected(cluster: TestCluster) -> None:
    """A misspelt field would otherwise be dropped without a word, and the rest be stored."""
    adapter = connect(connection(cluster), SystemClock())
    add(cluster, "l2vnis", "theirs", {"vni": 701})
    found = adapter.get(shape(adapter).l2vni, "theirs", NAMESPACE)
    assert found is not None
    made = found | {"metadata": {"name": "misspelt", "namespace": NAMESPACE}, "spec": {"vni": 702, "vxlanPrt": 4789}}
    with pytest.raises(Rejected, match=r'unknown field "spec\.vxlanPrt"'):
        adapter.create(shape(adapter).l2vni, made)
    with pytest.raises(Rejected, match=r'unknown field "spec\.vxlanPrt"'):
        adapter.patch(shape(adapter).l2vni, "theirs", {"spec": {"vxlanPrt": 4789}}, namespace=NAMESPACE)
    assert adapter.list(shape(adapter).l2vni) == [found]


def shape(adapter: KubeCluster) -> Shape:
    """The kinds of the cluster's OpenPERouter."""
    (crd,) = (crd for group in GROUPS if (crd := adapter.get(CRD, f"l2vnis.{group}")))
    return shape_of(crd, adapter.name)
