# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unix socket over which the CLI and the tests talk to a bed's daemon: one JSON line each way."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

SOCKET = "control.sock"
_LONGEST_LINE = 256 * 2**20
Verb = Callable[..., Any]


class BedError(Exception):
    """The daemon refused or failed; the message is its own."""


class NoBed(BedError):
    """No daemon answers for this bed."""


class Control:
    """The daemon's side: verbs by name, plain functions or coroutines with keyword arguments."""

    def __init__(self, directory: Path, verbs: dict[str, Verb]) -> None:
        self._directory = directory
        self._verbs = verbs
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        # A socket's path is limited to 108 bytes; through the directory's descriptor any directory fits.
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            path = f"/proc/self/fd/{descriptor}/{SOCKET}"
            self._server = await asyncio.start_unix_server(self._serve, path, limit=_LONGEST_LINE)
        finally:
            os.close(descriptor)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            (self._directory / SOCKET).unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if line := await reader.readline():
                answer = await self._answer(json.loads(line))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # the caller went away; what it asked for is done all the same
        finally:
            writer.close()

    async def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        name = question.pop("verb", "")
        verb = self._verbs.get(name)
        if verb is None:
            return {"error": f"no verb {name!r}; there are: {', '.join(sorted(self._verbs))}"}
        try:
            result = verb(**question)
            if isinstance(result, Awaitable):
                result = await result
        except Exception as error:
            # Whatever went wrong belongs to the caller; the daemon goes on.
            return {"error": f"{error}" or type(error).__name__, "kind": type(error).__name__}
        return {"result": result}


def call(directory: Path, verb: str, *, patience: float = 120.0, **arguments: Any) -> Any:
    """Ask the daemon whose state is in a directory; BedError with its words when it cannot."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(patience)
        try:
            descriptor = os.open(directory, os.O_RDONLY)
            try:
                connection.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
            finally:
                os.close(descriptor)
        except OSError as error:
            raise NoBed(f"no bed answers in {directory} ({error}); start one with: python -m testbed up") from error
        connection.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")
        try:
            with connection.makefile("rb") as stream:
                line = stream.readline()
        except TimeoutError as error:
            raise BedError(f"the bed in {directory} did not answer {verb!r} within {patience:.0f} s") from error
    if not line:
        raise NoBed(f"the bed in {directory} ended while it was asked {verb!r}; see {directory}.log")
    answer = json.loads(line)
    if "error" in answer:
        raise BedError(answer["error"])
    return answer["result"]
