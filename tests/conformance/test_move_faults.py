# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves that something goes wrong with: whatever it is, the guest stays in one place and its state tells which."""

from __future__ import annotations

from testbed.until import until

from conformance.move_facts import condition, copying, phase, printable, shows, state, vm, vmi, vmim
from conformance.vm_scenarios import NAMESPACE, Play

A, B = "cluster-a", "cluster-b"


def test_a_launcher_that_dies_before_the_copy_ends_it(move: Play) -> None:
    with move.pair.bed.fault("copy-seconds", A, seconds="20"):
        copying(move)
        with move.pair.bed.fault("target-launcher-death", B, times=1, vm=f"{NAMESPACE}/{move.name}"):
            move.phase("b", "target", "Failed")
        move.phase("a", "source", "Failed")
    assert phase(vmi(move, "a")) == "Running"


def test_a_tunnel_that_is_blocked_fails_after_a_while(move: Play) -> None:
    with move.pair.bed.fault("tunnel-blocked", A):
        move.open()
        move.phase("a", "source", "Running")
        move.ended("a", "source", "Failed")
    assert "connection timed out" in state(vmi(move, "a"))["failureReason"]
    assert phase(vmi(move, "a")) == "Running"


def test_a_copy_that_stands_still_is_given_up(move: Play) -> None:
    """The way between the nodes is cut; the synchronization runs over it too and comes back later."""
    with move.pair.bed.fault("copy-seconds", A, seconds="5"):
        copying(move)
        with move.pair.bed.partition(A, B):
            until(lambda: state(vmi(move, "a")).get("failed") is True, "the copy given up", 30)
        assert state(vmi(move, "a"))["failureReason"] == "Live migration has been aborted"
        move.ended("a", "source", "Failed")
        move.ended("b", "target", "Failed")
    assert phase(vmi(move, "a")) == "Running"
    assert printable(vm(move, "a")) == "Running"


def test_a_copy_that_stands_still_for_a_moment_goes_on(move: Play) -> None:
    with move.pair.bed.fault("copy-seconds", A, seconds="3"):
        copying(move)
        with move.pair.bed.partition(A, B):
            shows(move, "a", "DeadlineExceeded|", 5)
        move.ended("b", "target", "Succeeded")
    assert state(vmi(move, "b"))["completed"] is True


def test_a_target_node_that_dies_leaves_the_guest_where_it_is(move: Play) -> None:
    with move.pair.bed.fault("copy-seconds", A, seconds="5"):
        copying(move)
        node = state(vmi(move, "b"))["targetNode"]
        with move.pair.bed.fault("node-down", B, node=node):
            move.ended("a", "source", "Failed")
    assert phase(vmi(move, "a")) == "Running"
    assert state(vmi(move, "a"))["failed"] is True


def test_a_source_process_that_dies_ends_the_guest_and_halts_its_vm(move: Play) -> None:
    """kubevirt.md 2.5: not restarted, although its run strategy is Always."""
    with move.pair.bed.fault("copy-seconds", A, seconds="20"):
        copying(move)
        with move.pair.bed.fault("guest-crash", A, times=1, vm=f"{NAMESPACE}/{move.name}"):
            move.until("a", "VirtualMachine", lambda row: row.get("runStrategy") == "Halted", "the source halted")
    until(lambda: not vmim(move, "b", "target") or phase(vmim(move, "b", "target")) == "Failed", "the target over", 20)
    assert not state(vmi(move, "b")).get("targetNodeDomainReadyTimestamp"), "nothing arrived"


def test_slow_messages_only_take_their_time(move: Play) -> None:
    with move.pair.bed.fault("slow-sync", A, seconds="0.5"), move.pair.bed.fault("slow-sync", B, seconds="0.5"):
        move.open()
        move.ended("b", "target", "Succeeded")
    until(lambda: vm(move, "a")["spec"]["runStrategy"] == "Halted", "the source halted", 20)


def test_a_handler_that_tells_a_wrong_address(move: Play) -> None:
    with move.pair.bed.fault("handler-address", B, address="192.170.10.77"):
        move.open()
        move.ended("a", "source", "Failed")
    assert state(vmi(move, "a"))["targetNodeAddress"] == "192.170.10.77"
    assert "no route to host" in state(vmi(move, "a"))["failureReason"]


def test_a_quota_is_told_and_waited_for(move: Play) -> None:
    client = move.pair.clients["b"]
    quota = {"metadata": {"name": "no-pods", "namespace": NAMESPACE}, "spec": {"hard": {"pods": "0"}}}
    client.create("resourcequotas", quota)
    try:
        client.until(lambda found: "hard" in (found or {}).get("status", {}), "resourcequotas", "no-pods", NAMESPACE)
        move.open()
        rejected = "migrationRejectedByResourceQuota"
        until(lambda: condition(vmim(move, "b", "target"), rejected) == "True", "the quota told", 20)
        assert phase(vmim(move, "b", "target")) == "Pending"
    finally:
        client.delete("resourcequotas", "no-pods", NAMESPACE)
    move.ended("b", "target", "Succeeded")
