# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``ansible-test sanity`` on a clean copy of the checkout, without the host it downloads from.

ansible-test makes a virtual environment for each kind of test and fetches get-pip for it from a server of its
own, unless the file is in its cache. We put a stand-in there that gives the same result with the standard
library. That cache lies in the home directory, so the run gets a home of its own inside our cache.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from export import CACHE, exported

HOME = CACHE / "home"

# Needs PowerShell, and there is none of it here.
SKIPPED = ("pslint",)

# ensurepip in a process of its own: it switches off pip's configuration for the rest of its process.
GET_PIP = """\
import runpy
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"])
options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
sys.argv = ["pip", "install", *options]
runpy.run_module("pip", run_name="__main__")
"""


def stand_in() -> Path:
    """Where the installed ansible-test looks for get-pip: the name holds the version of pip it wants."""
    spec = importlib.util.find_spec("ansible_test._internal")
    if not spec or not spec.submodule_search_locations:
        raise SystemExit("ansible-test is not part of the installed ansible-core")
    source = Path(spec.submodule_search_locations[0], "python_requirements.py").read_text()
    version = re.search(r"\bpip='([\d.]+)'", source)
    if not version:
        raise SystemExit("this ansible-test does not say which pip it wants: python_requirements.py has changed")
    return HOME / ".ansible/test/cache" / f"get_pip_{version[1].replace('.', '_')}.py"


def pip_settings() -> str:
    """pip's settings as a file: ansible-test drops PIP_* variables, and the other home has no settings."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, stdout=subprocess.PIPE, text=True
    )
    settings = (line.partition("=") for line in listed.stdout.splitlines())
    # Names come as section.name, variables as :env:.name; the last one given wins, as in pip itself.
    values = {name.rpartition(".")[2]: value.strip("'\"") for name, _equals, value in settings}
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(values.items()))


def not_shipped(name: Path) -> bool:
    """What never leaves the repository is held to ruff and mypy, which see more than pylint and in less time."""
    return name.parts[0] in ("scripts", "tests") and name.parts[:2] not in (
        ("tests", "config.yml"),
        ("tests", "sanity"),
    )


def main(options: list[str]) -> int:
    get_pip = stand_in()
    settings = HOME / ".config/pip/pip.conf"
    for path, text in ((get_pip, GET_PIP), (settings, pip_settings())):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text)
    skipped = [option for test in SKIPPED for option in ("--skip-test", test)]
    python = ["--python", f"{sys.version_info.major}.{sys.version_info.minor}"]
    with exported(not_shipped) as collection:
        command = ["ansible-test", "sanity", "--color=no", *python, *skipped, *options]
        environment = os.environ | {"HOME": str(HOME)}
        return subprocess.run(command, check=False, cwd=collection, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
