# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin an attempt, and carry an open one on until the guest has arrived or the attempt has to be given up."""

from __future__ import annotations

from . import _attempt as attempt
from ._checks import Finding, errors, refuse, warnings
from ._cluster import Object
from ._errors import BadInput, DeadlineExceeded, MigrationError
from ._move_address import choose, misdirected
from ._move_checks import findings
from ._move_finish import finish
from ._move_proof import empty, kin, moved_to, never_left, runs, stayed
from ._move_stage import WORDS, Stage, stage_of
from ._move_steps import Finish, Step, Stop, Wait, Wish, Write, create, delete, label, patch
from ._move_trouble import trouble
from ._move_undo import condemn, sights
from ._resources import VM, VMI, VMIM
from ._situation import Migration, Side, Situation, Vm, Vmi

GUARDED = (attempt.GUARD, "Halted", attempt.RECEIVER)
"""Run strategies under which KubeVirt does not start the source's guest again by itself."""


def begin(situation: Situation, wish: Wish) -> Step:
    """No attempt is open: refuse, wait for the receiver, or make the first write."""
    if wish.state == "absent":
        return Finish("cancelled", ("no attempt is open",))
    if _moved_before(situation):
        return finish(situation, wish)
    found = findings(situation, wish)
    vm = situation.source.vm
    if vm is None or errors(found):
        return Stop("refused", _refusal(found), tuple(sights(situation)), findings=tuple(found))
    return _receiver(situation) or _open(situation, vm, wish, found)


def _refusal(found: list[Finding]) -> MigrationError:
    try:
        refuse(found)
    except MigrationError as error:
        return error
    return BadInput("a VirtualMachine to move", "none")


def _moved_before(situation: Situation) -> bool:
    """An earlier run ended this move; the guest may have been restarted on the target since."""
    source, target = situation.source, situation.target
    if target.vm is None or target.vm.strategy == attempt.RECEIVER or not runs(target):
        return False
    if source.vm is None:
        return kin(situation)
    return source.vm.strategy == "Halted" and source.note(attempt.MOVED_TO) == moved_to(target)


def _receiver(situation: Situation) -> Step | None:
    """``None`` once the receiver waits for a guest and knows of no other attempt."""
    target = situation.target
    vmi = target.vmi
    waits = vmi is not None and vmi.phase == "WaitingForSync" and vmi.receiver and not vmi.deleting
    if vmi is not None and waits and not _used(vmi):
        return None
    what = f"the receiver on {target.name} to wait for a guest: " + (f"VMI {vmi.phase}" if vmi else "no VMI yet")
    if vmi is not None and not vmi.deleting and _renewable(situation, vmi):
        why = "it is what an earlier attempt left: KubeVirt makes a fresh one"
        return Write(Stage.RECEIVE, delete(target, VMI, vmi.raw, why), proven=True)
    if not situation.overdue:
        return Wait(Stage.RECEIVE, what)
    why_not = trouble(situation)
    hint = why_not.hint if why_not else "Look at the VirtualMachine's conditions and at its DataVolumes."
    wanted = "a receiver that waits for a guest"
    found = f"after {situation.seconds:.0f} s: {what}" + (f" ({why_not})" if why_not else "")
    return Stop("refused", DeadlineExceeded(wanted, found, target.name, target.label, hint), tuple(sights(situation)))


def _used(vmi: Vmi) -> bool:
    """A source has talked to it: state of that attempt would mix with the next one's."""
    return vmi.final or (vmi.state is not None and bool(vmi.state.source_uid or vmi.state.failed))


def _renewable(situation: Situation, vmi: Vmi) -> bool:
    """Nothing works with it any more, and the guest is certain to be on the source."""
    if situation.target.open or not (vmi.receiver and _used(vmi)):
        return False
    return stayed(situation.source) and never_left(situation.target)


def _open(situation: Situation, vm: Vm, wish: Wish, found: list[Finding]) -> Step:
    """The first write: from here on a repeat recognises the attempt."""
    source, told = situation.source, tuple(warnings(found))
    version = str(vm.raw["metadata"].get("resourceVersion", ""))
    named = attempt.attempt_id(source.uid, vm.uid, version)
    if wish.state == "migrated":
        return _guard(situation, vm, named, told)
    body: Object = {"metadata": {"annotations": {attempt.ATTEMPT: named}}}
    return Write(Stage.RECEIVE, patch(source, VM, vm.raw, body, "open an attempt"), warnings=told)


def _guard(situation: Situation, vm: Vm, named: str, told: tuple[str, ...] = ()) -> Write:
    """Whatever happens from here on, KubeVirt does not start the guest again on the source."""
    notes = {attempt.ATTEMPT: named, attempt.REMEMBERED: attempt.remember(vm.raw)}
    body: Object = {"metadata": {"annotations": notes}, "spec": {"running": None, "runStrategy": attempt.GUARD}}
    why = "guard: whatever happens, KubeVirt must not start the guest here again"
    return Write(Stage.RECEIVE, patch(situation.source, VM, vm.raw, body, why), warnings=told)


def advance(situation: Situation, wish: Wish) -> Step:
    """An attempt is open, not given up, and the guest has not arrived."""
    source, vm = situation.source, situation.source.vm
    if vm is None:
        return condemn(situation, "the source VM is gone")
    verdict = _verdict(situation, wish)
    if verdict:
        return condemn(situation, verdict)
    if situation.receive is None:
        return _listen(situation, vm, wish)
    if situation.send is None:
        return _send(situation, vm, wish, situation.receive)
    if vm.strategy not in GUARDED and runs(source):
        return _guard(situation, vm, situation.attempt)
    return Wait(stage_of(situation), _progress(situation))


def _verdict(situation: Situation, wish: Wish) -> str:
    """Why the attempt has to be given up; empty when it has not."""
    complaint = trouble(situation)
    reason = _ended(situation)
    if wish.state == "absent":
        reason = "cancelled"
    elif not reason and situation.rejected:
        reason = f"a write was refused: {situation.rejected}"
    elif not reason and misdirected(situation, wish.network):
        reason = misdirected(situation, wish.network)
    elif not reason and complaint is not None and complaint.stopping and situation.grace_over:
        reason = f"{complaint}. {complaint.hint}"
    elif not reason and situation.overdue:
        stage = stage_of(situation)
        reason = f"the deadline for {WORDS[stage]} ({stage}) passed after {situation.seconds:.0f} s: "
        reason += _standing(situation) + (f" ({complaint}). {complaint.hint}" if complaint else "")
    return reason


def _ended(situation: Situation) -> str:
    """An attempt that has come to an end without the guest having arrived."""
    for side, found in ((situation.source, situation.send), (situation.target, situation.receive)):
        if found is not None and found.phase == "Failed":
            state = side.vmi.state if side.vmi else None
            text = state.reason if state and state.failed and state.reason else "KubeVirt gives no reason"
            return f"{label(found)} on {side.name} has failed: {text}"
        if found is not None and found.deleting and not found.final:
            return f"{label(found)} on {side.name} was deleted by somebody else"
    if situation.receive is None and situation.send is not None:
        return f"the receiving VirtualMachineInstanceMigration on {situation.target.name} is gone"
    state = situation.target.vmi.state if situation.target.vmi else None
    if situation.receive is not None and situation.send is None and state is not None and state.source_uid:
        same = state.target_uid in ("", situation.receive.uid)
        if same and not state.completed:
            return f"the sending VirtualMachineInstanceMigration on {situation.source.name} is gone"
    return ""


def _listen(situation: Situation, vm: Vm, wish: Wish) -> Step:
    """Neither VMIM is there: guard, then let the target listen."""
    target, waiting = situation.target, _receiver(situation)
    if waiting is not None:
        return waiting
    if wish.state == "migrated" and not situation.source.note(attempt.REMEMBERED):
        return _guard(situation, vm, situation.attempt)
    name = attempt.receive_name(target.vm_name, situation.attempt)
    body = _migration(situation, target, name, {"receive": {"migrationID": situation.attempt}})
    return Write(Stage.RECEIVE, create(target, VMIM, body, "let the receiver listen for the guest"), proven=True)


def _send(situation: Situation, vm: Vm, wish: Wish, receive: Migration) -> Step:
    """The target listens: guard the source and start."""
    source, target = situation.source, situation.target
    state = target.vmi.state if target.vmi else None
    if receive.phase != "WaitingForSync" or state is None or state.target_uid != receive.uid:
        return Wait(Stage.RECEIVE, f"{label(receive)} on {target.name} to listen: phase {receive.phase or 'new'}")
    if wish.state == "prepared":
        return Finish("prepared", (f"{target.name}: {label(receive)} waits for the guest",))
    if not source.note(attempt.REMEMBERED) or vm.strategy not in GUARDED:
        return _guard(situation, vm, situation.attempt)
    if not runs(source):
        return condemn(situation, f"the guest does not run on {source.name} any more")
    if not empty(target):
        return Wait(Stage.RECEIVE, f"the launcher pod of an earlier attempt on {target.name} to end")
    choice = choose(situation, wish.network)
    if choice.problem:
        return condemn(situation, f"no address to connect to on {target.name}: {choice.problem}")
    if not choice.address:
        return Wait(Stage.RECEIVE, f"a synchronization address of {target.name}: its leader is changing")
    name = attempt.send_name(source.vm_name, situation.attempt)
    spec = {"sendTo": {"connectURL": choice.address, "migrationID": situation.attempt}}
    body = _migration(situation, source, name, spec)
    return Write(Stage.SYNC, create(source, VMIM, body, f"start the move to {choice.address}"), proven=True)


def _migration(situation: Situation, side: Side, name: str, spec: Object) -> Object:
    annotations = {attempt.ATTEMPT: situation.attempt}
    return {
        "apiVersion": VMIM.api_version,
        "kind": VMIM.kind,
        "metadata": {"name": name, "namespace": side.namespace, "annotations": annotations},
        "spec": {"vmiName": side.vm_name} | spec,
    }


def _progress(situation: Situation) -> str:
    """What is being waited for, in words for the progress line."""
    complaint, text = trouble(situation), _standing(situation)
    # Complaints of no known kind come and go in every healthy move.
    return f"{text} ({complaint})" if complaint and complaint.kind != "other" else text


def _standing(situation: Situation) -> str:
    """How far each side has come."""
    phases = [
        f"{side.name} {found.phase or 'new' if found else 'gone'}"
        for side, found in ((situation.source, situation.send), (situation.target, situation.receive))
    ]
    return "KubeVirt: " + ", ".join(phases)
