# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured of moves beyond the recordings: split brains, orphans, texts, limits."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.until import until

from conformance.move_facts import (
    condition,
    copying,
    holds,
    message,
    migration_addresses,
    phase,
    printable,
    renew_ca,
    shows,
    state,
    vm,
    vmi,
    vmim,
)
from conformance.pair import KUBEVIRT
from conformance.vm_scenarios import NAMESPACE, VM, VMI, VMIM, Play, play

A, B = "cluster-a", "cluster-b"


def test_a_restarted_leader_of_the_source_lets_an_always_vm_start_again(move: Play) -> None:
    """Rows 17 and 2.6-a: a split brain that nobody but an observer of both sides can see."""
    with move.pair.bed.fault("copy-seconds", A, seconds="3"):
        copying(move)
        before = vmi(move, "a")["metadata"]["uid"]
        move.pair.bed.ask("fault-set", name="sync-restart", cluster=A, times=None, args={})
        until(lambda: "syncAddress" in state(vmi(move, "a"))["sourceState"], "both addresses on the source", 10)
        move.ended("b", "target", "Succeeded")
    until(lambda: vmi(move, "a").get("metadata", {}).get("uid", before) != before, "another instance at the source", 30)
    until(lambda: phase(vmi(move, "a")) == "Running", "two guests", 30)
    assert vm(move, "a")["spec"]["runStrategy"] == "Always"
    assert phase(vmi(move, "b")) == "Running"


def test_the_guard_makes_the_restart_harmless(move: Play) -> None:
    """Row 18."""
    move.strategy("a", "Manual")
    with move.pair.bed.fault("copy-seconds", A, seconds="3"):
        copying(move)
        move.pair.bed.ask("fault-set", name="sync-restart", cluster=A, times=None, args={})
        move.ended("b", "target", "Succeeded")
    until(lambda: printable(vm(move, "a")) == "Stopped", "the source stopped", 30)
    assert phase(vmi(move, "a")) == "Succeeded"
    holds(lambda: phase(vmi(move, "a")) == "Succeeded", 2.0, "nothing starts again at the source")


def test_a_restarted_leader_of_the_target_is_only_seen_for_a_moment(move: Play) -> None:
    """Row 33."""
    move.strategy("a", "Manual")
    with move.pair.bed.fault("copy-seconds", A, seconds="3"):
        copying(move)
        move.pair.bed.ask("fault-set", name="sync-restart", cluster=B, times=None, args={})
        move.ended("b", "target", "Succeeded")
    until(lambda: printable(vm(move, "a")) == "Stopped", "the source stopped", 30)
    assert state(vmi(move, "a"))["completed"] is True
    assert "failed" not in state(vmi(move, "a"))


def test_a_new_ca_does_not_end_a_copy_under_way(move: Play) -> None:
    """Row 34; and the next move fails until trust is mended, rows 1 and 3."""
    with move.pair.bed.fault("copy-seconds", A, seconds="5"):
        copying(move)
        renew_ca(move.pair, "a")
        move.ended("b", "target", "Succeeded")
    until(lambda: vm(move, "a")["spec"]["runStrategy"] == "Halted", "the source halted", 30)
    with play(move.pair, "distrusted") as other:
        other.start("a")
        other.receive("b")
        other.open()
        shows(other, "a", "tls: unknown certificate authority|x509: certificate signed by unknown authority")
        move.pair.trust()
        other.ended("b", "target", "Succeeded")


def test_what_a_source_says_of_a_peer_it_does_not_trust(move: Play) -> None:
    renew_ca(move.pair, "b")
    move.open()
    shows(
        move,
        "a",
        r'connection error: desc = "transport: authentication handshake failed: .*x509: certificate signed by',
    )


def test_what_a_source_says_of_a_peer_without_certificate(move: Play) -> None:
    """Row 31."""
    with move.pair.bed.fault("sync-certificate", B):
        move.open()
        shows(move, "a", "remote error: tls: internal error")


@pytest.mark.parametrize(
    ("blocked", "peer", "site"), [(A, B, "a"), (B, A, "b")], ids=["source to target", "target to source"]
)
def test_a_firewall_in_one_direction_is_seen_where_it_strikes(move: Play, blocked: str, peer: str, site: str) -> None:
    """kubevirt.md 9.7: either direction keeps both sides in their first phase."""
    with move.pair.bed.fault("connections-blocked", blocked, peer=peer):
        move.open()
        shows(move, site, "dial tcp .*: i/o timeout")
        assert phase(vmim(move, "a", "source")) == "Synchronizing"
        assert phase(vmim(move, "b", "target")) == "WaitingForSync"
        assert bool(state(vmi(move, "b")).get("sourceState")) == (site == "b")


def test_an_id_that_the_target_does_not_know(move: Play) -> None:
    """Row 26."""
    move.open_target("b", "one")
    move.open_source("a", "another", move.pair.address("b"))
    shows(move, "a", "^rpc error: code = Unknown desc = source: unable to locate VMI for migrationID another$")


def test_an_address_that_is_none(move: Play) -> None:
    """Row 24."""
    move.open_source("a", "nowhere", "not an address")
    shows(move, "a", "name resolver error: produced zero addresses$")


def test_a_standby_refuses(move: Play) -> None:
    """Only the holder of the Lease listens."""
    leader = move.pair.address("b")
    client = move.pair.clients["b"]
    pods = client.list("pods", KUBEVIRT, labels="kubevirt.io=virt-synchronization-controller")
    assert len(pods) == 2, "a standby to ask"
    others = {one for pod in pods for one in migration_addresses(pod)} - {leader.rpartition(":")[0]}
    move.open_source("a", "standby", f"{min(others)}:9185")
    shows(move, "a", "connect: connection refused")


def test_state_left_by_a_receive_migration_sends_the_next_one_to_scheduling_for_good(move: Play) -> None:
    """Rows 24 and 27: a running VM takes a receive migration, and what it leaves looks like a peer that answered."""
    client = move.pair.clients["a"]
    move.open_target_of_running("a", "stray")
    until(lambda: bool(state(vmi(move, "a"))), "the receive migration's mark on a running instance", 10)
    move.cancel("a", "target")
    until(lambda: not vmim(move, "a", "target"), "the receive migration gone", 10)
    move.open_source("a", "", "")
    move.phase("a", "source", "Scheduling")
    # Deleted before the instance names it, it would go at once.
    uid = vmim(move, "a", "source")["metadata"]["uid"]
    until(lambda: state(vmi(move, "a")).get("migrationUid") == uid, "its mark on the instance", 10)
    move.cancel("a", "source")
    until(lambda: condition(vmim(move, "a", "source"), "migrationAbortRequested") == "True", "the abort noted", 10)
    holds(lambda: bool(vmim(move, "a", "source")), 1.0, "it stays")
    assert vmim(move, "a", "source")["metadata"]["finalizers"] == ["kubevirt.io/migrationJobFinalize"]
    with pytest.raises(Exception, match="in-flight migration detected"):
        client.create(VMIM, _another(move.name))


def test_a_migration_whose_vm_is_deleted_stays_behind(move: Play) -> None:
    """Row 37; it is in nobody's way."""
    client = move.pair.clients["b"]
    move.open_target("b", "orphan")
    client.delete(VM, move.name, NAMESPACE)
    client.until(lambda found: found is None, VMI, move.name, NAMESPACE)
    until(lambda: "deletionTimestamp" in vmim(move, "b", "target")["metadata"], "the migration being deleted", 10)
    holds(lambda: bool(vmim(move, "b", "target")), 1.0, "it stays")
    assert "kubevirt.io/migrationJobFinalize" in vmim(move, "b", "target")["metadata"]["finalizers"]
    move.act()
    move.receive("b")
    client.create(VMIM, _another(move.name) | {"spec": {"vmiName": move.name, "receive": {"migrationID": "again"}}})
    client.until(lambda found: phase(found or {}) == "WaitingForSync", VMIM, f"{move.name}-again", NAMESPACE)


def test_a_receiver_deleted_during_the_copy(move: Play) -> None:
    """Row 36."""
    with move.pair.bed.fault("copy-seconds", A, seconds="20"):
        copying(move)
        move.pair.clients["b"].delete(VM, move.name, NAMESPACE)
        until(
            lambda: not vmim(move, "b", "target") or phase(vmim(move, "b", "target")) == "Failed", "the target over", 10
        )
        move.ended("a", "source", "Failed")
    assert phase(vmi(move, "a")) == "Running"
    assert printable(vm(move, "a")) == "Running"


def test_a_copy_that_failed_at_the_source_only(move: Play) -> None:
    """Row 10: nothing in KubeVirt keeps two guests apart."""
    with move.pair.bed.fault("copy-failure", A, when="copying", target="survives"):
        move.open()
        move.phase("a", "source", "Failed")
        move.phase("b", "target", "Succeeded")
    assert phase(vmi(move, "a")) == phase(vmi(move, "b")) == "Running"


def test_a_target_pod_that_stays_unschedulable_is_given_up(move: Play) -> None:
    """Five minutes without the annotation."""
    client = move.pair.clients["b"]
    for node in client.list("nodes"):
        client.patch("nodes", node["metadata"]["name"], {"spec": {"unschedulable": True}})
    try:
        move.open_target("b", "short", **{"kubevirt.io/migrationUnschedulablePodTimeoutSeconds": "2"})
        move.open_source("a", "short", move.pair.address("b"))
        until(lambda: printable(vm(move, "b")) == "ErrorUnschedulable", "the reason shown", 20)
        move.phase("b", "target", "Failed")
    finally:
        for node in client.list("nodes"):
            client.patch("nodes", node["metadata"]["name"], {"spec": {"unschedulable": None}})
    assert phase(vmim(move, "a", "source")) == "Scheduling", "the source is never told"


def test_five_finished_migrations_are_kept(move: Play) -> None:
    client = move.pair.clients["a"]
    for number in range(7):
        client.create(VMIM, _another(move.name, f"{move.name}-{number}"))
        client.until(lambda found: phase(found or {}) == "Synchronizing", VMIM, f"{move.name}-{number}", NAMESPACE)
        client.patch(VMIM, f"{move.name}-{number}", {"status": {"phase": "Failed"}}, NAMESPACE, "status")
        client.until(_let_go, VMIM, f"{move.name}-{number}", NAMESPACE)
    kept = ["2", "3", "4", "5", "6"]

    def left() -> list[str]:
        # One that is deleted can hang: the synchronization controller, looking at an old copy, puts its finalizer
        # back, and forgets it once the VMI's state names the next migration.
        metadata = (one["metadata"] for one in client.list(VMIM, NAMESPACE) if one["spec"]["vmiName"] == move.name)
        return sorted(each["name"][-1] for each in metadata if "deletionTimestamp" not in each)

    until(lambda: left() == kept, "the two oldest deleted", 20)


def test_a_condition_says_nothing_after_success(move: Play) -> None:
    move.open()
    move.ended("b", "target", "Succeeded")
    until(lambda: not vmi(move, "a"), "the source's instance gone", 20)
    assert message(vmi(move, "b")) in (
        "",
        f"rpc error: code = Unknown desc = target: unable to locate VMI for migrationID {move.name}-ab",
    )


def _let_go(found: dict[str, Any] | None) -> bool:
    return found is None or "finalizers" not in found["metadata"]


def _another(name: str, own: str = "") -> dict[str, Any]:
    meta = {"name": own or f"{name}-again", "namespace": NAMESPACE}
    ends = {"migrationID": own or "again", "connectURL": "192.170.10.99:9185"}
    return {"metadata": meta, "spec": {"vmiName": name, "sendTo": ends}}
