# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes that never outlive this one, and free ports for them."""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
# Below what Linux hands out for outgoing connections (32768 and up), so nobody takes one by chance between
# our look and the child's bind.
_PORTS = range(18000, 32000)
_given: set[int] = set()
# A fifth less processor time at a start for half as much memory again (0.5 GB a cluster); the user's own value wins.
_ENVIRONMENT = {"GOGC": "400", "GOMAXPROCS": "1"}


def die_with_parent() -> None:
    """In a fresh child: be killed when the parent ends, however it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        # The parent was gone before the line above.
        os._exit(1)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on and that were not given away before."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports in {_PORTS.start}-{_PORTS.stop - 1}")


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for each in lists for child in each.read_text().split()]


def tail(path: Path, lines: int = 20) -> str:
    """The end of a log, for an error message."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"({error})"


class Ended(Exception):
    """A process that should run on has ended."""


class Process:
    """One child with its log."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, ended: Callable[[str], None]) -> None:
        """Start; `ended` is told when the process ends by itself."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_ENVIRONMENT | dict(os.environ),
                preexec_fn=die_with_parent,
            )
        self._watch = asyncio.create_task(self._wait(ended), name=f"process {self.name}")

    def check(self) -> None:
        """Raise Ended, with the end of the log, when it no longer runs."""
        if not self.running:
            code = self._process.returncode if self._process else None
            raise Ended(f"{self.name} ended with {code}; the end of {self.log}:\n{tail(self.log)}")

    def send(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)

    async def stop(self) -> None:
        """Kill: whatever it holds is thrown away with the bed."""
        self._stopping = True
        self.send(signal.SIGKILL)
        if self._watch is not None:
            await self._watch

    async def _wait(self, ended: Callable[[str], None]) -> None:
        assert self._process is not None
        code = await self._process.wait()
        if not self._stopping:
            ended(f"{self.name} ended with {code}, see {self.log}")
