# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_probe on clusters in memory: pods made, set to work, heard, and removed whatever happens."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _probe_pod as probe
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput, Unreachable
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import POD
from unit.kubevirt_site import NAMESPACE
from unit.probe_ground import CONFIGURATION, grounds, run


def test_every_probe_hears_of_its_peers_and_of_what_runs_and_nothing_stays() -> None:
    all_ = grounds(3)
    result = run(all_)
    found = result["migration_probe"]
    assert (found["passed"], found["findings"], len(found["links"])) == (True, [], 6)
    assert result["changed"] is False
    assert [each.pod for each in all_] == [None, None, None]
    orders = all_[1].orders
    assert [(index, address) for index, address, _mac in orders["peers"]] == [
        (0, "192.170.10.50"),
        (2, all_[2].address),
    ]
    assert (orders["me"], orders["address"], orders["seconds"]) == (1, "192.170.10.110", 5)
    assert [index for index, _address, _port in orders["doors"]] == [0, 2]
    assert len(orders["targets"]) == 12
    assert orders["peers"][0][2] == "0A:00:00:00:00:00"


def test_the_actions_are_those_of_check_mode_which_writes_nothing() -> None:
    all_ = grounds()
    told = run(all_, check_mode=True)
    assert [each.cluster.writes for each in all_] == [[], []]
    assert told["migration_probe"] == {"passed": False, "findings": [], "messages": [], "links": [], "probes": []}
    assert told["actions"] == run(grounds())["actions"]
    assert told["actions"][0] == "cluster-0: create Pod kubevirt/livemigration-probe: to probe migration-evpn"
    assert len(told["actions"]) == 4


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_an_interrupted_run_left_is_removed_first_and_is_the_change(check_mode: bool) -> None:
    all_ = grounds()
    left = probe.render(
        NAMESPACE, "old", "image", "earlier", patience=1, lifetime=1, raw=False, secrets=[], tolerations=[]
    )
    all_[0].cluster.put(POD, left | {"status": {"phase": "Running"}})
    all_[0].cluster.writes.clear()
    result = run(all_, check_mode=check_mode)
    assert result["changed"]
    assert [each["before_header"] for each in result["diff"]] == ["cluster-0 Pod kubevirt/livemigration-probe"]
    assert "interrupted" in result["actions"][0]
    assert (all_[0].pod is None) == (not check_mode)
    assert result["migration_probe"]["passed"] == (not check_mode)


def test_a_pod_that_does_not_start_is_a_finding_and_the_others_are_probed() -> None:
    all_ = grounds(3)
    all_[1].starts = False
    found = run(all_)["migration_probe"]
    assert [(each["id"], each["cluster"]) for each in found["findings"]] == [("probe-failed", "cluster-1")]
    assert "Back-off pulling image" in found["findings"][0]["found"]
    assert found["messages"][0].startswith(
        "[probe-failed] cluster-1 probe on no node: wanted a result; found the pod did"
    )
    assert {(each["source"], each["target"]) for each in found["links"] if each["status"] == "passes"} == {
        ("cluster-0", "cluster-2"),
        ("cluster-2", "cluster-0"),
    }
    assert [each.pod for each in all_] == [None, None, None]
    assert [index for index, *_rest in all_[2].orders["peers"]] == [0]


def test_it_gets_to_the_nodes_that_only_kubevirts_workloads_tolerate() -> None:
    all_ = grounds()
    toleration = {"key": "virtualization", "operator": "Exists"}
    all_[0].site.configure(CONFIGURATION, workloads={"nodePlacement": {"tolerations": [toleration]}})
    seen: list[Object] = []

    def look() -> None:
        seen.extend(each.pod for each in all_ if each.pod)

    run(all_, look)
    assert [pod["spec"]["tolerations"] for pod in seen[:2]] == [[toleration], []]


def test_a_pod_that_no_node_takes_says_what_the_scheduler_says() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    pod = {"metadata": {"name": "x"}, "status": {"phase": "Pending", "conditions": [condition]}}
    assert probe.trouble(pod) == "Unschedulable: 0/3 nodes"
    assert probe.trouble(None) == "no such pod any more"


def test_a_probe_that_never_ends_is_a_finding() -> None:
    all_ = grounds()
    all_[0].ends = False
    found = run(all_)["migration_probe"]
    assert ("probe-failed", "cluster-0") in [(each["id"], each["cluster"]) for each in found["findings"]]
    assert "not come to its end" in found["findings"][0]["found"]


def test_a_pod_that_somebody_deletes_is_a_finding() -> None:
    all_ = grounds()
    all_[0].ends = False

    def delete() -> None:
        if (all_[1].orders) and all_[0].pod is not None:
            all_[0].cluster.delete(POD, probe.NAME, namespace=NAMESPACE)

    found = run(all_, delete)["migration_probe"]
    assert "another run has taken over" in found["findings"][0]["found"]


@pytest.mark.parametrize(
    ("terminated", "words"),
    [
        ({"exitCode": 127, "reason": "StartError", "message": "exec: python3: not found"}, "python3: not found"),
        ({"exitCode": 1, "reason": "Error"}, "Error (exit code 1)"),
        ({"exitCode": 1, "message": '{"error":"TimeoutError: no orders"}'}, "TimeoutError: no orders"),
        ({"exitCode": 0, "message": "7"}, "7"),
    ],
)
def test_a_probe_that_fails_says_why(terminated: Object, words: str) -> None:
    all_ = grounds()
    all_[0].ends = False

    def fail() -> None:
        if all_[0].pod and all_[0].pod["status"]["phase"] == "Running":
            all_[0].end("Failed", terminated)

    found = run(all_, fail)["migration_probe"]
    assert words in found["findings"][0]["found"]


def test_a_pod_that_is_evicted_has_no_container_to_speak_for_it() -> None:
    evicted = {"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}}
    assert probe.report(evicted) == {"error": "The node was low on memory."}


def test_an_interruption_removes_the_pods() -> None:
    all_ = grounds()

    def interrupt() -> None:
        if all_[0].pod is not None and "status" in all_[0].pod:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(all_, interrupt)
    assert [each.pod for each in all_] == [None, None]


def test_another_runs_pod_is_never_removed_at_the_end() -> None:
    all_ = grounds()

    def replace() -> None:
        pod = all_[0].pod
        if pod is not None and probe.run_of(pod) != "other" and all_[0].orders:
            pod["metadata"] |= {"uid": "another", "annotations": {"livemigration.kubevirt/probe-run": "other"}}
            all_[0].cluster.put(POD, pod)

    result = run(all_, replace)
    assert all_[0].pod is not None
    assert "still there on cluster-0" in result["warnings"][0]


def test_a_pod_that_cannot_be_removed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    all_ = grounds()

    def gone(*_args: Any, **_options: Any) -> bool:
        raise Unreachable("an answer", "none", "cluster-1")

    monkeypatch.setattr(all_[1].cluster, "delete", gone)
    result = run(all_)
    assert "cluster-1: Pod kubevirt/livemigration-probe may be left" in result["warnings"][0]
    assert all_[0].pod is None


def test_raw_sockets_are_asked_for_and_warned_about_only_when_wanted() -> None:
    all_ = grounds()
    seen: list[Object] = []

    def look() -> None:
        seen.extend([all_[0].pod] if all_[0].pod else [])

    result = run(all_, look, allow_raw_sockets=True, image_pull_secrets=["mirror"])
    assert "NET_RAW" in result["warnings"][0]
    spec = seen[0]["spec"]
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_RAW"]}
    assert (spec["securityContext"]["runAsUser"], spec["imagePullSecrets"]) == (0, [{"name": "mirror"}])


def test_two_families_of_addresses_are_refused_and_the_pods_removed() -> None:
    all_ = grounds()
    all_[1].address = "fd00::9"
    with pytest.raises(BadInput) as refused:
        run(all_)
    assert refused.value.reason == "mixed_families"
    assert [each.pod for each in all_] == [None, None]


def test_one_cluster_is_not_enough() -> None:
    with pytest.raises(BadInput) as refused:
        run(grounds(1))
    assert refused.value.reason == "too_few_clusters"
