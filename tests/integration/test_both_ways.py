# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside the Ansible worker and as an ordinary module: the same results, the same failures, the same secrecy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from testbed.testing import TestBed

Case = tuple[str, str, dict[str, Any]]

NAD = {
    "name": "both-ways",
    "namespace": "kubevirt",
    "bridge": "br-hs-777",
    "mtu": 1400,
    "range": "192.0.2.0/24",
    "slot": 0,
    "max_clusters": 2,
}
VM = {"name": "no-such-vm", "namespace": "default"}

# A name, a module, its options beside the connection.
ONE: list[Case] = [
    ("a plan", "l2vni", {"name": "both-ways", "vni": 777, "vrf": "both"}),
    ("bad input", "l2vni", {"name": "both-ways", "vni": 0}),
    ("a plan with a slice", "migration_nad", NAD),
    ("a slot outside", "migration_nad", NAD | {"slot": 7}),
    ("a setting", "kubevirt_migrations", {"bandwidth_per_migration": "64Mi"}),
    ("a setting that is none", "kubevirt_migrations", {"bandwidth_per_migration": "fast"}),
    ("a look", "migration_network_info", {}),
    ("an unknown option", "migration_network_info", {"colour": "red"}),
]
TWO: list[Case] = [
    ("trust", "migration_trust", {}),
    ("a VM that is not there", "vm_receiver", VM),
    ("a move of a VM that is not there", "vmim_crosscluster", VM),
    ("a wrong choice", "vm_receiver", VM | {"state": "sideways"}),
]
# What differs from run to run in either way.
VOLATILE = {"durations", "timeline", "invocation", "seconds", "exception"}
VOLATILE |= {"days_left", "expires_in_days", "dropped_in_hours"}


def tasks(bed: TestBed) -> list[dict[str, Any]]:
    names = list(bed.clusters)
    connections = [
        {"cluster_name": name, "kubeconfig": str(bed.clusters[name].kubeconfig)} for name in (names[0], names[1])
    ]
    cases: list[tuple[Any, dict[str, Any]]] = [(case, connections[0]) for case in ONE]
    cases += [(case, {"source": connections[0], "target": connections[1]}) for case in TWO]
    return [
        {
            "name": name,
            f"livemigration.kubevirt.{module}": {**connection, **options},
            "check_mode": True,
            "diff": True,
            "register": f"result_{number}",
            "ignore_errors": True,
        }
        for number, ((name, module, options), connection) in enumerate(cases)
    ]


def run(bed: TestBed, folder: Path, interpreter: Path, environment: dict[str, str] | None = None) -> dict[str, Any]:
    """Run every case with an interpreter; the results by the name of the case."""
    steps = tasks(bed)
    collected = "{{ {" + ", ".join(f"'{step['name']}': {step['register']}" for step in steps) + "} }}"
    steps.append({"name": "Write", "ansible.builtin.copy": {"content": collected, "dest": str(folder / "out.json")}})
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": steps}]
    (folder / "play.yml").write_text(yaml.safe_dump(play, sort_keys=False))
    given = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={interpreter}"]
    done = subprocess.run(
        ["ansible-playbook", *given, str(folder / "play.yml")],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PRIVATE KEY" not in done.stdout
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


def stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: stable(inner) for key, inner in value.items() if key not in VOLATILE}
    return [stable(inner) for inner in value] if isinstance(value, list) else value


@pytest.fixture
def foreign_python(tmp_path: Path) -> Path:
    """The same Python under another name: for Ansible another interpreter, so modules run as modules."""
    wrapper = tmp_path / "python"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def test_both_ways_give_the_same(bed: TestBed, tmp_path: Path, foreign_python: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    worker = run(bed, inside, Path(sys.executable))
    module = run(bed, outside, foreign_python)
    assert worker.keys() == module.keys()
    for name, result in worker.items():
        # A module's process adds streams and, where it failed, an exit code of its own.
        added = {"module_stderr", "module_stdout", "rc", "stderr", "stdout", "stderr_lines", "stdout_lines"}
        other = {key: value for key, value in module[name].items() if key not in added}
        assert stable(result) == stable(other), name


def test_the_cases_are_what_they_say(bed: TestBed, tmp_path: Path) -> None:
    results = run(bed, tmp_path, Path(sys.executable))
    assert [name for name, result in results.items() if result.get("failed")] == [
        "bad input",
        "a slot outside",
        "a setting that is none",
        "an unknown option",
        "a VM that is not there",
        "a move of a VM that is not there",
        "a wrong choice",
    ]
    assert results["a VM that is not there"]["failure"]["cluster"] == next(iter(bed.clusters))


def test_the_worker_leaves_no_key_behind(bed: TestBed, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run(bed, tmp_path, Path(sys.executable), {"TMPDIR": str(scratch)})
    assert [path.name for path in scratch.rglob("*") if path.is_file()] == []
