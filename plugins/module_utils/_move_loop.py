# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop around ``decide``: look, decide, do one thing, until there is nothing left to decide.

It reacts to events and never polls for progress. What rests on proof is decided a second time on what both API
servers say at that moment; only then it is written or reported.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Sequence

from ._cluster import Object
from ._decide import decide
from ._errors import Conflict, Indeterminate, MigrationError
from ._feed import Feed, Target
from ._job import Job
from ._move_observe import Lookout, key_of, passing
from ._move_options import Patience
from ._move_proof import arrived, never_left, stayed
from ._move_report import Journal
from ._move_stage import WORDS, Stage, copy_seconds, stage_of
from ._move_steps import Finish, Step, Stop, Wait, Wish, Write
from ._move_trouble import trouble
from ._move_undo import sights
from ._plan import Change, write
from ._situation import Side, Situation
from ._wait import Clock

Follow = Callable[[Sequence[Target], Clock], contextlib.AbstractContextManager[Feed]]

_TICK = 0.5
"""Seconds after which deadlines are looked at again although nothing has happened."""

_HEARTBEAT = 10.0
"""Seconds of silence after which both sides are read directly: a dead connection looks just like silence."""

_FIRST_LIST = 15.0
"""Seconds for the first list of everything that is watched."""

_RESEND = 5.0
"""Seconds after which a deletion that nothing shows is sent again."""

_LONGEST_BACKOFF = 2.0


@dataclasses.dataclass(slots=True)
class Ending:
    """How a move ended, and what it did."""

    step: Finish | Stop
    situation: Situation
    stage: Stage
    changes: list[Change]
    warnings: list[str]


class Move:
    """One call of the module at work. Holds nothing that a repeat would need."""

    def __init__(
        self, job: Job, lookout: Lookout, wish: Wish, patience: Patience, journal: Journal, follow: Follow = Feed
    ) -> None:
        self._job, self._lookout, self._wish, self._patience, self._follow = job, lookout, wish, patience, follow
        self._clock, self._journal = job.clock, journal
        self._situation: Situation | None = None
        # Since when it has been in this stage, and since when KubeVirt complains of the same thing.
        self._stage, self._since = Stage.RECEIVE, self._clock.now()
        self._complaint, self._complained_since = "", self._clock.now()
        # What this run has done, and the last line that it told.
        self._changes: list[Change] = []
        self._warnings: list[str] = []
        self._told = ""
        # The attempt it works on, and why a write of it was refused.
        self._attempt, self._rejected = "", ""
        # What the watches do not show yet: objects written before they began, deletions by UID with their time.
        self._unnoted: list[tuple[str, Object]] = []
        self._deleted: dict[str, float] = {}
        # Whether both sides are read directly next, how long to hold back after a failed write, the last news.
        self._reread, self._backoff, self._quiet_since = False, 0.0, self._clock.now()

    def run(self) -> Ending:
        """Move until there is nothing left to do, or nothing that may be done."""
        try:
            step = self._decide(self._lookout.first)
            if isinstance(step, Finish | Stop):
                return self._end(step)
            with self._follow(self._lookout.targets(), self._clock) as feed:
                end = self._write(feed, step, listed=False) if isinstance(step, Write) else None
                return self._end(end or self._work(feed))
        except MigrationError as error:
            if self._situation is None or not (self._changes or self._situation.attempt):
                raise
            return self._end(self._lost(error))

    def _work(self, feed: Feed) -> Finish | Stop:
        feed.ready(_FIRST_LIST)
        for key, returned in self._unnoted:
            feed.note(key, returned)
        while True:
            step = self._next(feed)
            match step:
                case Wait():
                    self._wait(feed, step)
                case Write():
                    end = self._write(feed, step)
                    if end is not None:
                        return end
                case Finish() | Stop():
                    return step

    def _next(self, feed: Feed) -> Step:
        """The next step; one that rests on proof is taken from what the API servers say right now."""
        addresses, silent = True, self._clock.now() - self._quiet_since >= _HEARTBEAT
        if not (self._reread or silent):
            step = self._decide(self._lookout.watched(feed))
            if not self._gone() and (isinstance(step, Wait) or (isinstance(step, Write) and not step.proven)):
                return step
            addresses = isinstance(step, Write) and step.change.verb == "create"
        self._reread, self._quiet_since = False, self._clock.now()
        step = self._decide(self._lookout.now(addresses=addresses))
        return self._ended_elsewhere() if self._gone() else step

    def _gone(self) -> bool:
        """The attempt this run works on is over without the guest having arrived: it must not begin anew."""
        situation = self._situation
        if situation is None or not (situation.source.known and situation.target.known):
            return False
        self._attempt = self._attempt or situation.attempt
        return situation.attempt != self._attempt and not arrived(situation)

    def _ended_elsewhere(self) -> Finish | Stop:
        """Another run gave the attempt up (``state: absent``), and may have begun another."""
        situation = self._situation
        if situation is None:
            raise RuntimeError("an attempt ends after it was seen")
        source, found = situation.source, "another run has given this attempt up"
        seen = tuple(sights(situation))
        if stayed(source) and never_left(situation.target):
            if self._wish.state == "absent":
                return Finish("cancelled", seen)
            hint = f"The guest runs on {source.name}. Run again to move it."
            why = MigrationError("the guest on the target", found, source.name, source.label, hint, "rolled_back")
            return Stop("rolled_back", why, seen)
        hint = "Nothing is touched any more; let only one run at a time work with a VM, then run again."
        return Stop("indeterminate", Indeterminate("one run", found, source.name, source.label, hint), seen)

    def _decide(self, sides: tuple[Side, Side]) -> Step:
        self._situation = self._assess(*sides)
        self._journal.see(self._situation, self._elapsed())
        return decide(self._situation, self._wish)

    def _assess(self, source: Side, target: Side) -> Situation:
        """The situation with its times: only this run knows how long it has been looking at it."""
        bare, now = Situation(source, target), self._clock.now()
        stage = stage_of(bare) if source.known and target.known else self._stage
        if stage is not self._stage or not self._journal.stages:
            self._stage, self._since = stage, now
            self._journal.enter(source.name, stage, self._clock.wall(), self._elapsed())
        complaint = trouble(bare)
        kind = complaint.kind if complaint is not None and complaint.stopping else ""
        if kind != self._complaint:
            self._complaint, self._complained_since = kind, now
        lasted = now - self._since
        grace = self._patience.grace
        stubborn = bool(kind) and now - self._complained_since >= grace
        return Situation(
            source,
            target,
            overdue=lasted >= self._deadline(bare),
            grace_over=stubborn or (stage is Stage.UNDO and lasted >= grace),
            seconds=lasted,
            rejected=self._rejected,
        )

    def _deadline(self, situation: Situation) -> float:
        vmi = situation.source.vmi or situation.target.vmi
        settings = situation.target.settings
        return self._patience.of(self._stage, copy_seconds(vmi.raw, settings) if vmi else 0.0)

    def _wait(self, feed: Feed, step: Wait) -> None:
        self._tell(f"{WORDS[step.stage]}, waiting for {step.what}")
        before = self._clock.now()
        if feed.wait(_TICK):
            self._quiet_since = self._clock.now()
        self._journal.waited += self._clock.now() - before

    def _write(self, feed: Feed, step: Write, *, listed: bool = True) -> Finish | Stop | None:
        change = step.change
        key, place = self._lookout.place(change.cluster)
        metadata = (change.before or {}).get("metadata") or {}
        uid = str(metadata.get("uid", ""))
        if change.verb == "delete" and self._clock.now() - self._deleted.get(uid, -_RESEND) < _RESEND:
            # Sent already; the watch has not shown it yet.
            before = self._clock.now()
            feed.wait(0.1)
            self._journal.waited += self._clock.now() - before
            return None
        self._tell(change.sentence())
        try:
            returned = write(change, place.cluster)
        except MigrationError as error:
            return self._refused(step, error)
        self._backoff = 0.0
        if change.verb == "delete":
            self._deleted[uid] = self._clock.now()
        elif returned is not None and "deletionTimestamp" not in metadata:
            known = (f"{key}/{key_of(change.ref.resource)}", returned)
            # What is noted before the first list would pass for the list.
            if listed:
                feed.note(*known)
            else:
                self._unnoted.append(known)
        self._changes.append(change)
        self._warnings += step.warnings
        self._journal.prove(step.proof)
        self._journal.wrote(change.cluster, change.sentence(), self._clock.wall(), self._elapsed())
        return step.then

    def _refused(self, step: Write, error: MigrationError) -> Finish | Stop | None:
        """A write that failed: try again while the stage lasts, else give the attempt up."""
        situation = self._situation
        begun = bool(situation and situation.attempt)
        last = step.stage in (Stage.UNDO, Stage.FINISH)
        if passing(error) and not (situation and situation.overdue):
            # It may have been done all the same: look before it is tried again.
            self._reread = True
            if not isinstance(error, Conflict):
                self._tell(f"trying again: {error}")
                self._backoff = min(_LONGEST_BACKOFF, self._backoff * 2 or 0.1)
                self._clock.sleep(self._backoff)
            return None
        if begun and not last:
            self._rejected = str(error)
            return None
        return self._lost(error) if begun else Stop("refused", error)

    def _lost(self, error: MigrationError) -> Stop:
        """An attempt is open and cannot be carried on."""
        hint = f"{error.hint} Nothing is touched any more; run again to carry on from here.".strip()
        why = Indeterminate(error.wanted, error.found, error.cluster, error.object, hint)
        why.__cause__ = error
        return Stop("indeterminate", why, tuple(sights(self._situation)) if self._situation else ())

    def _end(self, step: Finish | Stop) -> Ending:
        if self._situation is None:
            raise RuntimeError("a move ends after it has looked")
        self._journal.prove(step.proof)
        outcome = step.outcome if isinstance(step, Finish) else f"{step.outcome}: {step.why.found}"
        self._tell(outcome)
        warnings = [*self._warnings, *step.warnings]
        return Ending(step, self._situation, self._stage, self._changes, warnings)

    def _elapsed(self) -> float:
        return self._clock.now() - self._journal.began

    def _tell(self, what: str) -> None:
        """One line a change."""
        if what != self._told:
            self._told = what
            self._job.tell(f"{self._lookout.source.vm}: {self._elapsed():.1f} s: {what}")
