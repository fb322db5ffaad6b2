# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet: each thing that may differ once told and once silent, and nothing unknown taken for right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from unit.verify_fleet import CLUSTERS, action, failure, fleet, pair
from unit.verify_judged import finding, ids, judged, look, outcomes
from unit.verify_schema import is_valid

Fleet = dict[str, Any]
Break = Callable[[Fleet], object]


def test_a_fleet_in_which_nothing_differs() -> None:
    report = judged(fleet())
    assert (report["outcome"], report["drift"], report["warnings"]) == ("ok", [], [])
    assert outcomes(report) == ["ok", "ok"]
    assert [each["trusted"] for each in report["trust"]] == [True, True]
    assert report["clusters"][0]["ca"]["expires_in_days"] == 6.5


@pytest.mark.parametrize("part", ["clusters", "trust", "drift", "unknown", "schema_version"])
def test_the_schema_misses_nothing_that_is_documented(part: str) -> None:
    report = judged(fleet())
    assert is_valid(report)
    del report[part]
    assert not is_valid(report)


@pytest.mark.parametrize(("key", "value"), [("room_for_nodes", -1), ("pods", None), ("outcome", "fine"), ("new", 1)])
def test_the_schema_refuses_what_is_not_documented(key: str, value: Any) -> None:
    report = judged(fleet())
    report["clusters"][0][key] = value
    assert not is_valid(report)


def take_address(seen: Fleet) -> None:
    look(seen)["pods"][0]["addresses"] = ["192.170.10.2"]


def take_mac(seen: Fleet) -> None:
    look(seen)["pods"][0]["mac"] = look(seen, "cluster-a")["pods"][0]["mac"].upper()


def give_to_a_stranger(seen: Fleet) -> None:
    given = {"address": "192.170.10.2", "pod": "default/vm", "interface": "net1", "exists": True}
    look(seen)["pools"][0]["allocations"].append(given)


def widen(seen: Fleet) -> None:
    look(seen)["slice"]["first"] = "192.170.10.100"


@pytest.mark.parametrize(
    ("what", "expected", "concerned"),
    [
        (take_address, "fleet-address-duplicate", CLUSTERS),
        (take_mac, "fleet-mac-duplicate", CLUSTERS),
        (give_to_a_stranger, "fleet-address-duplicate", CLUSTERS),
        (widen, "slices-overlap", CLUSTERS),
        (lambda seen: look(seen)["mtu"].update(network=1450), "fleet-mtu-differs", CLUSTERS),
    ],
)
def test_what_no_cluster_sees_alone(what: Break, expected: str, concerned: tuple[str, ...]) -> None:
    seen = fleet()
    what(seen)
    report = judged(seen)
    assert ids(report) == [expected]
    assert report["drift"][0]["clusters"] == list(concerned)
    assert (report["outcome"], outcomes(report)) == ("drift", ["drift", "drift"])


@pytest.mark.parametrize(
    ("cause", "what", "silenced"),
    [
        ("slot-taken-twice", widen, "slices-overlap"),
        ("mtu-differs", lambda seen: look(seen)["mtu"].update(network=1450), "fleet-mtu-differs"),
    ],
)
def test_a_cause_is_told_and_not_what_follows_from_it(cause: str, what: Break, silenced: str) -> None:
    seen = fleet()
    what(seen)
    assert ids(judged(seen)) == [silenced]
    report = judged(seen, findings=[finding(cause, "fleet") | {"cluster": "", "text": "all of it"}])
    assert (ids(report), outcomes(report)) == ([cause], ["drift", "drift"])
    assert report["drift"][0]["clusters"] == list(CLUSTERS)


@pytest.mark.parametrize("check", ["vtep-ranges-overlap", "underlay-missing", "vm-network-overlaps"])
def test_what_the_comparison_of_the_fleet_found_on_one_cluster(check: str) -> None:
    report = judged(fleet(), findings=[finding(check, "Underlay x") | {"text": ""}])
    assert (ids(report), outcomes(report)) == ([check], ["drift", "ok"])


def test_an_address_of_a_pod_that_is_gone_answers_to_nobody() -> None:
    seen = fleet()
    give_to_a_stranger(seen)
    look(seen)["pools"][0]["allocations"][-1]["exists"] = False
    assert judged(seen)["outcome"] == "ok"


def test_one_address_in_two_spellings_is_one() -> None:
    seen = fleet()
    look(seen, "cluster-a")["pods"][0]["addresses"] = ["fd00::0:2"]
    look(seen)["pods"][0]["addresses"] = ["fd00::2"]
    assert ids(judged(seen)) == ["fleet-address-duplicate"]


@pytest.mark.parametrize(
    ("before", "after", "expected", "wanted", "found"),
    [
        ({}, {"spec": {"vni": 666}}, "object-missing", "it to exist (because)", "none"),
        ({"spec": {"vni": 666}}, {}, "object-unwanted", "none (because)", "it exists"),
        ({"spec": {"vni": 7}}, {"spec": {"vni": 666}}, "object-differs", "spec.vni 666", "spec.vni 7"),
        (
            {"spec": {"config": '{"mtu": 1500, "bridge": "b"}'}},
            {"spec": {"config": '{"bridge": "b", "mtu": 1400}'}},
            "object-differs",
            "spec.config.mtu 1400",
            "spec.config.mtu 1500",
        ),
    ],
)
def test_what_a_playbook_would_write(before: Any, after: Any, expected: str, wanted: str, found: str) -> None:
    seen = fleet()
    seen["cluster-a"]["results"].append(action("L2VNI openperouter-system/migration", before, after))
    report = judged(seen)
    (entry,) = report["drift"]
    assert (entry["id"], entry["wanted"], entry["found"]) == (expected, wanted, found)
    assert entry["object"] == "L2VNI openperouter-system/migration"
    assert entry["playbook"] == "livemigration.kubevirt.site"
    assert outcomes(report) == ["drift", "ok"]


def test_what_a_loop_would_write() -> None:
    seen = fleet()
    calls = [action(f"L2VNI a/{name}", {}, {"spec": {}}) | {"item": name} for name in ("red", "blue")]
    seen["cluster-a"]["results"] += [{"changed": True, "results": calls}, {"skipped": True, "results": []}]
    assert [each["object"] for each in judged(seen)["drift"]] == ["L2VNI a/red", "L2VNI a/blue"]


def test_many_fields_are_counted_not_listed() -> None:
    seen = fleet()
    after = {"spec": {f"field{number}": "x" * 500 for number in range(9)}}
    seen["cluster-a"]["results"].append(action("L2VNI a/b", {"spec": {}, "kind": "L2VNI"}, after | {"kind": "L2VNI"}))
    (entry,) = judged(seen)["drift"]
    assert entry["wanted"].endswith("… and 3 more")
    assert len(entry["wanted"]) < 1000


def test_what_a_playbook_mends_is_told_once() -> None:
    where = "KubeVirt kubevirt/kubevirt"
    seen = fleet()
    look(seen, "cluster-a")["findings"].append(finding("gate-off", where))
    assert ids(judged(seen)) == ["gate-off"]
    assert judged(seen)["drift"][0]["playbook"] == "livemigration.kubevirt.site"
    seen["cluster-a"]["results"].append(action(where, {"spec": {"a": 1}}, {"spec": {"a": 2}}))
    assert ids(judged(seen)) == ["object-differs"]


def test_a_network_that_differs_from_the_inventory_is_not_told_again_as_one_that_differs_from_the_others() -> None:
    seen = fleet()
    look(seen)["mtu"]["network"] = 1450
    nad = "NetworkAttachmentDefinition kubevirt/migration-evpn"
    change = action(nad, {"spec": {"config": '{"mtu": 1450}'}}, {"spec": {"config": '{"mtu": 1400}'}}, "cluster-b")
    seen["cluster-b"]["results"].append(change)
    assert ids(judged(seen)) == ["object-differs"]


def test_a_node_on_which_openperouter_has_trouble() -> None:
    seen = fleet()
    seen["cluster-a"]["results"][1]["l2vni"]["nodes"][1] |= {"ready": False, "trouble": "DependencyFailed: no L3"}
    report = judged(seen)
    assert (ids(report), outcomes(report)) == (["router-not-ready"], ["drift", "ok"])
    assert report["drift"][0]["object"] == "Node cluster-a-node-2"


def test_a_migration_network_that_leaves_out_nodes_of_virt_handler_differs() -> None:
    seen = fleet()
    refusal = failure("segment_uncovered") | {"object": "L2VNI openperouter-system/migration"}
    seen["cluster-a"]["failures"]["compare"] = refusal
    report = judged(seen)
    assert (ids(report), outcomes(report)) == (["segment-uncovered"], ["drift", "ok"])


def test_a_network_of_vms_that_leaves_out_nodes_of_virt_handler_is_warned_about() -> None:
    seen = fleet()
    facts = {"bridge": "br-hs-110", "nodes": [], "bare_nodes": ["node-2", "node-3"]}
    seen["cluster-b"]["results"].append({"results": [{"l2vni": facts}, {"l2vni": facts | {"bare_nodes": []}}]})
    report = judged(seen)
    (warning,) = report["warnings"]
    assert (warning["id"], warning["object"], warning["found"], warning["clusters"], report["outcome"]) == (
        *("segment-uncovered", "bridge br-hs-110", "not on node-2, node-3", ["cluster-b"], "ok"),
    )


def test_a_cluster_that_is_to_have_no_network_is_judged_by_what_would_be_written() -> None:
    seen = fleet()
    seen["cluster-a"]["member"] = False
    widen(seen)
    look(seen)["mtu"]["network"] = 1450
    findings = [finding("network-unset", "KubeVirt x"), finding("pool-leak", "IPPool x", "warning")]
    look(seen, "cluster-a")["findings"] += findings
    report = judged(seen)
    assert (ids(report), ids(report, "warnings"), report["outcome"]) == ([], ["pool-leak"], "ok")
    seen["cluster-a"]["results"].append(action("KubeVirt x", {"spec": {"a": 1}}, {"spec": {"a": None}}))
    assert ids(judged(seen)) == ["object-differs"]


def test_a_warning_is_no_drift() -> None:
    seen = fleet()
    look(seen, "cluster-a")["findings"].append(finding("pool-leak", "IPPool x", "warning"))
    report = judged(seen)
    assert (ids(report), ids(report, "warnings"), report["outcome"]) == ([], ["pool-leak"], "ok")


def test_several_findings_of_one_kind_on_one_object_become_one() -> None:
    seen = fleet()
    for text in ("one", "two", "one"):
        look(seen, "cluster-a")["findings"].append(finding("pool-leak", "IPPool x", "warning") | {"found": text})
    (entry,) = judged(seen)["warnings"]
    assert (entry["wanted"], entry["found"]) == ("this", "one; two")


def test_trust_that_is_missing_waits_or_will_end() -> None:
    missing = judged(fleet(), [pair(source={"trusts_peer": False})])
    assert (ids(missing), outcomes(missing)) == (["trust-missing"], ["drift", "ok"])
    assert missing["drift"][0]["playbook"] == "livemigration.kubevirt.trust"
    assert missing["drift"][0]["found"] == "not there"
    waits = judged(fleet(), [pair(source={"trusts_peer": False, "pending": True})])
    assert waits["drift"][0]["found"] == "it waits to be taken in"
    ends = judged(fleet(), [pair(target={"dropped_in_hours": 3.5})])
    assert (ids(ends), ids(ends, "warnings"), ends["outcome"]) == ([], ["trust-ends"], "ok")
    assert ends["trust"][1]["dropped_in_hours"] == 3.5


def test_a_pair_that_nobody_compared_need_not_trust_each_other() -> None:
    report = judged(fleet(), [])
    assert (report["trust"], report["outcome"]) == ([], "ok")
    assert report["clusters"][0]["ca"] == "unknown"
