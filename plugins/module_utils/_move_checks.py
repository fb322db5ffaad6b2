# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be right before the first write of a move. KubeVirt's API accepts most of it without a word."""

from __future__ import annotations

from collections.abc import Iterator

from . import _attempt as attempt
from ._checks import Finding
from ._move_address import Network, choose
from ._move_proof import runs
from ._move_steps import Wish, label
from ._situation import Migration, Side, Situation, Vm
from ._vm_checks import migratable, suitable_disks, suitable_name


def findings(situation: Situation, wish: Wish) -> list[Finding]:
    """Everything wrong, the source's first."""
    return [
        *_source(situation.source),
        *_target(situation),
        *_clusters(situation),
        *_addresses(situation, wish.network),
    ]


def _source(source: Side) -> Iterator[Finding]:
    vm = source.vm
    if vm is None:
        yield _error("source-vm-missing", source, "a VirtualMachine", "none", "Check name, namespace and source.")
        return
    if vm.deleting:
        yield _error("source-vm-deleting", source, "a VirtualMachine that stays", "it is being deleted", "")
    if vm.strategy == attempt.RECEIVER:
        hint = "It is a receiver itself: finish or undo the move that made it one."
        yield _error("source-is-receiver", source, "a VM that runs a guest", f"run strategy {vm.strategy}", hint)
    yield from suitable_name(source.name, vm.raw)
    yield from _guest(source, vm)
    yield from _migrations(source)
    yield from _leftover(source)


def _guest(source: Side, vm: Vm) -> Iterator[Finding]:
    vmi = source.vmi
    if vmi is None or vmi.phase != "Running" or vmi.deleting:
        found = "no VirtualMachineInstance" if vmi is None else f"phase {vmi.phase}"
        if vmi is not None and vmi.deleting:
            found = "it is shutting down"
        hint = "Only a running guest can be moved live: start it, or move the stopped VM by other means."
        yield _error("guest-not-running", source, "a running guest", found, hint)
        return
    if not runs(source):
        found = f"VMI {vmi.phase} on node {vmi.node or 'none'} without a running launcher pod there"
        yield _error("launcher-not-running", source, "a running launcher pod", found, "Look at the VMI's pods.")
    paused = vmi.condition("Paused")
    if paused is not None and paused.status == "True":
        yield _warning("guest-paused", source, "a guest that is not paused", "it is paused", "")
    yield from migratable(source.name, vm.raw, vmi.raw)
    yield from suitable_disks(source.name, vm.raw)


def _migrations(side: Side) -> Iterator[Finding]:
    for found in side.open:
        if _orphan(found, side):
            hint = "Its guest is gone, so it blocks nothing; remove its finalizers when convenient."
            yield _warning("migration-orphaned", side, "no leftover migrations", f"{label(found)} hangs", hint)
            continue
        hint = "Wait until it ends, or delete it if nobody needs it."
        text = f"{label(found)} in phase {found.phase or 'new'}"
        yield _error("already-migrating", side, "no other migration of the VM", text, hint)


def _orphan(migration: Migration, side: Side) -> bool:
    """A migration that is being deleted and that the VMI does not know of is of an earlier VMI of that name."""
    state = side.vmi.state if side.vmi else None
    known = state is not None and migration.uid in (state.uid, state.source_uid, state.target_uid)
    return migration.deleting and not known


def _leftover(source: Side) -> Iterator[Finding]:
    """State that an attempt left on the VMI; KubeVirt resets it only once a migration has ended."""
    state = source.vmi.state if source.vmi else None
    if state is None or state.completed or any(found.uid == state.source_uid for found in source.open):
        return
    if state.handed_over:
        found = "migrationState of an attempt that reached the target and never ended"
        hint = "The next one could connect to what is gone: live-migrate the VM inside its cluster, or restart it."
        yield _error("state-leftover", source, "no state of an earlier attempt", found, hint)
    elif state.source_uid or state.target_uid:
        found = "migrationState of an attempt that never connected"
        yield _warning("state-leftover", source, "no state of an earlier attempt", found, "This move replaces it.")


def _target(situation: Situation) -> Iterator[Finding]:
    source, target = situation.source, situation.target
    vm = target.vm
    if vm is None:
        hint = "Create the receiver first (module vm_receiver)."
        yield _error("receiver-missing", target, f"a receiver for {source.label}", "no VirtualMachine", hint)
        return
    if vm.strategy != attempt.RECEIVER:
        yield _not_a_receiver(target)
        return
    theirs = (target.note(attempt.SOURCE_CLUSTER), target.note(attempt.SOURCE_VM))
    mine = (source.uid, source.vm.uid if source.vm else "")
    if any(theirs) and theirs != mine:
        found = f"a receiver for VM {theirs[1]} of cluster {theirs[0]}"
        yield _error("receiver-of-another", target, f"a receiver for {source.label}", found, "Use another name.")
    elif not any(theirs):
        found = "a receiver that names no source"
        hint = "It was not made by vm_receiver: its spec is not compared."
        yield _warning("receiver-unmarked", target, "a receiver made by vm_receiver", found, hint)
    vmi = target.vmi
    if vmi is not None and not vmi.receiver and not vmi.final:
        found = f"VMI in phase {vmi.phase} that is no receiver"
        hint = "A running VM was turned into a receiver: set its run strategy back."
        yield _error("receiver-runs", target, "a receiver that waits", found, hint)
    yield from _migrations(target)


def _not_a_receiver(target: Side) -> Finding:
    strategy = target.vm.strategy if target.vm else ""
    if runs(target):
        hint = "A VM of that name runs there already: if it is this guest, nothing is left to do."
        return _error("already-on-target", target, "a receiver that waits", f"a running VM ({strategy})", hint)
    hint = "Run vm_receiver, which turns the halted VM of an earlier move into a receiver."
    return _error("not-a-receiver", target, "run strategy WaitAsReceiver", strategy, hint)


def _clusters(situation: Situation) -> Iterator[Finding]:
    for side in (situation.source, situation.target):
        where = ("", "KubeVirt")
        if not side.gate:
            hint = "Run kubevirt_migrations (or the playbook site.yml) there."
            wanted = "feature gate DecentralizedLiveMigration"
            yield Finding("gate-off", "error", side.name, where[1], wanted, "it is off", hint)
        elif not side.addresses:
            hint = "Look at the Deployment virt-synchronization-controller and its Lease."
            yield Finding("no-sync-address", "error", side.name, where[1], "synchronizationAddresses", "none", hint)
    yield from _node_names(situation)


def _node_names(situation: Situation) -> Iterator[Finding]:
    source, target = situation.source, situation.target
    node = source.vmi.node if source.vmi else ""
    if not node or node not in target.nodes:
        return
    hint = "KubeVirt keeps the guest off nodes named like the one it comes from: node names must differ."
    wanted, found = "nodes with names of their own", f"a node {node} on both clusters"
    if target.nodes == {node}:
        yield _error("node-names-clash", target, wanted, f"{found}, the only one of the target", hint)
    else:
        yield _warning("node-names-clash", target, wanted, found, hint)


def _addresses(situation: Situation, network: Network) -> Iterator[Finding]:
    target = situation.target
    if target.addresses:
        choice = choose(situation, network)
        if choice.problem:
            hint = "Prove the migration network of the target (module migration_network_info)."
            wanted = "a synchronization address of the target"
            yield Finding("sync-address", "error", target.name, "KubeVirt", wanted, choice.problem, hint)
    if network.allow_outside:
        hint = "The copy may use another network than the migration network."
        yield _warning("outside-slice", target, "an address in the slice", "allow_outside_slice is set", hint)
    elif network.target is None:
        hint = "Give target_slice, so that a fallback to the pod network or a double address is noticed."
        yield _warning("slice-unknown", target, "the target's slice to compare with", "target_slice is not set", hint)


def _error(name: str, side: Side, wanted: str, found: str, hint: str) -> Finding:
    return Finding(name, "error", side.name, side.label, wanted, found, hint)


def _warning(name: str, side: Side, wanted: str, found: str, hint: str) -> Finding:
    return Finding(name, "warning", side.name, side.label, wanted, found, hint)
