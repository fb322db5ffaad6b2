# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves between two real API servers with all of KubeVirt behind them, and everything that goes wrong on the way."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from integration.calls import Called, between, call
from integration.moves import NAMESPACE, Road, outcome, prepare
from testbed.testing import TestBed

Start = Callable[..., Road]


@pytest.fixture(scope="module")
def prepared(separate_bed: TestBed) -> TestBed:
    """Two clusters ready for moves."""
    return prepare(separate_bed)


@pytest.fixture
def start(prepared: TestBed) -> Iterator[Start]:
    """Makes a running VM with a receiver; faults end with the test."""

    def begin(strategy: str = "Always", *, receiver: bool = True) -> Road:
        road = Road.between(prepared, f"vm-{uuid.uuid4().hex[:6]}", strategy)
        if receiver:
            road.receiver()
        return road

    yield begin
    prepared.calm()


@contextmanager
def meanwhile(road: Road, **options: Any) -> Iterator[list[Called]]:
    """A move that goes on while the block does something; its result is there after the block."""
    results: list[Called] = []
    thread = threading.Thread(target=lambda: results.append(road.move(**options)))
    thread.start()
    yield results
    thread.join(120)
    assert results, "the move did not end"


def until_copying(road: Road) -> None:
    """Until KubeVirt on the source says that it copies."""

    def copying(vmi: Any) -> bool:
        return bool(((vmi or {}).get("status") or {}).get("migrationState", {}).get("startTimestamp"))

    road.source.client.until(copying, "virtualmachineinstances", road.name, NAMESPACE)


def said(action: str) -> str:
    """An action without what is new in every attempt."""
    return re.sub(r"-[0-9a-f]{8}\b", "", action)


class TestMoves:
    @pytest.mark.parametrize("strategy", ["Always", "RerunOnFailure", "Manual", "Once", "running"])
    def test_under_every_run_strategy(self, start: Start, strategy: str) -> None:
        road = start(strategy)
        before = road.guest(road.source)
        called = road.move()
        road.assert_moved(called, strategy)
        assert outcome(called) == "migrated"
        after = road.guest(road.target)
        assert before is not None
        assert after is not None
        assert after["spec"]["domain"]["firmware"] == before["spec"]["domain"]["firmware"]

    def test_there_and_back_and_no_change_after(self, start: Start) -> None:
        road = start()
        road.assert_moved(road.move())
        road.back.receiver()
        assert road.back.receiver(state="absent").changed
        assert road.vm(road.source)["spec"]["runStrategy"] == "Halted", "what was there before is not deleted"
        road.back.receiver()
        road.back.assert_moved(road.back.move())
        marks = [cluster.mark() for cluster in (road.source, road.target)]
        again = road.back.move()
        assert (outcome(again), again.changed, again["actions"]) == ("already_migrated", False, [])
        written = [road.source.writes(marks[0]), road.target.writes(marks[1])]
        assert written == [[], []], "a repeat writes nothing on the wire"

    def test_check_mode_writes_nothing_and_says_the_same(self, start: Start) -> None:
        road = start()
        marks = [cluster.mark() for cluster in (road.source, road.target)]
        check = road.move(check_mode=True)
        assert [road.source.writes(marks[0]), road.target.writes(marks[1])] == [[], []]
        assert check.changed
        real = road.move()
        foreseen, done = ([re.split("-send-|-receive-", line)[0] for line in one["actions"]] for one in (check, real))
        # KubeVirt removes the source's migration, too, when the VMI it is about has gone.
        swept = f"{road.source.name}: delete VirtualMachineInstanceMigration default/{road.name}"
        assert swept in foreseen
        assert done in (foreseen, [line for line in foreseen if line != swept])

    def test_what_it_returns(self, start: Start) -> None:
        shown = start().move()["vmim_crosscluster"]
        stages = [row["event"] for row in shown["timeline"] if row["what"] == "stage"]
        assert stages[0] == "receive"
        assert stages[-1] == "finish"
        assert {"Succeeded"} <= {row["event"] for row in shown["timeline"] if row["what"] == "receive"}
        assert shown["durations"]["kubevirt_seconds"] > 1
        assert any("launcher pod" in line for line in shown["proof"])

    def test_prepared_first(self, start: Start) -> None:
        road = start()
        assert outcome(road.move(state="prepared")) == "prepared"
        assert road.vm(road.source)["spec"]["runStrategy"] == "Always"
        assert not road.move(state="prepared").changed
        road.assert_moved(road.move())

    def test_a_leader_that_restarts_during_the_copy(self, start: Start) -> None:
        road = start()
        with road.bed.fault("copy-seconds", road.source.name, seconds="3"), meanwhile(road) as results:
            until_copying(road)
            road.bed.ask("fault-set", name="sync-restart", cluster=road.source.name, times=1, args={})
        road.assert_moved(results[0])

    def test_webhooks_that_are_down_for_a_moment(self, start: Start) -> None:
        road = start()
        with (
            road.bed.fault("webhook-down", road.source.name, times=2),
            road.bed.fault("webhook-down", road.target.name, times=2),
        ):
            road.assert_moved(road.move())

    def test_answers_that_are_lost(self, start: Start) -> None:
        road = start()
        with road.bed.fault("api-lost-answer", times=3, method="P*"):
            road.assert_moved(road.move(proxied=True))


class TestFailures:
    def test_a_failed_copy_is_rolled_back_and_can_be_tried_again(self, start: Start) -> None:
        road = start("RerunOnFailure")
        with road.bed.fault("copy-failure", road.source.name):
            called = road.move()
        assert outcome(called) == "rolled_back"
        assert called.failure["reason"] == "rolled_back"
        assert "refused" in called.failure["found"] or "Live migration" in called.failure["found"]
        road.assert_stayed("RerunOnFailure")
        road.assert_moved(road.move(), "RerunOnFailure")

    def test_a_target_without_room_is_stopped_early_with_the_reason(self, start: Start) -> None:
        road = start()
        nodes = [node["metadata"]["name"] for node in road.target.client.list("nodes")]
        try:
            for node in nodes:
                road.target.client.patch("nodes", node, {"spec": {"unschedulable": True}})
            called = road.move(schedule_timeout=100)
        finally:
            for node in nodes:
                road.target.client.patch("nodes", node, {"spec": {"unschedulable": None}})
        assert outcome(called) == "rolled_back"
        assert "nodes are available" in called.failure["found"]
        assert called.result["vmim_crosscluster"]["durations"]["total_seconds"] < 30
        road.assert_stayed()
        road.assert_moved(road.move())

    def test_a_peer_that_is_not_trusted(self, start: Start) -> None:
        road = start()
        between(road.bed, "migration_trust", state="absent", allow_during_migrations=True)["changed"]
        try:
            # Patient enough to come to the deadline: it tells KubeVirt's own words and how far both sides are.
            called = road.move(sync_timeout=4, trouble_grace=60)
        finally:
            between(road.bed, "migration_trust")["changed"]
        assert outcome(called) == "rolled_back"
        found, sides = called.failure["found"], f"{road.source.name} Synchronizing, {road.target.name} WaitingForSync"
        assert re.search(rf"deadline for synchronizing .*{sides} \(.*x509.*\). .*migration_trust", found), found
        road.assert_stayed()
        road.assert_moved(road.move())

    def test_an_address_that_cannot_be_reached(self, start: Start) -> None:
        road = start()
        with road.bed.partition(road.source.name, road.target.name):
            called = road.move(sync_timeout=4)
        assert outcome(called) == "rolled_back"
        found = called.failure["found"]
        assert "deadline for synchronizing" in found
        assert f"{road.source.name} Synchronizing, {road.target.name} WaitingForSync" in found
        sights = called.result["vmim_crosscluster"]["proof"]
        assert {road.source.name, road.target.name} <= {line.split(":")[0] for line in sights}
        road.assert_stayed()

    def test_a_target_that_announces_an_address_of_the_source(self, start: Start) -> None:
        road = start()
        own = road.source.client.list("pods", "kubevirt", "kubevirt.io=virt-handler")[0]
        text = own["metadata"]["annotations"]["k8s.v1.cni.cncf.io/network-status"]
        address = text.split("192.170.10.")[1].split('"')[0]
        with road.bed.fault("handler-address", road.target.name, address=f"192.170.10.{address}"):
            called = road.move()
        assert outcome(called) in ("rolled_back", "indeterminate")
        assert "belongs to a virt-handler of the source" in called.failure["found"]
        found = road.guest(road.source)
        assert found is not None
        assert found["status"]["phase"] == "Running"

    def test_two_running_guests_are_said_aloud(self, start: Start) -> None:
        road = start()
        with road.bed.fault("copy-failure", road.source.name, when="copying", target="survives"):
            called = road.move(finish_timeout=8)
        assert outcome(called) == "split_brain"
        assert "BOTH" in called.failure["found"]
        for side in (road.source, road.target):
            assert road.guest(side) is not None, "nothing is deleted"

    def test_a_cancellation_during_the_copy(self, start: Start) -> None:
        road = start()
        with road.bed.fault("copy-seconds", road.source.name, seconds="8"), meanwhile(road) as results:
            until_copying(road)
            cancelled = road.move(state="absent")
        assert outcome(cancelled) == "cancelled"
        assert outcome(results[0]) in ("rolled_back", "refused")
        road.assert_stayed()
        again = road.move(state="absent")
        assert (again.changed, outcome(again)) == (False, "cancelled")

    def test_a_target_out_of_reach_is_left_alone_and_the_repeat_finishes(self, start: Start) -> None:
        road = start()
        with (
            road.bed.fault("copy-seconds", road.source.name, seconds="3"),
            meanwhile(road, proxied=True, prepare_timeout=4, copy_timeout=4, finish_timeout=4) as results,
        ):
            until_copying(road)
            road.bed.ask("fault-set", name="api-reset", cluster=road.target.name, times=None, args={})
        assert outcome(results[0]) == "indeterminate"
        assert road.target.name in results[0].failure["cluster"]
        road.bed.calm()
        road.assert_moved(road.move())


class TestRefusals:
    """Everything here is refused before the first write."""

    @pytest.fixture
    def refused(self, prepared: TestBed) -> Callable[..., dict[str, str]]:
        def check(road: Road, **options: Any) -> dict[str, str]:
            marks = [cluster.mark() for cluster in (road.source, road.target)]
            called = call("vmim_crosscluster", road.options() | options)
            assert [road.source.writes(marks[0]), road.target.writes(marks[1])] == [[], []]
            assert not called.changed
            return called.failure

        return check

    def test_no_such_vm(self, prepared: TestBed, refused: Any) -> None:
        source, target = list(prepared.clusters.values())[:2]
        found = refused(Road(prepared, "nobody", source, target))
        assert (found["reason"], found["cluster"]) == ("source_vm_missing", source.name)

    def test_no_receiver(self, start: Start, refused: Any) -> None:
        found = refused(start(receiver=False))
        assert found["reason"] == "receiver_missing"
        assert "vm_receiver" in found["hint"]

    def test_a_vm_that_does_not_run(self, start: Start, refused: Any) -> None:
        road = start()
        road.source.client.patch("virtualmachines", road.name, {"spec": {"runStrategy": "Halted"}}, NAMESPACE)
        road.source.client.until(lambda vmi: vmi is None, "virtualmachineinstances", road.name, NAMESPACE)
        assert refused(road)["reason"] == "guest_not_running"

    def test_a_vm_of_that_name_that_runs_on_the_target(self, start: Start, refused: Any) -> None:
        road = start(receiver=False)
        road.target.vm(road.name, NAMESPACE)
        assert refused(road)["reason"] == "already_on_target"

    def test_a_migration_of_somebody_else(self, start: Start, refused: Any) -> None:
        road = start()
        body = {
            "metadata": {"name": f"{road.name}-other", "namespace": NAMESPACE},
            "spec": {"vmiName": road.name, "receive": {"migrationID": "x"}},
        }
        road.target.client.create("virtualmachineinstancemigrations", body)
        found = refused(road)
        assert found["reason"] == "already_migrating"
        assert "other" in found["found"]

    def test_an_address_outside_the_slice(self, start: Start, refused: Any) -> None:
        road = start()
        found = refused(road, source_slot=1, target_slot=0)
        assert found["reason"] == "sync_address"
        assert "192.170.10.128" in found["found"]

    def test_the_same_cluster_twice(self, start: Start) -> None:
        road = start(receiver=False)
        options = road.options()
        called = call("vmim_crosscluster", options | {"target": options["source"] | {"cluster_name": "other"}})
        assert called.failure["reason"] == "same_cluster"
