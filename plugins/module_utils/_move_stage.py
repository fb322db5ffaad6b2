# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of a move, each with a deadline of its own: KubeVirt has none for most of them."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Any

from . import _attempt as attempt
from ._cluster import Object
from ._kubevirt_values import quantity
from ._move_proof import arrived
from ._situation import Migration, Situation


class Stage(enum.StrEnum):
    """What is going on, in the order of a move; ``undo`` and ``finish`` both end it."""

    RECEIVE = "receive"
    SYNC = "sync"
    SCHEDULE = "schedule"
    PREPARE = "prepare"
    COPY = "copy"
    FINISH = "finish"
    UNDO = "undo"


WORDS = {
    Stage.RECEIVE: "preparing the receiver",
    Stage.SYNC: "synchronizing",
    Stage.SCHEDULE: "scheduling on the target",
    Stage.PREPARE: "preparing the copy",
    Stage.COPY: "copying",
    Stage.FINISH: "finishing",
    Stage.UNDO: "undoing",
}

_OF_PHASE = {
    "": Stage.SYNC,
    "WaitingForSync": Stage.SYNC,
    "Synchronizing": Stage.SYNC,
    "Pending": Stage.SCHEDULE,
    "Scheduling": Stage.SCHEDULE,
    "Scheduled": Stage.SCHEDULE,
    "PreparingTarget": Stage.PREPARE,
    "TargetReady": Stage.PREPARE,
    "Running": Stage.COPY,
    "Succeeded": Stage.FINISH,
    "Failed": Stage.UNDO,
}
_ORDER = tuple(Stage)


def stage_of(situation: Situation) -> Stage:
    """Where the move stands: as far as the slower of both sides is."""
    if arrived(situation):
        return Stage.FINISH
    if situation.source.note(attempt.STOPPED):
        return Stage.UNDO
    if situation.send is None and situation.receive is None:
        return Stage.RECEIVE
    if situation.send is None and _waits(situation.receive):
        return Stage.RECEIVE
    both = (found for found in (situation.send, situation.receive) if found is not None)
    return min((_OF_PHASE.get(found.phase, Stage.SYNC) for found in both), key=_ORDER.index)


def _waits(receive: Migration | None) -> bool:
    return receive is not None and receive.phase in ("", "WaitingForSync")


def copy_seconds(vmi: Object, settings: Mapping[str, Any]) -> float:
    """How long KubeVirt itself may let the copy take, and a margin: longer than that means something is stuck.

    KubeVirt allows ``completionTimeoutPerGiB`` for every decimal gigabyte of guest memory and migrated volumes.

    :param settings: ``spec.configuration.migrations`` of the target's KubeVirt, whose settings count.
    """
    per_gigabyte = float(settings.get("completionTimeoutPerGiB") or 150)
    progress = float(settings.get("progressTimeout") or 150)
    gigabytes = math.ceil((memory(vmi) + volumes(vmi)) / 1e9)
    return max(1, gigabytes) * per_gigabyte + progress


def memory(vmi: Object) -> float:
    """Bytes of guest memory."""
    status = (vmi.get("status") or {}).get("memory") or {}
    domain = (vmi.get("spec") or {}).get("domain") or {}
    requests = (domain.get("resources") or {}).get("requests") or {}
    text = status.get("guestCurrent") or (domain.get("memory") or {}).get("guest") or requests.get("memory") or "0"
    return float(quantity(str(text)) or 0)


def volumes(vmi: Object) -> float:
    """Bytes of the disks that are copied along."""
    total = 0.0
    for volume in (vmi.get("status") or {}).get("volumeStatus") or []:
        capacity = (volume.get("persistentVolumeClaimInfo") or {}).get("capacity") or {}
        total += float(quantity(str(capacity.get("storage", "0"))) or 0)
    return total
