# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the artifact, let Galaxy's importer judge it, install it, and use what was installed.

Everything after the build happens in an empty directory, without the checkout on any path: what works there
works for a user. With the argument ``build`` the archive is only built, and left in the current directory.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from export import CACHE, exported

NAME = "livemigration.kubevirt"

# Its own ansible-lint and flake8 runs would repeat ours; ansible-test is a step of its own.
IMPORTER = """\
[galaxy-importer]
log_level_main = WARNING
check_changelog = True
run_ansible_doc = True
run_ansible_lint = False
run_ansible_test = False
run_flake8 = False
"""

# Connects to nothing: a wrong connection must end in our own message, from inside the worker.
SMOKE = """\
- name: Smoke
  hosts: localhost
  gather_facts: false
  tasks:
    - name: The installed module answers in its own words
      livemigration.kubevirt.migration_network_info:
        host: https://127.0.0.1:1
        api_key: nobody
        namespace: kubevirt
      register: answer
      ignore_errors: true
    - name: The failure is ours
      ansible.builtin.assert:
        that:
          - answer is failed
          - answer.failure.reason is defined
          - answer.failure.hint | length > 0
"""


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, check=False, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{' '.join(map(str, command))}: exit {done.returncode}")
    return done.stdout


def build(directory: Path) -> Path:
    with exported() as collection:
        run("ansible-galaxy", "collection", "build", "--output-path", directory, cwd=collection)
    (artifact,) = directory.glob("*.tar.gz")
    return artifact


def judge(artifact: Path, directory: Path) -> None:
    """Galaxy's importer tells what Galaxy would refuse; a warning is as good as a refusal."""
    config = directory / "importer.cfg"
    config.write_text(IMPORTER)
    environment = os.environ | {"GALAXY_IMPORTER_CONFIG": str(config)}
    said = run(sys.executable, "-m", "galaxy_importer.main", artifact, cwd=directory, env=environment)
    if "ERROR" in said or "WARNING" in said:
        raise SystemExit(said)


def documented(kind: str, directory: Path, environment: dict[str, str]) -> set[str]:
    said = run("ansible-doc", "-t", kind, "--list", "--json", NAME, cwd=directory, env=environment)
    return {name.removeprefix(f"{NAME}.") for name in json.loads(said)}


def try_out(artifact: Path, directory: Path) -> None:
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment = outside | {"ANSIBLE_COLLECTIONS_PATH": str(directory), "ANSIBLE_LOCALHOST_WARNING": "false"}
    install = ("ansible-galaxy", "collection", "install", "--offline", "-p", directory, artifact)
    run(*install, cwd=directory, env=environment)
    installed = directory / "ansible_collections" / "livemigration" / "kubevirt"
    for kind, entries in (("module", "plugins/modules/*.py"), ("role", "roles/*")):
        wanted = {entry.stem for entry in installed.glob(entries)}
        missing = wanted - documented(kind, directory, environment)
        if missing or not wanted:
            raise SystemExit(f"ansible-doc -t {kind} does not know: {', '.join(sorted(missing)) or 'any'}")
    smoke = directory / "smoke.yml"
    smoke.write_text(SMOKE)
    run("ansible-playbook", "-i", "localhost,", "-c", "local", smoke, cwd=directory, env=environment)
    for playbook in sorted((installed / "playbooks").glob("*.yml")):
        if not playbook.name.endswith(".meta.yml"):
            name = f"{NAME}.{playbook.stem}"
            run("ansible-playbook", "-i", "localhost,", "--syntax-check", name, cwd=directory, env=environment)


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="artifact-", dir=CACHE) as name:
        directory = Path(name)
        artifact = build(directory)
        if arguments == ["build"]:
            print(shutil.copy(artifact, artifact.name))
            return 0
        judge(artifact, directory)
        try_out(artifact, directory)
        print(f"{artifact.name}: {artifact.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
