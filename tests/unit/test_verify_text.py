# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet in words."""

from __future__ import annotations

from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _verify as verify
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _verify_text as words
from unit.verify_fleet import failure, fleet, pair


def lines(seen: dict[str, Any], *trust: dict[str, Any]) -> list[str]:
    return words.lines(verify.report(seen, trust, [], "2026-11-23T02:00:00+00:00"))


def test_a_report_in_words_says_each_thing_once() -> None:
    seen = fleet()
    seen["cluster-b"]["look"]["pods"][0]["addresses"] = ["192.170.10.2"]
    leak = {"id": "pool-leak", "severity": "warning", "cluster": "cluster-a", "object": "IPPool x"}
    texts = {"wanted": "this", "found": "that", "hint": "Do it."}
    seen["cluster-a"]["look"]["findings"].append(leak | texts)
    said = lines(seen, pair())
    assert said[0] == (
        "cluster-a: differs; 3 of 3 pods in 192.170.10.2-192.170.10.127; room for 119 more nodes; MTU 1400; "
        "2 of 2 routers ready; trusts 1 of 1; CA expires in 6.5 days"
    )
    assert said[2].startswith("differs: cluster-a, cluster-b migration network 192.170.10.2: wanted one pod")
    assert said[3] == "warning: cluster-a IPPool x: wanted this; found that. Do it."
    assert said[4] == "unknown: mtu.underlay, mtu.segment of every cluster"
    assert len(said) == len(set(said)) == 5


def test_words_for_a_cluster_that_does_not_answer() -> None:
    seen = fleet()
    seen["cluster-b"] = {"slot": 1, "failures": {"look": failure("not_connected")}}
    said = lines(seen)
    assert said[1] == "cluster-b: not looked at in full; look: it does not answer"
    assert len([line for line in said if "cluster-b" in line]) == 1


def test_a_peer_of_which_nothing_is_known_is_not_said_to_be_distrusted() -> None:
    seen = fleet()
    seen["cluster-b"] = {"slot": 1, "failures": {"look": failure("not_connected")}}
    assert "trusts 0 of 1 (1 unknown)" in lines(seen)[0]


def test_a_cluster_without_the_network() -> None:
    seen = fleet()
    seen["cluster-a"]["member"] = False
    assert "to be without the migration network" in lines(seen)[0]
    assert "pods in" not in lines(seen)[0]


def test_only_what_is_proven_is_counted() -> None:
    seen = fleet()
    seen["cluster-a"]["look"]["pods"][0]["in_slice"] = None
    seen["cluster-a"]["results"][1]["l2vni"]["nodes"][1] |= {"ready": False, "trouble": "DependencyFailed: no L3"}
    first, *others = lines(seen, pair(source={"trusts_peer": False}))
    assert "2 of 3 pods in" in first
    assert "1 of 2 routers ready" in first
    assert "trusts 0 of 1" in first
    assert "Mended by livemigration.kubevirt.trust." in " ".join(others)
