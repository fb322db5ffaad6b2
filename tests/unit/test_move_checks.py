# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before the first write, each thing by itself, and what only warns."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_address import Network
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_checks import findings
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_options import network
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_steps import Wish
from unit.move_sides import GOOD, situation

SLICES: dict[str, Any] = {
    "range": "192.170.10.0/24",
    "max_clusters": 2,
    "source_slot": 0,
    "target_slot": 1,
    "allow_outside_slice": False,
}
Views = dict[str, dict[str, list[Object]]]
Spoil = Callable[[Views], None]


def found(spoil: Spoil | None = None, severity: str = "error", wish: Wish | None = None) -> set[str]:
    views = copy.deepcopy(GOOD)
    if spoil is not None:
        spoil(views)
    wish = wish or Wish(network=network(SLICES))
    return {one.id for one in findings(situation(views), wish) if one.severity == severity}


def vm(side: str, **spec: Any) -> Spoil:
    return lambda views: views[side]["vm"][0]["spec"].update(spec)


def vmi(side: str, **status: Any) -> Spoil:
    return lambda views: views[side]["vmi"][0]["status"].update(status)


def condition(kind: str, status: str, reason: str = "Because") -> Spoil:
    one = {"type": kind, "status": status, "reason": reason, "message": "why"}
    return vmi("source", conditions=[one])


def kubevirt(side: str, gates: list[str], addresses: list[str]) -> Spoil:
    configuration = {"configuration": {"developerConfiguration": {"featureGates": gates}}}

    def spoil(views: Views) -> None:
        status = {"synchronizationAddresses": addresses}
        views[side]["kubevirts"] = [{"metadata": {"name": "kubevirt"}, "spec": configuration, "status": status}]

    return spoil


def migration(side: str, *, deleting: bool = False) -> Spoil:
    metadata: Object = {"name": "other", "namespace": "default", "uid": "other", "resourceVersion": "1"}
    if deleting:
        metadata["deletionTimestamp"] = "t"
    body = {"metadata": metadata, "spec": {"vmiName": "vm-1", "receive": {"migrationID": "x"}}}
    return lambda views: views[side]["vmims"].append(body)


def marks(**notes: str) -> Spoil:
    named = {getattr(attempt, name): value for name, value in notes.items()}
    return lambda views: views["target"]["vm"][0]["metadata"].update(annotations=named)


GATE = ["DecentralizedLiveMigration"]


def test_a_good_situation_is_good() -> None:
    assert found() == set()
    assert found(severity="warning") == set()


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (lambda views: views["source"].update(vm=[]), "source-vm-missing"),
        (lambda views: views["source"]["vm"][0]["metadata"].update(deletionTimestamp="t"), "source-vm-deleting"),
        (vm("source", runStrategy=attempt.RECEIVER), "source-is-receiver"),
        (lambda views: views["source"].update(vmi=[]), "guest-not-running"),
        (vmi("source", phase="Scheduling"), "guest-not-running"),
        (lambda views: views["source"]["vmi"][0]["metadata"].update(deletionTimestamp="t"), "guest-not-running"),
        (lambda views: views["source"].update(pods=[]), "launcher-not-running"),
        (condition("LiveMigratable", "False", "HostDeviceNotLiveMigratable"), "vm-not-migratable"),
        (condition("StorageLiveMigratable", "False"), "storage-not-migratable"),
        (migration("source"), "already-migrating"),
        (migration("target"), "already-migrating"),
        (vmi("source", migrationState={"targetState": {"pod": "gone"}}), "state-leftover"),
        (lambda views: views["target"].update(vm=[]), "receiver-missing"),
        (vm("target", runStrategy="Halted"), "not-a-receiver"),
        (marks(SOURCE_CLUSTER="elsewhere", SOURCE_VM="vm-a"), "receiver-of-another"),
        (lambda views: views["target"]["vmi"][0]["metadata"].update(annotations={}), "receiver-runs"),
        (kubevirt("source", [], []), "gate-off"),
        (kubevirt("target", [], []), "gate-off"),
        (kubevirt("target", GATE, []), "no-sync-address"),
        (kubevirt("target", GATE, ["10.0.0.1:9185"]), "sync-address"),
        (kubevirt("target", GATE, ["192.170.10.2:9185"]), "sync-address"),
        (kubevirt("target", GATE, ["nonsense"]), "sync-address"),
        (kubevirt("target", GATE, ["fd00::1:9185"]), "sync-address"),
        (vmi("source", nodeName="node-b"), "node-names-clash"),
    ],
)
def test_refused(spoil: Spoil, wanted: str) -> None:
    assert wanted in found(spoil)


def test_a_running_vm_of_that_name_on_the_target() -> None:
    def spoil(views: Views) -> None:
        views["target"] = copy.deepcopy(GOOD["source"]) | {"kubevirts": views["target"]["kubevirts"]}

    assert "already-on-target" in found(spoil)


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (condition("Paused", "True"), "guest-paused"),
        (migration("target", deleting=True), "migration-orphaned"),
        (vmi("source", migrationState={"sourceState": {"migrationUID": "old"}}), "state-leftover"),
        (lambda views: views["target"]["vm"][0]["metadata"].update(annotations={}), "receiver-unmarked"),
    ],
)
def test_only_warned_about(spoil: Spoil, wanted: str) -> None:
    assert wanted in found(spoil, "warning")
    assert wanted not in found(spoil)


@pytest.mark.parametrize(
    ("spoil", "kept"),
    [
        (condition("LiveMigratable", "False", "DisksNotLiveMigratable"), "vm-not-migratable"),
        (vmi("source", migrationState={"completed": True, "targetState": {"pod": "p"}}), "state-leftover"),
        (kubevirt("target", [], ["192.170.10.128:9185"]), "gate-off"),
    ],
)
def test_tolerated(spoil: Spoil, kept: str) -> None:
    assert kept not in found(spoil)


def test_a_name_that_one_of_several_nodes_shares_only_warns() -> None:
    views = copy.deepcopy(GOOD)
    views["source"]["vmi"][0]["status"]["nodeName"] = "node-b"
    views["source"]["pods"][0]["spec"]["nodeName"] = "node-b"
    several = situation(views, nodes=("node-b", "node-c"))
    severities = {one.severity for one in findings(several, Wish(network=network(SLICES)))}
    assert severities == {"warning"}


def test_what_the_user_left_open_or_allows_is_said() -> None:
    assert found(severity="warning", wish=Wish(network=Network())) == {"slice-unknown"}
    outside = kubevirt("target", GATE, ["10.0.0.1:9185"])
    allowed = Wish(network=network(SLICES | {"allow_outside_slice": True}))
    assert found(outside, wish=allowed) == set()
    assert found(outside, "warning", allowed) == {"outside-slice"}
    own = kubevirt("target", GATE, ["192.170.10.3:9185"])
    assert "sync-address" in found(own, wish=allowed), "an address of the source is refused all the same"
