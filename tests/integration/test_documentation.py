# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of every module are run as they stand, and what comes back is what the documentation says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from repo.project import MODULES, NAME, ROOT, documentation, spec_of
from testbed.testing import TestBed, own_bed

Task = dict[str, Any]

# On two prepared clusters with vm-1 on the first, in an order in which each finds what it needs; the receiver that
# one example takes away is there again for the move.
ORDER = (
    ("cluster_info", 0),
    ("l3vni", 0),
    ("l2vni", 0),
    ("migration_nad", 0),
    ("kubevirt_migrations", 0),
    ("kubevirt_migrations", 1),
    ("kubevirt_restart", 0),
    ("migration_network_info", 0),
    ("migration_addresses_info", 0),
    ("migration_trust", 0),
    ("migration_probe", 0),
    ("trust_bundle", 0),
    ("trust_bundle", 1),
    ("vm_receiver", 0),
    ("vmim_crosscluster", 1),
    ("vm_receiver", 1),
    ("vm_receiver", 0),
    ("vmim_crosscluster", 0),
    ("kubevirt_migrations", 2),
    ("kubevirt_migrations", 3),
    ("kubevirt_migrations", 4),
    ("migration_nad", 1),
    ("migration_nad", 2),
    ("migration_nad", 3),
    ("migration_nad", 4),
    ("l2vni", 1),
    ("l3vni", 1),
    ("vm_nad", 0),
    ("vm_nad", 1),
    ("node_uplink", 0),
    ("node_uplink", 1),
    ("migration_trust", 1),
)

# On a Harvester cluster.
HARVESTER = tuple(("harvester_migration_network", index) for index in range(3))

# Added to every result by Ansible itself.
ANSIBLE = {
    "changed",
    "failed",
    "warnings",
    "deprecations",
    "invocation",
    "exception",
    "msg",
    "ansible_facts",
    "attempts",
}
KINDS: dict[str, type | tuple[type, ...]] = {
    "bool": bool,
    "complex": (dict, list),
    "dict": dict,
    "float": (int, float),
    "int": int,
    "list": list,
    "str": str,
}


class Example(NamedTuple):
    """A call of the module, what its first one needs before it, and what uses its result."""

    before: list[Task]
    call: Task
    after: list[Task]


def examples(module: str) -> list[Example]:
    """The calls of the module in its documentation."""
    found: list[Example] = []
    before: list[Task] = []
    for task in yaml.safe_load(documentation()[module]["examples"]):
        if f"{NAME}.{module}" in task:
            found.append(Example(before, task, []))
            before = []
        else:
            (found[-1].after if found else before).append(task)
    return found


def playbook(directory: Path, tasks: list[Task], variables: dict[str, Any]) -> str:
    """Run tasks in one play against nothing but the variables; what Ansible prints."""
    play = {
        "name": "Documentation",
        "hosts": "localhost",
        "gather_facts": False,
        "vars": variables,
        "tasks": tasks,
    }
    path = directory / "play.yml"
    path.write_text(yaml.safe_dump([play], sort_keys=False))
    inventory = directory / "hosts"
    inventory.write_text(f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    return ansible(["-i", str(inventory), str(path)])


def ansible(arguments: list[str], **environment: str) -> str:
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), *arguments],
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def returned(tasks: list[Task], names: list[str], directory: Path, variables: dict[str, Any]) -> dict[str, Any]:
    """Run tasks and read what they registered under these names, all written at the end: a file a task takes long."""
    path = directory / "returned.json"
    everything = ", ".join(f"'{name}': {name}" for name in names)
    copy = {"content": f"{{{{ {{{everything}}} | to_json }}}}", "dest": str(path), "mode": "0600"}
    playbook(directory, [*tasks, {"name": "Keep what was returned", "ansible.builtin.copy": copy}], variables)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


@pytest.fixture(scope="module")
def results(separate_bed: TestBed, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], dict[str, Any]]:
    """What each example returned, all of them run on one pair of clusters that `site` has prepared."""
    directory = tmp_path_factory.mktemp("examples")
    source, target = separate_bed.clusters.values()
    source.vm("vm-1")
    demo = str(ROOT / "inventory/demo")
    ansible(["-i", demo, f"{NAME}.site"], DEMO_KUBECONFIGS=str(source.kubeconfig.parent))
    return run(ORDER, directory, variables(source.kubeconfig, target.kubeconfig))


@pytest.fixture(scope="module")
def harvester_results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], dict[str, Any]]:
    """What the examples for Harvester returned."""
    with own_bed("examples", ("harvester",), "harvester.harvester=v1.8.2") as bed:
        kubeconfig = str(bed.clusters["harvester"].kubeconfig)
        return run(HARVESTER, tmp_path_factory.mktemp("harvester"), {"harvester_kubeconfig": kubeconfig})


def run(
    order: tuple[tuple[str, int], ...], directory: Path, variables: dict[str, Any]
) -> dict[tuple[str, int], dict[str, Any]]:
    """Run examples in one play; what each returned."""
    tasks: list[Task] = []
    for module, index in order:
        before, call, after = examples(module)[index]
        name = f"{module}_{index}"
        tasks += [*before, call | {"register": name}]
        if "register" in call:
            tasks.append(
                {"name": "As the example says", "ansible.builtin.set_fact": {call["register"]: f"{{{{ {name} }}}}"}}
            )
        tasks += after
    found = returned(tasks, [f"{module}_{index}" for module, index in order], directory, variables)
    return {(module, index): found[f"{module}_{index}"] for module, index in order}


def variables(source: Path, target: Path) -> dict[str, Any]:
    """The names under which the examples speak of clusters."""
    return {
        "kubeconfig": str(source),
        "cluster_kubeconfig": str(source),
        "source_kubeconfig": str(source),
        "target_kubeconfig": str(target),
        "kubeconfigs": {"cluster-a": str(source), "cluster-b": str(target)},
        "cluster_a": {"kubeconfig": str(source), "cluster_name": "cluster-a"},
        "cluster_b": {"kubeconfig": str(target), "cluster_name": "cluster-b"},
    }


def test_every_example_is_run() -> None:
    assert sorted({*ORDER, *HARVESTER}) == [
        (module, index) for module in MODULES for index in range(len(examples(module)))
    ]


@pytest.mark.parametrize(("module", "index"), sorted(set(ORDER)))
def test_results_are_as_documented(results: dict[tuple[str, int], dict[str, Any]], module: str, index: int) -> None:
    assert list(undocumented(module, results[module, index])) == []


@pytest.mark.simulated
@pytest.mark.parametrize(("module", "index"), HARVESTER)
def test_results_on_harvester_are_as_documented(
    harvester_results: dict[tuple[str, int], dict[str, Any]], module: str, index: int
) -> None:
    assert list(undocumented(module, harvester_results[module, index])) == []


def undocumented(module: str, result: dict[str, Any]) -> Iterator[str]:
    """Where a success differs from what the module documents."""
    returns = {name: entry for name, entry in documentation()[module]["return"].items() if name != "failure"}
    return differences(returns, {name: value for name, value in result.items() if name not in ANSIBLE})


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each module returns that cannot even read how to reach its cluster."""
    directory = tmp_path_factory.mktemp("failures")
    tasks: list[Task] = []
    for module in MODULES:
        nowhere = {"kubeconfig": str(directory / "missing")}
        sides: dict[str, Any] = nowhere
        if "source" in spec_of(module).options:
            sides = {"source": nowhere, "target": nowhere}
        elif "clusters" in spec_of(module).options:
            sides = {"clusters": [nowhere | {"cluster_name": name} for name in ("cluster-a", "cluster-b")]}
        call = {"name": "Fail", f"{NAME}.{module}": minimal(module) | sides, "register": module, "ignore_errors": True}
        tasks.append(call)
    return returned(tasks, list(MODULES), directory, {})


@pytest.mark.parametrize("module", MODULES)
def test_failures_are_as_documented(failures: dict[str, dict[str, Any]], module: str) -> None:
    result = failures[module]
    assert result["failed"]
    assert result["failure"]["hint"]
    told = {name: value for name, value in result.items() if name not in ANSIBLE}
    # Nothing is known of a cluster that cannot be reached.
    assert told.pop(module) == {}
    returns = {name: entry for name, entry in documentation()[module]["return"].items() if name != module}
    assert list(differences(returns, told)) == []


def minimal(module: str) -> dict[str, Any]:
    """The options of the first example, less its connection."""
    options = dict(examples(module)[0].call[f"{NAME}.{module}"])
    return {
        name: value for name, value in options.items() if name not in ("kubeconfig", "source", "target", "clusters")
    }


def differences(documented: dict[str, Any], returned: dict[str, Any], where: str = "") -> Iterator[str]:
    """What is returned and not documented, documented as always there and missing, or of another type."""
    for name in returned.keys() - documented.keys():
        yield f"{where}{name} is returned and not documented"
    for name, entry in documented.items():
        if name not in returned:
            if entry.get("returned", "always") in ("always", "success"):
                yield f"{where}{name} is documented and not returned"
            continue
        value = returned[name]
        kind = KINDS.get(entry["type"], object)
        if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            yield f"{where}{name} is documented as {entry['type']} and is {value!r}"
        inner = value if isinstance(value, list) else [value]
        for element in inner:
            if entry.get("contains") and isinstance(element, dict) and element:
                yield from differences(entry["contains"], element, f"{where}{name}.")
