# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of checks and the way into the environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import dev
import pytest
import steps

from .project import ROOT, text


def test_every_part_of_the_table_is_a_target_and_the_other_way_round() -> None:
    parts = re.search(r"^PARTS := (.+)$", text("Makefile"), re.M)
    assert parts
    # `testbed` has a target of its own: it is also of use without the tests.
    assert {step.part for step in steps.STEPS} == {*parts[1].split(), "testbed"}


def test_continuous_integration_is_make_test() -> None:
    assert "make --no-print-directory test" in text(".ci/run")
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_a_failing_step_shows_its_output_and_a_passing_one_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    python = sys.executable
    assert steps.run(steps.Step("x", "good", f"{python} -c print('7\\x20passed\\x20in\\x201s')"))
    assert not steps.run(steps.Step("x", "bad", f"{python} -c raise(SystemExit('because'))"))
    good, bad, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"good +ok +[\d.]+ s  7 passed in 1s", good)
    assert re.fullmatch(r"bad +FAILED +[\d.]+ s", bad)
    assert "because" in rest


def test_a_step_that_hangs_is_stopped_and_shows_how_far_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "hang.py"
    program.write_text("import time\nprint('so far', flush=True)\ntime.sleep(60)\n")
    step = steps.Step("x", "hangs", f"{sys.executable} {program}")
    assert not steps.run(step, limit=5)
    printed = capsys.readouterr().out
    assert "so far" in printed
    assert "stopped after 5 s" in printed


def test_an_environment_is_named_by_what_it_is_made_from() -> None:
    assert dev.fingerprint(b"a", b"b") == dev.fingerprint(b"a", b"b")
    assert dev.fingerprint(b"a", b"b") != dev.fingerprint(b"ab")
    assert all((ROOT / name).is_file() for name in dev.REQUIREMENTS)


def test_the_tree_follows_the_checkout(tmp_path: Path) -> None:
    link = dev.tree(tmp_path) / dev.COLLECTION
    assert link.resolve() == ROOT
    link.unlink()
    link.symlink_to(tmp_path)
    assert (dev.tree(tmp_path) / dev.COLLECTION).resolve() == ROOT


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match=r"apt-get install python3\.\d+-venv"):
        dev.need_venv()


def test_an_old_python_is_told_so() -> None:
    program = "import sys; sys.version_info = (3, 9, 2); import dev; dev.main(['true'])"
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True, cwd=ROOT / "scripts"
    )
    assert done.returncode == 1
    assert "Python >= 3.11 is needed" in done.stderr
