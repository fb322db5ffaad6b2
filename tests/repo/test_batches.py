# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which batches the clusters lose their network, and where the removal stops: the play of the playbook teardown,
run by Ansible on hosts that are nothing, with a task in place of its roles."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from .project import NAME, data

HOSTS = [f"cluster-{letter}" for letter in "abcde"]
BATCH = re.compile(r"batch: ([\w ,-]+)")


def shipped() -> dict[str, Any]:
    """The play that takes the network away, its roles left out."""
    (play,) = (play for play in data("playbooks/teardown.yml") if {"role": f"{NAME}.migration_network"} in roles(play))
    kept: dict[str, Any] = {
        part: play[part] for part in play if part not in ("roles", "vars", "module_defaults", "name")
    }
    return kept


def roles(play: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = play.get("roles") or []
    return found


def batches(directory: Path, **extra: Any) -> list[list[str]]:
    """The clusters of each batch that began; of those that Ansible is told to fail the task fails."""
    tell = {"ansible.builtin.debug": {"msg": "batch: {{ ansible_play_batch | join(', ') }}"}, "run_once": True}
    fail = {"ansible.builtin.fail": {}, "when": "inventory_hostname in failing | default([])"}
    (directory / "play.yml").write_text(yaml.safe_dump([shipped() | {"tasks": [tell, fail]}]))
    (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": dict.fromkeys(HOSTS)}}))
    command = ["ansible-playbook", "-i", "hosts.yml", "play.yml", f"--extra-vars={json.dumps(extra)}"]
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert ran.returncode == (2 if extra.get("failing") else 0), ran.stdout + ran.stderr
    return [found.split(", ") for found in BATCH.findall(ran.stdout)]


@pytest.mark.parametrize(
    ("extra", "sizes"),
    [
        ({}, [5]),
        ({"batch": 2}, [2, 2, 1]),
        ({"batch": "40%"}, [2, 2, 1]),
        ({"batch": 2, "failing": ["cluster-c"]}, [2, 2]),
        ({"batch": 2, "failing": ["cluster-c"], "stop_budget": 50}, [2, 2, 1]),
    ],
)
def test_the_network_is_taken_away_in_batches_that_stop_at_the_budget(
    tmp_path: Path, extra: dict[str, Any], sizes: list[int]
) -> None:
    found = batches(tmp_path, **extra)
    assert [len(each) for each in found] == sizes
    assert [name for each in found for name in each] == HOSTS[: sum(sizes)]
