# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which finished migrations virt-controller throws away."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..resources import Object
from . import vmi as it
from . import vmim as job

KEPT = 5
"""Finished migrations that stay, for each VMI."""


class Old(NamedTuple):
    """A migration that goes, and with it the pod it left behind, when it is clear which that is."""

    namespace: str
    name: str
    pod: str


def surplus(migrations: Iterable[Object], vmi: str) -> list[Old]:
    """The oldest final ones of a VMI beyond those kept."""
    finished = sorted(
        (
            one
            for one in migrations
            if it.labels(one).get(job.VMI_NAME) == vmi and it.is_final(one) and not it.deleting(one)
        ),
        key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["name"]),
    )
    return [_old(one) for one in finished[: max(0, len(finished) - KEPT)]]


def _old(vmim: Object) -> Old:
    """Of a failed migration the target pod is left over, of a successful one the source pod."""
    state = it.status(vmim).get("migrationState") or {}
    pod = ""
    if state.get("failed"):
        pod = state.get("targetPod", "")
    elif state.get("completed"):
        pod = state.get("sourcePod", "")
    return Old(vmim["metadata"]["namespace"], vmim["metadata"]["name"], pod)
