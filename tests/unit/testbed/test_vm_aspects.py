# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which stories pass for a recorded one: a few states may be looked at too late, none may be invented."""

from __future__ import annotations

import pytest
from conformance.compare import Row, Who
from conformance.vm_aspects import known_states, merged, tell

VMI, VM = Who("a", "VirtualMachineInstance", "vm"), Who("a", "VirtualMachine", "vm")
STATE = "migration state"
RECORDED = ["none", "begun", "copied", "reported", "done"]
KNOWN = known_states([{STATE: {VMI: RECORDED}}, {STATE: {VMI: ["none", "elsewhere", "done"]}}])


def passes(recorded: list[str], seen: list[str], who: Who = VMI, aspect: str = STATE) -> bool:
    return merged({who: recorded}, {who: seen}, aspect, KNOWN)[who] == seen


@pytest.mark.parametrize(
    "seen",
    [
        RECORDED,
        ["none", "begun", "copied", "done"],
        ["none", "copied", "done"],
        ["none", "begun", "elsewhere", "copied", "reported", "done"],
    ],
)
def test_a_state_can_be_missed_here_or_in_the_recording(seen: list[str]) -> None:
    assert passes(RECORDED, seen)


@pytest.mark.parametrize(
    "seen",
    [
        ["none", "done"],
        ["none", "begun", "INVENTED", "copied", "reported", "done"],
        ["none", "copied", "begun", "done"],
        ["none", "begun", "copied", "reported"],
        ["begun", "copied", "reported", "done"],
        ["none", "begun", "elsewhere", "done"],
        [],
    ],
    ids=["too many missed", "invented", "turned round", "no end", "no beginning", "missed and more", "nothing"],
)
def test_everything_else_is_another_story(seen: list[str]) -> None:
    assert not passes(RECORDED, seen)


def test_more_than_a_few_states_of_other_recordings_are_another_story() -> None:
    more = ["none", *["begun", "elsewhere"] * 2, "done"]
    assert not passes(["none", "done"], more)


def test_only_what_shows_another_object_may_miss_a_state() -> None:
    assert not passes(RECORDED, ["none", "begun", "copied", "done"], aspect="phase")
    assert not passes(RECORDED, ["none", "begun", "copied", "done"], who=VM)


def _ended(**state: object) -> Row:
    """A migration that failed, with what it has copied of its instance."""
    kind = "VirtualMachineInstanceMigration"
    state |= {"migrationUid": "1", "endTimestamp": "then"}
    return {"site": "b", "event": "MODIFIED", "kind": kind, "name": "vm-target", "phase": "Failed"} | {
        "migrationState": state
    }


def test_a_copy_that_came_before_the_failure_was_marked_is_not_the_end() -> None:
    late = _ended(failed=True, completed=True)
    told = [tell(rows, lambda *_all: True) for rows in ([late], [_ended(), late])]
    assert told[0]["outcome"] == told[1]["outcome"]
    assert told[0]["migration state"] == told[1]["migration state"]
    assert tell([_ended()], lambda *_all: True)["outcome"] == {}
