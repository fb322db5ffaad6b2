# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks that are killed with SIGKILL at their first write, again and again, until one has nothing left to write."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from integration.playbooks import changed, command
from testbed.process import children
from testbed.proxy import Proxy
from testbed.proxy_rules import Action, Request, writes

MOST_WRITES = 40
"""More than any of the playbooks makes; a run that never ends would be a loop."""


class Doomed:
    """Runs of playbooks through proxies that kill them."""

    def __init__(self, directory: Path, proxies: list[Proxy]) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.killed_at: list[str] = []
        for proxy in proxies:
            proxy.add(Action(after=self._kill), writes)

    def _kill(self, request: Request) -> None:
        """Called by a proxy between the API server's answer and the run."""
        with self._lock, contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                self.killed_at.append(str(request))
                _end(self._process.pid)
                self._process = None

    def run(self, name: str, *arguments: str, **extra: Any) -> tuple[int, str]:
        """Exit code and output of one run, killed or not."""
        environment = os.environ | {"DEMO_KUBECONFIGS": str(self._directory)}
        with subprocess.Popen(
            command(name, *arguments, **extra),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            with self._lock:
                self._process = process
            output = process.communicate()[0]
        return process.returncode, output

    def until_done(self, name: str, *arguments: str, **extra: Any) -> list[str]:
        """Run again and again until a run is left alone, having nothing to do; the writes at which the others died."""
        self.killed_at.clear()
        for _ in range(MOST_WRITES):
            before = len(self.killed_at)
            code, output = self.run(name, *arguments, **extra)
            if len(self.killed_at) == before:
                assert (code, sum(changed(output).values())) == (0, 0), output
                return list(self.killed_at)
        raise AssertionError(f"{name} still writes after {MOST_WRITES} runs: {self.killed_at}")


def _end(pid: int) -> None:
    """Kill a run with all its workers: each is a session of its own, which outlives the run and would write on."""
    os.kill(pid, signal.SIGSTOP)
    family = [pid]
    for each in family:
        family += children(each)
    for each in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
