# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether one more migration may start now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..resources import Object
from . import vmi as it
from . import vmim as job

FULL_PAUSE = 5.0
"""Seconds until a migration without priority asks again."""
BUSY_PAUSE = 1.0
"""The same while the VMI has more than one pod that lives."""


def running(migrations: Iterable[Object], pods: Iterable[Object]) -> list[Object]:
    """Those that take a place: by their phase, or because their target pod exists already."""
    with_pod = {it.labels(pod).get(job.JOB_UID) for pod in pods}
    return [
        one
        for one in migrations
        if not it.is_final(one) and (job.counts_against_limits(one) or job.uid(one) in with_pod)
    ]


def living_pods(vmi: Object, pods: Iterable[Object]) -> int:
    return sum(1 for pod in pods if it.controlled_by(pod, vmi) and not it.pod_is_down(pod))


def is_full(vmi: Object, busy: Iterable[Object], vmis: Mapping[str, Object], configuration: Mapping[str, Any]) -> bool:
    """The cluster's limit, or that of the VMI's node.

    A receiver has no node yet: it is compared with all others that have none, which is what KubeVirt does.
    """
    busy = list(busy)
    if len(busy) >= configuration["parallelMigrationsPerCluster"]:
        return True
    node = it.status(vmi).get("nodeName", "")
    beside = 0
    for one in busy:
        other = vmis.get(job.vmi_key(one))
        if other is None:
            continue
        if it.status(other).get("nodeName", "") == node or _source_node(other) == node:
            beside += 1
    return beside >= int(configuration["parallelOutboundMigrationsPerNode"])


def _source_node(vmi: Object) -> str | None:
    """None without a migration, so that "no node" does not match it."""
    state = it.status(vmi).get("migrationState")
    return None if state is None else str(state.get("sourceNode", ""))
