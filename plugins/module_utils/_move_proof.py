# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the guest is, and how that is known.

Each question has one answer that is certain or no answer. Launcher pods are the hardest evidence: a guest is a
process in one. A VMI that reads ``Running`` proves nothing on its own: a failed receiver shows it for seconds,
and a source that was never told of its success shows it for ever.
"""

from __future__ import annotations

from . import _attempt as attempt
from ._situation import Side, Situation, State, Vmi


def runs(side: Side) -> bool:
    """The VMI runs in a launcher pod that runs."""
    vmi = side.vmi
    return vmi is not None and vmi.phase == "Running" and not vmi.deleting and side.running_pod is not None


def empty(side: Side) -> bool:
    """No launcher pod in which anything could run, and no VMI that says it has one."""
    unplaced = side.vmi is None or side.vmi.final or side.vmi.phase in ("Pending", "WaitingForSync", "")
    return unplaced and not side.active_pods


def kin(situation: Situation) -> bool:
    """The target's VM is the one that receives, or received, this source's guest."""
    source, target = situation.source, situation.target
    if target.vm is None:
        return False
    if source.vm is None:
        return target.note(attempt.SOURCE_CLUSTER) == source.uid
    state = target.vmi.state if target.vmi else None
    return (
        target.note(attempt.SOURCE_VM) == source.vm.uid
        or source.note(attempt.MOVED_TO) == moved_to(target)
        or bool(state and source.vmi and state.source_vmi == source.vmi.uid)
    )


def moved_to(target: Side) -> str:
    """The value of the annotation that says where a guest went."""
    uid = target.vm.uid if target.vm else ""
    return f"{target.uid}/{target.namespace}/{target.vm_name}/{uid}"


def arrived(situation: Situation) -> bool:
    """The guest runs on the target, and a migration that ended well brought it there."""
    source, target, receive = situation.source, situation.target, situation.receive
    if target.vmi is None or not runs(target) or not kin(situation):
        return False
    state = target.vmi.state
    if receive is not None and (receive.phase == "Failed" or state is None or state.uid != receive.uid):
        return False
    if state is not None and not _earlier(situation, state):
        return state.arrived
    # Restarted on the target since: the source still tells how its own migration ended.
    left = source.vmi.state if source.vmi else None
    return state is None and left is not None and left.arrived and departed(source)


def _earlier(situation: Situation, state: State) -> bool:
    """The state is of an earlier migration to the target than the one that is open."""
    send = situation.send
    return send is not None and state.source_uid not in ("", send.uid)


def departed(source: Side) -> bool:
    """Nothing of the guest is left on the source."""
    return (source.vmi is None or source.vmi.final) and not source.active_pods


def stayed(source: Side) -> bool:
    """The guest runs on the source, and no migration of it to another cluster is under way or has ended well."""
    if not runs(source) or source.vmi is None:
        return False
    state = source.vmi.state
    if state is None or _about_another(state, source.vmi):
        return True
    # Once the target has announced itself, the source's virt-handler may start the copy at any moment.
    return state.failed if state.completed else not (state.started or state.handed_over)


def _about_another(state: State, vmi: Vmi) -> bool:
    """The state tells how the guest came to this node, not how it leaves: a local migration, or an arrival."""
    return state.source_uid == state.target_uid or state.source_vmi not in ("", vmi.uid)


def never_left(target: Side) -> bool:
    """The target has not got the guest: no launcher pod, or both ends agree that the copy failed.

    A launcher that outlives a failed copy for a while is harmless: its handler says that no guest is active in it.
    """
    if empty(target):
        return True
    state = target.vmi.state if target.vmi else None
    return bool(state and state.completed and state.failed)


def split(situation: Situation) -> bool:
    """The guest runs on both sides, and neither side is about to change that.

    A source whose migration is still open, or has just ended well, is leaving: that is no split yet.
    """
    source = situation.source
    if not runs(source) or source.vmi is None or not arrived(situation):
        return False
    state, theirs = source.vmi.state, situation.target.vmi.state if situation.target.vmi else None
    restarted = bool(theirs and theirs.source_vmi and theirs.source_vmi != source.vmi.uid)
    return state is None or state.failed or restarted
