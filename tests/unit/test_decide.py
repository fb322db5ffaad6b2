# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promises of a move, over arbitrary situations: what must never be decided, whatever is seen."""

from __future__ import annotations

import ipaddress

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._decide import decide
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_address import Network, Slice
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_steps import (
    Finish,
    State,
    Step,
    Stop,
    Wait,
    Wish,
    Write,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import POD, VM, VMI, VMIM
from ansible_collections.livemigration.kubevirt.plugins.module_utils._situation import Side, Situation
from ansible_collections.livemigration.kubevirt.plugins.module_utils._whereabouts import Span
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.move_situations import NEAR, SITUATIONS

SLICES = Network(
    Slice((Span(ipaddress.ip_address("192.170.10.2"), ipaddress.ip_address("192.170.10.127")),)),
    Slice((Span(ipaddress.ip_address("192.170.10.128"), ipaddress.ip_address("192.170.10.254")),)),
)
STATES: tuple[State, ...] = ("migrated", "prepared", "absent")
WISHES = st.builds(Wish, st.sampled_from(STATES), st.just(SLICES), st.booleans(), st.booleans())
arbitrary = settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))


# The questions are asked anew below, in the plainest words: the shipped answers are what is being tested.


def holds(side: Side) -> bool:
    """Something may run here."""
    return any(pod.phase not in ("Succeeded", "Failed") for pod in side.pods)


def runs(side: Side) -> bool:
    vmi = side.vmi
    return bool(
        vmi
        and vmi.phase == "Running"
        and any(pod.phase == "Running" and (pod.vmi, pod.node) == (vmi.uid, vmi.node) for pod in side.pods)
    )


def succeeded(side: Side) -> bool:
    return bool(side.vmi and side.vmi.state and side.vmi.state.completed and not side.vmi.state.failed)


def leaving(side: Side) -> bool:
    """The VMI says that a copy of it to another cluster goes on, or ended well."""
    state = side.vmi.state if side.vmi else None
    if side.vmi is None or state is None or state.source_uid == state.target_uid:
        return False
    mine = state.source_vmi in ("", side.vmi.uid)
    return mine and not state.failed and (state.completed or state.started)


def every_situation_has_a_step(situation: Situation, wish: Wish, step: Step) -> None:
    assert isinstance(step, Wait | Write | Finish | Stop)


def nothing_is_written_while_a_side_is_not_known(situation: Situation, wish: Wish, step: Step) -> None:
    if not (situation.source.known and situation.target.known):
        assert isinstance(step, Wait | Stop)


def what_may_hold_the_guest_is_not_deleted_or_stopped(situation: Situation, wish: Wish, step: Step) -> None:
    if not isinstance(step, Write):
        return
    change, source, target = step.change, situation.source, situation.target
    assert change.ref.resource is not POD
    if change.verb == "delete" and change.ref.resource is VM:
        assert change.cluster == source.name
        assert not wish.keep_source
        assert not holds(source)
        assert runs(target)
    if change.verb == "delete" and change.ref.resource is VMI:
        assert change.cluster == target.name
        assert target.vmi is not None
        assert target.vmi.receiver
        assert runs(source)
        assert not succeeded(target) or not holds(target)
    if change.ref.resource is VM and change.after and attempt.strategy(change.after["spec"]) == "Halted":
        if change.before and attempt.strategy(change.before["spec"]) == "Halted":
            return
        assert change.cluster == source.name
        assert not holds(source)
        assert runs(target)
        assert target.vmi is not None
        assert target.vmi.state is None or succeeded(target)


def never_two_active_run_strategies(situation: Situation, wish: Wish, step: Step) -> None:
    if not isinstance(step, Write) or step.change.ref.resource is not VM or step.change.after is None:
        return
    before, after = (attempt.strategy(body["spec"]) for body in (step.change.before or {}, step.change.after))
    if before == after:
        return
    if step.change.cluster == situation.target.name:
        assert situation.source.vm is None or situation.source.vm.strategy == "Halted"
        assert runs(situation.target)
    elif after not in (attempt.GUARD, "Halted"):
        assert runs(situation.source), "the guard is lifted only where the guest runs"
        assert not leaving(situation.source), "and where nothing says that it leaves or has left"
        target = situation.target.vmi
        failed = target is not None and target.state is not None and target.state.completed and target.state.failed
        assert failed or not holds(situation.target)


def a_target_is_cancelled_only_behind_its_source(situation: Situation, wish: Wish, step: Step) -> None:
    if not isinstance(step, Write) or step.change.ref.resource is not VMIM:
        return
    if step.change.verb == "delete" and step.change.cluster == situation.target.name:
        receive, send = situation.receive, situation.send
        over = receive is None or receive.final or runs(situation.target)
        assert over or send is None or send.final or send.deleting
    if step.change.verb == "patch":
        assert step.change.before is not None
        assert "deletionTimestamp" in step.change.before["metadata"]
        assert attempt.ATTEMPT in step.change.before["metadata"]["annotations"]
        assert step.proven


def a_move_starts_only_between_a_guest_and_an_empty_receiver(situation: Situation, wish: Wish, step: Step) -> None:
    if not isinstance(step, Write) or step.change.verb != "create":
        return
    source, target = situation.source, situation.target
    assert target.vmi is not None
    assert target.vmi.phase == "WaitingForSync"
    body = step.change.body
    assert isinstance(body, dict)
    if "sendTo" in body["spec"]:
        assert "receive" not in body["spec"]
        assert runs(source)
        assert not holds(target)
        assert source.vm is not None
        assert source.vm.strategy in (attempt.GUARD, "Halted", attempt.RECEIVER), "guarded"
        assert body["spec"]["sendTo"]["connectURL"] == "192.170.10.128:9185"
        assert body["spec"]["sendTo"]["migrationID"]
    assert step.proven


def success_is_said_only_with_the_full_proof(situation: Situation, wish: Wish, step: Step) -> None:
    if isinstance(step, Finish) and step.outcome == "migrated":
        assert runs(situation.target)
        assert not holds(situation.source)
        assert not runs(situation.source)
        assert situation.source.vm is None or situation.source.vm.strategy == "Halted"


def a_roll_back_is_said_only_when_the_source_runs(situation: Situation, wish: Wish, step: Step) -> None:
    end = step.then if isinstance(step, Write) else step
    if isinstance(end, Stop) and end.outcome == "rolled_back":
        assert runs(situation.source)
        assert not (runs(situation.target) and succeeded(situation.target))
        assert not [found for found in situation.source.open if found.attempt == situation.attempt]


def both_running_is_never_taken_for_anything_else(situation: Situation, wish: Wish, step: Step) -> None:
    """A guest that arrived while the source says that it stayed: loud, and nothing is written."""
    source, target = situation.source, situation.target
    state = source.vmi.state if source.vmi else None
    both = runs(source) and runs(target) and succeeded(target) and bool(state and state.failed)
    if both and isinstance(step, Finish):
        assert step.outcome not in ("migrated", "prepared")
    if isinstance(step, Stop) and step.outcome == "split_brain":
        assert runs(source)
        assert runs(target)


def giving_up_what_was_never_begun_writes_nothing(situation: Situation, wish: Wish, step: Step) -> None:
    if (
        wish.state == "absent"
        and not situation.attempt
        and not (runs(situation.target) and succeeded(situation.target))
    ):
        assert not isinstance(step, Write)


PROMISES = (
    every_situation_has_a_step,
    nothing_is_written_while_a_side_is_not_known,
    what_may_hold_the_guest_is_not_deleted_or_stopped,
    never_two_active_run_strategies,
    a_target_is_cancelled_only_behind_its_source,
    a_move_starts_only_between_a_guest_and_an_empty_receiver,
    success_is_said_only_with_the_full_proof,
    a_roll_back_is_said_only_when_the_source_runs,
    both_running_is_never_taken_for_anything_else,
    giving_up_what_was_never_begun_writes_nothing,
)


@arbitrary
@given(SITUATIONS | NEAR | NEAR, WISHES)
def test_every_promise_holds(situation: Situation, wish: Wish) -> None:
    step = decide(situation, wish)
    for promise in PROMISES:
        promise(situation, wish, step)
