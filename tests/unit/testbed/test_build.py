# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The build of the control plane: what is built again, by whom, and what a killed builder leaves."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from testbed import build

_GO = """#!/bin/sh
case "$*" in
  "env GOVERSION") echo "$FAKE_GO_VERSION" ;;
  "mod download"|list*) echo one; echo two ;;
  build*)
    echo build >> "$FAKE_GO_LOG"
    [ -n "$FAKE_GO_FAILS" ] && { echo "no such module"; exit 1; }
    while [ "$1" != -o ]; do shift; done
    echo program > "$2" ;;
esac
"""


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with a Go that only pretends; the file has a line for each build."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(_GO)
    go.chmod(0o755)
    log = tmp_path / "builds"
    log.touch()
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LIVEMIGRATION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.99.1")
    monkeypatch.setenv("FAKE_GO_LOG", str(log))
    return log


def _count(log: Path) -> int:
    return len(log.read_text().splitlines())


def _quiet(_text: str) -> None:
    return None


def test_it_is_built_once(builds: Path) -> None:
    program = build.controlplane(_quiet)
    assert program.read_text() == "program\n"
    assert build.controlplane(_quiet) == program
    assert _count(builds) == 1


def test_other_sources_or_another_go_are_another_program(
    builds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build.controlplane(_quiet)
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.99.2")
    second = build.controlplane(_quiet)
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "go.mod").write_text("module x\n\ngo 1.25.0\n")
    monkeypatch.setattr(build, "SOURCES", sources)
    third = build.controlplane(_quiet)
    assert len({first, second, third}) == 3
    assert _count(builds) == 3


def test_two_at_once_build_once(builds: Path) -> None:
    found: list[Path] = []
    builders = [threading.Thread(target=lambda: found.append(build.controlplane(_quiet))) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert len(found) == 2
    assert found[0] == found[1]
    assert _count(builds) == 1


def test_what_a_killed_builder_left_is_no_program(builds: Path) -> None:
    program = build.controlplane(_quiet)
    program.rename(program.with_suffix(".new"))
    assert build.controlplane(_quiet) == program
    assert not program.with_suffix(".new").exists()
    assert _count(builds) == 2


def test_a_failed_build_shows_the_compilers_words(builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO_FAILS", "yes")
    with pytest.raises(build.BuildError, match="no such module"):
        build.controlplane(_quiet)
    assert _count(builds) == 1


def test_a_go_that_is_too_old_is_not_used(builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.19.8")
    assert build._machine_go() is None
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.25.0")
    assert build._machine_go() is not None
    assert _count(builds) == 0
