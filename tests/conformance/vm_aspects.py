# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared of VMs, instances, migrations and launcher pods: one story for each aspect of each object.

Aspects are told apart because several components write one object and their writes interleave as they come,
in the recordings as here. Within an aspect the order must hold. What cannot be compared has its reason beside it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from conformance.compare import Aliases, Chooser, Row, State, Stories, Who, stories

Known = Mapping[tuple[str, str], list[State]]

ABSENT = "absent"
MISSED = 2
"""How many states of one story may be missed: as many as a recording did."""
_FINAL = ("Succeeded", "Failed")

# Appear when one message overtakes the cache of its receiver, when a connection is closed under a message, or
# when a message comes for a migration that has just gone: each run has another set of them, for milliseconds.
# Recorded in 5 of the 8 runs, in different places of runs that were driven alike.
PASSING = re.compile(
    r"^rpc error: code = (Unknown desc = the server rejected our request due to an error in our request"
    r"|Canceled desc = grpc: the client connection is closing"
    r"|Unknown desc = target: unable to locate VMI for migrationID .*)$"
)
_SYNC_CONDITIONS = ("DecentralizedLiveMigrationFailure", "decentralizedMigrationBlocked")
_CONDITIONS: Mapping[str, tuple[str, ...]] = {
    "VirtualMachine": (
        "Ready",
        "LiveMigratable",
        "StorageLiveMigratable",
        "PodScheduled",
        "MigrationRequired",
        *_SYNC_CONDITIONS,
    ),
    "VirtualMachineInstance": (
        "Ready",
        "LiveMigratable",
        "StorageLiveMigratable",
        "PodScheduled",
        "MigrationRequired",
        *_SYNC_CONDITIONS,
    ),
    "VirtualMachineInstanceMigration": (
        "migrationAbortRequested",
        "migrationRejectedByResourceQuota",
        *_SYNC_CONDITIONS,
    ),
}
_KEPT_ANNOTATIONS = (
    "kubevirt.io/restore-run-strategy",
    "kubevirt.io/create-migration-target",
    "kubevirt.io/nonroot",
    "kubevirt.io/migration-target-ready-timestamp",
    "kubevirt.io/migrationJobName",
)
_KEPT_LABELS = (
    "kubevirt.io/nodeName",
    "kubevirt.io/migrationTargetNodeName",
    "kubevirt.io/migrationJobUID",
    "kubevirt.io/vmi-name",
)
_FLAGS = ("abortStatus", "completed", "failed", "failureReason", "mode")


def aspects() -> dict[str, dict[str, Chooser]]:
    """Choosers for compare.stories, by the aspect's name and the kind."""
    found: dict[str, dict[str, Chooser]] = {
        "run strategy": {"VirtualMachine": lambda row: row.get("runStrategy", "")},
        "printable status": {"VirtualMachine": _printable},
        "ready": {"VirtualMachine": lambda row: row.get("ready", False)},
        "phase": {kind: _phase for kind in (*_CONDITIONS, "Pod") if kind != "VirtualMachine"},
        "finalizers": dict.fromkeys(_CONDITIONS, _finalizers),
        "annotations": dict.fromkeys((*_CONDITIONS, "Pod"), _annotations),
        "node": {kind: lambda row: "nodeName" in row for kind in ("VirtualMachineInstance", "Pod")},
        "deletion": {kind: lambda row: row.get("deleting", False) for kind in (*_CONDITIONS, "Pod")},
        "addresses": {"VirtualMachineInstanceMigration": lambda row: len(row.get("synchronizationAddresses", ()))},
        "migration state": {"VirtualMachineInstance": _state_keys, "VirtualMachineInstanceMigration": _copied_state},
        "start": {"VirtualMachineInstance": lambda row: "startTimestamp" in row.get("migrationState", {})},
        "abort": {"VirtualMachineInstance": lambda row: row.get("migrationState", {}).get("abortRequested", False)},
        "outcome": {"VirtualMachineInstance": _outcome, "VirtualMachineInstanceMigration": _copied_outcome},
    }
    for label in _KEPT_LABELS:
        # Each by itself: virt-controller's two workers for instances and migrations race for the first of them,
        # and both orders were recorded.
        found[f"label {label}"] = {kind: _label(label) for kind in (*_CONDITIONS, "Pod")}
    for kind, types in _CONDITIONS.items():
        for type_ in types:
            found.setdefault(f"condition {type_}", {})[kind] = _condition(type_)
    return found


def merged(recorded: Stories, seen: Stories, aspect: str, known: Known) -> Stories:
    """The recorded stories as they may be told on a test bed: some states are looked at late, there or here.

    What one object shows of another is looked at when its controller comes to it: a VM of its instance, a VMI of
    its peer's state, which comes in messages that carry all there is by then. A state that is followed closely by
    the next can be missed, in the recordings as well (wrong-address has a VM that missed two). So a story may lack
    a few states of the recording, or have a few that this recording missed and another one tells of the same
    aspect. Beginning, end and order are the recording's, and a state that no recording has is never excused.
    """
    return {who: _overtaken(story, seen.get(who, []), who, aspect, known) for who, story in recorded.items()}


def known_states(told: Iterable[Mapping[str, Stories]]) -> Known:
    """Every state that some recording tells, by kind and aspect."""
    found: dict[tuple[str, str], list[State]] = {}
    for recording in told:
        for aspect, all_ in recording.items():
            for who, story in all_.items():
                found.setdefault((who.kind, aspect), []).extend(story)
    return found


def _overtaken(recorded: list[State], seen: list[State], who: Who, aspect: str, known: Known) -> list[State]:
    of_another = who.kind == "VirtualMachine" and (
        aspect.startswith("condition") or aspect in ("printable status", "ready")
    )
    of_peer = who.kind == "VirtualMachineInstance" and aspect in ("migration state", "outcome")
    if not (of_another or of_peer) or not seen or not recorded:
        return recorded
    if recorded[0] != seen[0] or recorded[-1] != seen[-1]:
        return recorded
    shorter, longer = sorted((recorded, seen), key=len)
    between = _between(shorter, longer)
    if between is None or len(between) > MISSED:
        return recorded
    excused = longer is recorded or all(state in known[who.kind, aspect] for state in between)
    return seen if excused else recorded


def _between(shorter: list[State], longer: list[State]) -> list[State] | None:
    """The states that the longer story has beside those of the shorter; ``None`` when that is not how they differ."""
    rest, between = list(shorter), []
    for state in longer:
        if rest and state == rest[0]:
            del rest[0]
        else:
            between.append(state)
    return None if rest else between


def tell(rows: Iterable[Row], kept: Callable[[Who, str, State], bool]) -> dict[str, Stories]:
    """The stories of all aspects; `kept` decides of each state (never of GONE) whether it is compared."""
    rows = list(rows)
    told = {}
    for aspect, choosers in aspects().items():
        names = Names()
        skip = _skip(aspect, kept)
        told[aspect] = stories(rows, choosers, rename=names, skip=skip)
    return told


class Names:
    """Names without what is random or chosen: "vm", "source", "target", "launcher 1" (numbered at each site)."""

    def __init__(self) -> None:
        self._aliases: dict[str, Aliases] = {}

    def __call__(self, row: Row) -> str:
        name = str(row["name"])
        if row["kind"] == "Pod":
            return self._aliases.setdefault(row["site"], Aliases()).of("launcher", name)
        return name.rpartition("-")[2] if row["kind"] == "VirtualMachineInstanceMigration" else "vm"


def _skip(aspect: str, kept: Callable[[Who, str, State], bool]) -> Callable[[Who, State], bool]:
    return lambda who, state: not kept(who, aspect, state)


def _printable(row: Row) -> State:
    """Before the first status there is none; "Stopped" follows within milliseconds."""
    return row.get("printableStatus")


def _phase(row: Row) -> State:
    return row.get("phase", "")


def _finalizers(row: Row) -> State:
    """Order within the list says nothing.

    On a migration that is over two controllers take their finalizers off, one of them by writing a list it saw
    earlier; which of them is seen in between, and whether one comes back for a moment, differs from run to run
    (copy-failure has one coming back).
    """
    found = sorted(row.get("finalizers", ()))
    over = row["kind"] == "VirtualMachineInstanceMigration" and (row.get("phase") in _FINAL or row.get("deleting"))
    return None if over and found else found


def _annotations(row: Row) -> State:
    """Values of those that hold random names or times are left out."""
    found = row.get("annotations", {})
    plain = ("kubevirt.io/restore-run-strategy", "kubevirt.io/create-migration-target", "kubevirt.io/nonroot")
    return {key: found[key] if key in plain else "…" for key in _KEPT_ANNOTATIONS if key in found}


def _label(key: str) -> Chooser:
    return lambda row: key in row.get("labels", {})


def _state_keys(row: Row) -> State:
    """Key paths; ports are told by what they lead to, random as they are.

    Two have aspects of their own, as their writers race with virt-handler: `startTimestamp`, which on a target
    the synchronization writes as well, and `abortRequested`, which is virt-controller's.
    """
    return sorted(_keys(row.get("migrationState", {})) - {".startTimestamp", ".abortRequested"})


def _copied_state(row: Row) -> State:
    """Of a migration only the state copied at its end counts.

    Before that it holds `sourcePod`, which a target has only if its own pod was seen soon enough. And the look in
    which virt-controller marks the failure on the instance still copies what it saw before; that write goes through
    unless the synchronization takes its finalizer off in between, as it did in the recording.
    """
    state = row.get("migrationState", {})
    early = row.get("phase") == "Failed" and not state.get("failed")
    return _state_keys(row) if row.get("phase") in _FINAL and len(state) > 1 and not early else None


def _keys(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {path}
    if path == ".migrationConfiguration":
        # One write always; what it holds is compared with whole objects.
        return {path}
    if path.endswith("irectMigrationNodePorts"):
        return {f"{path}:{port}" for port in value.values()}
    if path.endswith("nodeSelectors"):
        return {f"{path}.{key.partition('/')[0]}" for key in value}
    return set().union(*(_keys(child, f"{path}.{key}") for key, child in value.items()))


def _outcome(row: Row) -> State:
    state = row.get("migrationState", {})
    return {key: state[key] for key in _FLAGS if key in state}


def _copied_outcome(row: Row) -> State:
    return _outcome(row) if _copied_state(row) is not None else None


def _condition(type_: str) -> Chooser:
    def choose(row: Row) -> State:
        for found in row.get("conditions", ()):
            if found[0] != type_:
                continue
            message = found[3] if len(found) > 3 else ""
            if PASSING.match(message):
                return None
            # Who reports that no node fits has words of its own.
            return found[1:3] if type_ == "PodScheduled" else [*found[1:3], message]
        return ABSENT

    return choose
