# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The heart of a move: from what is seen on both sides and what is wished to the one next step. Pure and total.

Promises, each held by a property test over arbitrary situations:

* nothing that may hold the guest is deleted, started or stopped;
* nothing is written while a side is not known;
* the target is given an active run strategy only when the source is halted;
* "migrated" and "rolled back" are only said with the full proof;
* from any point, a repeat leads to the same end.
"""

from __future__ import annotations

from . import _attempt as attempt
from ._errors import Indeterminate, SplitBrain, Unreachable
from ._move_advance import advance, begin
from ._move_finish import finish, proof
from ._move_proof import arrived, split
from ._move_stage import stage_of
from ._move_steps import Step, Stop, Wait, Wish
from ._move_undo import sights, undo
from ._situation import Situation


def decide(situation: Situation, wish: Wish) -> Step:
    """The next step."""
    if not (situation.source.known and situation.target.known):
        return _blind(situation)
    if split(situation):
        return _split(situation)
    if arrived(situation):
        return finish(situation, wish)
    if not situation.attempt:
        return begin(situation, wish)
    if situation.source.note(attempt.STOPPED):
        return undo(situation, wish)
    return advance(situation, wish)


def _blind(situation: Situation) -> Step:
    """A side is out of reach: what is known of it may be old, so nothing is written on either side."""
    lost = [side for side in (situation.source, situation.target) if not side.known]
    names = " and ".join(side.name for side in lost)
    if not situation.overdue:
        return Wait(stage_of(situation), f"contact with {names}: {lost[0].trouble or 'no answer'}")
    found = f"no contact for {situation.seconds:.0f} s: {lost[0].trouble or 'no answer'}"
    if not situation.attempt:
        hint = "Nothing was written. Check the API server and the connection options."
        return Stop("refused", Unreachable("both clusters to answer", found, names, "", hint))
    hint = "Nothing is touched any more; KubeVirt carries on by itself. Run again once both clusters answer."
    why = Indeterminate("both clusters to answer", found, names, situation.source.label, hint)
    return Stop("indeterminate", why, tuple(sights(situation)))


def _split(situation: Situation) -> Stop:
    source, target = situation.source, situation.target
    pods = [f"{side.name}: {side.running_pod.name}" for side in (source, target) if side.running_pod]
    hint = (
        "Nothing was deleted or stopped. Decide which one has the right data (usually the target, which took the"
        " guest over), stop the other by hand at once, and check its disks before it is ever started again."
    )
    found = f"the guest runs on BOTH clusters, in launcher pods {', '.join(pods)}"
    why = SplitBrain("the guest in exactly one place", found, f"{source.name}, {target.name}", source.label, hint)
    return Stop("split_brain", why, (*proof(situation), *sights(situation)))
