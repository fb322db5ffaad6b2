# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a module's work is done inside the Ansible worker, and when the worker steps aside for a module process.

No cluster is asked for anything: how a call fails to find its kubeconfig tells what reached it, and each way out of
the worker leaves a mark of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

MODULE = "livemigration.kubevirt.cluster_info"
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
ENVIRONMENT = {"K8S_AUTH_KUBECONFIG": "/from/the/environment"}

# What makes a task special; and what its call, which finds no kubeconfig there, must have heard.
TASKS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({MODULE: {"kubeconfig": "/from/the/task"}}, "/from/the/task"),
    "environment": ({MODULE: {}, "environment": ENVIRONMENT}, "/from/the/environment"),
    "defaults": (
        {MODULE: {}, "module_defaults": {MODULE: {"kubeconfig": "/from/the/defaults"}}},
        "/from/the/defaults",
    ),
    "secret": ({MODULE: {"kubeconfig": "/from/somewhere/secret"}, "no_log": True}, "/from/somewhere/secret"),
    "like this one": ({MODULE: {"kubeconfig": "/from/the/task"}, "delegate_to": "near"}, "/from/the/task"),
    "async": ({MODULE: {"kubeconfig": "/from/the/task"}, "async": 30, "poll": 1}, "/from/the/task"),
    "become": ({MODULE: {"kubeconfig": "/from/the/task"}, "become": True}, "/from/the/task"),
    "interpreter": ({MODULE: {}, "environment": ENVIRONMENT, "delegate_to": "foreign"}, "/from/the/environment"),
    "connection": ({MODULE: {"kubeconfig": "/from/the/task"}, "delegate_to": "far"}, "/from/the/task"),
}


class Ran(NamedTuple):
    """What each task returned, whose module was a process, what was used for that, and what was printed."""

    results: dict[str, dict[str, Any]]
    processes: list[str]
    used: list[str]
    output: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One play of all tasks."""
    folder = tmp_path_factory.mktemp("worker")
    sudo = program(folder, "sudo", 'while [ "$1" != /bin/sh ]; do shift; done; exec "$@"')
    tasks = [
        {
            "name": name,
            **what,
            # A module process that is not piped needs a directory: it tells whose process it was.
            "vars": {"ansible_remote_tmp": str(folder / "of" / name), "ansible_become_exe": sudo},
            "register": f"result_{number}",
            "ignore_errors": True,
        }
        for number, (name, (what, _heard)) in enumerate(TASKS.items())
    ]
    collected = "{{ {" + ", ".join(f"'{task['name']}': {task['register']}" for task in tasks) + "} }}"
    keep = {"name": "Keep", "ansible.builtin.copy": {"content": collected, "dest": str(folder / "out.json")}}
    play = {"hosts": "here", "gather_facts": False, "tasks": [*tasks, keep]}
    (folder / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts(folder)}}))
    command = ["ansible-playbook", "-i", str(folder / "hosts.yml"), str(folder / "play.yml")]
    # Tests may be root's, and become root.
    environment = os.environ | {"ANSIBLE_BECOME_ALLOW_SAME_USER": "true"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Ran(
        json.loads((folder / "out.json").read_text()),
        sorted(path.name for path in folder.glob("of/*")),
        sorted(set((folder / "used").read_text().split())),
        done.stdout + done.stderr,
    )


def hosts(folder: Path) -> dict[str, Any]:
    """The host of the play, and those it delegates to: one like it, one with another Python, one behind ssh."""
    python = program(folder, "python", f'exec "{sys.executable}" "$@"')
    # ssh gives its last argument to the shell of the other side.
    ssh = program(folder, "ssh", 'for last; do :; done; exec /bin/sh -c "$last"')
    behind = {"ansible_connection": "ssh", "ansible_ssh_executable": ssh, "ansible_pipelining": True}
    return {
        "here": LOCAL,
        "near": LOCAL,
        "foreign": LOCAL | {"ansible_python_interpreter": python, "ansible_pipelining": True},
        "far": {**behind, "ansible_python_interpreter": sys.executable},
    }


def program(folder: Path, name: str, does: str) -> str:
    """A script that notes that it was used."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho {name} >> {folder}/used\n{does}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("name", TASKS)
def test_a_call_hears_what_its_task_says(ran: Ran, name: str) -> None:
    result = ran.results[name]
    assert result["failed"]
    assert TASKS[name][1] in str(result["failure"]), result


def test_the_worker_steps_aside_where_it_is_not_the_same(ran: Ran) -> None:
    assert ran.processes == ["async", "become"]
    assert ran.used == ["python", "ssh", "sudo"]
    assert ran.results["async"]["ansible_job_id"]


def test_the_result_of_a_task_is_not_logged_when_it_says_so(ran: Ran) -> None:
    assert ran.results["secret"]["failure"]
    assert (ran.output.count('"failure": {'), ran.output.count('"censored": ')) == (len(TASKS) - 1, 1), ran.output
