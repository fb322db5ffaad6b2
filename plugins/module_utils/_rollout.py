# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a DaemonSet or Deployment has finished rolling out its current template."""

from __future__ import annotations

from typing import Any

from ._cluster import Object
from ._wait import Verdict


def daemon_set(workload: Object) -> Verdict:
    """Every node that should run the current template runs it, ready."""
    status = workload.get("status") or {}
    wanted = int(status.get("desiredNumberScheduled") or 0)
    return _judge(
        workload,
        wanted,
        {
            "updated": status.get("updatedNumberScheduled"),
            "ready": status.get("numberReady"),
            "available": status.get("numberAvailable"),
        },
    )


def deployment(workload: Object) -> Verdict:
    """All replicas run the current template, ready, and none of an older one is left."""
    status = workload.get("status") or {}
    replicas = (workload.get("spec") or {}).get("replicas")
    wanted = 1 if replicas is None else int(replicas)
    verdict = _judge(
        workload,
        wanted,
        {
            "updated": status.get("updatedReplicas"),
            "ready": status.get("readyReplicas"),
            "available": status.get("availableReplicas"),
        },
    )
    surplus = int(status.get("replicas") or 0) - wanted
    if verdict.done and surplus > 0:
        return Verdict(False, f"{_name(workload)}: {surplus} pods too many still run")
    return verdict


def _judge(workload: Object, wanted: int, counts: dict[str, Any]) -> Verdict:
    metadata, status = workload.get("metadata") or {}, workload.get("status") or {}
    generation, observed = int(metadata.get("generation") or 0), int(status.get("observedGeneration") or 0)
    # The counts of a status that is older than the template speak of the old pods.
    if observed < generation:
        return Verdict(False, f"{_name(workload)}: generation {generation} not yet seen (status is of {observed})")
    for word, count in counts.items():
        if int(count or 0) < wanted:
            return Verdict(False, f"{_name(workload)}: {int(count or 0)} of {wanted} pods {word}")
    return Verdict(True)


def _name(workload: Object) -> str:
    return str((workload.get("metadata") or {}).get("name", "workload"))
