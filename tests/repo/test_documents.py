# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What README and CONTRIBUTING tell people to type and to open exists."""

from __future__ import annotations

import re

import pytest

from .project import ACTIONS, FILTERS, MODULES, NAME, PLAYBOOKS, ROLES, ROOT, data, files, text

DOCUMENTS = [str(name) for name in files() if name.suffix == ".md" and name.name != "CHANGELOG.md"]
BLOCK = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
# A path in backticks: at least one slash, no placeholder, no blank, not a name of something in a cluster.
PATH = re.compile(
    r"`((?:plugins|roles|playbooks|tests|scripts|inventory|extensions|docs|meta|changelogs|\.ci)/[\w./-]*)`"
)


def targets() -> set[str]:
    makefile = text("Makefile")
    parts = re.search(r"^PARTS := (.+)$", makefile, re.M)
    assert parts
    return set(re.findall(r"^([a-z-]+):", makefile, re.M)) | set(parts[1].split())


def test_the_two_commands_are_in_the_readme() -> None:
    for command in ("make demo", "make test"):
        assert command in text("README.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_exist(document: str) -> None:
    named = set(re.findall(r"(?:^|`|\s)make (?:[A-Z]+=\S+ )*([a-z][a-z-]*)", code_of(document)))
    assert named - targets() == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_playbooks_roles_and_modules_exist(document: str) -> None:
    named = set(re.findall(rf"{re.escape(NAME)}\.([a-z_0-9]+)", text(document)))
    # Names of documentation fragments and of the action group share the prefix.
    known = {*MODULES, *ACTIONS, *FILTERS, *ROLES, *PLAYBOOKS, "cluster"}
    assert named - known == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document: str) -> None:
    here = (ROOT / document).parent
    missing = [link for link in LINK.findall(text(document)) if not (here / link).exists()]
    missing += [path for path in PATH.findall(text(document)) if not (ROOT / path).exists()]
    assert missing == []


def test_every_page_is_listed_and_has_a_heading() -> None:
    pages = [name for name in DOCUMENTS if name.startswith("docs/") and name != "docs/README.md"]
    assert pages
    listed = LINK.findall(text("docs/README.md"))
    assert sorted(listed) == sorted(page.removeprefix("docs/") for page in pages)
    assert [page for page in pages if not re.search(r"^# \S", text(page), re.M)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_variables_of_roles_exist(document: str) -> None:
    named = set(re.findall(rf"`((?:{'|'.join(ROLES)})_[a-z_]+)`", text(document)))
    specs = [data(f"roles/{role}/meta/argument_specs.yml")["argument_specs"].values() for role in ROLES]
    known = {name for entries in specs for entry in entries for name in entry.get("options") or {}}
    # What a role leaves behind is named in its description.
    told = {
        name for role in ROLES for name in re.findall(r"\bC\((\w+)\)", text(f"roles/{role}/meta/argument_specs.yml"))
    }
    assert named - known - told - set(MODULES) == set()


def test_every_guide_is_listed() -> None:
    guides = {name for name in DOCUMENTS if name.startswith("docs/")} - {"docs/README.md"}
    assert {f"docs/{link}" for link in LINK.findall(text("docs/README.md"))} == guides


@pytest.mark.parametrize("document", ["docs/limits.md", "docs/harvester.md"])
def test_every_limit_has_its_reason(document: str) -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text(document).splitlines() if line[:1] == "|"]
    told = [row for row in rows if len(row) == 3 and row[1].split(",")[0] in ("no", "refused", "left alone")]
    assert told
    assert [row[0] for row in told if not row[2]] == []


def code_of(document: str) -> str:
    """Only what is set as code: prose may say "make sure"."""
    whole = text(document)
    inline = re.findall(r"`[^`\n]+`", BLOCK.sub("", whole))
    return "\n".join([*BLOCK.findall(whole), *inline])
