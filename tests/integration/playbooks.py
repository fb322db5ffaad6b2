# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the shipped playbooks against a bed, with the demo's inventory, as a user runs them."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from testbed.audit import Write
from testbed.testing import TestBed

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "inventory" / "demo"
_RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=(\d+)", re.MULTILINE)


@dataclasses.dataclass
class Ran:
    """What a run printed, and what the API servers recorded of it."""

    code: int
    output: str
    writes: list[Write]

    @property
    def changed(self) -> dict[str, int]:
        """How many tasks changed something, by host."""
        return changed(self.output)

    def succeeded(self) -> Ran:
        """Fails the test, with what was printed, unless the run succeeded."""
        assert self.code == 0, self.output
        return self

    def did_nothing(self) -> Ran:
        """Fails the test unless the run succeeded, counted no change and wrote nothing."""
        self.succeeded()
        assert (self.writes, sum(self.changed.values())) == ([], 0), self.output
        return self

    def refused(self) -> Ran:
        """Fails the test unless the run failed cleanly and without a write."""
        assert self.code != 0, self.output
        assert "Traceback" not in self.output, self.output
        assert self.writes == [], self.output
        return self


def playbook(
    bed: TestBed,
    name: str,
    *arguments: str,
    user: str = "admin",
    environment: dict[str, str] | None = None,
    inventory: Path = DEMO,
    hear: Callable[[str], object] = str,
    **extra: Any,
) -> Ran:
    """Run a playbook of the collection.

    :param user: whose writes count.
    :param hear: is told every line when it is printed.
    :param extra: extra variables.
    """
    marks = {cluster: bed.clusters[cluster].mark() for cluster in bed.clusters}
    lines: list[str] = []
    with subprocess.Popen(
        command(name, *arguments, inventory=inventory, **extra),
        # Into a pipe Ansible writes line by line only when told to, as it does on a terminal.
        env=os.environ | {"DEMO_KUBECONFIGS": str(bed.directory), "PYTHONUNBUFFERED": "1"} | (environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            hear(line)
    return Ran(process.returncode, "".join(lines), written(bed, marks, user))


def changed(output: str) -> dict[str, int]:
    """How many tasks changed something, by host, as the last lines of a run say."""
    found = {host: int(number) for host, number, _failed in _RECAP.findall(output)}
    assert found, f"no host came to the end:\n{output}"
    return found


def command(name: str, *arguments: str, inventory: Path = DEMO, **extra: Any) -> list[str]:
    """The command line of a run."""
    variables = f"--extra-vars={json.dumps(extra)}"
    return ["ansible-playbook", f"--inventory={inventory}", f"livemigration.kubevirt.{name}", variables, *arguments]


def written(bed: TestBed, marks: dict[str, int], user: str = "admin") -> list[Write]:
    """What a user wrote since the marks. Asking what one may do is sent like a write and stores nothing."""
    found = [write for cluster, mark in marks.items() for write in bed.clusters[cluster].writes(mark, user)]
    return [write for write in found if not write.path.endswith("/selfsubjectaccessreviews")]
