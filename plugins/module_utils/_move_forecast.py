# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move would do: the same decisions, on objects that change as KubeVirt is expected to change them.

Nothing is written and nothing is waited for; every change of ours is the one that would be made.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ._cluster import Object
from ._copies import Origin
from ._decide import decide
from ._move_observe import Lookout, Place, key_of
from ._move_read import CREATE_TARGET
from ._move_steps import Finish, Stop, Wait, Wish, Write
from ._plan import Change
from ._receiver import receiver, relation
from ._situation import Situation

Views = dict[str, dict[str, list[Object]]]

_MOST_STEPS = 60


def forecast(lookout: Lookout, wish: Wish) -> tuple[list[Change], Finish | Stop, Situation, list[str]]:
    """The changes, the end, the situation at the end, and the warnings.

    :param lookout: must have looked (``now``).
    """
    views: Views = {key: copy.deepcopy(dict(view)) for key, view in lookout.views.items()}
    changes: list[Change] = []
    told = [] if wish.state == "absent" else _expect_receiver(lookout, views)
    situation = _situation(lookout, views)
    for _step in range(_MOST_STEPS):
        situation = _situation(lookout, views)
        step = decide(situation, wish)
        match step:
            case Finish() | Stop():
                return changes, step, situation, [*told, *step.warnings]
            case Write():
                changes.append(step.change)
                told += step.warnings
                _apply(views, lookout.place(step.change.cluster), step.change)
                if step.then is not None:
                    return changes, step.then, situation, told
            case Wait():
                if not _imagine(views, situation):
                    break
    return changes, Finish("prepared" if wish.state == "prepared" else "migrated", ()), situation, told


def _expect_receiver(lookout: Lookout, views: Views) -> list[str]:
    """In check mode the receiver that an earlier task of the same run would make is not there yet."""
    source, target = views["source"], views["target"]
    vm, vmi = _only(source, "vm"), _only(source, "vmi")
    there = _only(target, "vm")
    if vm is None or vmi is None or relation(vm, there, _only(target, "vmi")) not in ("absent", "left_over"):
        return []
    origin = Origin(lookout.source.uid, vm["metadata"]["uid"])
    made = receiver(vm, vmi, lookout.target.namespace, origin)
    made["metadata"] |= {"name": lookout.target.vm, "uid": "uid-of-the-receiver", "resourceVersion": "expected"}
    target |= {"vm": [made], "vmi": []}
    where = f"{lookout.target.cluster.name} VirtualMachine {lookout.target.namespace}/{lookout.target.vm}"
    return [f"{where} is no receiver (yet), so whether the target can take the guest is unverified"]


def _only(view: dict[str, list[Object]], kind: str) -> Object | None:
    return next(iter(view.get(kind, [])), None)


def _situation(lookout: Lookout, views: Views) -> Situation:
    sides = (place.side(views.get(key, {})) for key, place in (("source", lookout.source), ("target", lookout.target)))
    source, target = sides
    return Situation(source, target)


def _apply(views: Views, place: tuple[str, Place], change: Change) -> None:
    """Our own write, as the API server would take it."""
    objects = views[place[0]].setdefault(key_of(change.ref.resource), [])
    known = [found for found in objects if found["metadata"]["name"] != change.ref.name]
    if change.after is not None:
        after = copy.deepcopy(change.after)
        after["metadata"].setdefault("uid", f"uid-of-{change.ref.name}")
        known.append(after)
    elif change.before is not None and change.before["metadata"].get("finalizers"):
        known.append(copy.deepcopy(change.before))
        known[-1]["metadata"]["deletionTimestamp"] = "expected"
    objects[:] = known


def _imagine(views: Views, situation: Situation) -> bool:
    """The next thing KubeVirt is expected to do. ``False``: nothing comes to mind."""
    source, target = views.get("source", {}), views.get("target", {})
    ideas: tuple[Callable[[], bool], ...] = (
        lambda: _let_go(source, target),
        lambda: _wait_for_guest(target, situation),
        lambda: _listen(target),
        lambda: _copy(source, target, situation),
        lambda: _tidy(source, target, situation),
    )
    return any(idea() for idea in ideas)


def _let_go(*sides: dict[str, list[Object]]) -> bool:
    """Objects that are being deleted disappear."""
    for side in sides:
        for objects in side.values():
            left = [found for found in objects if "deletionTimestamp" not in found["metadata"]]
            if len(left) != len(objects):
                objects[:] = left
                return True
    return False


def _wait_for_guest(target: dict[str, list[Object]], situation: Situation) -> bool:
    """A receiver gets a VMI that waits."""
    vm, vmi = situation.target.vm, situation.target.vmi
    if vm is None or (vmi is not None and (vmi.phase != "Pending" or not vmi.receiver)):
        return False
    metadata: Object = {"name": situation.target.vm_name, "uid": "uid-of-the-receiver"}
    metadata["annotations"] = {CREATE_TARGET: "true"}
    target["vmi"] = [{"metadata": metadata, "spec": {}, "status": {"phase": "WaitingForSync"}}]
    return True


def _listen(target: dict[str, list[Object]]) -> bool:
    """The receive VMIM is taken up."""
    for found in target.get("vmims", []):
        status = found.setdefault("status", {})
        if not status.get("phase") and target.get("vmi"):
            status["phase"] = "WaitingForSync"
            state = {"targetState": {"migrationUID": found["metadata"]["uid"]}}
            target["vmi"][0].setdefault("status", {})["migrationState"] = state
            return True
    return False


def _copy(source: dict[str, list[Object]], target: dict[str, list[Object]], situation: Situation) -> bool:
    """The guest moves."""
    send, receive = situation.send, situation.receive
    if send is None or receive is None or send.final or not (source.get("vmi") and target.get("vmi")):
        return False
    state: dict[str, Any] = {"migrationUid": receive.uid, "completed": True}
    state |= {"sourceState": {"migrationUID": send.uid}, "targetState": {"migrationUID": receive.uid}}
    status = {"phase": "Running", "nodeName": "expected", "migrationState": state}
    target["vmi"][0]["status"] = status
    labels = {"kubevirt.io/created-by": target["vmi"][0]["metadata"]["uid"]}
    pod = {"metadata": {"name": "virt-launcher-expected", "labels": labels}, "spec": {"nodeName": "expected"}}
    target["pods"] = [pod | {"status": {"phase": "Running"}}]
    source["vmi"][0]["status"]["phase"] = "Succeeded"
    source["pods"] = []
    for found in (*source["vmims"], *target["vmims"]):
        found.setdefault("status", {})["phase"] = "Succeeded"
    return True


def _tidy(source: dict[str, list[Object]], target: dict[str, list[Object]], situation: Situation) -> bool:
    """The ended VMI goes, and the target's is no receiver any more."""
    if situation.source.vmi is not None and situation.source.vmi.final:
        source["vmi"] = []
        return True
    if situation.target.vmi is not None and situation.target.vmi.receiver and situation.target.vmi.state:
        target["vmi"][0]["metadata"]["annotations"] = {}
        return True
    return False
