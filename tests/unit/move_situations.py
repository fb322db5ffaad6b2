# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arbitrary situations of a move, the impossible ones included, from few identities so that objects often match."""

from __future__ import annotations

import dataclasses
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_observe import Place
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_read import CREATE_TARGET
from ansible_collections.livemigration.kubevirt.plugins.module_utils._situation import Situation
from hypothesis import strategies as st
from unit.memory_cluster import MemoryCluster

ATTEMPT, NAME, NS = "5f0c9e2a-0000-5000-8000-000000000001", "vm-1", "default"
PHASES = ("", "Pending", "WaitingForSync", "Scheduling", "Scheduled", "Running", "Succeeded", "Failed", "Unknown")
MIGRATION_PHASES = (
    "",
    "WaitingForSync",
    "Synchronizing",
    "Pending",
    "Scheduling",
    "Scheduled",
    "PreparingTarget",
    "TargetReady",
    "Running",
    "Succeeded",
    "Failed",
)
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
