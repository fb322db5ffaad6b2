# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on bundles and on the probe: trust that nobody wants, CAs that end, and what packets have proven."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _verify_text as words
from ansible_collections.livemigration.kubevirt.plugins.module_utils._probe_links import Place, Site, links
from ansible_collections.livemigration.kubevirt.plugins.module_utils._verify_bundles import Bundles
from unit.verify_fleet import CLUSTERS, failure, fleet, pair, side
from unit.verify_judged import ids, judged, outcomes

FIRST, SECOND = CLUSTERS


def result(name: str, *peers: dict[str, Any], days: float = 6.5) -> dict[str, Any]:
    """What trust_bundle returns for one cluster."""
    ca = side(name)["ca"] | {"expires_in_days": days}
    found = {"cluster": name, "uid": f"uid-of-{name}", "ca": ca, "peers": list(peers), "others": [], "room": 40}
    return {"failed": False, "item": {"key": name}, "trust_bundle": found}


def peer(name: str, uid: str = "", cas: int = 1) -> dict[str, Any]:
    return {"name": name, "uid": uid or f"uid-of-{name}", "cas": [side(name)["ca"]] * cas}


def bundles(*results: dict[str, Any], staying: tuple[str, ...] = CLUSTERS) -> Bundles:
    return Bundles(results, staying)


def test_trust_in_those_that_stay_is_wanted() -> None:
    mutual = bundles(result(FIRST, peer(SECOND)), result(SECOND, peer(FIRST)))
    report = judged(fleet(), bundles=mutual)
    assert (ids(report), ids(report, "warnings"), report["outcome"]) == ([], [], "ok")


@pytest.mark.parametrize(
    ("found", "staying", "reason"),
    [
        (peer("gone"), CLUSTERS, "the inventory has no such cluster that stays"),
        (peer(SECOND, "uid-of-before"), CLUSTERS, "the cluster of this name is another one now"),
        (peer("gone", cas=0), CLUSTERS, ""),
        # It stays, and this run was limited to others.
        (peer("gone"), (*CLUSTERS, "gone"), ""),
    ],
    ids=["gone", "rebuilt", "out already", "not in this run"],
)
def test_trust_in_others_is_a_warning(found: dict[str, Any], staying: tuple[str, ...], reason: str) -> None:
    report = judged(fleet(), bundles=bundles(result(FIRST, found), result(SECOND), staying=staying))
    assert (ids(report, "warnings"), report["outcome"]) == (["trust-unwanted"] if reason else [], "ok")
    if reason:
        (entry,) = report["warnings"]
        assert (entry["clusters"], entry["wanted"]) == ([FIRST], f"none, as {reason}")
        assert f"--limit {FIRST} -e forget={found['name']}" in entry["hint"]


def test_a_pair_that_was_taken_out_of_the_pairs_is_a_warning() -> None:
    third = {**fleet(), "cluster-c": fleet()[SECOND] | {"slot": 2, "look": None, "failures": {"look": failure("")}}}
    told = bundles(result(FIRST, peer(SECOND), peer("cluster-c")), result(SECOND, peer(FIRST)), result("cluster-c"))
    report = judged(third, bundles=told)
    assert [(each["id"], each["object"]) for each in report["warnings"]] == [("trust-unwanted", "trust in cluster-c")]
    assert "trust_pairs does not name it" in report["warnings"][0]["wanted"]
    # Without a comparison of any pair nobody knows which are wanted.
    assert ids(judged(third, [], bundles=told), "warnings") == []


def test_a_ca_that_expires_soon_is_a_warning_and_known_without_a_pair() -> None:
    alone = {FIRST: fleet()[FIRST]}
    report = judged(alone, [], bundles=bundles(result(FIRST, days=0.5)))
    assert [(each["id"], each["found"]) for each in report["warnings"]] == [("ca-expires", "it expires in 0.5 days")]
    assert report["clusters"][0]["ca"]["expires_in_days"] == 0.5
    assert ids(judged(alone, [], bundles=Bundles([result(FIRST, days=3)], CLUSTERS, 4)), "warnings") == ["ca-expires"]


@pytest.mark.parametrize(
    ("reason", "outcome"), [("unreachable", "incomplete"), ("missing", "drift"), ("", "incomplete")]
)
def test_a_bundle_that_could_not_be_read(reason: str, outcome: str) -> None:
    """No pair with it is compared, and that is said."""
    why: dict[str, Any] = {"failure": failure(reason)} if reason else {"msg": "a template that has no value"}
    report = judged(fleet(), [], bundles=bundles(result(FIRST), {"failed": True, "item": {"key": SECOND}, **why}))
    assert outcomes(report) == ["ok", outcome]
    assert [each["trusted"] for each in report["trust"]] == ["unknown", "unknown"]


def test_what_packets_have_proven_is_in_the_report() -> None:
    """By the probe's own words; without one nothing is known."""
    silent = judged(fleet())
    assert silent["probe"] == "unknown"
    sites = [
        Site(name, f"10.0.0.{place}", "", "node-1", (Place("p", "node-1", "10.0.0.9", ""),), _said(1 - place))
        for place, name in enumerate(CLUSTERS)
    ]
    proven = {
        "passed": True,
        "findings": [],
        "messages": [],
        "links": [link.as_dict() for link in links(sites)],
        "probes": [site.as_dict() for site in sites],
    }
    report = judged(fleet(), [pair()], probe=proven)
    assert [(each["source"], each["status"], each["passed_size"]) for each in report["probe"]["links"]] == [
        (FIRST, "passes", 1400),
        (SECOND, "passes", 1400),
    ]
    assert "probe: 2 of 2 links between clusters carry packets of full size" in words.lines(report)
    assert not [line for line in words.lines(silent) if line.startswith("probe")]


def _said(other: int) -> dict[str, Any]:
    return {"mtu": 1400, "peers": [[other, 1400, 1400, 1]], "doors": [[other, "10.0.0.9", 9185, "open"]], "pings": []}
