# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules: what they document, what they accept, and what must stand beside them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from .project import ACTIONS, MODULES, NAME, ROOT, data, documentation, module_of, spec_of, stems, text

# What every module returns, and when; a key named like the module comes with it.
RETURNED = {"actions": "always", "diff": "always", "failure": "failure"}


def described(options: dict[str, Any]) -> dict[str, Any]:
    """Options as both sides state them: only what changes how a value is read."""
    told = {}
    for name, option in options.items():
        told[name] = {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "required": bool(option.get("required", False)),
            "default": option.get("default"),
            "choices": sorted(option.get("choices") or [], key=str),
            "aliases": sorted(option.get("aliases") or []),
            "options": described(option.get("suboptions") or option.get("options") or {}),
        }
    return told


def variables(options: dict[str, Any]) -> set[tuple[str, str]]:
    """Each environment variable that stands in for an option, with the option."""
    own = {(name, variable) for name, option in options.items() for variable in option.get("env", ())}
    return own.union(*(variables(option.get("options") or {}) for option in options.values()))


def test_there_are_modules() -> None:
    assert MODULES


@pytest.mark.parametrize("module", MODULES)
def test_documented_options_are_those_the_module_accepts(module: str) -> None:
    assert described(documentation()[module]["doc"]["options"]) == described(spec_of(module).options)


@pytest.mark.parametrize("module", MODULES)
def test_environment_variables_of_options_are_documented(module: str) -> None:
    documented = str(documentation()[module]["doc"]["options"])
    assert [variable for _option, variable in variables(spec_of(module).options) if variable not in documented] == []


@pytest.mark.parametrize("module", MODULES)
def test_returns_are_documented_with_the_outcome_they_come_with(module: str) -> None:
    returned = {name: entry["returned"] for name, entry in documentation()[module]["return"].items()}
    assert returned.keys() >= RETURNED.keys() | {module}
    assert {name: returned[name] for name in RETURNED} == RETURNED
    assert returned[module] in ("always", "success")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_documented_in_full(module: str) -> None:
    entry = documentation()[module]
    assert entry["doc"]["attributes"].keys() >= {"check_mode", "diff_mode"}
    assert entry["doc"]["requirements"]
    assert entry["examples"]


@pytest.mark.parametrize("module", MODULES)
def test_examples_use_options_that_exist(module: str) -> None:
    known = spec_of(module).options
    tasks = yaml.safe_load(documentation()[module]["examples"])
    calls = [task[f"{NAME}.{module}"] for task in tasks if f"{NAME}.{module}" in task]
    assert calls, "no example calls the module by its full name"
    aliases = {alias for option in known.values() for alias in option.get("aliases", ())}
    assert [call.keys() - known.keys() - aliases for call in calls if call.keys() - known.keys() - aliases] == []


def test_the_action_group_is_the_modules_with_connection_options_at_the_top() -> None:
    group = data("meta/runtime.yml")["action_groups"]["cluster"]
    members = {member for member in group if isinstance(member, str)}
    assert members == {module for module in MODULES if "kubeconfig" in spec_of(module).options}
    extended = [member["metadata"]["extend_group"] for member in group if isinstance(member, dict)]
    assert extended == [["kubernetes.core.k8s"]]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_when_it_is_in_the_action_group(module: str) -> None:
    grouped = "kubeconfig" in spec_of(module).options
    attributes = documentation()[module]["doc"]["attributes"]
    assert ("action_group" in attributes) == grouped


def test_every_module_runs_in_the_worker_too() -> None:
    assert stems("plugins/action/*.py") == sorted([*MODULES, *ACTIONS])


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_tested_alone_and_on_the_test_bed(module: str) -> None:
    core = module_of(module).work.__module__.rpartition(".")[2]
    named = [path.name for path in ROOT.glob("tests/unit/**/*.py") if re.search(rf"\b{core}\b", path.read_text())]
    assert named, f"no test in tests/unit imports {core}"
    assert list(ROOT.glob(f"tests/integration/test_{module}*.py")), f"tests/integration/test_{module}.py"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_file_is_documentation_and_wiring(module: str) -> None:
    code = text(f"plugins/modules/{module}.py").rpartition('"""')[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 80
