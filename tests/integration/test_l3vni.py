# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""l3vni, and what stands in its VRF, against real API servers with OpenPERouter's kinds in three shapes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.calls import on
from testbed import crds
from testbed.resources import Object
from testbed.testing import TestBed, TestCluster, own_bed

NAMESPACE = "openperouter-system"
SHAPES = {"shape-a": "A", "shape-b": "B", "shape-c": "C"}
SETTINGS = ("kubevirt=false", "nodes=1", *(f"{name}.l2vni_shape={shape}" for name, shape in SHAPES.items()))
RED: Object = {"name": "red", "vrf": "red", "vni": 100, "wait_timeout": 60}
LAYER2: Object = {"name": "layer2", "vni": 110, "vrf": "red", "gateways": ["192.170.1.1/24"], "wait_timeout": 60}
GONE: Object = {"state": "absent"}

pytestmark = pytest.mark.simulated


@pytest.fixture(scope="module")
def shapes() -> Iterator[TestBed]:
    with own_bed("l3vni", tuple(SHAPES), *SETTINGS) as bed:
        yield bed


@pytest.fixture(params=list(SHAPES))
def cluster(shapes: TestBed, request: pytest.FixtureRequest) -> TestCluster:
    return shapes.clusters[request.param]


def test_check_do_do_again_and_undo(cluster: TestCluster) -> None:
    mark = cluster.mark()
    told = on(cluster, "l3vni", check_mode=True, **RED)
    assert told.changed
    assert not cluster.writes(mark)
    made = on(cluster, "l3vni", **RED)
    assert (made["actions"], made["diff"]) == (told["actions"], told["diff"])
    assert made["l3vni"]["readiness"] == ("unknown" if cluster.name == "shape-a" else "reported")

    # The gateway of the published procedure's application network works with it in every shape.
    assert on(cluster, "l2vni", **LAYER2).changed
    held = on(cluster, "l3vni", name="red", **GONE).failure
    assert (held["reason"], held["found"]) == ("vrf_in_use", f"L2VNI {NAMESPACE}/layer2")

    mark = cluster.mark()
    assert not on(cluster, "l3vni", **RED).changed
    assert not on(cluster, "l2vni", **LAYER2).changed
    assert not cluster.writes(mark)
    for module, name in (("l2vni", "layer2"), ("l3vni", "red")):
        assert on(cluster, module, name=name, **GONE).changed
        assert not on(cluster, module, name=name, **GONE).changed


def test_what_the_shape_has_passes_its_schema_and_the_rest_is_named(cluster: TestCluster) -> None:
    options: Object = {"import_rts": ["64514:100"], "underlay_address_family": "ipv4"}
    if cluster.name == "shape-a":
        assert on(cluster, "l3vni", **RED, **options).failure["reason"] == "shape_lacks"
        return
    assert on(cluster, "l3vni", **RED, **options).changed
    assert not on(cluster, "l3vni", **RED, **options).changed
    # What is left out goes.
    assert on(cluster, "l3vni", **RED).changed
    assert "importRTs" not in on(cluster, "l3vni", **RED)["l3vni"]["object"]["spec"]
    on(cluster, "l3vni", name="red", **GONE)["changed"]


def test_a_second_underlay_is_told_before_the_first_write(shapes: TestBed) -> None:
    cluster = shapes.clusters["shape-c"]
    worker = {"matchLabels": {"kubernetes.io/os": "none"}}
    first = cluster.client.need("network-underlays", "underlay", NAMESPACE)
    # The webhook admits it while the selectors share no node.
    spec = {**first["spec"], "nodeSelector": worker}
    cluster.client.create("network-underlays", {"metadata": {"name": "two", "namespace": NAMESPACE}, "spec": spec})
    node = f"{cluster.name}-node-1"
    labels = {"metadata": {"labels": {"kubernetes.io/os": "none"}}}
    cluster.client.patch("nodes", node, labels)
    mark = cluster.mark()
    failure = on(cluster, "l3vni", **RED).failure
    assert failure["reason"] == "underlay_several"
    assert f"{NAMESPACE}/two" in failure["found"]
    assert not cluster.writes(mark)
    cluster.client.delete("network-underlays", "two", NAMESPACE)
    cluster.client.patch("nodes", node, {"metadata": {"labels": {"kubernetes.io/os": "linux"}}})


def test_objects_of_the_old_group_are_moved_over_after_an_upgrade(shapes: TestBed) -> None:
    cluster = shapes.clusters["shape-c"]
    client = cluster.client
    for crd in crds.load(crds.DIRECTORY / "openperouter-b"):
        client.create("customresourcedefinitions", crd)
        client.until(_served, "customresourcedefinitions", crd["metadata"]["name"])
    for plural, name, spec in (("l3vnis", "red", {"vrf": "red", "vni": 100}), ("l2vnis", "layer2", _layer2())):
        client.create(plural, {"metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec})
    for module, options, plural in (("l3vni", RED, "l3vnis"), ("l2vni", LAYER2, "l2vnis")):
        told = on(cluster, module, check_mode=True, **options)
        done = on(cluster, module, **options)
        assert done["actions"] == told["actions"]
        assert len(done["actions"]) == 2
        assert done[module]["readiness"] == "reported"
        assert client.list(plural) == []
        assert len(client.list(f"network-{plural}")) == 1
        mark = cluster.mark()
        assert not on(cluster, module, **options).changed
        assert not cluster.writes(mark)


def _served(crd: Object | None) -> bool:
    conditions = ((crd or {}).get("status") or {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def _layer2() -> Object:
    host = {"type": "linux-bridge", "linuxBridge": {"autoCreate": True}}
    return {"vni": 110, "vrf": "red", "l2gatewayips": ["192.170.1.1/24"], "hostmaster": host}
