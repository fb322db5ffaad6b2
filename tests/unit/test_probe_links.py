# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reports of probes say about links: pure judgement."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._probe_links import (
    Link,
    Place,
    Site,
    findings,
    links,
)
from hypothesis import given
from hypothesis import strategies as st

FULL = 1400


def fleet(
    count: int, sizes: dict[tuple[int, int], int] | None = None, seen: dict[tuple[int, int], int] | None = None
) -> list[Site]:
    """Clusters whose probes found these sizes (full where none is given) from the first to the second of a pair."""
    sizes, seen = sizes or {}, seen or {}

    def size(source: int, target: int) -> int:
        return sizes.get((source, target), FULL)

    def one(me: int) -> Site:
        others = [number for number in range(count) if number != me]
        report: dict[str, Any] = {
            "me": me,
            "mtu": FULL,
            "peers": [
                [other, size(other, me), size(me, other), seen.get((other, me), int(size(other, me) > 0))]
                for other in others
            ],
            "doors": [[other, f"10.0.{other}.1", 9185, "open"] for other in others],
            "pings": [[number, 1, 1] for number in range(count)],
            "bad": [],
            "taken": [],
            "notes": [],
            "listened": False,
        }
        place = Place(f"virt-handler-{me}", f"node-{me}", f"10.0.{me}.1", f"0a:00:00:00:00:{me:02x}")
        return Site(f"cluster-{me}", f"10.0.{me}.9", f"0a:00:00:00:01:{me:02x}", f"node-{me}", (place,), report)

    return [one(number) for number in range(count)]


def ids(sites: list[Site]) -> list[tuple[str, str]]:
    return [(each.id, each.object) for each in findings(sites)]


def between(sites: list[Site], source: int, target: int) -> Link:
    pair = (f"cluster-{source}", f"cluster-{target}")
    return next(link for link in links(sites) if (link.source, link.target) == pair)


@given(st.integers(2, 7))
def test_a_healthy_fleet_has_no_findings_and_every_ordered_pair_passes(count: int) -> None:
    sites = fleet(count)
    assert findings(sites) == []
    found = [(link.source, link.target) for link in links(sites) if link.status == "passes"]
    assert found == list(itertools.permutations([site.cluster for site in sites], 2))


@given(st.integers(2, 6), st.data())
def test_exactly_the_links_that_carry_less_are_named(count: int, data: st.DataObject) -> None:
    pairs = list(itertools.permutations(range(count), 2))
    bad = data.draw(st.dictionaries(st.sampled_from(pairs), st.integers(100, FULL - 1)))
    found = findings(fleet(count, bad))
    assert {each.object for each in found} == {f"link cluster-{a} to cluster-{b}" for a, b in bad}
    assert {each.id for each in found} <= {"link-mtu"}
    assert all(
        each.found == f"up to {bad[pair]} bytes"
        for each in found
        for pair in bad
        if each.object.endswith(f"cluster-{pair[0]} to cluster-{pair[1]}")
    )


def test_a_direction_that_is_dead_is_named_and_the_other_one_is_unproven() -> None:
    # Nothing of 0 reaches 1, so 1 never learns where 0 is; its question for 0 is seen there.
    sites = fleet(3, {(0, 1): 0, (1, 0): 0}, {(1, 0): 1, (0, 1): 0})
    assert between(sites, 0, 1).status == "nothing"
    assert between(sites, 1, 0).status == "unproven"
    (found,) = findings(sites)
    assert (found.id, found.cluster, found.object) == ("link-dead", "cluster-0", "link cluster-0 to cluster-1")
    assert "cannot be proven without this one" in found.found


def test_a_filter_that_lets_questions_pass_is_found_in_one_direction() -> None:
    sites = fleet(2, {(0, 1): 0}, {(0, 1): 1, (1, 0): 1})
    (found,) = findings(sites)
    assert (found.object, found.found) == ("link cluster-0 to cluster-1", "none; the other direction works")


def test_a_cluster_that_is_cut_off_is_dead_both_ways() -> None:
    dead = {pair: 0 for pair in itertools.permutations(range(3), 2) if 1 in pair}
    found = findings(fleet(3, dead))
    assert {each.id for each in found} == {"link-dead"}
    assert {each.object for each in found} == {f"link cluster-{a} to cluster-{b}" for a, b in dead}
    assert all("nor in the other direction" in each.found for each in found)


def test_a_probe_without_a_result_leaves_its_links_unknown_but_for_what_its_peer_heard() -> None:
    sites = fleet(2)
    sites[1] = Site("cluster-1", "", "", "", (), {"error": "the pod did not start"})
    assert between(sites, 1, 0).status == "unknown"
    assert between(sites, 0, 1).status == "passes", "what it confirmed before it was lost counts"
    assert ids(sites) == [("probe-failed", "probe on no node")]


def test_a_port_that_is_closed_on_a_live_link_is_named() -> None:
    sites = fleet(2)
    sites[0].report["doors"][0][3] = "ECONNREFUSED"
    (found,) = findings(sites)
    assert (found.id, found.found) == ("port-closed", "the connection is refused")
    assert "10.0.1.1 port 9185" in found.wanted
    assert between(sites, 0, 1).ports == (("10.0.1.1", 9185, "refused"),)


@pytest.mark.parametrize(("size", "check"), [(0, "pod-unreachable"), (1300, "pod-mtu")])
def test_a_pod_that_gets_less_than_its_clusters_probe_is_named_by_node(size: int, check: str) -> None:
    sites = fleet(3)
    sites[0].report["bad"].append(["10.0.2.1", size])
    (found,) = findings(sites)
    assert (found.id, found.cluster, found.object) == (check, "cluster-2", "Node node-2")


def test_a_pod_on_ones_own_cluster_is_tested_too() -> None:
    sites = fleet(2)
    sites[0].report["bad"].append(["10.0.0.1", 0])
    assert ids(sites) == [("pod-unreachable", "Node node-0")]


def test_a_pod_that_gets_what_its_link_carries_is_not_named_again() -> None:
    sites = fleet(2, {(0, 1): 1370, (1, 0): 1370})
    sites[0].report["bad"].append(["10.0.1.1", 1370])
    assert {each.id for each in findings(sites)} == {"link-mtu"}


def test_an_address_that_two_pods_were_given_is_named_with_both() -> None:
    sites = fleet(2)
    place = Place("virt-handler-x", "node-x", "10.0.0.1", "0a:00:00:00:00:aa")
    sites[1] = Site("cluster-1", "10.0.1.9", "", "node-1", (place,), sites[1].report)
    (found,) = findings(sites)
    assert (found.id, found.object) == ("address-duplicate", "10.0.0.1")
    assert found.found == "virt-handler-0 on cluster-0, virt-handler-x on cluster-1"


@pytest.mark.parametrize(
    ("address", "owner"), [("10.0.1.1", "virt-handler-1 on cluster-1"), ("10.0.1.9", "the probe of cluster-1")]
)
def test_a_stranger_that_answers_for_an_address_is_named_by_its_mac(address: str, owner: str) -> None:
    sites = fleet(2)
    own = "0a:00:00:00:00:01" if address.endswith(".1") else "0a:00:00:00:01:01"
    sites[0].report["taken"].append([address, own, "de:ad:00:00:00:01"])
    sites[1].report["taken"].append([address, "de:ad:00:00:00:01"])
    (found,) = findings(sites)
    assert (found.id, found.object, found.found) == ("address-taken", address, "also, or instead, de:ad:00:00:00:01")
    assert owner in found.wanted


def test_an_mtu_that_is_not_the_wanted_one_a_limited_probe_and_a_cut_result_are_told() -> None:
    (site, other) = fleet(2)
    report = dict(site.report) | {"notes": ["may not send ICMP echo"], "cut": 3}
    told = Site(site.cluster, site.address, site.mac, site.node, site.places, report, mtu=1450)
    found = findings([told, other])
    assert [(each.id, each.severity) for each in found] == [
        ("interface-mtu", "error"),
        ("probe-limited", "warning"),
        ("result-cut", "warning"),
    ]
    assert told.as_dict()["mtu"] == FULL
