# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give an attempt up so that the guest is certain to be on the source, or say that it is not certain.

It is cancelled from the source only: KubeVirt does not carry the cancellation of a target over to another cluster,
and the copy goes on behind it. The verdict is written on the source VM first, so that an interruption changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import _attempt as attempt
from ._errors import Indeterminate, MigrationError
from ._move_finish import release
from ._move_proof import empty, never_left, runs, stayed
from ._move_stage import Stage
from ._move_steps import Finish, Step, Stop, Wait, Wish, Write, delete, label, patch
from ._plan import Change
from ._resources import VM, VMIM
from ._situation import Migration, Side, Situation

CANCELLED = "cancelled"
"""The verdict of a user's own cancellation."""

_STAGE = Stage.UNDO
_LONGEST_VERDICT = 1000


def condemn(situation: Situation, verdict: str) -> Step:
    """Write down that the attempt is given up, and why."""
    source = situation.source
    if source.vm is None:
        found = f"the source VM is gone; the attempt was to be given up: {verdict}"
        return Stop("indeterminate", _uncertain(situation, found), tuple(sights(situation)))
    text = verdict[:_LONGEST_VERDICT]
    body = {"metadata": {"annotations": {attempt.STOPPED: text, attempt.ATTEMPT: situation.attempt}}}
    return Write(_STAGE, patch(source, VM, source.vm.raw, body, f"give the attempt up: {text}"), proven=True)


def undo(situation: Situation, wish: Wish) -> Step:
    """What is left to do for an attempt that is given up (and the guest has not arrived)."""
    for step in (_cancel(situation), _clear_target(situation), _prove(situation), _sweep(situation, wish)):
        if step is not None:
            return step
    return _lift(situation, wish)


def _cancel(situation: Situation) -> Step | None:
    """Delete the source's VMIM and wait until KubeVirt has really ended it."""
    send = situation.send
    if send is None or send.final:
        return None
    if not send.deleting:
        why = "cancel from the source, the side that knows where the guest is"
        return Write(_STAGE, delete(situation.source, VMIM, send.raw, why))
    receive = situation.receive
    if receive is not None and not receive.final and not receive.deleting and _stuck(situation, receive):
        why = "its pod does not come up and no copy has begun: without it the cancellation can end"
        return Write(_STAGE, delete(situation.target, VMIM, receive.raw, why), proven=True)
    if receive is None and situation.grace_over and _abandoned(situation):
        warning = f"{label(send)} could not be ended by KubeVirt and was released by stripping its finalizers"
        return Write(_STAGE, release(situation.source, send), proven=True, warnings=(warning,))
    what = f"{label(send)} on {situation.source.name} to end: phase {send.phase}, being cancelled"
    return _give_up(situation, what) if situation.overdue else Wait(_STAGE, what)


def _stuck(situation: Situation, receive: Migration) -> bool:
    """The target cannot begin a copy: it has not taken over, and no launcher pod of it has come up.

    From a pod that comes up to the take-over KubeVirt needs a good part of a second; the read just before the write
    is far younger than that.
    """
    pods = situation.target.active_pods
    hopeless = bool(pods) and all(pod.unschedulable for pod in pods)
    down = not _taken_over(situation, receive) and all(pod.phase == "Pending" for pod in pods)
    return down and (hopeless or situation.grace_over)


def _taken_over(situation: Situation, receive: Migration) -> bool:
    state = situation.target.vmi.state if situation.target.vmi else None
    return state is not None and state.uid == receive.uid


def _abandoned(situation: Situation) -> bool:
    """Nobody is left who could end the source's VMIM: the target is empty and has never answered with a pod."""
    source, target = situation.source, situation.target
    state = source.vmi.state if source.vmi else None
    quiet = state is None or not (state.handed_over or state.started)
    return quiet and runs(source) and empty(target) and not target.open


def _clear_target(situation: Situation) -> Step | None:
    """Without a source VMIM nobody sends: a target VMIM that never took over can go, another one ends by itself."""
    receive = situation.receive
    if receive is None or receive.final:
        return None
    what = f"{label(receive)} on {situation.target.name} to end: phase {receive.phase or 'new'}"
    if receive.deleting and situation.overdue and empty(situation.target):
        return None
    if receive.deleting or _taken_over(situation, receive) or not stayed(situation.source):
        return _give_up(situation, what) if situation.overdue else Wait(_STAGE, what)
    why = "nothing is sent to it any more"
    return Write(_STAGE, delete(situation.target, VMIM, receive.raw, why), proven=True)


def _prove(situation: Situation) -> Step | None:
    source, target = situation.source, situation.target
    what = ""
    if not stayed(source):
        what = f"proof that the guest runs on {source.name}: {_sight(source)}"
    elif not never_left(target):
        what = f"proof that the guest is not on {target.name}: {_sight(target)}"
    if not what:
        return None
    return _give_up(situation, what) if situation.overdue else Wait(_STAGE, what)


def _sweep(situation: Situation, wish: Wish) -> Step | None:
    """Both VMIMs are over: the next attempt needs them gone."""
    ours = [(side, found) for side in (situation.source, situation.target) for found in side.migrations]
    for side, found in ours if wish.clean else ():
        if found.attempt == situation.attempt and not found.deleting:
            return Write(_STAGE, delete(side, VMIM, found.raw, "the attempt is given up"))
    hanging = [label(found) for _side, found in ours if found.attempt == situation.attempt]
    if hanging and wish.clean and not situation.overdue:
        return Wait(_STAGE, f"{', '.join(hanging)} to disappear")
    return None


def _lift(situation: Situation, wish: Wish) -> Step:
    """The last write: from here on the VM is as it was."""
    end = _ending(situation, wish)
    change = lift(situation.source, "the guest runs here and nowhere else: lift the guard")
    return Write(_STAGE, change, proven=True, then=end, proof=end.proof) if change else end


def lift(source: Side, why: str) -> Change | None:
    """Bring the remembered run strategy back and forget the attempt; ``None`` when there is nothing to lift."""
    if source.vm is None:
        return None
    notes = [key for key in (attempt.ATTEMPT, attempt.REMEMBERED, attempt.STOPPED) if source.note(key)]
    if not notes:
        return None
    body: dict[str, object] = {"metadata": {"annotations": dict.fromkeys(notes, None)}}
    remembered = source.note(attempt.REMEMBERED)
    # A user who changed the strategy meanwhile meant it.
    if remembered and source.vm.strategy == attempt.GUARD:
        body["spec"] = attempt.restoring(remembered)
    return patch(source, VM, source.vm.raw, body, why)


def _ending(situation: Situation, wish: Wish) -> Finish | Stop:
    source, verdict = situation.source, situation.source.note(attempt.STOPPED)
    proof = tuple(sights(situation))
    warnings = tuple(_after_failure(situation))
    if wish.state == "absent":
        return Finish("cancelled", proof, warnings)
    hint = f"The guest never stopped running on {source.name}. Mend the cause and run again."
    if verdict == CANCELLED:
        hint = "It was cancelled. Run again to move it."
    why = MigrationError("the guest on the target", verdict, source.name, source.label, hint, "rolled_back")
    return Stop("rolled_back", why, proof, warnings)


def _after_failure(situation: Situation) -> Iterator[str]:
    """KubeVirt keeps the failed state on the VMI, and misreads it when the guest later stops by itself."""
    vmi = situation.source.vmi
    if vmi is not None and vmi.state is not None and vmi.state.failed:
        yield (
            f"{situation.source.name}: until its next migration or restart KubeVirt halts {situation.source.label}"
            " instead of restarting it when the guest stops by itself"
        )


def sights(situation: Situation) -> Iterator[str]:
    """What is seen on both sides, for a result that has to be judged."""
    for side in (situation.source, situation.target):
        yield f"{side.name}: {_sight(side)}"


def _sight(side: Side) -> str:
    vm = f"VM {side.vm.strategy}/{side.vm.printable or '-'}" if side.vm else "no VM"
    vmi = side.vmi
    parts = [vm, f"VMI {vmi.phase}" if vmi else "no VMI"]
    state = vmi.state if vmi else None
    if state is not None:
        flags = [name for name in ("started", "ended", "completed", "failed") if getattr(state, name)]
        parts.append(f"migrationState {'+'.join(flags) or 'open'}" + (f" ({state.reason})" if state.reason else ""))
    parts += [f"{label(one)} {one.phase}{' deleting' if one.deleting else ''}" for one in side.migrations]
    parts += [f"pod {pod.name} {pod.phase}" for pod in side.pods] or ["no launcher pod"]
    return ", ".join(parts)


def _give_up(situation: Situation, what: str) -> Stop:
    verdict = situation.source.note(attempt.STOPPED)
    found = f"after {situation.seconds:.0f} s still awaited: {what}. The attempt was given up because: {verdict}"
    return Stop("indeterminate", _uncertain(situation, found), tuple(sights(situation)))


def _uncertain(situation: Situation, found: str) -> Indeterminate:
    source = situation.source
    hint = (
        f"Nothing is touched any more; the guard keeps {source.name} from starting the guest again. Look at the"
        " launcher pods on both sides, then run again: the repeat carries on from here."
    )
    return Indeterminate("the guest in exactly one place", found, source.name, source.label, hint)
