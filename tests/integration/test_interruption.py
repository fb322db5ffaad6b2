# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A move that is killed with SIGKILL after any of its writes, and run again, ends as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from integration.moves import Road, outcome, prepare
from testbed.testing import TestBed

WRITES = ("guard", "receive", "send", "halt", "restore", "delete send", "delete receive")
UNDOING = ("guard", "receive", "send", "verdict", "delete send", "delete receive")


@pytest.fixture(scope="module")
def prepared(separate_bed: TestBed) -> TestBed:
    """Two clusters ready for moves."""
    return prepare(separate_bed)


@pytest.fixture
def road(prepared: TestBed) -> Iterator[Road]:
    found = Road.between(prepared, f"vm-{uuid.uuid4().hex[:6]}")
    found.receiver()
    yield found
    prepared.calm()


def killed_after(road: Road, writes: int, names: tuple[str, ...] = WRITES) -> None:
    """Run the move in another process and kill it after that many writes.

    KubeVirt may remove a migration before the move does; a move that so has fewer writes to make ends by itself.
    """
    request = json.dumps({"options": road.options(), "writes": writes})
    command = [sys.executable, "-m", "integration.dying"]
    died = subprocess.run(command, input=request, text=True, capture_output=True, timeout=120, check=False)
    endings = {-signal.SIGKILL, 0} if names[writes - 1].startswith("delete") else {-signal.SIGKILL}
    assert died.returncode in endings, died.stderr


@pytest.mark.parametrize("writes", range(1, len(WRITES) + 1), ids=WRITES)
def test_killed_after(road: Road, writes: int) -> None:
    killed_after(road, writes)
    # A play that is run again makes sure of the receiver first.
    road.receiver()
    called = road.move()
    road.assert_moved(called)
    assert outcome(called) in ("migrated", "already_migrated")


@pytest.mark.parametrize("writes", range(3, len(UNDOING) + 1), ids=UNDOING[2:])
def test_killed_while_a_failed_copy_is_undone_after(road: Road, writes: int) -> None:
    with road.bed.fault("copy-failure", road.source.name):
        killed_after(road, writes, UNDOING)
        road.receiver()
        called = road.move()
    assert outcome(called) == "rolled_back", called.result["msg"]
    road.assert_stayed()
