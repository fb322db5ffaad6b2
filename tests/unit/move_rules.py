# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What KubeVirt does, one thing at a time, after the recordings of its own controllers.

Faults of the world: ``copy`` (the copy fails), ``unschedulable``, ``untold`` (the source never hears of its success),
``restart`` (the source's synchronization leader restarts, so that KubeVirt forgets that the guest has left),
``stray`` (the source says it failed although the guest has arrived).
"""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._move_read import CREATE_TARGET
from ansible_collections.livemigration.kubevirt.plugins.module_utils._plan import merged
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import POD, VM, VMI, VMIM
from unit.move_world import FINAL, NAME, Site, World, pod, state_of

_TIME = "2026-11-22T22:32:57Z"


def phase_of(body: Object | None) -> str:
    return str(((body or {}).get("status") or {}).get("phase", ""))


def change(site: Site, resource: Any, body: Object, **status: Any) -> bool:
    """Write the status of an object; ``False`` when that is no change."""
    after = merged(body, {"status": status})
    if after == body:
        return False
    site.put(resource, after)
    return True


def migration(site: Site) -> Object | None:
    return next(iter(site.of(VMIM)), None)


def deleting(body: Object | None) -> bool:
    return body is not None and "deletionTimestamp" in body["metadata"]


def rule_receiver_gets_a_vmi(world: World) -> bool:
    vm = world.target.one(VM)
    if vm is None or world.target.one(VMI) or attempt.strategy(vm["spec"]) != attempt.RECEIVER:
        return False
    metadata = {"name": NAME, "annotations": {CREATE_TARGET: "true"}}
    world.target.put(VMI, {"metadata": metadata, "spec": {}, "status": {"phase": "WaitingForSync"}})
    return True


def rule_target_listens(world: World) -> bool:
    receive, vmi = migration(world.target), world.target.one(VMI)
    if receive is None or vmi is None or phase_of(receive):
        return False
    if not state_of(vmi) or state_of(vmi).get("completed"):
        fresh = {"targetState": {"migrationUID": receive["metadata"]["uid"]}}
        world.target.put(VMI, vmi | {"status": vmi["status"] | {"migrationState": fresh}})
    else:
        state = {"targetState": {"migrationUID": receive["metadata"]["uid"]}}
        change(world.target, VMI, vmi, migrationState=state)
    return change(world.target, VMIM, receive, phase="WaitingForSync")


def rule_source_synchronizes(world: World) -> bool:
    send, vmi = migration(world.source), world.source.one(VMI)
    if send is None or vmi is None or phase_of(send):
        return False
    fresh: Object = {"sourceState": {"migrationUID": send["metadata"]["uid"]}}
    fresh["sourceState"]["virtualMachineInstanceUID"] = vmi["metadata"]["uid"]
    if state_of(vmi) and not state_of(vmi).get("completed"):
        fresh = merged(state_of(vmi), fresh)
    world.source.put(VMI, vmi | {"status": vmi["status"] | {"migrationState": fresh}})
    return change(world.source, VMIM, send, phase="Synchronizing")


def rule_both_know_each_other(world: World) -> bool:
    """The synchronization controllers push; nothing is pushed once one of the migrations is gone or over."""
    source, target = world.source, world.target
    mine, theirs = source.one(VMI), target.one(VMI)
    send, receive = migration(source), migration(target)
    if world.fault("partition") or None in (mine, theirs, send, receive):
        return False
    assert mine
    assert theirs
    if phase_of(send) in ("", *FINAL) or phase_of(receive) in ("", *FINAL):
        return False
    pushed = change(target, VMI, theirs, migrationState={"sourceState": state_of(mine).get("sourceState")})
    return change(source, VMI, mine, migrationState={"targetState": state_of(theirs).get("targetState")}) or pushed


def rule_source_publishes(world: World) -> bool:
    send, vmi = migration(world.source), world.source.one(VMI)
    if vmi is None or phase_of(send) != "Synchronizing" or not state_of(vmi).get("targetState", {}).get("migrationUID"):
        return False
    assert send
    uid = send["metadata"]["uid"]
    change(world.source, VMI, vmi, migrationState={"migrationUid": uid, "sourceState": {"pod": "launcher-a"}})
    return change(world.source, VMIM, send, phase="Scheduling")


def rule_target_makes_its_pod(world: World) -> bool:
    receive, vmi = migration(world.target), world.target.one(VMI)
    if vmi is None or phase_of(receive) != "WaitingForSync" or deleting(receive):
        return False
    if not state_of(vmi).get("sourceState", {}).get("pod") or world.target.one(POD, "launcher-b"):
        return False
    assert receive
    world.target.put(POD, pod("launcher-b", vmi, "Pending"))
    change(world.target, VMI, vmi, phase="Scheduling")
    return change(world.target, VMIM, receive, phase="Scheduling")


def rule_scheduler(world: World) -> bool:
    found = world.target.one(POD, "launcher-b")
    if found is None or phase_of(found) != "Pending":
        return False
    if world.fault("unschedulable"):
        refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0 nodes fit"}
        return change(world.target, POD, found, conditions=[refused])
    found = world.target.put(POD, merged(found, {"spec": {"nodeName": "cluster-b-node"}}))
    return change(world.target, POD, found, phase="Running")


def rule_target_takes_over(world: World) -> bool:
    receive, vmi, launcher = migration(world.target), world.target.one(VMI), world.target.one(POD, "launcher-b")
    if vmi is None or phase_of(receive) != "Scheduling" or phase_of(launcher) != "Running":
        return False
    assert receive
    uid = receive["metadata"]["uid"]
    state = {"migrationUid": uid, "targetNodeAddress": "192.170.10.131", "targetState": {"pod": "launcher-b"}}
    change(world.target, VMI, vmi, phase="Scheduled", nodeName="cluster-b-node", migrationState=state)
    return change(world.target, VMIM, receive, phase="TargetReady")


def rule_copy_starts(world: World) -> bool:
    vmi, send = world.source.one(VMI), migration(world.source)
    state = state_of(vmi)
    if vmi is None or state.get("startTimestamp") or not state.get("targetState", {}).get("pod"):
        return False
    if phase_of(send) not in ("Scheduling", "TargetReady"):
        return False
    assert send
    change(world.source, VMIM, send, phase="Running")
    theirs, receive = world.target.one(VMI), migration(world.target)
    if theirs and receive:
        change(world.target, VMI, theirs, migrationState={"startTimestamp": _TIME})
        change(world.target, VMIM, receive, phase="Running")
    return change(world.source, VMI, vmi, migrationState={"startTimestamp": _TIME})


def _copying(world: World) -> bool:
    vmi = world.source.one(VMI)
    state = state_of(vmi)
    return bool(state.get("startTimestamp")) and not state.get("completed") and world.guests == {"cluster-a"}


def rule_copy_fails_or_is_cancelled(world: World) -> bool:
    vmi, send = world.source.one(VMI), migration(world.source)
    launcher = world.target.one(POD, "launcher-b")
    if vmi is None or not _copying(world):
        return False
    if not (world.fault("copy") or deleting(send) or phase_of(launcher) != "Running"):
        return False
    over = {"completed": True, "failed": True, "endTimestamp": _TIME, "failureReason": "the copy failed"}
    theirs = world.target.one(VMI)
    if theirs is not None:
        change(world.target, VMI, theirs, migrationState=over | {"migrationUid": state_of(theirs).get("migrationUid")})
    return change(world.source, VMI, vmi, migrationState=over)


def rule_guest_moves(world: World) -> bool:
    vmi = world.target.one(VMI)
    if vmi is None or not _copying(world) or world.fault("copy") or deleting(migration(world.source)):
        return False
    if phase_of(world.target.one(POD, "launcher-b")) != "Running":
        return False
    world.guests = {"cluster-b"}
    return change(world.target, VMI, vmi, phase="Running", migrationState={"endTimestamp": _TIME})


def rule_target_completes(world: World) -> bool:
    vmi, receive = world.target.one(VMI), migration(world.target)
    if vmi is None or world.guests != {"cluster-b"} or state_of(vmi).get("completed"):
        return False
    change(world.target, VMI, vmi, migrationState={"completed": True})
    if receive:
        change(world.target, VMIM, receive, phase="Succeeded")
    return True


def rule_source_is_told(world: World) -> bool:
    mine, theirs = world.source.one(VMI), world.target.one(VMI)
    told = state_of(theirs).get("completed") and not state_of(theirs).get("failed")
    if mine is None or not told or state_of(mine).get("completed") or "cluster-a" in world.guests:
        return False
    if world.fault("untold") or not state_of(mine).get("startTimestamp"):
        return False
    stray = world.fault("stray")
    return change(world.source, VMI, mine, migrationState={"completed": True, "failed": stray, "endTimestamp": _TIME})


def rule_source_process_ends(world: World) -> bool:
    launcher = world.source.one(POD, "launcher-a")
    if launcher is None or "cluster-a" in world.guests or world.fault("untold") or world.fault("stray"):
        return False
    return change(world.source, POD, launcher, phase="Succeeded")


def rule_source_vmi_ends(world: World) -> bool:
    vmi = world.source.one(VMI)
    if vmi is None or phase_of(world.source.one(POD, "launcher-a")) != "Succeeded" or phase_of(vmi) in FINAL:
        return False
    return change(world.source, VMI, vmi, phase="Succeeded") if state_of(vmi).get("completed") else False


def rule_source_vm_follows(world: World) -> bool:
    """An ended VMI of a VM that is to run is started again, unless KubeVirt still knows that it has left."""
    vm, vmi = world.source.one(VM), world.source.one(VMI)
    if vm is None or vmi is None or phase_of(vmi) not in FINAL:
        return False
    strategy = attempt.strategy(vm["spec"])
    if strategy == "Always" and not world.fault("restart"):
        world.source.put(VM, merged(vm, {"spec": {"runStrategy": "Halted", "running": None}}))
        return True
    if strategy in ("Always", "Halted"):
        world.source.drop(VMI, NAME)
        world.source.drop(POD, "launcher-a")
    if strategy == "Always":
        fresh = world.source.put(VMI, {"metadata": {"name": NAME}, "spec": {}, "status": {"phase": "Running"}})
        world.source.put(POD, pod("launcher-a2", fresh, "Running"))
        world.guests = world.guests | {"cluster-a"}
    return strategy in ("Always", "Halted")


def rule_target_tidies(world: World) -> bool:
    vmi = world.target.one(VMI)
    notes = (vmi or {}).get("metadata", {}).get("annotations") or {}
    if vmi is None or CREATE_TARGET not in notes or phase_of(vmi) != "Running" or not state_of(vmi).get("completed"):
        return False
    world.target.put(VMI, merged(vmi, {"metadata": {"annotations": {CREATE_TARGET: None}}}))
    return True


def rule_failed_receiver_ends(world: World) -> bool:
    vmi, launcher = world.target.one(VMI), world.target.one(POD, "launcher-b")
    if vmi is None or not state_of(vmi).get("failed"):
        return False
    if launcher is not None:
        world.target.drop(POD, "launcher-b")
        return True
    return change(world.target, VMI, vmi, phase="WaitingForSync", nodeName=None)


def rule_migrations_end(world: World) -> bool:
    for site in (world.source, world.target):
        found, vmi = migration(site), site.one(VMI)
        if found is None or phase_of(found) in FINAL:
            continue
        state = state_of(vmi)
        if state.get("migrationUid") == found["metadata"]["uid"] and state.get("completed"):
            return change(site, VMIM, found, phase="Failed" if state.get("failed") else "Succeeded")
    return False


def rule_deleted_migrations_go(world: World) -> bool:
    for site in (world.source, world.target):
        found, vmi = migration(site), site.one(VMI)
        if found is None:
            continue
        mine = state_of(vmi).get("migrationUid") == found["metadata"]["uid"]
        if vmi is None and not deleting(found):
            # Without its VMI KubeVirt deletes a migration itself.
            site.drop(VMIM, found["metadata"]["name"])
            return True
        if deleting(found) and (phase_of(found) in FINAL or (not mine and vmi is not None)):
            site.drop(VMIM, found["metadata"]["name"])
            if site is world.target and not mine and phase_of(site.one(POD, "launcher-b")) != "":
                site.drop(POD, "launcher-b")
                change(site, VMI, copy.deepcopy(vmi or {}), phase="WaitingForSync")
            return True
    return False


def rule_deleted_vmis_go(world: World) -> bool:
    for site in (world.source, world.target):
        if deleting(site.one(VMI)):
            site.drop(VMI, NAME)
            return True
    return False
