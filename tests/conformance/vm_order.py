# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes before what within one object, across its aspects, learned from the recordings.

A milestone is the first time an aspect of an object is in a state. Two milestones that were seen in the same order
in several recordings, and never the other way round, have to come in that order on a test bed as well (or at once).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from conformance.compare import GONE, Row, State, Who
from conformance.vm_aspects import Names, aspects

ENOUGH = 4
"""In how many recordings an order must show before it counts: two writers can come in the same order by chance."""


class Milestone(NamedTuple):
    who: Who
    aspect: str
    state: str

    def __str__(self) -> str:
        return f"{self.aspect} {self.state} of {self.who}"


Order = tuple[Milestone, Milestone]
Kept = Callable[[Who, str, State], bool]


def orders(rows: Iterable[Row], kept: Kept) -> set[Order]:
    """Every two milestones of one object, the earlier one first; those of one event are in no order."""
    first = _milestones(rows, kept)
    by_object: dict[Who, list[tuple[int, Milestone]]] = {}
    for milestone, place in first.items():
        by_object.setdefault(milestone.who, []).append((place, milestone))
    found = set()
    for all_ in by_object.values():
        for place, one in all_:
            found |= {(one, other) for later, other in all_ if place < later and one.aspect != other.aspect}
    return {order for order in found if not _races(*order)}


def learned(told: Iterable[set[Order]]) -> set[Order]:
    """The orders that enough recordings agree on."""
    count = Counter(order for one in told for order in one)
    return {order for order, times in count.items() if times >= ENOUGH and (order[1], order[0]) not in count}


def violations(rules: set[Order], rows: Iterable[Row], kept: Kept) -> list[str]:
    """Orders of these rows that the rules turn round."""
    wrong = {(second, first) for first, second in orders(rows, kept)} & rules
    return sorted(f"{second} came before {first}" for first, second in wrong)


def _milestones(rows: Iterable[Row], kept: Kept) -> dict[Milestone, int]:
    first: dict[Milestone, int] = {}
    names, choosers = Names(), aspects()
    for place, row in enumerate(rows):
        who = Who(row["site"], row["kind"], names(row))
        for aspect, by_kind in choosers.items():
            choose = by_kind.get(row["kind"])
            if choose is None:
                continue
            state = GONE if row["event"] == "DELETED" else choose(row)
            if state is not None and (state == GONE or kept(who, aspect, state)):
                first.setdefault(Milestone(who, aspect, json.dumps(state, sort_keys=True)), place)
    return first


@cache
def _races(one: Milestone, other: Milestone) -> bool:
    """virt-controller's workers for instances and for migrations do not wait for each other.

    Where pods take half a second to start and handlers as long to get ready, the instance is Scheduled long
    before the migration hands it off; on a test bed, where both are quick, the hand-off can come first.
    """
    return (_is_early_life(one) and _is_hand_off(other)) or (_is_early_life(other) and _is_hand_off(one))


def _is_early_life(milestone: Milestone) -> bool:
    of_life = ("phase", "condition Ready", "node", "label kubevirt.io/nodeName")
    return milestone.who.kind == "VirtualMachineInstance" and milestone.aspect in of_life


def _is_hand_off(milestone: Milestone) -> bool:
    label = milestone.aspect == "label kubevirt.io/migrationTargetNodeName"
    return label or (milestone.aspect == "migration state" and "targetNodeDomainDetected" not in milestone.state)
