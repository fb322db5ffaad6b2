# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Move VMs on a test bed as in the recordings of KubeVirt's own controllers, and tell the same stories."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from conformance.compare import RECORDINGS, Row, differences, shape_differences
from conformance.pair import Pair
from conformance.vm_aspects import PASSING, Known, known_states, merged, tell
from conformance.vm_order import Order, learned, orders, violations
from conformance.vm_scenarios import Play, play
from conformance.vm_stories import STORIES, Story, no_instance

if TYPE_CHECKING:
    from testbed.testing import TestBed

_SYNC = ("DecentralizedLiveMigrationFailure", "decentralizedMigrationBlocked")


@pytest.fixture(scope="module")
def pair(separate_bed: TestBed) -> Pair:
    made = Pair(separate_bed)
    made.prepare()
    return made


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.recording)
def test_the_story_is_the_recorded_one(pair: Pair, story: Story) -> None:
    with play(pair, story.name) as acted:
        story.drive(acted)
        acted.settle()
        seen = list(acted.tape.rows)
    found = []
    recorded, ours = tell(story.recorded(), story.kept), tell(seen, story.kept)
    for aspect, stories in ours.items():
        wanted = merged(recorded[aspect], stories, aspect, _known())
        found += [f"{aspect} of {one}" for one in differences(wanted, stories)]
    found += violations(_rules(), seen, story.kept)
    assert not found, "\n".join(found)


@cache
def _known() -> Known:
    return known_states(tell(story.recorded(), story.kept) for story in STORIES)


@cache
def _rules() -> set[Order]:
    return learned(orders(story.recorded(), story.kept) for story in STORIES)


def test_a_healthy_move_is_shown_as_blocked_for_a_moment(pair: Pair) -> None:
    """Every recorded success has the target waiting, and most have a message that came too early for its receiver."""
    story = next(one for one in STORIES if one.recording == "success-always")
    with play(pair, "vm-passing") as acted:
        story.drive(acted)
        messages = _sync_messages(acted.tape.rows)
    assert "waiting for incoming synchronization, unable to proceed" in messages
    assert any(PASSING.match(message) for message in messages), messages


def test_whole_objects_have_the_recorded_shape(pair: Pair) -> None:
    recorded = _objects()
    found = []
    with play(pair, "vm-shape") as acted:
        for moment, site, objects in _moments(acted):
            for what, seen in objects.items():
                wanted = recorded.get(f"{moment}.{site}.{what}")
                if wanted is None:
                    continue
                late = _JUST_ENDED if (moment, site) == ("copying", "b") else ()
                ignored = (*_IGNORED, *late)
                shapes = shape_differences(_comparable(wanted), _comparable(seen), ignore=ignored)
                found += [f"{moment} {what} at {site}: {line}" for line in shapes]
    assert not found, "\n".join(found)


_IGNORED = (
    # What a client left behind.
    "*.kubectl.kubernetes.io/last-applied-configuration",
    # Kept by the API server; the recorded objects were stripped of it.
    "*.managedFields*",
    # A node's own report of its pods: conditions, containers and networks are the kubelet's and multus's.
    "[].status.*",
    "[].metadata.annotations.k8s.v1.cni.cncf.io/network-status",
    # Told by the stories; which conditions there are just now differs.
    "*.conditions[].message",
    "*.conditions[].reason",
    # Filled in by an admission plugin that the API server of the recordings did without.
    "[].spec.serviceAccount*",
)
# The recorded objects of the target were read a moment after the copy had ended, those of the source before.
_JUST_ENDED = (
    ".status.migrationState.targetNodeDomainReadyTimestamp",
    ".status.migrationState.targetState.domainReadyTimestamp",
    "[].metadata.annotations.kubevirt.io/migration-target-ready-timestamp",
)


def _moments(acted: Play) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The moments of the recorded objects, reached one after the other."""
    with acted.pair.bed.fault("copy-seconds", "cluster-a", vm=f"default/{acted.name}", seconds="8"):
        acted.start("a")
        acted.receive("b")
        acted.strategy("a", "Manual")
        yield from _look("waiting", acted)
        acted.open()
        acted.until("b", "VirtualMachine", lambda row: _migrates(row) and row.get("ready") is True, "the copy")
        acted.until("a", "VirtualMachineInstance", _detected, "the target's guest known at the source")
        yield from _look("copying", acted)
        acted.until("a", "VirtualMachine", lambda row: _is(row, "Stopped", "Manual"), "the source stopped")
        acted.until("b", "VirtualMachine", lambda row: _is(row, "Running", "Always"), "the target restored")
        acted.ended("b", "target", "Succeeded")
        acted.ended("a", "source", "Succeeded")
        acted.settle()
        yield from _look("succeeded", acted)
        acted.strategy("a", "Halted")
        acted.until("a", "VirtualMachine", no_instance, "the source without an instance")
        yield from _look("finished", acted)


def _look(moment: str, acted: Play) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for site in acted.pair.clients:
        yield moment, site, acted.objects(site)


def _migrates(row: Row) -> bool:
    return row.get("printableStatus") == "Migrating"


def _detected(row: Row) -> bool:
    return "targetNodeDomainDetected" in row.get("migrationState", {})


def _is(row: Row, printable: str, strategy: str) -> bool:
    return row.get("printableStatus") == printable and row.get("runStrategy") == strategy


def _comparable(value: Any, key: str = "") -> Any:
    """Keys that are names, ids, ports or CPU models are folded into one."""
    if isinstance(value, list):
        return [_comparable(one, key) for one in value]
    if not isinstance(value, dict):
        return value
    return {_folded(name, key): _comparable(child, name) for name, child in value.items()}


def _folded(name: str, parent: str) -> str:
    if parent == "activePods":
        return "<uid>"
    if parent.endswith("irectMigrationNodePorts"):
        return "<port>"
    if ".node.kubevirt.io/" in name and not name.startswith("machine-type"):
        return name.partition("/")[0]
    return name


def _objects() -> dict[str, Any]:
    with gzip.open(RECORDINGS / "vm-objects.json.gz", "rt") as packed:
        found: dict[str, Any] = json.load(packed)
    return found


def _sync_messages(rows: list[Row]) -> set[str]:
    return {one[3] for row in rows for one in row.get("conditions", ()) if one[0] in _SYNC}
