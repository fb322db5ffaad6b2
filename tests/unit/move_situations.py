# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arbitrary situations of a move, the impossible ones included, from few identities so that objects often match."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_observe import Place
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_read import CREATE_TARGET
from ansible_collections.livemigration.kubevirt.plugins.module_utils._situation import Situation
from hypothesis import strategies as st
from unit.memory_cluster import MemoryCluster
from unit.move_sides import GOOD, NAME, NS, Views, launcher, metadata, situation

ATTEMPT = "5f0c9e2a-0000-5000-8000-000000000001"
Spoil = Callable[[Views], None]
FINAL = ("Succeeded", "Failed")
PHASES = ("", "Pending", "WaitingForSync", "Scheduling", "Scheduled", "Running", "Succeeded", "Failed", "Unknown")
MIGRATION_PHASES = ("", "WaitingForSync", "Synchronizing", "Pending", "Scheduling", "TargetReady", "Running", *FINAL)
STRATEGIES = ("Always", "RerunOnFailure", "Manual", "Once", "Halted", attempt.RECEIVER)
MESSAGES = ("waiting for incoming synchronization", "x509: certificate signed by unknown authority", "connection error")


def _mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(usual), st.just(usual), st.sampled_from(others))


def _optional(keys: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries({}, optional=keys)


def _vm(side: str) -> st.SearchStrategy[Object]:
    other = "b" if side == "a" else "a"
    notes = {
        attempt.ATTEMPT: _mostly(ATTEMPT, "another"),
        attempt.REMEMBERED: st.sampled_from(("Always", "RerunOnFailure", "running")),
        attempt.STOPPED: st.just("cancelled"),
        attempt.SOURCE_VM: _mostly(f"vm-{other}", "vm-x"),
        attempt.SOURCE_CLUSTER: _mostly(f"uid-of-cluster-{other}", "x"),
        attempt.MOVED_TO: _mostly(f"uid-of-cluster-{other}/{NS}/{NAME}/vm-{other}", "x"),
    }
    return st.builds(
        lambda marks, strategy, gone, printable: {
            "metadata": {"name": NAME, "namespace": NS, "uid": f"vm-{side}", "resourceVersion": "1"}
            | {"annotations": marks}
            | ({"deletionTimestamp": "t"} if gone else {}),
            "spec": {"running": True} if strategy == "running" else {"runStrategy": strategy},
            "status": {"printableStatus": printable},
        },
        _optional(notes),
        st.sampled_from((*STRATEGIES, "running")),
        st.sampled_from((False, False, False, True)),
        st.sampled_from(("Running", "Stopped", "ErrorUnschedulable")),
    )


def _state() -> st.SearchStrategy[Object]:
    flags = {name: st.booleans() for name in ("completed", "failed")}
    times = {name: st.just("2026-11-22T22:32:54Z") for name in ("startTimestamp", "endTimestamp")}
    source = _optional({"migrationUID": _mostly("send", "x"), "virtualMachineInstanceUID": _mostly("vmi-a", "x")})
    target = _optional({"migrationUID": _mostly("receive", "x"), "pod": st.just("launcher")})
    nested = {"sourceState": source, "targetState": target}
    own = {"migrationUid": st.sampled_from(("send", "receive", "x"))}
    address = {"targetNodeAddress": st.sampled_from(("192.170.10.131", "10.0.0.1", "nonsense"))}
    return _optional(flags | times | nested | own | address)


def _conditions() -> st.SearchStrategy[list[Object]]:
    types: tuple[str, ...] = (
        "LiveMigratable",
        "StorageLiveMigratable",
        "DecentralizedLiveMigrationFailure",
        "PodScheduled",
    )
    types += ("decentralizedMigrationBlocked", "migrationRejectedByResourceQuota")
    one = st.fixed_dictionaries(
        {
            "type": st.sampled_from(types),
            "status": st.sampled_from(("True", "False")),
            "reason": st.sampled_from(("", "DisksNotLiveMigratable", "Unschedulable")),
            "message": st.sampled_from(("", *MESSAGES)),
        }
    )
    return st.lists(one, max_size=2)


def _vmi(side: str) -> st.SearchStrategy[Object]:
    return st.builds(
        lambda phase, node, receiver, gone, state, conditions: {
            "metadata": {"name": NAME, "namespace": NS, "uid": f"vmi-{side}", "resourceVersion": "1"}
            | ({"annotations": {CREATE_TARGET: "true"}} if receiver else {})
            | ({"deletionTimestamp": "t"} if gone else {}),
            "spec": {},
            "status": {"phase": phase, "nodeName": node, "conditions": conditions}
            | ({"migrationState": state} if state else {}),
        },
        st.one_of(_mostly("Running", *PHASES), st.just("WaitingForSync")),
        _mostly("node", "", "elsewhere"),
        st.booleans() if side == "b" else st.sampled_from((False, False, True)),
        st.sampled_from((False, False, False, True)),
        st.one_of(st.none(), _state()),
        _conditions(),
    )


def _vmim(uid: str, direction: str) -> st.SearchStrategy[Object]:
    return st.builds(
        lambda phase, mine, gone, finalizers, conditions: {
            "metadata": {"name": f"{NAME}-{uid}", "namespace": NS, "uid": uid, "resourceVersion": "1"}
            | ({"annotations": {attempt.ATTEMPT: mine}} if mine else {})
            | ({"deletionTimestamp": "t"} if gone else {})
            | ({"finalizers": ["kubevirt.io/migrationJobFinalize"]} if finalizers else {}),
            "spec": {"vmiName": NAME, direction: {"migrationID": ATTEMPT}},
            "status": {"phase": phase, "conditions": conditions},
        },
        st.sampled_from(MIGRATION_PHASES),
        _mostly(ATTEMPT, "", "another"),
        st.sampled_from((False, False, True)),
        st.booleans(),
        _conditions(),
    )


def _pod(side: str) -> st.SearchStrategy[Object]:
    return st.builds(
        lambda name, phase, node, vmi, conditions: {
            "metadata": {"name": name, "labels": {"kubevirt.io/created-by": vmi}},
            "spec": {"nodeName": node},
            "status": {"phase": phase, "conditions": conditions},
        },
        st.sampled_from(("launcher", "launcher-2")),
        _mostly("Running", "Pending", "Succeeded", "Failed", "Unknown", ""),
        _mostly("node", "", "elsewhere"),
        _mostly(f"vmi-{side}", "vmi-old"),
        _conditions(),
    )


def _kubevirt(address: str) -> st.SearchStrategy[Object]:
    gates = {"developerConfiguration": {"featureGates": ["DecentralizedLiveMigration"]}}
    addresses = _mostly([f"{address}:9185"], [], ["10.0.0.1:9185"], ["nonsense"], [f"{address}"])
    return st.builds(
        lambda on, found: {
            "spec": {"configuration": gates if on else {}},
            "status": {"synchronizationAddresses": found},
        },
        _mostly(True, False),
        addresses,
    )


def _side(letter: str) -> st.SearchStrategy[Any]:
    place = Place(
        MemoryCluster(f"cluster-{letter}"),
        NS,
        NAME,
        f"uid-of-cluster-{letter}",
        frozenset({"192.170.10.3"}),
        frozenset({f"node-{letter}"}),
    )
    uid, direction = ("send", "sendTo") if letter == "a" else ("receive", "receive")
    address = "192.170.10.2" if letter == "a" else "192.170.10.128"
    return st.builds(
        lambda vm, vmi, vmims, pods, kubevirt, known: dataclasses.replace(
            place.side({"vm": vm, "vmi": vmi, "vmims": vmims, "pods": pods, "kubevirts": [kubevirt]}), known=known
        ),
        st.lists(_vm(letter), min_size=1, max_size=1) | st.lists(_vm(letter), max_size=1),
        st.lists(_vmi(letter), max_size=1),
        st.lists(_vmim(uid, direction), max_size=1),
        st.lists(_pod(letter), max_size=2),
        _kubevirt(address),
        st.sampled_from((True, True, True, False)),
    )


SITUATIONS = st.builds(
    Situation,
    _side("a"),
    _side("b"),
    overdue=st.booleans(),
    grace_over=st.booleans(),
    seconds=st.just(3.0),
    rejected=st.sampled_from(("", "", "a webhook said no")),
)


def _near() -> st.SearchStrategy[Situation]:
    """Moves at every point of their way, with a few things that should not be so: where mistakes would matter."""
    bases = [way(*point) for point in WAY]
    bases += [base | {side: base[side] | {"vmims": []} for side in base} for base in bases]
    spoils = st.lists(st.sampled_from(SPOILS), max_size=4)

    def build(base: Views, changes: list[Spoil], overdue: bool, grace: bool) -> Situation:
        views = copy.deepcopy(base)
        for change in changes:
            with contextlib.suppress(IndexError, KeyError):
                change(views)
        return situation(views, overdue=overdue, grace_over=grace, seconds=3.0)

    return st.builds(build, st.sampled_from(bases), spoils, st.booleans(), st.booleans())


def way(send: str, receive: str, arrived: bool) -> Views:
    views = copy.deepcopy(GOOD)
    notes = {attempt.ATTEMPT: ATTEMPT, attempt.REMEMBERED: "Always"}
    views["source"]["vm"][0] |= {"metadata": metadata("vm-a", annotations=notes), "spec": {"runStrategy": "Manual"}}
    for side, uid, phase in (("source", "send", send), ("target", "receive", receive)):
        named = metadata(uid, name=f"{NAME}-{uid}", annotations={attempt.ATTEMPT: ATTEMPT})
        direction = "sendTo" if uid == "send" else "receive"
        body = {"metadata": named, "spec": {"vmiName": NAME, direction: {}}, "status": {"phase": phase}}
        views[side]["vmims"] = [body] if phase else []
    state: Object = {"sourceState": {"migrationUID": "send", "virtualMachineInstanceUID": "vmi-a"}}
    state["targetState"] = {"migrationUID": "receive"}
    mine = state
    if receive in ("Running", "Succeeded", "Failed"):
        state |= {"startTimestamp": "t", "targetState": {"migrationUID": "receive", "pod": "launcher-b"}}
        state |= {"completed": receive != "Running", "failed": receive == "Failed"}
        mine = state | ({"completed": True, "failed": True} if send == "Failed" else {})
        views["target"]["pods"] = [launcher("launcher-b", "vmi-b", "Running", "node-b")]
        views["target"]["vmi"][0]["status"] |= {"phase": "Running", "nodeName": "node-b"}
    if send:
        views["source"]["vmi"][0]["status"]["migrationState"] = {**mine, "migrationUid": "send"}
        taken = {"migrationUid": "receive"} if "startTimestamp" in state else {}
        views["target"]["vmi"][0]["status"]["migrationState"] = {**state, **taken}
    if arrived:
        views["source"]["vmi"][0]["status"]["phase"] = "Succeeded"
        views["source"]["pods"][0]["status"]["phase"] = "Succeeded"
    return views


WAY = (
    ("", "", False),
    ("", "WaitingForSync", False),
    ("Synchronizing", "WaitingForSync", False),
    ("Scheduling", "Pending", False),
    ("Running", "Running", False),
    ("Succeeded", "Succeeded", False),
    ("Running", "Succeeded", False),
    ("Succeeded", "Succeeded", True),
    ("", "Succeeded", True),
    ("Running", "Running", True),
    ("Failed", "Running", False),
    ("Failed", "Failed", False),
)


def set_field(side: str, kind: str, path: str, value: Any) -> Spoil:
    """Set a field of the first object of a kind; ``None`` takes it away."""

    def spoil(views: Views) -> None:
        *parents, last = path.split("/")
        body = views[side][kind][0]
        for parent in parents:
            body = body.setdefault(parent, {})
        if value is None:
            body.pop(last, None)
        else:
            body[last] = value

    return spoil


def _none(side: str, kind: str) -> Spoil:
    return lambda views: views[side].update({kind: []})


_STATE = "status/migrationState"
SPOILS: tuple[Spoil, ...] = (
    *(_none(side, kind) for side in ("source", "target") for kind in ("vm", "vmi", "vmims", "pods")),
    *(
        set_field(side, "pods", "status/phase", phase)
        for side in ("source", "target")
        for phase in ("Running", "Pending", "Unknown", "Succeeded")
    ),
    *(set_field("source", "vm", "spec/runStrategy", found) for found in ("Always", "Halted", "RerunOnFailure")),
    *(set_field("target", "vm", "spec/runStrategy", found) for found in ("Always", "Halted")),
    *(set_field(side, "vmi", "status/phase", one) for side in ("source", "target") for one in ("Running", "Failed")),
    *(set_field(side, "vmi", f"{_STATE}/failed", on) for side in ("source", "target") for on in (True, False)),
    *(set_field(side, "vmi", f"{_STATE}/completed", on) for side in ("source", "target") for on in (True, False)),
    *(set_field(side, "vmims", "metadata/deletionTimestamp", "t") for side in ("source", "target")),
    *(set_field(side, "vmi", "metadata/deletionTimestamp", "t") for side in ("source", "target")),
    *[lambda views: views["source"]["vm"][0]["metadata"]["annotations"].update({attempt.STOPPED: "x"})] * 8,
    lambda views: views["source"]["pods"].append(launcher("launcher-a2", "vmi-a2", "Running", "node-a")),
    *[lambda views: views["target"].update({"vmi": [], "pods": []})] * 3,
    set_field("source", "vmi", "metadata/uid", "vmi-a2"),
    set_field("target", "vmi", "metadata/annotations", {CREATE_TARGET: None}),
)

NEAR = _near()
