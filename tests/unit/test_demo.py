# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo says: whether its bars are kept, what is left up, and commands that work as they are printed."""

from __future__ import annotations

import json
import runpy
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testbed.arguments import parser

ROOT = Path(__file__).resolve().parents[2]
BEDS = Path("/beds/demo")
Demo = dict[str, Any]


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Demo:
    """The names of the script; its test bed is up at BEDS and does what it is told."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    names = runpy.run_path(str(ROOT / "scripts" / "demo.py"), run_name="demo")
    found: Demo = names["main"].__globals__
    asked: list[str] = []

    def verb(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command[3])
        return subprocess.CompletedProcess(command, 0, json.dumps({"directory": str(BEDS)}))

    monkeypatch.setattr(subprocess, "run", verb)
    found["asked"] = asked
    monkeypatch.delenv("KEEP", raising=False)
    return found


@pytest.mark.parametrize(("seconds", "judgement"), [(1.0, "kept"), (1.01, "MISSED")])
def test_a_move_is_held_to_its_bar(demo: Demo, seconds: float, judgement: str) -> None:
    least, whole = demo["timed"](demo["Added"](6.0, seconds), 9.5)
    assert f"at least {seconds:.2f} s were the collection's (bar 1 s: {judgement})" in least
    assert "9.5 s" in whole


@pytest.mark.parametrize(("seconds", "judgement"), [(19.9, "kept"), (20.1, "MISSED")])
def test_the_start_is_held_to_its_bar(
    demo: Demo, capsys: pytest.CaptureFixture[str], seconds: float, judgement: str
) -> None:
    demo["start"], demo["run"] = (lambda: (BEDS, seconds)), (lambda _kubeconfigs: ["something"])
    assert demo["main"]() == 0
    told = capsys.readouterr().out
    assert f"clusters up in {seconds} s (bar 20 s: {judgement})" in told
    assert "something" in told
    assert demo["asked"] == ["down"]


def _fails(error: Exception) -> Callable[..., Any]:
    def step(*_arguments: Any) -> Any:
        raise error

    return step


@pytest.mark.parametrize("step", ["start", "run"])
@pytest.mark.parametrize("kept", [True, False])
def test_a_failure_says_what_is_left_up(
    demo: Demo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, step: str, kept: bool
) -> None:
    if kept:
        monkeypatch.setenv("KEEP", "1")
    demo["start"] = lambda: (BEDS, 1.0)
    demo[step] = _fails(subprocess.CalledProcessError(1, "testbed up") if step == "start" else demo["DemoFailed"]("no"))
    assert demo["main"]() == 1
    told = capsys.readouterr().out
    assert "The demo failed" in told
    assert ("still up" in told, str(BEDS / "cluster-a.kubeconfig") in told) == (kept, kept)
    assert demo["asked"] == (["status"] if kept else ["down"])


def test_nothing_is_said_to_be_up_that_is_not(
    demo: Demo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_options: subprocess.CompletedProcess(command, 3, ""))
    demo["end"](True)
    assert "still up" not in capsys.readouterr().out


def test_commands_work_as_they_are_printed(demo: Demo) -> None:
    """From a fresh shell: the checkout, what the environment must hold, and every command through scripts/dev.py."""
    where, *commands = (shlex.split(line, comments=True) for line in demo["next_commands"](BEDS))
    assert where == ["cd", str(ROOT)]
    exported = [words[1] for words in commands if words[0] == "export"]
    assert f"DEMO_KUBECONFIGS={BEDS}" in exported
    for python, script, *command in (words for words in commands if words[0] != "export"):
        assert Path(python).is_file()
        assert (ROOT / script).is_file()
        if command[0] == "ansible-playbook":
            assert (ROOT / command[2]).is_dir()
            assert (ROOT / "playbooks" / f"{command[3].rpartition('.')[2]}.yml").is_file()
        else:
            assert command[:3] == ["python", "-m", "testbed"]
            assert parser().parse_args(command[3:]).name == "demo"
