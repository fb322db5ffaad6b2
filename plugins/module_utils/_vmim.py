# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work of ``vmim_crosscluster``: from options to a result or an error that carries the same keys."""

from __future__ import annotations

from typing import Any

from ._job import Job, Result
from ._move_forecast import forecast
from ._move_loop import Ending, Move
from ._move_observe import Lookout, Place
from ._move_options import patience, wish
from ._move_report import Journal, summary
from ._move_stage import stage_of
from ._move_steps import Finish, Stop
from ._plan import Plan


def work(job: Job) -> Result:
    """Move the VM, prepare its move or give it up. :raises MigrationError: with ``result`` when it did not succeed."""
    params = job.params
    wanted, patient, journal = wish(params), patience(params), Journal(job.clock.now())
    lookout = Lookout(
        Place(job.clusters["source"], params["namespace"], params["name"]),
        Place(job.clusters["target"], params.get("target_namespace") or params["namespace"], params["name"]),
    )
    if not job.check_mode:
        return _result(job, Move(job, lookout, wanted, patient, journal).run(), journal)
    changes, end, situation, warnings = forecast(lookout, wanted)
    return _result(job, Ending(end, situation, stage_of(situation), changes, warnings), journal)


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
    plan = Plan(tuple(ending.changes), tuple(ending.warnings))
    result = job.finish(plan, vmim_crosscluster=shown)
    if isinstance(end, Stop):
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
