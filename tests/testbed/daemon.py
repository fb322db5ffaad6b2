# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process behind a bed: it holds the bed's lock, answers the control socket and ends with its clusters."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import IO, Any

from .bed import Bed, beds
from .control import BedError, Control, NoBed, call
from .process import tail

OF_TESTS = "pytest-"
"""How the names of beds begin that test runs have made for themselves."""
_PACKAGE_PARENT = Path(__file__).parent.parent
_spawned: dict[str, tuple[subprocess.Popen[bytes], int | None]] = {}
"""Daemons that this process started (unless kept, Python warns that they still run, as they should), and their
lifelines."""


class StartFailed(Exception):
    """The daemon ended before its clusters were ready; the message is its reason and the end of its log."""


class Stopped(Exception):
    """Somebody ended the daemon before it was ready."""


class Running(Exception):
    """Another daemon has the bed's lock."""


def log_path(name: str) -> Path:
    # Beside the directory, which a start wipes.
    return beds() / f"{name}.log"


def lock(name: str) -> IO[str]:
    """Take the bed's lock for as long as the file is open; the kernel drops it however the holder ends.

    Unlike a pid in a file it cannot be stale, nor belong to another process that got the same number.
    """
    beds().mkdir(parents=True, exist_ok=True)
    held = (beds() / f"{name}.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise Running(f"bed {name} runs already") from None
    return held


def running(name: str) -> bool:
    try:
        lock(name).close()
    except Running:
        return True
    return False


def prune(days: float = 1.0) -> None:
    """Throw away what the beds of earlier test runs left for a look at their logs."""
    long_ago = time.time() - days * 86400
    for log in beds().glob(f"{OF_TESTS}*.log"):
        name = log.stem
        if log.stat().st_mtime < long_ago and not running(name):
            shutil.rmtree(beds() / name, ignore_errors=True)
            for left in (log, beds() / f"{name}.lock"):
                left.unlink(missing_ok=True)


def answers(name: str, seconds: float = 200.0) -> bool:
    """Whether a bed of this name is up; waits for one that starts just now, or is on its way out."""
    deadline = time.monotonic() + seconds
    while running(name):
        try:
            call(beds() / name, "status")
        except NoBed as error:
            if time.monotonic() > deadline:
                raise NoBed(f"bed {name} runs, but did not answer for {seconds:.0f} s; see {log_path(name)}") from error
            time.sleep(0.05)
        else:
            return True
    return False


def spawn(name: str, clusters: Sequence[str], changes: Sequence[str], *, outlives: bool = True) -> None:
    """Start a daemon of its own session and return once its clusters are ready.

    :param outlives: the bed stays when this process ends; else it ends with it, even when that is killed.
    """
    beds().mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    theirs, ours = (None, None) if outlives else os.pipe()
    path = os.pathsep.join([str(_PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "testbed", "daemon", "--name", name, "--clusters", ",".join(clusters)]
    command += ["--report", str(writing), *(f"--set={change}" for change in changes)]
    command += [] if theirs is None else ["--lifeline", str(theirs)]
    with log_path(name).open("a") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[writing] if theirs is None else [writing, theirs],
            env=dict(os.environ) | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        )
    os.close(writing)
    if theirs is not None:
        os.close(theirs)
    _forget(name)
    _spawned[name] = process, ours
    try:
        with os.fdopen(reading) as report:
            verdict = _follow(report)
    except BaseException:
        process.kill()  # its children die with it
        _forget(name)
        raise
    if verdict != "ready":
        _forget(name)
        raise StartFailed(f"bed {name} did not start: {verdict}\nThe end of {log_path(name)}:\n{tail(log_path(name))}")


def end(name: str, seconds: float = 20.0) -> None:
    """Stop the bed and return once its processes are gone; fine when it does not run."""
    try:
        call(beds() / name, "down")
    except NoBed:
        if answers(name):
            raise
        _forget(name)
        return
    deadline = time.monotonic() + seconds
    while running(name):
        if time.monotonic() > deadline:
            raise BedError(f"bed {name} still runs {seconds:.0f} s after it was told to stop; see {log_path(name)}")
        time.sleep(0.02)
    _forget(name)


def _forget(name: str) -> None:
    """Collect the exit code of a daemon that this process started and that ended, or is about to."""
    process, ours = _spawned.pop(name, (None, None))
    if ours is not None:
        os.close(ours)
    if process is not None:
        process.wait()


def _follow(report: IO[str]) -> str:
    """Pass on what the daemon tells on its way; returns "ready", or why it is not."""
    for line in report:
        message = json.loads(line)
        if "verdict" in message:
            return str(message["verdict"])
        print(message["progress"], file=sys.stderr, flush=True)
    return "its process ended"


class _Report:
    """The pipe to whoever waits for the start, and the log."""

    def __init__(self, descriptor: int | None) -> None:
        self._pipe = os.fdopen(descriptor, "w") if descriptor is not None else None

    def progress(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
        self._tell({"progress": text})

    def verdict(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
        self._tell({"verdict": text})
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _tell(self, message: dict[str, Any]) -> None:
        if self._pipe is not None:
            try:
                print(json.dumps(message), file=self._pipe, flush=True)
            except BrokenPipeError:
                self._pipe = None


def serve(
    name: str, clusters: Sequence[str], changes: Sequence[str], descriptor: int | None, lifeline: int | None
) -> int:
    """The daemon itself; returns its exit code.

    :param lifeline: a pipe that nobody writes to; that it is closed says that whoever has started the bed is gone.
    """
    report = _Report(descriptor)
    try:
        held = lock(name)
    except Running as error:
        report.verdict(str(error))
        return 1
    if descriptor is not None:
        # The log is this run's from here on; before the lock it may have been another's.
        os.ftruncate(sys.stdout.fileno(), 0)
    with held:
        return asyncio.run(_serve(Bed(name, changes, report.progress), clusters, report, lifeline))


async def _serve(bed: Bed, clusters: Sequence[str], report: _Report, lifeline: int | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, _left_alone, lifeline, stop)
    control = Control(bed.directory, verbs(bed, stop))
    try:
        await _unless(stop, bed.up(clusters))
        await control.start()
    except Exception as error:
        traceback.print_exc()
        await bed.down()
        report.verdict(f"{type(error).__name__}: {error}")
        return 1
    report.verdict("ready")
    code = await _until_end(bed, stop)
    await control.stop()
    await bed.down()
    return code


def _left_alone(lifeline: int, stop: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    stop.set()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Work until done, or until somebody asks for the end."""
    working = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not working.done():
        working.cancel()
        await asyncio.wait([working])
        raise Stopped("stopped while it started")
    working.result()


async def _until_end(bed: Bed, stop: asyncio.Event) -> int:
    """Until somebody asks for the end, or a control plane breaks (half a bed would only confuse tests)."""
    stopped = asyncio.create_task(stop.wait())
    ended = asyncio.create_task(bed.ended.get())
    await asyncio.wait([stopped, ended], return_when=asyncio.FIRST_COMPLETED)
    broken = ended.done() and not stopped.done()
    if broken:
        print(f"stopping: {ended.result()}", flush=True)
    stopped.cancel()
    ended.cancel()
    return int(broken)


def verbs(bed: Bed, stop: asyncio.Event) -> dict[str, Any]:
    """What the control socket understands."""
    return {
        "status": bed.status,
        "ready": bed.ready,
        "add": bed.add,
        "vm": bed.vm,
        "user": lambda cluster, name, groups: bed.member(cluster).user(name, groups),
        "snapshot": lambda cluster, kinds: bed.member(cluster).snapshot(kinds),
        "fault-set": bed.set_fault,
        "fault-clear": bed.clear_faults,
        "fault-list": bed.list_faults,
        "partition": bed.partition,
        "heal": bed.heal,
        "down": stop.set,
    }
