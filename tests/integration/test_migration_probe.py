# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_probe against two API servers; the pods' own program runs in network namespaces."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.livemigration.kubevirt.plugins.module_utils._probe_pod import render
from integration.calls import Called, call, connection
from integration.networks import NETWORK
from integration.playbooks import playbook
from repo.project import NAME
from testbed.resources import Object
from testbed.testing import TestBed, TestCluster

pytestmark = pytest.mark.simulated

NAMESPACE, POD = "kubevirt", "livemigration-probe"


@pytest.fixture(scope="module")
def wired(separate_bed: TestBed) -> TestBed:
    """Two clusters that the playbook site has prepared."""
    playbook(separate_bed, "site").succeeded()
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
    kubevirt = target.client.need("kubevirts", "kubevirt", NAMESPACE)
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
    left = render(
        NAMESPACE, NETWORK, "image", "earlier", patience=60, lifetime=600, raw=False, secrets=[], tolerations=[]
    )
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
    body = render(
        namespace_restricted, NETWORK, "image", "x", patience=1, lifetime=9, raw=raw, secrets=[], tolerations=[]
    )
    if accepted:
        source.client.create("pods", body)
    else:
        with pytest.raises(Exception, match="restricted"):
            source.client.create("pods", body)


def test_site_probes_when_asked_to_and_fails_for_what_it_finds(
    wired: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    source, target = pair
    asked: dict[str, Any] = {"migration_probe_enabled": True, "migration_probe_duration": 6}
    ran = playbook(wired, "site", **asked).succeeded()
    assert "2 links between clusters carry packets of full size" in ran.output
    assert set(ran.changed.values()) == {0}
    assert {write.verb for write in ran.writes} == {"create", "patch", "delete"}
    assert {write.path.rpartition("/pods")[0] for write in ran.writes} == {f"/api/v1/namespaces/{NAMESPACE}"}
    with wired.partition(source.name, target.name, one_way=True):
        ran = playbook(wired, "site", **asked)
    assert ran.code == 2, ran.output
    assert f"link {source.name} to {target.name}" in ran.output, ran.output
    ran = playbook(wired, "site", "--check", **asked).succeeded()
    assert ran.writes == []


def test_verify_probes_when_asked_to_and_reports_what_it_finds(
    wired: TestBed, pair: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    _source, target = pair
    report = tmp_path / "report.json"
    asked: dict[str, Any] = {
        "migration_probe_enabled": True,
        "migration_probe_duration": 6,
        "verify_report": str(report),
    }
    playbook(wired, "verify", **asked).succeeded()
    proven = json.loads(report.read_text())
    assert proven["drift"] == []
    assert [(link["status"], link["passed_size"]) for link in proven["probe"]["links"]] == [("passes", 1400)] * 2
    with wired.fault("underlay-mtu", target.name, mtu="1372"):
        ran = playbook(wired, "verify", **asked)
    assert ran.code == 2, ran.output
    found = json.loads(report.read_text())
    assert {each["id"] for each in found["drift"]} == {"link-mtu"}
    assert {each["found"] for each in found["drift"]} == {"up to 1372 bytes"}
    assert found["outcome"] == "drift"
    with wired.fault("pod-stuck", target.name, pod=f"{NAMESPACE}/{POD}"):
        ran = playbook(wired, "verify", **asked, migration_probe_wait_timeout=3)
    assert ran.code == 4, ran.output
    outcomes = {each["name"]: each["outcome"] for each in json.loads(report.read_text())["clusters"]}
    assert outcomes[target.name] == "incomplete"
    # One that the inventory leaves out of the network is not probed, and nothing is left to probe it with.
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(json.dumps({"all": {"hosts": {target.name: {"migration_network_type": "none"}}}}))
    ran = playbook(wired, "verify", f"--inventory={hosts}", **asked)
    assert (ran.code, ran.writes) == (2, []), ran.output
    assert json.loads(report.read_text())["probe"] == "unknown"


def test_a_run_that_is_killed_leaves_a_pod_that_the_next_run_removes(
    wired: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    options = {"clusters": [connection(cluster) for cluster in pair], "duration": 6}
    with wired.fault("volume-stale"):
        program = [sys.executable, "-c", _KILLED, json.dumps(options)]
        with subprocess.Popen(program, cwd=Path(__file__).parents[1]) as process:
            for cluster in pair:
                cluster.client.until(lambda pod: bool(pod and _running(pod)), "pods", POD, NAMESPACE)
            process.kill()
    assert [pods(cluster) for cluster in pair] == [[POD], [POD]]
    called = probe(wired)
    assert called["migration_probe"]["passed"]
    assert len(called["diff"]) == 2
    assert [pods(cluster) for cluster in pair] == [[], []]


_KILLED = """
import json, sys
from integration.calls import call
call("migration_probe", json.loads(sys.argv[1]))
"""


def _running(pod: Object) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Running")


def test_as_an_ordinary_module_it_brings_the_same_program_along(
    wired: TestBed, pair: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    options = {"clusters": [connection(cluster) for cluster in pair], "duration": 20}
    # What runs in the background is never run by the worker itself.
    task = {"name": "Probe", f"{NAME}.migration_probe": options, "async": 120, "poll": 1, "register": "probed"}
    proof = {"name": "Look", "ansible.builtin.assert": {"that": "probed.migration_probe.passed"}}
    play = [{"name": "Ordinary", "hosts": "localhost", "gather_facts": False, "tasks": [task, proof]}]
    path = tmp_path / "play.yml"
    path.write_text(yaml.safe_dump(play))
    interpreter = f"ansible_python_interpreter={sys.executable}"
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", "-c", "local", "-e", interpreter, str(path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
