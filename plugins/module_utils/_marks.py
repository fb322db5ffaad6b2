# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The annotations and labels the collection leaves on objects, so that a repeat finds its own work again."""

from __future__ import annotations

from ._cluster import Object

PREFIX = "livemigration.kubevirt/"

ATTEMPT = f"{PREFIX}attempt"
"""Identifies one attempt to move a VM; also the ``migrationID`` of both migration objects."""

REMEMBERED_RUN_STRATEGY = f"{PREFIX}remembered-run-strategy"
"""What the guest's VM is to have again: a run strategy, or ``running`` for the legacy ``running: true``."""

SOURCE_CLUSTER_UID = f"{PREFIX}source-cluster-uid"
SOURCE_VM_UID = f"{PREFIX}source-vm-uid"
"""Where a receiver, or an object copied for it, comes from."""

LEGACY_RUNNING = "running"
"""Remembered for a VM with ``running: true``; its equal as a run strategy is ``Always``."""


def annotations(body: Object | None) -> dict[str, str]:
    """The annotations of an object."""
    return ((body or {}).get("metadata") or {}).get("annotations") or {}


def mark(body: Object | None, name: str) -> str:
    """One annotation, empty when it is not there."""
    return annotations(body).get(name, "")


def ours(body: Object | None) -> bool:
    """Whether the collection made or marked the object."""
    return any(name.startswith(PREFIX) for name in annotations(body))


def run_strategy(vm: Object) -> str:
    """The run strategy a VM has: ``running`` is a word of its own (``running: true``), ``false`` means Halted."""
    spec = vm.get("spec") or {}
    if "running" in spec:
        return LEGACY_RUNNING if spec["running"] else "Halted"
    return str(spec.get("runStrategy") or "")


def remembered(vm: Object) -> str:
    """What the guest's VM is to have again: what was remembered, otherwise what it has now."""
    return mark(vm, REMEMBERED_RUN_STRATEGY) or run_strategy(vm)


def as_run_strategy(word: str) -> str:
    """A remembered word as a value for ``runStrategy``."""
    return "Always" if word == LEGACY_RUNNING else word
