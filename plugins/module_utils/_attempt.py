# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move writes on the objects it works with, so that a repeat recognises it and carries on.

==========================  ==================  ==================================================================
annotation                  on                  meaning
==========================  ==================  ==================================================================
``attempt``                 source VM, VMIMs    the attempt that is open; also the ``migrationID`` of both VMIMs
``remembered-run-strategy`` source VM, receiver what to go back to (source VM) or to restore (receiver)
``stopped-because``         source VM           the attempt is being undone, and why; survives an interruption
``source-cluster-uid``      receiver, copies    UID of the cluster the guest comes from; stays as a record
``source-vm-uid``           receiver, copies    UID of the VM the guest comes from; stays as a record
``moved-to``                halted source VM    where the guest went: ``cluster UID/namespace/name/VM UID``
``was-left-over``           receiver            it was there before, halted: it is not ours to delete
``source-namespace``        copies              namespace the copied Secret or ConfigMap comes from
``copied-content``          copies              digest of what was copied: who edits the copy makes it theirs
==========================  ==================  ==================================================================

KubeVirt's own ``kubevirt.io/restore-run-strategy`` is **not** set on receivers: up to KubeVirt 1.6.6, 1.7.4 and
1.8.2 it is also honoured after a failed copy and would boot a half-copied disk on the target. The run strategy is
restored by the move itself, once the guest is proven to run there.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

PREFIX = "livemigration.kubevirt/"
ATTEMPT = f"{PREFIX}attempt"
REMEMBERED = f"{PREFIX}remembered-run-strategy"
STOPPED = f"{PREFIX}stopped-because"
SOURCE_CLUSTER = f"{PREFIX}source-cluster-uid"
SOURCE_VM = f"{PREFIX}source-vm-uid"
MOVED_TO = f"{PREFIX}moved-to"
LEFT_OVER = f"{PREFIX}was-left-over"
SOURCE_NAMESPACE = f"{PREFIX}source-namespace"
COPIED_CONTENT = f"{PREFIX}copied-content"

RECEIVER = "WaitAsReceiver"
"""Run strategy of a VM that waits for a guest."""

GUARD = "Manual"
"""Run strategy of the source while a move is open: whatever happens, KubeVirt does not start the guest again."""

_NAMESPACE = uuid.UUID("b1d2f7a0-6b44-5c1e-9f0b-6d6c6b766d76")
_RUNNING = "running"
"""Remembers ``spec.running: true``, which says the same as ``Always`` but is another field."""


def attempt_id(cluster_uid: str, vm_uid: str, version: str) -> str:
    """The id of the attempt that begins by a write to the VM at this resourceVersion.

    Only one such write can succeed, so the id is new for every attempt and the same for every repeat of the write.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{cluster_uid}/{vm_uid}/{version}"))


def send_name(vm: str, attempt: str) -> str:
    """Name of the VMIM on the source."""
    return f"{vm}-send-{attempt[:8]}"


def receive_name(vm: str, attempt: str) -> str:
    """Name of the VMIM on the target."""
    return f"{vm}-receive-{attempt[:8]}"


def strategy(spec: Mapping[str, Any]) -> str:
    """The run strategy of a VM's spec, whichever of the two fields says it."""
    if spec.get("runStrategy"):
        return str(spec["runStrategy"])
    return "Always" if spec.get("running") else "Halted"


def remember(vm: Mapping[str, Any]) -> str:
    """What ``remembered-run-strategy`` holds for a VM: its strategy, or what it already remembers."""
    known = (vm["metadata"].get("annotations") or {}).get(REMEMBERED)
    if known:
        return str(known)
    spec = vm["spec"]
    return _RUNNING if spec.get("running") and not spec.get("runStrategy") else strategy(spec)


def restored(remembered: str) -> str:
    """The run strategy that a remembered value means: what the target gets."""
    return "Always" if remembered == _RUNNING else remembered


def restoring(remembered: str) -> dict[str, Any]:
    """The merge patch of a VM's spec that brings back exactly what was remembered: what the source gets."""
    if remembered == _RUNNING:
        return {"running": True, "runStrategy": None}
    return {"running": None, "runStrategy": remembered}


def phase(vmi: Mapping[str, Any] | None) -> str:
    """The phase of a VMI: ``new`` while nobody has given it one, empty without a VMI."""
    return str((vmi.get("status") or {}).get("phase") or "new") if vmi else ""
