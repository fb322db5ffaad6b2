# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eight VM recordings: how each was driven, which part of it is compared, and what it cannot hold us to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from conformance.compare import State, Who, load
from conformance.rows import Row
from conformance.vm_scenarios import Play

_REFUSED = (
    "Live migration failed error encountered during MigrateToURI3 libvirt api call: "
    "virError(Code=38, Message='connection refused')"
)
Kept = Callable[[Who, str, State], bool]


@dataclass(frozen=True, slots=True)
class Story:
    """`begin`/`end`: seconds of the recording between which it tells this story, not what came before or after."""

    recording: str
    name: str
    drive: Callable[[Play], None]
    begin: float = 0.0
    end: float = 1e9
    kept: Kept = lambda who, aspect, state: True
    """False for states that the recording has no say in."""
    foreign: Callable[[Row], bool] = lambda row: False
    """Rows of an earlier run with the same names."""

    def recorded(self) -> list[Row]:
        """The rows that tell the story."""
        rows = load(f"vm-{self.recording}.jsonl.gz")
        return [row for row in rows if self.begin <= row["t"] < self.end and not self.foreign(row)]


def _vm(row: Row, **fields: object) -> bool:
    return all(row.get(key) == value for key, value in fields.items())


def _success_always(play: Play) -> None:
    play.start("a")
    play.receive("b")
    play.open()
    play.until(
        "a", "VirtualMachineInstanceMigration", lambda row: row["event"] == "DELETED", "the source migration gone"
    )
    play.until("b", "VirtualMachine", lambda row: _vm(row, runStrategy="Always"), "the target's strategy restored")
    play.until("a", "VirtualMachine", no_instance, "the source without an instance")


def no_instance(row: Row) -> bool:
    halted = row.get("runStrategy") == "Halted"
    return halted and ["Ready", "False", "VMINotExists", "VMI does not exist"] in row.get("conditions", ())


def _success_guarded_and_return(play: Play) -> None:
    play.start("a")
    play.receive("b")
    play.strategy("a", "Manual")
    play.open()
    _guarded_end(play, source="a", target="b")
    play.act()
    play.strategy("a", "Halted")
    play.until(
        "a", "VirtualMachineInstanceMigration", lambda row: row["event"] == "DELETED", "the source migration gone"
    )
    play.cancel("b", "target")
    play.until(
        "b", "VirtualMachineInstanceMigration", lambda row: row["event"] == "DELETED", "the target migration gone"
    )
    play.restore("b", None)
    play.act()
    play.strategy("a", "WaitAsReceiver", **{"kubevirt.io/restore-run-strategy": "Always"})
    play.until("a", "VirtualMachine", lambda row: _vm(row, printableStatus="WaitingForReceiver"), "the way back open")
    play.strategy("b", "Manual")
    play.open(source="b", target="a")
    _guarded_end(play, source="b", target="a")


def _guarded_end(play: Play, source: str, target: str) -> None:
    play.until(
        source,
        "VirtualMachine",
        lambda row: _vm(row, printableStatus="Stopped", runStrategy="Manual"),
        "the source stopped",
    )
    play.until(target, "VirtualMachine", lambda row: _vm(row, runStrategy="Always"), "the target's strategy restored")
    play.until(target, "VirtualMachine", _reported, "the target's guest reported")
    play.until(source, "VirtualMachineInstance", _let_go, "the source's instance let go")
    play.settle()


def _reported(row: Row) -> bool:
    types = {one[0] for one in row.get("conditions", ())}
    return _vm(row, runStrategy="Always") and "LiveMigratable" in types and "MigrationRequired" not in types


def _copy_failure(play: Play) -> None:
    with play.pair.bed.fault("copy-failure", "cluster-a", vm=f"default/{play.name}", reason=_REFUSED):
        play.start("a")
        play.receive("b")
        play.open()
        play.ended("a", "source", "Failed")
        play.ended("b", "target", "Failed")
        play.until("b", "VirtualMachineInstance", _label_gone, "the target cleaned up")


def _cancel_source_while_running(play: Play) -> None:
    with play.pair.bed.fault("copy-seconds", "cluster-a", vm=f"default/{play.name}", seconds="20"):
        play.start("a")
        play.receive("b")
        play.open()
        play.until(
            "b",
            "VirtualMachine",
            lambda row: _vm(row, printableStatus="Migrating", ready=True),
            "the guest at both ends",
        )
        play.act()
        play.cancel("a", "source")
        _cancelled(play)


def _cancel_source_before_running(play: Play) -> None:
    with play.pair.bed.fault("copy-seconds", "cluster-a", vm=f"default/{play.name}", seconds="20"):
        play.start("a")
        play.receive("b")
        play.strategy("a", "Manual")
        play.open()
        # Earlier, before the instance names it, a deleted migration fails at once and the target never hears of it.
        play.until(
            "a", "VirtualMachineInstance", lambda row: "migrationUid" in row.get("migrationState", {}), "the mark"
        )
        play.until("b", "Pod", lambda row: True, "the target's launcher")
        play.act()
        play.cancel("a", "source")
        _cancelled(play)


def _cancelled(play: Play) -> None:
    play.until(
        "a", "VirtualMachineInstanceMigration", lambda row: row["event"] == "DELETED", "the source migration gone"
    )
    play.ended("b", "target", "Failed")
    play.until("b", "VirtualMachineInstance", _label_gone, "the target cleaned up")
    play.until("b", "VirtualMachine", lambda row: _vm(row, printableStatus="Stopped"), "the receiver stopped")
    play.until("b", "VirtualMachineInstance", _let_go, "the receiver's instance let go")


def _let_go(row: Row) -> bool:
    return row.get("phase") == "Succeeded" and row.get("finalizers") == ["kubevirt.io/foregroundDeleteVirtualMachine"]


def _label_gone(row: Row) -> bool:
    handed_off = "migrationConfiguration" in row.get("migrationState", {})
    return handed_off and "kubevirt.io/migrationTargetNodeName" not in row.get("labels", {})


def _cancel_target_while_running(play: Play) -> None:
    with play.pair.bed.fault("copy-seconds", "cluster-a", vm=f"default/{play.name}", seconds="2"):
        play.start("a")
        play.receive("b")
        play.strategy("a", "Manual")
        play.open()
        # Earlier, the target would never tell its source where to copy to: a deleted migration tells nothing.
        play.phase("a", "source", "TargetReady")
        play.cancel("b", "target")
        play.until(
            "b", "VirtualMachineInstanceMigration", lambda row: row["event"] == "DELETED", "the target migration gone"
        )
        play.until("b", "VirtualMachine", lambda row: _vm(row, runStrategy="Always"), "the target's strategy restored")
        play.until("b", "VirtualMachine", _reported, "the target's guest reported")


def _target_unschedulable(play: Play) -> None:
    play.start("a")
    play.receive("b", nodeSelector={"livemigration.test/no-such-node": "yes"})
    play.open()
    play.act()
    play.until("b", "VirtualMachine", _unschedulable, "no node fits")


def _unschedulable(row: Row) -> bool:
    types = {one[0] for one in row.get("conditions", ())}
    return _vm(row, printableStatus="ErrorUnschedulable") and "DecentralizedLiveMigrationFailure" not in types


def _wrong_address(play: Play) -> None:
    play.start("a")
    play.receive("b")
    play.open(address="192.170.10.99:9185")
    play.until("a", "VirtualMachine", _blocked, "the source blocked")
    play.until("a", "VirtualMachineInstanceMigration", lambda row: "conditions" in row, "the source blocked")


def _blocked(row: Row) -> bool:
    return "DecentralizedLiveMigrationFailure" in {one[0] for one in row.get("conditions", ())}


def _without_late_reports(who: Who, aspect: str, state: State) -> bool:
    """These runs were recorded with an earlier stand-in for virt-handler: it never reported the guest that arrived.

    So LiveMigratable stays away from the target, and virt-controller's MigrationRequired stays (it waits for the
    interfaces of the report) and turns True after its 15 s.
    """
    if who.site == "b" and aspect in ("condition LiveMigratable", "condition StorageLiveMigratable"):
        return False
    return not (who.site == "b" and aspect == "condition MigrationRequired")


def _launcher_left_alone(who: Who, aspect: str, state: State) -> bool:
    """The earlier stand-in neither ended the launcher of an aborted migration.

    The later one does, after the code of virt-handler, and cancel-source-before-running shows what follows: the
    launcher, the instance and the VM of the target end. Here that part is left out.
    """
    if who.site == "b":
        if aspect == "phase" and who.kind in ("Pod", "VirtualMachineInstance") and state == "Succeeded":
            return False
        if aspect == "printable status" and state == "Stopped":
            return False
        if aspect in ("condition Ready", "ready") and _is_ending(state):
            return False
        if aspect == "finalizers" and state == ["kubevirt.io/foregroundDeleteVirtualMachine"]:
            return False
    return _without_late_reports(who, aspect, state)


def _is_ending(state: State) -> bool:
    return state is False or (isinstance(state, list) and "PodTerminating" in state)


def _source_process_stays(who: Who, aspect: str, state: State) -> bool:
    """The stand-in ended the source's launcher only once it was told; QEMU leaves when its guest has moved.

    What follows at the source from its leaving is left out: the pod's and the instance's end of being ready, and
    the message about it that finds no migration at the target any more.
    """
    if who.site != "a":
        return True
    if who.kind == "Pod" and aspect == "phase":
        return bool(state != "Succeeded")
    if aspect in ("condition Ready", "ready"):
        return not _is_ending(state)
    text = str(state[-1]) if isinstance(state, list) and state else ""
    return "source: unable to locate VMI for migrationID" not in text


def _left_over(row: Row) -> bool:
    """The migration of the run before, whose finalizer was just taken off by hand."""
    return bool(row["kind"] == "VirtualMachineInstanceMigration" and row["t"] < 5.0)


STORIES = (
    Story("success-always", "vm-ok", _success_always, end=31.0, kept=_without_late_reports),
    Story("success-guarded-and-return", "vm-g", _success_guarded_and_return, end=69.0),
    Story("copy-failure", "vm-cf", _copy_failure, begin=2.0, end=29.0),
    Story("cancel-source-while-running", "vm-cs", _cancel_source_while_running, end=29.0, kept=_launcher_left_alone),
    Story("cancel-source-before-running", "vm-ce", _cancel_source_before_running, end=23.0),
    Story(
        "cancel-target-while-running",
        "vm-ct",
        _cancel_target_while_running,
        end=44.0,
        kept=_source_process_stays,
        foreign=_left_over,
    ),
    Story("target-unschedulable", "vm-un", _target_unschedulable, end=24.0),
    Story("wrong-address", "vm-wa", _wrong_address, end=24.0),
)
