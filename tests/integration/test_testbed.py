# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed itself: it starts fast, says what is wrong, leaves nothing behind, and its faults strike."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from testbed import daemon
from testbed.bed import beds
from testbed.control import BedError
from testbed.kube import ApiError
from testbed.process import children
from testbed.testing import Client, TestBed, TestCluster
from testbed.until import until

# Nothing but the control plane: what is started here is not looked into.
BARE = ("kubevirt=false", "openperouter=false", "cni=false")


@pytest.fixture
def cluster(bed: TestBed) -> TestCluster:
    return next(iter(bed.clusters.values()))


@pytest.fixture
def name() -> Iterator[str]:
    """A bed of the test's own, gone afterwards whatever happened."""
    made = f"pytest-{uuid.uuid4().hex[:8]}"
    yield made
    daemon.end(made)
    for left in (daemon.log_path(made), beds() / f"{made}.lock"):
        left.unlink(missing_ok=True)


def test_two_clusters_are_two(bed: TestBed) -> None:
    first, second = list(bed.clusters.values())[:2]
    assert _uid(first) != _uid(second)


@pytest.mark.simulated
def test_up_again_changes_nothing_and_other_clusters_are_refused(name: str) -> None:
    run = _testbed("up", "--name", name, "--clusters", "one", *_options(BARE))
    assert run.returncode == 0, run.stderr
    status = json.loads(_testbed("status", "--name", name, "--json").stdout)
    again = _testbed("up", "--name", name, "--clusters", "one", *_options(BARE))
    assert again.stdout == run.stdout
    assert json.loads(_testbed("status", "--name", name, "--json").stdout)["pid"] == status["pid"]
    other = _testbed("up", "--name", name, "--clusters", "one,two")
    assert other.returncode == 1
    assert "testbed add two" in other.stderr
    added = _testbed("add", "--name", name, "two")
    assert Path(added.stdout.strip()).exists(), added.stderr


@pytest.mark.simulated
def test_two_starts_at_once_make_one_bed(name: str) -> None:
    command = ["up", "--name", name, "--clusters", "one", *_options(BARE)]
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _number: _testbed(*command), range(2)))
    assert [run.returncode for run in runs] == [0, 0], [run.stderr for run in runs]
    assert runs[0].stdout == runs[1].stdout


@pytest.mark.simulated
def test_killed_it_leaves_nothing_that_stops_the_next_start(name: str) -> None:
    daemon.spawn(name, ["one"], BARE)
    status = json.loads((beds() / name / "bed.json").read_text())
    processes = children(status["pid"])
    assert len(processes) == 4
    os.kill(status["pid"], signal.SIGKILL)
    until(lambda: not any(_alive(child) for child in processes), "children die with the daemon", 15)
    assert _testbed("status", "--name", name).returncode == 3
    daemon.spawn(name, ["one"], BARE)
    assert json.loads((beds() / name / "bed.json").read_text())["pid"] != status["pid"]


@pytest.mark.simulated
def test_the_bed_of_a_test_run_ends_with_it_however_that_ends(name: str) -> None:
    program = f"from testbed import daemon; daemon.spawn({name!r}, ['one'], {BARE!r}, outlives=False); input()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE) as run:
        until(lambda: daemon.running(name) and (beds() / name / "bed.json").exists(), "the bed starts", 15)
        assert daemon.answers(name)
        run.kill()
    until(lambda: not daemon.running(name), "the daemon ends", 15)


@pytest.mark.simulated
def test_a_start_that_fails_says_why_and_leaves_no_process(name: str) -> None:
    run = _testbed("up", "--name", name, "--clusters", "one", "--set", "nodse=3")
    assert run.returncode == 1
    assert "no setting 'nodse'" in run.stderr
    assert not daemon.running(name)


@pytest.mark.simulated
def test_a_broken_control_plane_ends_the_bed(name: str) -> None:
    daemon.spawn(name, ["one"], BARE)
    pid = json.loads((beds() / name / "bed.json").read_text())["pid"]
    os.kill(children(pid)[0], signal.SIGKILL)
    until(lambda: not daemon.running(name), "the daemon ends", 15)
    assert "stopping:" in daemon.log_path(name).read_text()


def test_a_user_has_no_rights_until_rbac_gives_some(cluster: TestCluster, namespace: str) -> None:
    client = Client(cluster.user("reader"))
    try:
        with pytest.raises(ApiError) as refused:
            client.list("configmaps", namespace)
        assert refused.value.status == 403
        subject = {"kind": "User", "name": "reader", "apiGroup": "rbac.authorization.k8s.io"}
        role = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
        binding = {"metadata": {"name": "reader", "namespace": namespace}, "subjects": [subject], "roleRef": role}
        cluster.client.create("rolebindings", binding)
        until(lambda: _readable(client, namespace), "the API server learns of the binding", 15)
    finally:
        client.close()


def test_the_audit_log_holds_a_users_writes_and_no_reads(cluster: TestCluster, namespace: str) -> None:
    mark = cluster.mark()
    cluster.client.list("configmaps", namespace)
    assert cluster.writes(mark) == []
    cluster.client.create("configmaps", {"metadata": {"name": "one", "namespace": namespace}})
    until(lambda: bool(cluster.writes(mark)), "the write is on record", 15)
    (write,) = cluster.writes(mark)
    assert (write.verb, write.path, write.code) == ("create", f"/api/v1/namespaces/{namespace}/configmaps", 201)


def test_an_unknown_fault_is_refused_with_the_list(quiet_bed: TestBed) -> None:
    with pytest.raises(BedError, match=r"there are: .*api-slow"), quiet_bed.fault("api-slwo"):
        pass


def _uid(cluster: TestCluster) -> str:
    namespace = cluster.client.need("namespaces", "kube-system")
    return str(namespace["metadata"]["uid"])


def _testbed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "testbed", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def _options(settings: tuple[str, ...]) -> list[str]:
    return [f"--set={setting}" for setting in settings]


def _alive(pid: int) -> bool:
    try:
        # A zombie that nobody reaped yet is as dead as it gets.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _readable(client: Client, namespace: str) -> bool:
    try:
        client.list("configmaps", namespace)
    except ApiError:
        return False
    return True


def _config_map(namespace: str, name: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": namespace}}
