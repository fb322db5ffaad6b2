# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small parts of a move: options, troubles, addresses, deadlines, what is read, what is told."""

from __future__ import annotations

import copy
import datetime
import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_address import misdirected
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_options import network, options, patience
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_proof import arrived, kin, split, stayed
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_read import migration_addresses
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_report import Journal, summary
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_stage import (
    Stage,
    copy_seconds,
    stage_of,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_trouble import trouble
from unit.move_sides import GOOD, launcher, metadata, situation

ATTEMPT = "5f0c9e2a-0000-5000-8000-000000000001"
DEFAULTS = {name: option.get("default") for name, option in options().options.items()}


def vmim(uid: str, phase: str, **status: Any) -> dict[str, Any]:
    meta = metadata(uid, annotations={attempt.ATTEMPT: ATTEMPT})
    direction = "sendTo" if uid == "send" else "receive"
    return {"metadata": meta, "spec": {direction: {}}, "status": {"phase": phase} | status}


def open_move(send: str = "Running", receive: str = "Running") -> dict[str, Any]:
    views = copy.deepcopy(GOOD)
    views["source"]["vm"][0]["metadata"]["annotations"] = {attempt.ATTEMPT: ATTEMPT, attempt.REMEMBERED: "Always"}
    views["source"]["vm"][0]["spec"]["runStrategy"] = attempt.GUARD
    views["source"]["vmims"] = [vmim("send", send)]
    views["target"]["vmims"] = [vmim("receive", receive)]
    return views


def arrive(views: dict[str, Any]) -> None:
    state = {"migrationUid": "receive", "completed": True, "sourceState": {"migrationUID": "send"}}
    views["target"]["vmi"][0]["status"] = {"phase": "Running", "nodeName": "node-b", "migrationState": state}
    views["target"]["pods"] = [launcher("launcher-b", "vmi-b", "Running", "node-b")]


class TestOptions:
    def test_slots_give_the_slices(self) -> None:
        given = {"range": "192.170.10.0/24", "max_clusters": 2, "source_slot": 0, "target_slot": 1}
        found = network(DEFAULTS | given)
        assert str(found.source) == "192.170.10.0-192.170.10.127"
        assert str(found.target) == "192.170.10.128-192.170.10.255"

    def test_bounds_give_the_slice(self) -> None:
        found = network(DEFAULTS | {"target_slice": {"first": "10.0.0.5", "last": "10.0.0.9"}})
        assert found.source is None
        assert str(found.target) == "10.0.0.5-10.0.0.9"

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"range": "nonsense", "max_clusters": 2, "target_slot": 1}, "range_invalid"),
            ({"range": "10.0.0.0/24", "max_clusters": 2, "target_slot": 2}, "slot_outside_plan"),
            ({"range": "10.0.0.0/24", "max_clusters": 2, "target_slot": 1, "source_slot": 1}, "same_slot"),
            ({"target_slice": {"first": "x", "last": "10.0.0.9"}}, "bad_slice"),
            ({"target_slice": {"first": "10.0.0.9", "last": "10.0.0.5"}}, "bad_slice"),
        ],
    )
    def test_nonsense_is_refused(self, given: dict[str, Any], reason: str) -> None:
        with pytest.raises(BadInput) as error:
            network(DEFAULTS | given)
        assert error.value.reason == reason

    def test_a_negative_deadline_is_refused(self) -> None:
        with pytest.raises(BadInput):
            patience(DEFAULTS | {"sync_timeout": -1})

    def test_the_copy_has_kubevirts_own_time_unless_told_otherwise(self) -> None:
        assert patience(DEFAULTS).of(Stage.COPY, 450.0) == 450.0
        assert patience(DEFAULTS | {"copy_timeout": 7}).of(Stage.COPY, 450.0) == 7


class TestCopySeconds:
    def test_grows_with_memory_and_disks(self) -> None:
        claim = {"persistentVolumeClaimInfo": {"capacity": {"storage": "9G"}}}
        vmi = {"spec": {"domain": {"memory": {"guest": "1G"}}}, "status": {"volumeStatus": [claim, {"name": "x"}]}}
        assert copy_seconds(vmi, {}) == 10 * 150 + 150
        assert copy_seconds(vmi, {"completionTimeoutPerGiB": 10, "progressTimeout": 5}) == 105

    def test_is_never_nothing(self) -> None:
        assert copy_seconds({}, {}) == 300


class TestTrouble:
    @pytest.mark.parametrize(
        ("message", "kind", "stopping"),
        [
            ('"transport: authentication handshake failed: x509: unknown authority"', "trust", True),
            ("remote error: tls: internal error", "certificate", True),
            ("connection error: dial tcp: connect: no route to host", "unreachable", False),
            ("source: unable to locate VMI for migrationID z", "unknown_id", False),
            ("the server rejected our request", "other", False),
        ],
    )
    def test_the_message_decides(self, message: str, kind: str, stopping: bool) -> None:
        views = open_move("Synchronizing", "WaitingForSync")
        one = {"type": "decentralizedMigrationBlocked", "status": "True", "message": message}
        views["source"]["vmims"][0]["status"]["conditions"] = [one]
        found = trouble(situation(views))
        assert found is not None
        assert (found.kind, found.stopping) == (kind, stopping)
        assert found.hint
        assert "cluster-a" in str(found)

    def test_waiting_is_no_trouble(self) -> None:
        views = open_move("Synchronizing", "WaitingForSync")
        text = "waiting for incoming synchronization, unable to proceed"
        one = {"type": "DecentralizedLiveMigrationFailure", "status": "True", "message": text}
        views["target"]["vmi"][0]["status"]["conditions"] = [one]
        assert trouble(situation(views)) is None

    def test_quota_and_no_room_come_first(self) -> None:
        views = open_move("Scheduling", "Pending")
        refused = {"type": "migrationRejectedByResourceQuota", "status": "True", "message": "exceeded quota"}
        views["target"]["vmims"][0]["status"]["conditions"] = [refused]
        found = trouble(situation(views))
        assert found is not None
        assert found.kind == "quota"
        views["target"]["vm"][0]["status"] = {"printableStatus": "ErrorUnschedulable"}
        found = trouble(situation(views))
        assert found is not None
        assert (found.kind, found.text) == ("unschedulable", "ErrorUnschedulable: no node fits")


class TestProof:
    def test_a_guest_that_arrived(self) -> None:
        views = open_move("Running", "Succeeded")
        arrive(views)
        assert arrived(situation(views))
        assert stage_of(situation(views)) is Stage.FINISH

    def test_a_guest_that_was_restarted_on_the_target_since(self) -> None:
        views = open_move("Succeeded", "Succeeded")
        arrive(views)
        views["target"]["vmims"], views["source"]["pods"] = [], []
        del views["target"]["vmi"][0]["status"]["migrationState"]
        left = {"completed": True, "sourceState": {"migrationUID": "send"}}
        views["source"]["vmi"][0]["status"] = {"phase": "Succeeded", "migrationState": left}
        assert arrived(situation(views))

    def test_a_vm_of_another_origin_is_no_arrival(self) -> None:
        views = open_move("Running", "Succeeded")
        arrive(views)
        views["target"]["vm"][0]["metadata"]["annotations"] = {attempt.SOURCE_VM: "another"}
        assert not kin(situation(views))
        views["target"]["vm"] = []
        assert not kin(situation(views))

    def test_an_earlier_arrival_on_the_source_is_no_departure(self) -> None:
        views = copy.deepcopy(GOOD)
        came = {"completed": True, "sourceState": {"migrationUID": "x", "virtualMachineInstanceUID": "elsewhere"}}
        views["source"]["vmi"][0]["status"]["migrationState"] = came
        assert stayed(situation(views).source)
        came["sourceState"] = {"migrationUID": "x", "virtualMachineInstanceUID": "vmi-a"}
        assert not stayed(situation(views).source), "it says that this guest has left"

    def test_a_guest_that_was_started_again_on_the_source(self) -> None:
        views = open_move("Succeeded", "Succeeded")
        arrive(views)
        views["source"]["vmi"][0]["metadata"]["uid"] = "vmi-new"
        views["source"]["pods"] = [launcher("launcher-new", "vmi-new", "Running", "node-a")]
        assert split(situation(views))

    def test_the_copy_must_go_to_an_address_of_the_target(self) -> None:
        given = {"range": "192.170.10.0/24", "max_clusters": 2, "source_slot": 0, "target_slot": 1}
        slices = network(DEFAULTS | given)
        for address, problem in (
            ("192.170.10.131", ""),
            ("192.170.10.3", "virt-handler of the source"),
            ("192.170.10.9", "source's slice"),
            ("10.0.0.1", "outside the target's slice"),
            ("nonsense", "no address"),
        ):
            views = open_move("TargetReady", "TargetReady")
            state = {"migrationUid": "receive", "targetNodeAddress": address}
            views["target"]["vmi"][0]["status"]["migrationState"] = state
            found = misdirected(situation(views), slices)
            assert problem in found
            assert bool(found) is bool(problem)
        assert misdirected(situation(GOOD), slices) == ""


class TestReading:
    def test_addresses_of_a_virt_handler(self) -> None:
        status = [{"interface": "eth0", "ips": ["10.0.0.1"]}, {"interface": "migration0", "ips": ["192.170.10.3"]}]
        annotations = {"k8s.v1.cni.cncf.io/network-status": json.dumps(status)}
        pod = {"metadata": {"annotations": annotations}, "status": {"podIPs": [{"ip": "10.0.0.1"}]}}
        assert migration_addresses(pod) == {"192.170.10.3"}
        annotations["k8s.v1.cni.cncf.io/network-status"] = "no json"
        assert migration_addresses(pod) == {"10.0.0.1"}
        annotations["k8s.v1.cni.cncf.io/network-status"] = '{"not": "a list"}'
        assert migration_addresses(pod) == {"10.0.0.1"}
        assert migration_addresses({"metadata": {}}) == frozenset()

    @pytest.mark.parametrize(
        ("spec", "remembered", "restored", "back"),
        [
            ({"running": True}, "running", "Always", {"running": True, "runStrategy": None}),
            ({"runStrategy": "Once"}, "Once", "Once", {"running": None, "runStrategy": "Once"}),
            ({"running": False}, "Halted", "Halted", {"running": None, "runStrategy": "Halted"}),
        ],
    )
    def test_run_strategies(self, spec: Any, remembered: str, restored: str, back: Any) -> None:
        vm = {"metadata": {}, "spec": spec}
        assert attempt.remember(vm) == remembered
        assert attempt.restored(remembered) == restored
        assert attempt.restoring(remembered) == back
        vm["metadata"] = {"annotations": {attempt.REMEMBERED: "Once"}}
        assert attempt.remember(vm) == "Once", "a guarded VM still remembers"


class TestReport:
    def test_a_timeline_and_whose_time_it_was(self) -> None:
        journal = Journal(began=100.0, waited=3.0)
        views = open_move()
        phase = {"phase": "Running", "phaseTransitionTimestamp": "2026-11-22T22:32:54Z"}
        views["source"]["vmims"][0]["status"]["phaseTransitionTimestamps"] = [phase]
        times = {"startTimestamp": "2026-11-22T22:32:54Z", "endTimestamp": "2026-11-22T22:32:57Z"}
        views["target"]["vmi"][0]["status"]["migrationState"] = times
        now = datetime.datetime(2026, 11, 22, 22, 32, tzinfo=datetime.UTC)
        journal.enter("cluster-a", "copy", now, 1.0)
        journal.enter("cluster-a", "copy", now, 5.0)
        journal.see(situation(views), 2.0)
        journal.wrote("cluster-a", "halted", now, 4.0)
        journal.prove(("it is so",))
        journal.prove(("it is so", "and so"))
        assert journal.proof == ["it is so", "and so"]
        assert [(row["what"], row["event"], row["seconds"]) for row in journal.timeline()] == [
            ("stage", "copy", 1.0),
            ("send", "Running", 2.0),
            ("write", "halted", 4.0),
        ]
        assert journal.durations(104.0) == {
            "total_seconds": 4.0,
            "kubevirt_seconds": 3.0,
            "overhead_seconds": 1.0,
            "copy_seconds": 3.0,
        }
        assert Journal(began=0.0).durations(1.0)["copy_seconds"] is None

    def test_a_summary_holds_nothing_of_a_spec(self) -> None:
        shown = summary(situation(open_move()).source)
        assert shown["vm"] == {"uid": "vm-a", "run_strategy": "Manual", "status": ""}
        assert shown["migrations"] == [{"name": "vm-1", "phase": "Running"}]
        empty = copy.deepcopy(GOOD)
        empty["target"] |= {"vm": [], "vmi": []}
        gone = summary(situation(empty).target)
        assert (gone["vm"], gone["vmi"], gone["pods"]) == (None, None, [])
