# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of ``vmim_crosscluster``: from options to a result or an error that carries the same keys."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import _attempt as attempt
from ._decide import decide
from ._errors import Forbidden, MigrationError
from ._job import Job, Result
from ._move_forecast import forecast
from ._move_loop import Ending, Move
from ._move_observe import Lookout, Place, passing
from ._move_options import CHECKED, Patience, patience, wish
from ._move_report import Journal, summary
from ._move_stage import Stage, stage_of
from ._move_steps import Finish, Stop, Wish
from ._move_undo import sights
from ._plan import Change, Plan, refuse_forbidden
from ._situation import Situation

_PAUSE = 0.5
"""Seconds between two looks at a cluster that does not answer."""


def work(job: Job) -> Result:
    """Move the VM, prepare its move or give it up. :raises MigrationError: with ``result`` when it did not succeed."""
    params = job.params
    wanted, patient, journal = wish(params), patience(params), Journal(job.clock.now())
    lookout = Lookout(
        Place(job.clusters["source"], params["namespace"], params["name"]),
        Place(job.clusters["target"], params.get("target_namespace") or params["namespace"], params["name"]),
    )
    if job.check_mode or params["state"] == CHECKED:
        ending = _blind(job, lookout, wanted, patient) or _expected(job, lookout, wanted)
        return _result(job, ending, journal)
    first = Situation(*lookout.first)
    if first.source.known and first.target.known:
        ending = _expected(job, lookout, wanted)
        if isinstance(ending.step, Stop) and isinstance(ending.step.why, Forbidden):
            return _result(job, Ending(ending.step, first, stage_of(first), [], []), journal)
    return _result(job, Move(job, lookout, wanted, patient, journal).run(), journal)


def _blind(job: Job, lookout: Lookout, wanted: Wish, patient: Patience) -> Ending | None:
    """What is foreseen from half of the picture would be wrong: wait for both clusters. ``None`` once both answered."""
    sides, began = lookout.first, job.clock.now()
    while not all(side.known for side in sides):
        seconds = job.clock.now() - began
        overdue = seconds >= patient.of(Stage.RECEIVE, 0)
        situation = Situation(*sides, overdue=overdue, seconds=seconds)
        step = decide(situation, wanted)
        if isinstance(step, Stop):
            return Ending(step, situation, Stage.RECEIVE, [], [])
        job.clock.sleep(_PAUSE)
        sides = lookout.now(addresses=True)
    return None


def _expected(job: Job, lookout: Lookout, wanted: Wish) -> Ending:
    """How it would go; refused when a write on the way is one that these credentials may not make."""
    changes, end, situation, warnings = forecast(lookout, wanted)
    now = _now(lookout)
    denied = _denied(job, changes) if _asks(now, wanted) else None
    if denied is None:
        return Ending(end, situation, stage_of(situation), changes, warnings)
    return Ending(Stop("refused", denied, tuple(sights(now))), now, stage_of(now), changes, warnings)


def _now(lookout: Lookout) -> Situation:
    source, target = lookout.source.side(lookout.views["source"]), lookout.target.side(lookout.views["target"])
    return Situation(source, target)


def _asks(situation: Situation, wanted: Wish) -> bool:
    """Whether nothing has begun yet. What has is carried on as far as it goes: half a move is worse than a late no."""
    if wanted.state == "absent":
        return not situation.source.note(attempt.STOPPED)
    return not situation.attempt


def _denied(job: Job, changes: list[Change]) -> Forbidden | None:
    """The first write that is not allowed; all are asked for at the same time, each kind once."""
    kinds = {(change.cluster, change.verb, change.ref.resource): change for change in changes}
    with ThreadPoolExecutor(len(kinds) or 1, "ask") as pool:
        answers = pool.map(lambda change: _denial(job, change), kinds.values())
        return next((found for found in answers if found is not None), None)


def _denial(job: Job, change: Change) -> Forbidden | None:
    try:
        refuse_forbidden(Plan((change,)), job.clusters)
    except Forbidden as error:
        return error
    except MigrationError as error:
        # Who cannot be asked just now may allow it all the same.
        if not passing(error):
            raise
    return None


def _result(job: Job, ending: Ending, journal: Journal) -> Result:
    end, situation = ending.step, ending.situation
    shown: dict[str, Any] = {
        "outcome": _outcome(end, ending),
        "stage": str(ending.stage),
        "attempt": situation.attempt or _attempt(ending),
        "proof": [] if job.check_mode else journal.proof,
        "timeline": journal.timeline(),
        "durations": journal.durations(job.clock.now()),
        "source": summary(situation.source),
        "target": summary(situation.target),
        "findings": [found.as_dict() for found in end.findings] if isinstance(end, Stop) else [],
    }
    checked = job.params["state"] == CHECKED
    plan = Plan() if checked else Plan(tuple(ending.changes), tuple(ending.warnings))
    result = job.finish(plan, vmim_crosscluster=shown)
    # An attempt that has to be undone first does not stand against a move.
    if isinstance(end, Stop) and end.outcome == "refused":
        result["changed"] = False
    if isinstance(end, Stop) and not (checked and end.outcome == "rolled_back"):
        end.why.result = result
        raise end.why
    return result


def _outcome(end: Finish | Stop, ending: Ending) -> str:
    unchanged = end.outcome == "migrated" and not ending.changes
    return "already_migrated" if unchanged else end.outcome


def _attempt(ending: Ending) -> str:
    """The attempt of this run, which the objects may not name any more at its end."""
    named = (
        str((change.after or {}).get("metadata", {}).get("annotations", {}).get("livemigration.kubevirt/attempt", ""))
        for change in ending.changes
    )
    return next((found for found in named if found), "")
