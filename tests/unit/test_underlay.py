# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the Underlays of a cluster can carry its segments."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _underlay as underlay
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from hypothesis import given
from hypothesis import strategies as st
from unit.l2vni_call import ready, refused, run
from unit.openperouter import NAMESPACE_NAME

ZONE_1 = {"matchLabels": {"zone": "1"}}
ZONE_2 = {"matchLabels": {"zone": "2"}}


def item(name: str = "underlay", cidrs: tuple[str, ...] = ("100.65.0.0/24",), **spec: Any) -> Object:
    ends = {"tunnelEndpoint": {"cidrs": list(cidrs)}} if cidrs else {}
    return {"metadata": {"name": name, "namespace": NAMESPACE_NAME}, "spec": ends | spec}


def node(name: str, index: int | None = None) -> Object:
    marks = {} if index is None else {"openpe.io/nodeindex": str(index)}
    return {"metadata": {"name": name, "labels": {"zone": name[-1]}, "annotations": marks}}


NODES = [node("node-1", 0), node("node-2", 1)]


def ids(*underlays: Object, nodes: list[Object] = NODES, **more: Any) -> list[tuple[str, str]]:
    return [(each.id, each.severity) for each in underlay.check(underlays, nodes, "cluster-a", **more)]


@pytest.mark.parametrize(
    ("underlays", "found"),
    [
        ([], []),
        ([item()], []),
        ([item("a"), item("b")], [("underlay-several", "error")]),
        ([item("a", nodeSelector=ZONE_1), item("b", nodeSelector=ZONE_2)], []),
        ([item("a", nodeSelector=ZONE_1), item("b")], [("underlay-several", "error")]),
        ([item("a", nodeSelector=ZONE_1)], [("underlay-uncovered", "warning")]),
        ([item(cidrs=())], [("underlay-without-vtep", "error")]),
        ([item(cidrs=(), evpn={"vtepInterface": "eth2"})], []),
        ([item(cidrs=(), evpn={"vtepcidr": "100.65.0.0/32"})], [("vtep-range-too-small", "error")]),
        ([item(cidrs=("100.65.0.0/31",))], []),
        ([item(routeridcidr="10.0.0.0/31")], [("router-id-range-too-small", "error")]),
        ([item(routerIDCIDR="10.0.0.0/30")], []),
        ([item(cidrs=("rubbish",))], []),
    ],
)
def test_checks(underlays: list[Object], found: list[tuple[str, str]]) -> None:
    assert ids(*underlays) == found


def test_the_number_of_a_node_counts_not_how_many_there_are() -> None:
    nodes = [node("node-1", 0), node("node-2", 4)]
    assert ids(item(cidrs=("100.65.0.0/30",)), nodes=nodes) == [("vtep-range-too-small", "error")]
    # Nodes without a number yet get the lowest that are free.
    assert ids(item(cidrs=("100.65.0.0/31",)), nodes=[node("node-1"), node("node-2")]) == []


def test_only_the_nodes_of_the_segment_need_one() -> None:
    assert ids(item("a", nodeSelector=ZONE_1), selector=ZONE_1) == []


@pytest.mark.parametrize(("family", "found"), [("ipv4", []), ("ipv6", [("underlay-family", "error")]), (None, [])])
def test_the_family_of_the_tunnels(family: str | None, found: list[tuple[str, str]]) -> None:
    assert ids(item(), family=family) == found


@given(st.integers(24, 32), st.sets(st.integers(0, 300), min_size=1))
def test_too_small_exactly_when_some_node_has_no_address(length: int, numbers: set[int]) -> None:
    nodes = [node(f"node-{number}", number) for number in numbers]
    expected = max(*numbers, len(numbers) - 1) >= 2 ** (32 - length)
    assert bool(ids(item(cidrs=(f"100.65.0.0/{length}",)), nodes=nodes)) == expected


@pytest.mark.parametrize("folder", ["a", "b1", "b", "c"])
def test_a_segment_is_refused_where_none_can_work(folder: str) -> None:
    site = ready(folder)
    site.add("underlays", "Underlay", "second", item()["spec"])
    error = refused(site)
    assert error.reason == "underlay_several"
    assert "openperouter-system/second" in error.found
    assert "Underlay" in error.object


def test_nodes_without_an_underlay_are_only_warned_about() -> None:
    site = ready("c")
    site.add("underlays", "Underlay", "underlay", item(nodeSelector=ZONE_1)["spec"])
    (warning,) = run(site)["warnings"]
    assert "none on node-2" in warning
