# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as tests and simulators use it."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from pathlib import Path
from typing import Any, Self

_TESTS = Path(__file__).resolve().parent.parent.parent


class LabError(Exception):
    """The lab refused a request; its own words."""


class Lab:
    """``async with Lab() as lab``: every method of the server's is one here, its arguments by name."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Start the process."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "testbed.netlab.server",
            cwd=_TESTS,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read(self._process))

    async def close(self) -> None:
        """End it, and with it everything it made."""
        if self._process is None or self._reader is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reader
        self._process = None

    async def do(self, what: str, **arguments: Any) -> Any:
        """One request, and its answer."""
        assert self._process is not None
        assert self._process.stdin is not None
        number = next(self._numbers)
        future = self._open[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "do": what, "with": arguments}).encode() + b"\n")
        return await future

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            answer = json.loads(line)
            future = self._open.pop(answer["id"])
            if future.cancelled():
                continue
            if "error" in answer:
                future.set_exception(LabError(answer["error"]))
            else:
                future.set_result(answer["result"])
        for future in self._open.values():
            if not future.done():
                future.set_exception(LabError("the lab has ended"))
        self._open.clear()
