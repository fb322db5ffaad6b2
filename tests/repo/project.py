# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests about the repository look at."""

from __future__ import annotations

import functools
import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "livemigration.kubevirt"


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file git tracks or would track, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    names = {Path(name) for name in listed.stdout.split("\0") if name}
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


def text(name: Path | str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def data(name: Path | str) -> Any:
    return yaml.safe_load(text(name))


def stems(pattern: str) -> list[str]:
    return sorted(path.stem for path in ROOT.glob(pattern))


# What runs on the controller alone and reaches no cluster: an action plugin that is documented like a module.
ACTIONS = [name for name in stems("plugins/modules/*.py") if "MODULE = " not in text(f"plugins/modules/{name}.py")]
MODULES = [name for name in stems("plugins/modules/*.py") if name not in ACTIONS]
FILTERS = stems("plugins/filter/*.py")
ROLES = sorted(path.name for path in ROOT.glob("roles/*") if path.is_dir())
PLAYBOOKS = [name for name in stems("playbooks/*.yml") if not name.endswith(".meta")]


def module_of(name: str) -> Any:
    """What a module file says it is: its argument spec and the function that does its work."""
    return importlib.import_module(f"ansible_collections.{NAME}.plugins.modules.{name}").MODULE


def spec_of(name: str) -> Any:
    return module_of(name).spec


@functools.cache
def documentation() -> dict[str, Any]:
    """What ansible-doc makes of every module, fragments merged."""
    program = Path(sys.executable).with_name("ansible-doc")
    names = [f"{NAME}.{module}" for module in MODULES]
    said = subprocess.run([program, "--json", *names], check=True, capture_output=True, text=True)
    return {name.removeprefix(f"{NAME}."): entry for name, entry in json.loads(said.stdout).items()}
