# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move tells about itself: when what happened, what both sides look like, whose time it took."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from ._situation import Side, Situation

Row = dict[str, Any]


@dataclasses.dataclass(slots=True)
class Journal:
    """Collects while a move goes on; objects vanish at its end, so nothing can be read later.

    :param waited: seconds in which nothing was to be done but to wait for KubeVirt.
    """

    began: float
    waited: float = 0.0
    stages: list[str] = dataclasses.field(default_factory=list)
    rows: dict[tuple[str, str, str], Row] = dataclasses.field(default_factory=dict)
    proof: list[str] = dataclasses.field(default_factory=list)
    copy: tuple[str, str] = ("", "")

    def see(self, situation: Situation, seconds: float) -> None:
        """Take in what the objects say about time.

        :param seconds: since the beginning of the run.
        """
        for side, migration in ((situation.source, situation.send), (situation.target, situation.receive)):
            status = (migration.raw.get("status") or {}) if migration else {}
            for found in status.get("phaseTransitionTimestamps") or []:
                what = "send" if side is situation.source else "receive"
                at = str(found.get("phaseTransitionTimestamp", ""))
                self._row(side.name, what, str(found.get("phase", "")), at, seconds)
        state = _raw_state(situation.target) or _raw_state(situation.source)
        start, end = (str(state.get(key) or "") for key in ("startTimestamp", "endTimestamp"))
        if situation.attempt and start:
            self.copy = (start, end)

    def enter(self, cluster: str, stage: str, at: datetime.datetime, seconds: float) -> None:
        """A stage begins."""
        if stage not in self.stages:
            self.stages.append(stage)
            self._row(cluster, "stage", stage, stamp(at), seconds)

    def wrote(self, cluster: str, sentence: str, at: datetime.datetime, seconds: float) -> None:
        """A write of ours is done."""
        self._row(cluster, "write", sentence, stamp(at), seconds)

    def prove(self, sentences: tuple[str, ...]) -> None:
        """Keep what is certain, each thing once."""
        self.proof += [sentence for sentence in sentences if sentence not in self.proof]

    def timeline(self) -> list[Row]:
        """Everything in the order in which it was seen."""
        return sorted(self.rows.values(), key=lambda row: float(row["seconds"]))

    def durations(self, now: float) -> dict[str, float | None]:
        """Whose time it was. ``copy_seconds`` comes from whole seconds of KubeVirt's own clock."""
        total = now - self.began
        return {
            "total_seconds": round(total, 3),
            "kubevirt_seconds": round(self.waited, 3),
            "overhead_seconds": round(total - self.waited, 3),
            "copy_seconds": _between(*self.copy),
        }

    def _row(self, cluster: str, what: str, event: str, at: str, seconds: float) -> None:
        row = {"cluster": cluster, "what": what, "event": event, "at": at, "seconds": round(seconds, 3)}
        self.rows.setdefault((cluster, what, event), row)


def summary(side: Side) -> Row:
    """One side as a result carries it: names, phases and run strategies, nothing of a spec."""
    vm, vmi = side.vm, side.vmi
    state = vmi.state if vmi else None
    return {
        "cluster": side.name,
        "name": side.vm_name,
        "namespace": side.namespace,
        "known": side.known,
        "vm": {"uid": vm.uid, "run_strategy": vm.strategy, "status": vm.printable} if vm else None,
        "vmi": {
            "uid": vmi.uid,
            "phase": vmi.phase,
            "node": vmi.node,
            "completed": bool(state and state.completed),
            "failed": bool(state and state.failed),
        }
        if vmi
        else None,
        "migrations": [{"name": found.name, "phase": found.phase} for found in side.migrations],
        "pods": [{"name": pod.name, "phase": pod.phase, "node": pod.node} for pod in side.pods],
    }


def stamp(moment: datetime.datetime) -> str:
    """A moment as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _raw_state(side: Side) -> Row:
    status = (side.vmi.raw.get("status") or {}) if side.vmi else {}
    return status.get("migrationState") or {}


def _between(start: str, end: str) -> float | None:
    if not (start and end):
        return None
    first, last = (datetime.datetime.fromisoformat(text) for text in (start, end))
    return (last - first).total_seconds()
