# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guest has arrived: prove it, then leave both sides as they have to stay."""

from __future__ import annotations

from collections.abc import Iterator

from . import _attempt as attempt
from ._errors import Indeterminate
from ._move_proof import departed, moved_to
from ._move_stage import Stage
from ._move_steps import Finish, Step, Stop, Wait, Wish, Write, delete, label, patch
from ._plan import Change
from ._resources import VM, VMIM
from ._situation import Migration, Side, Situation

_STAGE = Stage.FINISH


def finish(situation: Situation, wish: Wish) -> Step:
    """What is left to do now that the guest runs on the target (``arrived`` holds)."""
    missing = unproven(situation)
    if missing:
        return _uncertain(situation, missing) if situation.overdue else Wait(_STAGE, missing)
    for step in (_halt(situation), _restore(situation), _sweep(situation, wish), _drop(situation, wish)):
        if step is not None:
            return step
    return Finish("migrated", tuple(proof(situation)), tuple(_leftovers(situation, wish)))


def unproven(situation: Situation) -> str:
    """What is still missing until the guest is certain to be on the target and nowhere else; empty when it is."""
    source, receive = situation.source, situation.receive
    if not departed(source):
        pods = ", ".join(f"{pod.name} ({pod.phase})" for pod in source.active_pods)
        phase = f"VMI {source.vmi.phase}" if source.vmi else "no VMI"
        return f"the end of the guest's process on {source.name}: {phase}, launcher pods {pods or 'none'}"
    if receive is not None and receive.phase != "Succeeded":
        return f"{label(receive)} on {situation.target.name} to be Succeeded: it is {receive.phase}"
    return ""


def proof(situation: Situation) -> Iterator[str]:
    """How it is known where the guest is."""
    source, target = situation.source, situation.target
    pod = target.running_pod
    if pod is not None and target.vmi is not None:
        yield f"{target.name}: VMI {target.vmi.uid} is Running on node {pod.node} in launcher pod {pod.name}"
    state = target.vmi.state if target.vmi else None
    if state is not None:
        yield f"{target.name}: its migrationState says completed and not failed"
    if situation.receive is not None:
        yield f"{target.name}: {label(situation.receive)} has Succeeded"
    yield f"{source.name}: no launcher pod of {source.label} is left in which anything could run"
    yield f"{source.name}: " + ("its VMI has ended" if source.vmi else "it has no VMI")
    if source.vm is not None and source.vm.strategy == "Halted":
        yield f"{source.name}: the VM is Halted, so that nothing starts it again"


def _halt(situation: Situation) -> Step | None:
    """``Halted`` whatever the strategy was: several strategies leave the VM ready to be started again."""
    source, target = situation.source, situation.target
    if source.vm is None or (source.vm.strategy == "Halted" and source.note(attempt.MOVED_TO) == moved_to(target)):
        return None
    annotations = dict.fromkeys((*_ours(source), attempt.SOURCE_CLUSTER, attempt.SOURCE_VM), None)
    metadata = {"annotations": annotations | {attempt.MOVED_TO: moved_to(target)}}
    body = {"metadata": metadata, "spec": {"running": None, "runStrategy": "Halted"}}
    why = f"the guest runs on {target.name} now, and only there"
    return Write(_STAGE, patch(source, VM, source.vm.raw, body, why), proven=True, proof=tuple(proof(situation)))


def _restore(situation: Situation) -> Step | None:
    target = situation.target
    if target.vm is None:
        return None
    stale = (*_ours(target), *(key for key in (attempt.MOVED_TO, attempt.LEFT_OVER) if target.note(key)))
    receiver = target.vm.strategy == attempt.RECEIVER
    if not receiver and not stale:
        return None
    body: dict[str, object] = {"metadata": {"annotations": dict.fromkeys(stale, None)}}
    if receiver:
        body["spec"] = {"runStrategy": attempt.restored(_remembered(situation))}
    why = "the guest has arrived: restore the run strategy" if receiver else "the move is over"
    return Write(_STAGE, patch(target, VM, target.vm.raw, body, why))


def _remembered(situation: Situation) -> str:
    source, target = situation.source, situation.target
    notes = (target.note(attempt.REMEMBERED), source.note(attempt.REMEMBERED), target.note(_KUBEVIRTS_OWN))
    return next((note for note in notes if note), "Always")


_KUBEVIRTS_OWN = "kubevirt.io/restore-run-strategy"


def _sweep(situation: Situation, wish: Wish) -> Step | None:
    """Remove what the move made, and wait for KubeVirt to remove the source's ended VMI."""
    source, target = situation.source, situation.target
    ours = [(side, found) for side in (source, target) for found in side.migrations if found.attempt]
    for side, found in ours if wish.clean else ():
        if not found.deleting:
            return Write(_STAGE, delete(side, VMIM, found.raw, "the move is over"))
    if situation.overdue:
        return _release(situation)
    if source.vmi is not None:
        return Wait(_STAGE, f"KubeVirt on {source.name} to remove the ended VMI")
    hanging = [label(found) for _side, found in ours] if wish.clean else []
    if hanging:
        return Wait(_STAGE, f"{', '.join(hanging)} to disappear")
    if target.vmi is not None and target.vmi.receiver:
        return Wait(_STAGE, f"virt-handler on {target.name} to finish with the receiver")
    return None


def _release(situation: Situation) -> Step | None:
    """A VMIM whose VMI went away first hangs for ever: nobody else will remove its finalizers."""
    for found in situation.source.migrations:
        if found.attempt and found.deleting and found.finalizers and situation.source.vmi is None:
            return Write(_STAGE, release(situation.source, found), proven=True)
    return None


def release(side: Side, migration: Migration) -> Change:
    """Let a VMIM of ours go that KubeVirt cannot finish any more."""
    body = {"metadata": {"finalizers": None}}
    return patch(side, VMIM, migration.raw, body, "KubeVirt has nothing left to finish it with: strip its finalizers")


def _drop(situation: Situation, wish: Wish) -> Step | None:
    source = situation.source
    if wish.keep_source or source.vm is None:
        return None
    if not source.vm.deleting:
        return Write(_STAGE, delete(source, VM, source.vm.raw, "keep_source is false"), proven=True)
    return None if situation.overdue else Wait(_STAGE, f"{source.label} on {source.name} to disappear")


def _leftovers(situation: Situation, wish: Wish) -> Iterator[str]:
    for side in (situation.source, situation.target):
        for found in side.migrations if wish.clean else ():
            if found.attempt:
                yield f"{side.name}: {label(found)} is still there and is being deleted"
    if situation.source.vmi is not None:
        yield f"{situation.source.name}: KubeVirt has not removed the ended VMI yet"
    if not wish.keep_source and situation.source.vm is not None:
        yield f"{situation.source.name}: {situation.source.label} is being deleted and still there"


def _ours(side: Side) -> tuple[str, ...]:
    return tuple(key for key in (attempt.ATTEMPT, attempt.REMEMBERED, attempt.STOPPED) if side.note(key))


def _uncertain(situation: Situation, missing: str) -> Stop:
    found = f"the guest runs on {situation.target.name}, but after {situation.seconds:.0f} s still awaited: {missing}"
    hint = (
        f"Nothing is touched. Find out whether a guest still runs in the launcher pod on {situation.source.name}; if"
        " not, delete that pod and run again. Do not start the VM there."
    )
    source = situation.source
    why = Indeterminate("the guest in exactly one place", found, source.name, source.label, hint)
    return Stop("indeterminate", why, tuple(proof(situation))[:2])
