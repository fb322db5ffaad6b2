# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order, and how many at a time, the clusters of a fleet are changed. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ._claims import spans_of, touch
from ._errors import BadInput, Busy
from ._whereabouts import Span


class Turn(NamedTuple):
    """What is known of a cluster before the change.

    :param changes: whether anything of it will change.
    :param new: addresses that it will take and does not have now.
    :param claims: addresses that it holds now, with what holds them.
    """

    changes: bool
    new: Sequence[Span] = ()
    claims: Sequence[tuple[Span, str]] = ()


def turn_of(entry: Mapping[str, Any]) -> Turn:
    """From a play: ``changes`` and the result of migration_addresses_info."""
    claims = entry.get("claims") or []
    held = [(span, str(claim["by"])) for span, claim in zip(spans_of(claims), claims, strict=True)]
    return Turn(bool(entry.get("changes")), tuple(spans_of(entry.get("new") or [])), tuple(held))


def after(turns: Mapping[str, Turn]) -> dict[str, list[str]]:
    """For each cluster those that have to let go of addresses before it can take them."""
    return {
        name: [
            other
            for other, theirs in turns.items()
            if other != name and any(touch(span, held) for span in turn.new for held, _by in theirs.claims)
        ]
        for name, turn in turns.items()
    }


def waves(turns: Mapping[str, Turn], batch: str = "100%", canary: int = 1) -> list[list[str]]:
    """The clusters in batches, each after those it waits for; the first batch with a change is the canary.

    :param batch: how many at a time, a number or a percentage of all.
    :param canary: how many of those that change go first; 0 for none.
    :raises Busy: when clusters wait for each other in a ring, so that no order exists.
    """
    size, found, left = at_a_time(batch, len(turns)), list[list[str]](), list(turns)
    waits = after(turns)
    tried = False
    while left:
        ready = [name for name in left if not set(waits[name]) & set(left)]
        if not ready:
            raise _ring(turns, waits, left)
        changing = [name for name in ready if turns[name].changes]
        if canary > 0 and not tried and changing:
            part, tried = changing[: min(canary, size)], True
        else:
            part = [*changing, *(name for name in ready if name not in changing)][:size]
        found.append(part)
        left = [name for name in left if name not in part]
    return found


def at_a_time(batch: str, total: int) -> int:
    """A number or a percentage as Ansible takes it. :raises BadInput: for anything else."""
    match = re.fullmatch(r"([1-9]\d*)(%?)", str(batch).strip())
    if match is None:
        hint = "Give how many clusters are changed at a time, such as 1, 5 or 25%."
        raise BadInput("batch as a number from 1 or a percentage", repr(batch), hint=hint, reason="batch_invalid")
    number = int(match[1])
    return max(1, math.floor(total * number / 100) if match[2] else number)


def _ring(turns: Mapping[str, Turn], waits: Mapping[str, list[str]], left: list[str]) -> Busy:
    """Follow the waiting from any cluster that is left: it comes back to where it was."""
    path = [left[0]]
    while (following := next(name for name in waits[path[-1]] if name in left)) not in path:
        path.append(following)
    ring = path[path.index(following) :]
    links = [
        f"{name} would take {_shared(turns[name], turns[other])} from {other}"
        for name, other in zip(ring, [*ring[1:], ring[0]], strict=True)
    ]
    return Busy(
        "an order in which every cluster lets go of addresses before another one takes them",
        ", ".join(links),
        ring[0],
        "address plan",
        "Renumber in two runs: first onto a range that nobody uses, then onto the one that is wanted.",
        "addresses_in_a_ring",
    )


def _shared(turn: Turn, other: Turn) -> str:
    held, by = next((held, by) for held, by in other.claims for span in turn.new if touch(span, held))
    return f"addresses of {held.first} to {held.last} ({by})"
