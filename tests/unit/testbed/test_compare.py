# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison with recordings finds what differs, and nothing else."""

from __future__ import annotations

from typing import Any

from conformance import compare
from conformance.compare import Aliases, Row


def row(state: str, event: str = "MODIFIED", name: str = "vm", kind: str = "VM") -> Row:
    return {"t": 0.0, "site": "a", "event": event, "kind": kind, "name": name, "phase": state}


def tell(*rows: Row) -> compare.Stories:
    return compare.stories(rows, {"VM": lambda each: each["phase"]})


def test_a_story_is_the_distinct_states_in_order() -> None:
    told = tell(row("1"), row("1"), row("2"), row("1"), row("1", "DELETED"), row("x", kind="Pod"))
    assert list(told.values()) == [["1", "2", "1", compare.GONE]]


def test_equal_stories_have_no_differences() -> None:
    assert compare.differences(tell(row("1"), row("2")), tell(row("1"), row("1"), row("2"))) == []


def test_every_kind_of_difference_is_named() -> None:
    recorded = tell(row("1"), row("2"), row("1", name="only-recorded"))
    seen = tell(row("1"), row("3"), row("1", name="only-seen"))
    found = "\n".join(compare.differences(recorded, seen))
    assert "VM only-recorded at a: recorded, but never seen" in found
    assert "VM only-seen at a: seen on the test bed, but not in the recording" in found
    assert "    -2\n    +3" in found


def test_states_can_be_skipped_and_names_folded() -> None:
    told = compare.stories(
        [row("1", name="vm-x1"), row("soon", name="vm-x2"), row("2", name="vm-x2")],
        {"VM": lambda each: each["phase"]},
        rename=lambda each: "vm",
        skip=lambda who, state: state == "soon",
    )
    assert told == {compare.Who("a", "VM", "vm"): ["1", "2"]}


def test_aliases_keep_what_is_equal() -> None:
    aliases = Aliases()
    assert [aliases.of("uid", each) for each in ("x", "y", "x", "")] == ["<uid 1>", "<uid 2>", "<uid 1>", ""]
    assert aliases.of("pod", "x") == "<pod 1>"


def test_shapes() -> None:
    recorded: dict[str, Any] = {"spec": {"ports": [{"name": "a"}, {"port": 1}]}, "status": {}}
    seen = {"spec": {"ports": [{"name": "b"}]}, "status": {"phase": "x"}}
    assert compare.shape_differences(recorded, seen) == [
        "missing on the test bed: .spec.ports[].port",
        "not in the recording: .status.phase",
    ]
    assert compare.shape_differences(recorded, seen, ignore=[".spec.ports[].*", ".status*"]) == []


def test_conditions_are_sorted_text() -> None:
    found = compare.conditions({"conditions": [["Ready", "True", ""], ["Available", "False", "Why", "text"]]})
    assert found == ["Available=False Why", "Ready=True"]
