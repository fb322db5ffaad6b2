# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became on this cluster of the VMs whose guests others wait for: read, nothing judged."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from . import _attempt as attempt
from ._cluster import Cluster, Object, namespaced_name
from ._resources import VM, VMI


def read(cluster: Cluster, wanted: Collection[str]) -> list[dict[str, Any]]:
    """One entry for each UID that was asked for; ``vm`` is empty where there is no such VM any more."""
    there = {str(vm["metadata"].get("uid")): vm for vm in (cluster.list(VM) if wanted else ())}
    return [{"uid": uid, **_told(cluster, there.get(uid))} for uid in wanted]


def _told(cluster: Cluster, vm: Object | None) -> dict[str, str]:
    if vm is None:
        return dict.fromkeys(("vm", "run_strategy", "phase", "attempt", "moved_to"), "")
    metadata = vm["metadata"]
    notes = metadata.get("annotations") or {}
    return {
        "vm": namespaced_name(vm),
        "run_strategy": attempt.strategy(vm.get("spec") or {}),
        "phase": attempt.phase(cluster.get(VMI, metadata["name"], metadata.get("namespace"))),
        "attempt": str(notes.get(attempt.ATTEMPT) or ""),
        "moved_to": str(notes.get(attempt.MOVED_TO) or ""),
    }
