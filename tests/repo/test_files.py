# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for every file of the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .project import ROOT, data, files, text

LONGEST = 300
COUNTED = {".py", ".yml", ".yaml", ".go", ".sh"}
# Without a place for a comment: data, and texts that are not ours.
UNMARKED = {".json", ".jsonl", ".sum", ".txt"}
NOT_OURS = {Path("COPYING"), Path("go.mod")}
HOLDER = "SPDX-FileCopyrightText: The livemigration.kubevirt authors"
LICENSE = "SPDX-License-Identifier: GPL-3.0-or-later"

MACHINE_PATH = re.compile(r"(?<![\w./$}~-])/(?:work|root|home/\w+|Users/\w+)/")
REGISTRY = re.compile(r"https?://(?:[\w.-]*pypi[\w.-]*|registry\.[\w.-]+|proxy\.golang\.org|goproxy[\w.-]*)", re.I)
OPEN_END = re.compile(r"(?:#|//)\s*(?:TODO|FIXME|XXX)\b|pytest\.mark\.(?:skip|xfail)|pytest\.skip\(")
SWITCHED_OFF = re.compile(
    r"#\s*(?:type:\s*ignore(?:\[[\w, -]+\])?|noqa(?::\s*[\w, ]+)?|pylint:\s*disable=[\w,-]+|pragma: no cover)"
    r"(?P<reason>.*)"
)


def readable() -> list[Path]:
    return [name for name in files() if name.suffix not in {".png", ".gz"}]


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    lengths = {name: len(text(name).splitlines()) for name in files() if name.suffix in COUNTED}
    assert {str(name): length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_file_says_whose_it_is_and_under_which_licence() -> None:
    marked = [name for name in readable() if name.suffix not in UNMARKED and name.name not in map(str, NOT_OURS)]
    heads = {name: "\n".join(text(name).splitlines()[:6]) for name in marked}
    assert [str(name) for name, head in heads.items() if HOLDER not in head or LICENSE not in head] == []


def test_the_licence_text_is_there() -> None:
    for name in ("COPYING", "LICENSES/GPL-3.0-or-later.txt"):
        assert "GNU GENERAL PUBLIC LICENSE" in text(name)


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY], ids=["machine path", "registry host"])
def test_no_place_of_one_machine_or_network_is_written_down(pattern: re.Pattern[str]) -> None:
    found = [f"{name}: {hit[0]}" for name in readable() for hit in [pattern.search(text(name))] if hit]
    assert found == []


def test_nothing_is_left_open_or_skipped() -> None:
    found = [f"{name}: {hit[0]}" for name in readable() for hit in OPEN_END.finditer(text(name))]
    assert [line for line in found if not line.startswith("tests/repo/")] == []


def test_a_check_that_is_switched_off_says_why() -> None:
    bare = []
    for name in files():
        if name.suffix != ".py" or name.parts[:2] == ("tests", "repo"):
            continue
        hits = SWITCHED_OFF.finditer(text(name))
        bare += [f"{name}: {hit[0]}" for hit in hits if len(hit["reason"].strip(" #-:")) < 8]
    assert bare == []


def test_sanity_ignores_nothing_without_a_reason() -> None:
    for path in ROOT.glob("tests/sanity/ignore-*.txt"):
        lines = [line for line in path.read_text().splitlines() if line.strip()]
        assert [line for line in lines if "#" not in line] == [], path.name


def test_the_version_stands_in_one_place() -> None:
    version = re.escape(data("galaxy.yml")["version"])
    # Where something was added is another statement than which version this is.
    stated = re.compile(rf"(?<!_added)(?:\b|_)version_*[\"']?\s*[:=]\s*[\"']?{version}\b", re.I)
    places = [str(name) for name in readable() if stated.search(re.sub(r"version_added:.*", "", text(name)))]
    assert [name for name in places if name not in ("changelogs/changelog.yaml", "CHANGELOG.md")] == ["galaxy.yml"]
