# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What could not be looked at is told, and never counts as right."""

from __future__ import annotations

from typing import Any

import pytest
from unit.verify_fleet import action, failure, fleet, refused
from unit.verify_judged import finding, ids, judged, look, outcomes


def test_a_cluster_that_does_not_answer_is_told_and_the_others_are_reported() -> None:
    seen = fleet()
    seen["cluster-b"] = {"slot": 1, "failures": {"look": failure("not_connected")}}
    take = finding("pod-not-ready", "Pod kubevirt/x")
    look(seen, "cluster-a")["findings"].append(take)
    report = judged(seen, [])
    assert (report["outcome"], outcomes(report)) == ("incomplete", ["drift", "incomplete"])
    assert ids(report) == ["pod-not-ready"]
    gone = report["clusters"][1]
    assert gone["hindrances"][0]["part"] == "look"
    known = ("name", "outcome", "hindrances", "slot", "member", "mtu")
    assert {value for key, value in gone.items() if key not in known} == {"unknown"}
    assert {each["trusted"] for each in report["trust"]} == {"unknown"}
    assert {"cluster": "cluster-b", "what": "pods"} in report["unknown"]


@pytest.mark.parametrize("nothing", [{}, None])
def test_a_cluster_of_which_nothing_came_back_is_not_right(nothing: Any) -> None:
    report = judged({"cluster-a": nothing}, [])
    assert (report["outcome"], outcomes(report)) == ("incomplete", ["incomplete"])


def test_a_fleet_without_clusters_is_not_right() -> None:
    assert judged({}, [])["outcome"] == "incomplete"


@pytest.mark.parametrize(
    ("reason", "outcome", "expected"),
    [
        ("slice_too_small", "drift", ["slice-too-small"]),
        ("owned_by_hco", "drift", ["owned-by-hco"]),
        ("forbidden", "incomplete", []),
        ("unreachable", "incomplete", []),
        ("", "incomplete", []),
    ],
)
def test_what_is_refused_was_looked_at_and_what_cannot_be_read_was_not(
    reason: str, outcome: str, expected: list[str]
) -> None:
    seen = fleet()
    seen["cluster-a"]["failures"] = {"compare": failure(reason)}
    report = judged(seen)
    assert (report["outcome"], ids(report), outcomes(report)[1]) == (outcome, expected, "ok")


def test_who_may_only_read_learns_what_differs_and_what_was_not_compared() -> None:
    seen = fleet()
    failed = action("L2VNI a/b", {"spec": {"vni": 1}}, {"spec": {"vni": 2}}) | {"failure": failure("forbidden")}
    seen["cluster-a"]["results"].append(failed)
    seen["cluster-a"]["failures"] = {"compare": failure("forbidden")}
    report = judged(seen)
    assert (report["outcome"], ids(report)) == ("incomplete", ["object-differs"])


def test_a_pair_whose_comparison_failed() -> None:
    unread = judged(fleet(), [refused("forbidden", "cluster-b")])
    assert (outcomes(unread), ids(unread)) == (["ok", "incomplete"], [])
    assert unread["clusters"][1]["hindrances"][0]["part"] == "trust"
    assert [each["trusted"] for each in unread["trust"]] == ["unknown", "unknown"]
    expired = judged(fleet(), [refused("ca_expired", "cluster-b")])
    assert (outcomes(expired), ids(expired)) == (["ok", "drift"], ["ca-expired"])


def test_what_is_not_known_is_said_as_unknown() -> None:
    seen = fleet()
    for part in ("rollout", "room_for_nodes", "moves", "pools", "pods"):
        look(seen, "cluster-a")[part] = None
    look(seen, "cluster-a")["mtu"] = {"network": None, "pods": None}
    seen["cluster-a"] |= {"results": [], "cluster": {}}
    one = judged(seen)["clusters"][0]
    for part in ("rollout", "room_for_nodes", "moves", "pools", "pods", "flavour", "routers"):
        assert one[part] == "unknown", part
    assert set(one["mtu"].values()) == {"unknown"}


def test_what_is_not_known_deep_inside_is_said_as_unknown_too() -> None:
    seen = fleet()
    look(seen, "cluster-a")["pods"][0] |= {"in_slice": None, "mtu": None}
    look(seen, "cluster-a")["pools"][0]["free"] = None
    one = judged(seen)["clusters"][0]
    assert (one["pods"][0]["in_slice"], one["pods"][0]["mtu"], one["pools"][0]["free"]) == ("unknown",) * 3


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"readiness": "unchecked", "bridge": "br1"}, ["br1 on every node, leading out of it"]),
        (
            {"readiness": "unchecked", "bridge": None, "interface": "eth1.5"},
            ["eth1.5 on every node, leading out of it"],
        ),
        ({"readiness": "found", "bridge": "br1"}, []),
    ],
)
def test_a_bridge_that_nobody_could_look_at_is_said(facts: dict[str, Any], expected: list[str]) -> None:
    seen = fleet()
    seen["cluster-a"]["results"].append({"changed": False, "node_uplink": {"name": "uplink", **facts}})
    report = judged(seen)
    told = [each for each in report["warnings"] if each["id"] == "uplink-unchecked"]
    assert [each["wanted"] for each in told] == expected
    assert all("probe" in each["hint"] and each["clusters"] == ["cluster-a"] for each in told)
    assert report["outcome"] == "ok"
