# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and playbooks: what they document is what they take, and each is exercised by a scenario."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
import yaml

from .project import NAME, PLAYBOOKS, ROLES, ROOT, data, text


def specs(role: str) -> dict[str, Any]:
    found: dict[str, Any] = data(f"roles/{role}/meta/argument_specs.yml")["argument_specs"]
    return found


def defaults(role: str) -> dict[str, Any]:
    path = ROOT / f"roles/{role}/defaults/main.yml"
    return (data(path) or {}) if path.exists() else {}


def test_there_are_roles_and_playbooks() -> None:
    assert ROLES
    assert PLAYBOOKS


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_of_the_argument_spec(role: str) -> None:
    options = {name: option for entry in specs(role).values() for name, option in (entry.get("options") or {}).items()}
    optional = {name for name, option in options.items() if not option.get("required")}
    assert defaults(role).keys() - options.keys() == set(), "defaults without a specification"
    stated = {name: options[name]["default"] for name in optional if "default" in options[name]}
    assert {name: value for name, value in stated.items() if defaults(role).get(name, value) != value} == {}
    unstated = {name for name in optional - defaults(role).keys() if "default" in options[name]}
    assert unstated == set(), "a default that is documented and not set"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_what_a_role_has(role: str) -> None:
    for name in ("README.md", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"):
        assert (ROOT / "roles" / role / name).is_file(), name
    assert {
        name for entry in specs(role).values() for name in entry.get("options") or {} if not name.startswith(f"{role}_")
    } == set()


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_short(role: str) -> None:
    """Twenty lines a task, and no more of them in a file than a reader can keep in mind."""
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        tasks = list(lengths(cast("yaml.Node", yaml.compose(path.read_text())), path.read_text().splitlines()))
        assert [(name, lines) for name, lines in tasks if lines > 20] == [], path
        assert len(data(path) or []) <= 10, path


def lengths(tasks: yaml.Node, lines: list[str]) -> Iterator[tuple[str, int]]:
    """The lines of each task; the options that it hands on to a module, one a line, are not its own."""

    def size(node: yaml.Node) -> int:
        told = (line.strip() for line in lines[node.start_mark.line : node.end_mark.line])
        return len([line for line in told if line and not line.startswith("#")])

    for task in tasks.value:
        parts = {key.value: value for key, value in task.value}
        inner = [value for name, value in parts.items() if name in ("block", "rescue", "always")]
        options = [value for name, value in parts.items() if name.startswith(f"{NAME}.") and value.value]
        yield parts["name"].value, size(task) - sum(map(size, inner + options))
        for each in inner:
            yield from lengths(each, lines)


@pytest.mark.parametrize("role", ["migration_network", "vm_network"])
def test_everything_that_may_write_is_registered(role: str) -> None:
    """By these names the roles preflight and verify know what would change: what has none would go unseen."""
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        for task in data(path) or []:
            if any(key.startswith(f"{NAME}.") for key in task):
                assert task.get("register", "").startswith(f"_{role}_"), f"{path.name}: {task['name']}"


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_is_converged_by_a_scenario(playbook: str) -> None:
    scenarios = [path.read_text() for path in sorted(ROOT.glob("extensions/molecule/**/*.yml"))]
    assert any(f"{NAME}.{playbook}" in scenario for scenario in scenarios)


def tasks_of(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every task of a list, those in blocks included."""
    for entry in entries:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from tasks_of(entry.get(part) or [])


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_holds_its_users_to_what_it_documents(playbook: str) -> None:
    """The first thing any playbook does is to compare every option that it documents with what was given."""
    documented = data(f"playbooks/{playbook}.meta.yml")["argument_specs"][playbook]["options"]
    first = data(f"playbooks/{playbook}.yml")[0]
    every = list(tasks_of((first.get("pre_tasks") or []) + (first.get("tasks") or [])))
    checks = [task for task in every if "ansible.builtin.validate_argument_spec" in task]
    assert len(checks) == 1
    assert [task for task in every[: every.index(checks[0])] if "block" not in task] == []
    check = checks[0]["ansible.builtin.validate_argument_spec"]
    assert check["provided_arguments"] == {name: f"{{{{ {name} | default(omit) }}}}" for name in documented}
    assert f"argument_specs.{playbook}.options" in check["argument_spec"]
    assert checks[0]["vars"]["_meta_file"].endswith(f"/{playbook}.meta.yml")


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_documents_what_it_takes(playbook: str) -> None:
    """What has a default in a playbook may be given; the rest is the roles' and the inventory's."""
    plays = text(f"playbooks/{playbook}.yml")
    documented = data(f"playbooks/{playbook}.meta.yml")["argument_specs"][playbook]["options"]
    given = set(re.findall(r"(?<![.\w])(?!_)(\w+) \| default\(", plays)) - {"groups"}
    roles = {name for role in ROLES for entry in specs(role).values() for name in entry.get("options") or {}}
    assert given - roles - documented.keys() == set()
    # Only the check itself names an option that nothing uses.
    used = plays + "".join(text(path.relative_to(ROOT)) for path in ROOT.glob("roles/*/tasks/*.yml"))
    assert [name for name in documented if len(re.findall(rf"\b{name}\b", used)) < 3] == []


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_names_everything_in_full(playbook: str) -> None:
    for play in data(f"playbooks/{playbook}.yml"):
        roles = [entry if isinstance(entry, str) else entry["role"] for entry in play.get("roles") or []]
        assert [role for role in roles if not role.startswith(f"{NAME}.")] == []


def test_every_role_is_used_by_a_playbook() -> None:
    plays = "\n".join(text(f"playbooks/{playbook}.yml") for playbook in PLAYBOOKS)
    used = plays + "\n".join(text(path.relative_to(ROOT)) for path in ROOT.glob("roles/*/tasks/*.yml"))
    assert [role for role in ROLES if f"{NAME}.{role}" not in used] == []
