# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in processes of their own: modules give what they give inside the Ansible worker, and a move may be killed.

What is killed with SIGKILL after any of its writes, and run again, ends as if nothing had happened.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration import both_ways
from integration.both_ways import CHECKED, FAILING, WRITING, same
from integration.calls import Called, between
from integration.moves import Road, outcome, prepare, run_with
from repo.project import MODULES, NAME
from testbed.testing import TestBed

Results = dict[str, dict[str, Any]]

WRITES = ("guard", "receive", "send", "halt", "restore", "delete send", "delete receive")
UNDOING = ("guard", "receive", "send", "verdict", "delete send", "delete receive")


@pytest.fixture(scope="module")
def prepared(separate_bed: TestBed) -> TestBed:
    """Two clusters ready for moves."""
    return prepare(separate_bed)


@pytest.fixture(scope="module")
def results(prepared: TestBed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Results]:
    """What every module returned in the worker, and what as a process of its own."""
    source = next(iter(prepared.clusters.values()))
    found = []
    for way in ("inside", "outside"):
        run_with(source, f"guest-{way}", "Always")
        folder = tmp_path_factory.mktemp(way)
        # The same Python under another name: for Ansible another interpreter, so modules run as modules.
        wrapper = folder / "python"
        wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        wrapper.chmod(0o755)
        (folder / "scratch").mkdir()
        interpreter = Path(sys.executable) if way == "inside" else wrapper
        found.append(both_ways.run(prepared, folder, interpreter, f"guest-{way}", TMPDIR=str(folder / "scratch")))
        left = [path.name for path in folder.glob("scratch/**/*") if path.is_file()]
        assert left == [], "a key was left behind"
        both_ways.undo(prepared)
        assert between(prepared, "migration_trust")["migration_trust"]["trusted"]
    return found[0], found[1]


def test_every_module_has_a_case(prepared: TestBed) -> None:
    called = {key.rpartition(".")[2] for task in both_ways.tasks(prepared, "guest") for key in task if NAME in key}
    assert called == set(MODULES)


def test_both_ways_give_the_same(results: tuple[Results, Results]) -> None:
    worker, module = results
    assert worker.keys() == module.keys()
    # A module's process adds streams and, where it failed, an exit code of its own.
    added = {"module_stderr", "module_stdout", "rc", "stderr", "stdout", "stderr_lines", "stdout_lines"}
    for name, result in worker.items():
        other = {key: value for key, value in module[name].items() if key not in added}
        assert same(result, "guest-inside") == same(other, "guest-outside"), name


def test_the_cases_are_what_they_say(results: tuple[Results, Results], prepared: TestBed) -> None:
    source, target = list(prepared.clusters.values())[:2]
    for found, guest in zip(results, ("guest-inside", "guest-outside"), strict=True):
        assert [name for name, result in found.items() if result.get("failed")] == FAILING
        assert [name for name, result in found.items() if result["changed"] and name not in CHECKED] == WRITING
        assert found["a VM that is not there"]["failure"]["cluster"] == source.name
        Road(prepared, guest, source, target).assert_moved(Called(found["a move"], []))


@pytest.fixture
def road(prepared: TestBed) -> Iterator[Road]:
    found = Road.between(prepared, f"vm-{uuid.uuid4().hex[:6]}")
    found.receiver()
    yield found
    prepared.calm()


def killed_after(road: Road, writes: int, names: tuple[str, ...] = WRITES) -> None:
    """Run the move in another process and kill it after that many writes.

    KubeVirt may remove a migration before the move does; a move that so has fewer writes to make ends by itself.
    """
    request = json.dumps({"options": road.options(), "writes": writes})
    command = [sys.executable, "-m", "integration.dying"]
    died = subprocess.run(command, input=request, text=True, capture_output=True, timeout=120, check=False)
    endings = {-signal.SIGKILL, 0} if names[writes - 1].startswith("delete") else {-signal.SIGKILL}
    assert died.returncode in endings, died.stderr


@pytest.mark.parametrize("writes", range(1, len(WRITES) + 1), ids=WRITES)
def test_killed_after(road: Road, writes: int) -> None:
    killed_after(road, writes)
    # A play that is run again makes sure of the receiver first.
    road.receiver()
    called = road.move()
    road.assert_moved(called)
    assert outcome(called) in ("migrated", "already_migrated")


@pytest.mark.parametrize("writes", range(3, len(UNDOING) + 1), ids=UNDOING[2:])
def test_killed_while_a_failed_copy_is_undone_after(road: Road, writes: int) -> None:
    with road.bed.fault("copy-failure", road.source.name):
        killed_after(road, writes, UNDOING)
        road.receiver()
        called = road.move()
    assert outcome(called) == "rolled_back", called.result["msg"]
    road.assert_stayed()
