# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of beds, what a start that fails says, and what is thrown away."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from testbed import daemon
from testbed.control import BedError, NoBed, call


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TESTBED_STATE", str(tmp_path))
    return tmp_path


def _bed(state: Path, name: str, days: float) -> Path:
    (state / name).mkdir()
    log = daemon.log_path(name)
    log.write_text("log")
    then = time.time() - days * 86400
    os.utime(log, (then, then))
    return state / name


def test_a_bed_runs_as_long_as_its_lock_is_held() -> None:
    with daemon.lock("one"):
        assert daemon.running("one")
        assert not daemon.running("two")
        with pytest.raises(daemon.Running, match="bed one runs already"):
            daemon.lock("one")
    assert not daemon.running("one")


def test_a_lock_file_alone_is_no_bed(state: Path) -> None:
    (state / "one.lock").touch()
    assert not daemon.answers("one")


def test_a_bed_that_holds_its_lock_but_never_answers_is_told() -> None:
    with daemon.lock("one"), pytest.raises(NoBed, match="runs, but did not answer"):
        daemon.answers("one", seconds=0.1)


def test_asking_a_bed_that_is_not_there_says_how_to_start_one(state: Path) -> None:
    with pytest.raises(BedError, match="start one with: python -m testbed up"):
        call(state, "status")


def test_to_end_what_does_not_run_is_fine() -> None:
    daemon.end("one")


def test_a_daemon_that_cannot_start_says_why(state: Path) -> None:
    with pytest.raises(daemon.StartFailed, match="no setting 'nodse'"):
        daemon.spawn("one", ["a"], ["nodse=3"])
    assert not daemon.running("one")


@pytest.mark.parametrize(
    ("clusters", "told"),
    [(["a", "a"], "occurs twice: a, a"), (["../a"], "found '../a'"), (["Cluster_A"], "found 'Cluster_A'")],
)
def test_names_that_make_no_directory_are_refused(clusters: list[str], told: str) -> None:
    with pytest.raises(daemon.StartFailed, match=told):
        daemon.spawn("one", clusters, [])


def test_only_old_beds_of_tests_are_thrown_away(state: Path) -> None:
    old, new, users = (_bed(state, name, days) for name, days in (("pytest-1", 2), ("pytest-2", 0.5), ("demo", 9)))
    running = _bed(state, "pytest-3", 2)
    with daemon.lock("pytest-3"):
        daemon.prune()
    assert [path.exists() for path in (old, new, users, running)] == [False, True, True, True]
    assert not daemon.log_path("pytest-1").exists()
