# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-controller's part for VirtualMachines: instances come and go as the run strategy wants it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

from ..controller import Controller, itself, key_of, owner, split_key
from ..kube import ApiError, Conflict, NotFound
from ..resources import Object
from . import json_patch
from . import vmi as it
from .expectations import Expectations
from .vm_controller_disks import Disks
from .vm_controller_revision import Revisions
from .vm_controller_status import Seen, set_status
from .vm_controller_strategy import FAILED_CREATE, Decision, decide, run_strategy
from .vm_controller_vmi import instance_of, owner_reference, snapshot_statuses

if TYPE_CHECKING:
    from ..site import Site
    from ..store import EventType

VMS, VMIS = "virtualmachines", "virtualmachineinstances"
_RETRY = 1.0
"""Seconds until what could not be done is tried again, if nothing changes before."""
_INSTANCETYPES = {
    "virtualmachineinstancetype": "virtualmachineinstancetypes",
    "virtualmachineclusterinstancetype": "virtualmachineclusterinstancetypes",
}


class SyncError(Exception):
    """What ends up in the VM's Failure condition."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class VmController(Controller):
    """One pass: note API versions, bring the instance about, write the status."""

    name = "virt-controller-vm"
    # Gone since the cache was told.
    forgives: ClassVar[tuple[type[Exception], ...]] = (NotFound,)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.api = site.api("kubevirt-controller")
        self.disks = Disks(site, self.api)
        self.revisions = Revisions(self.api)
        self._created, self._deleted = Expectations(), Expectations()

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {
            VMS: itself,
            VMIS: itself,
            "datavolumes": owner("VirtualMachine"),
            "persistentvolumeclaims": self._users_of_claim,
        }

    async def start(self) -> None:
        self.store(VMIS).subscribe(self._observe)

    def _observe(self, event: EventType, _old: Object | None, vmi: Object) -> None:
        """Lower what is expected of a key, as soon as a watch shows it."""
        key, uid = key_of(vmi), vmi["metadata"]["uid"]
        self._created.met(key, uid)
        if event == "DELETED" or it.deleting(vmi):
            self._deleted.met(key, uid)

    def _users_of_claim(self, claim: Object) -> Iterable[str]:
        meta = claim["metadata"]
        users = self.store(VMS).list(meta["namespace"], lambda vm: self.disks.uses(vm, meta["name"]))
        return [key_of(vm) for vm in users]

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        vm = self.store(VMS).get(name, namespace)
        if vm is None:
            self._created.forget(key)
            self._deleted.forget(key)
            return None
        if await self._note_versions(vm) or await self._note_snapshots(vm):
            return None
        vmi = self.store(VMIS).get(name, namespace)
        if vmi is not None and not it.controlled_by(vmi, vm):
            vmi = None
        strategy, decision = run_strategy(vm), Decision()
        error: SyncError | None = None
        try:
            vm, decision = await self._sync(key, vm, vmi)
        except SyncError as failed:
            error = failed
        await self._write_status(key, vm, vmi, strategy, error)
        return _RETRY if error is not None or self._unsettled(key) else decision.again

    async def _note_versions(self, vm: Object) -> bool:
        """The first write of every VM: a PUT, with a status (empty) as Go's clients send it."""
        if it.LATEST_API in it.annotated(vm):
            return False
        notes = it.annotated(vm) | {it.LATEST_API: "v1", it.STORAGE_API: "v1"}
        await self.api.update(VMS, _with_annotations(vm, notes))
        return True

    async def _note_snapshots(self, vm: Object) -> bool:
        """KubeVirt's snapshot controller is the first to write a status; its default says Stopped."""
        wanted = snapshot_statuses(vm)
        if not wanted or it.status(vm).get("volumeSnapshotStatuses") == wanted:
            return False
        vm.setdefault("status", {})["volumeSnapshotStatuses"] = wanted
        await self.api.update_status(VMS, vm)
        return True

    async def _sync(self, key: str, vm: Object, vmi: Object | None) -> tuple[Object, Decision]:
        if self._unsettled(key):
            return vm, Decision()
        if it.deleting(vm):
            return await self._end(key, vm, vmi), Decision()
        vm = await self._add_finalizer(vm)
        if vmi is not None:
            await self.revisions.bump(vm, vmi)
        ready = await self.disks.ready(vm)
        if not ready and run_strategy(vm) != "Halted":
            return vm, Decision()
        decision = decide(vm, vmi, datetime.now(UTC))
        return await self._act(key, vm, vmi, decision), decision

    def _unsettled(self, key: str) -> bool:
        return key in self._created or key in self._deleted

    async def _end(self, key: str, vm: Object, vmi: Object | None) -> Object:
        if vmi is not None:
            await self._stop(key, vmi)
            return vm
        kept = [one for one in it.finalizers(vm) if one != it.VM_FINALIZER]
        if kept != it.finalizers(vm):
            return await self._patch_finalizers(VMS, vm, kept)
        return vm

    async def _add_finalizer(self, vm: Object) -> Object:
        if it.VM_FINALIZER in it.finalizers(vm):
            return vm
        return await self._patch_finalizers(VMS, vm, [*it.finalizers(vm), it.VM_FINALIZER])

    async def _patch_finalizers(self, kind: str, obj: Object, wanted: list[str]) -> Object:
        patch = json_patch.change("/metadata/finalizers", it.finalizers(obj) or None, wanted)
        return await json_patch.apply(self.api, kind, obj, patch)

    async def _act(self, key: str, vm: Object, vmi: Object | None, decision: Decision) -> Object:
        match decision.action:
            case "start":
                await self._start(key, vm)
            case "stop" if vmi is not None:
                await self._stop(key, vmi)
                if decision.start_afterwards:
                    vm = await self._request_start(vm)
            case "change":
                return await self._change(vm, decision.strategy)
            case "refuse":
                raise SyncError(FAILED_CREATE, decision.error)
        return vm

    async def _start(self, key: str, vm: Object) -> None:
        try:
            instancetype = await self._instancetype(vm)
            revision = await self.revisions.create(vm, owner_reference(vm))
            made = await self.api.create(VMIS, instance_of(vm, revision, instancetype))
        except ApiError as error:
            raise SyncError(FAILED_CREATE, f"Failure while starting VMI: {error.message}") from error
        known = self.store(VMIS).get(made["metadata"]["name"], made["metadata"]["namespace"])
        if known is None or known["metadata"]["uid"] != made["metadata"]["uid"]:
            self._created.expect(key, made["metadata"]["uid"])

    async def _stop(self, key: str, vmi: Object) -> None:
        meta = vmi["metadata"]
        if it.deleting(vmi):
            return
        self._deleted.expect(key, meta["uid"])
        try:
            gone = not await self.api.delete(VMIS, meta["name"], meta["namespace"], uid=meta["uid"])
        except ApiError as error:
            self._deleted.forget(key)
            raise SyncError("FailedDelete", f"Failure attempting to delete VMI: {error.message}") from error
        if gone:
            self._deleted.forget(key)

    async def _request_start(self, vm: Object) -> Object:
        requests = [*(it.status(vm).get("stateChangeRequests") or []), {"action": "Start"}]
        patch = [{"op": "add", "path": "/status/stateChangeRequests", "value": requests}]
        meta = vm["metadata"]
        return await self.api.patch(VMS, meta["name"], patch, meta["namespace"], "status")

    async def _change(self, vm: Object, strategy: str) -> Object:
        """Only `runStrategy` is set: of a VM that still uses `running` the webhook refuses this, as the real one."""
        changed = copy.deepcopy(vm)
        changed["spec"]["runStrategy"] = strategy
        try:
            return await self.api.update(VMS, changed)
        except Conflict:
            raise
        except ApiError as error:
            text = "Error encountered when trying to update vm according to add volume and/or memory dump requests: "
            raise SyncError("FailedUpdateError", text + error.message) from error

    async def _instancetype(self, vm: Object) -> dict[str, Any] | None:
        matcher = vm["spec"].get("instancetype") or {}
        if not matcher.get("name"):
            return None
        kind = _INSTANCETYPES[matcher.get("kind", "virtualmachineclusterinstancetype").lower()]
        namespace = vm["metadata"]["namespace"] if "cluster" not in kind else None
        found = await self.api.get(kind, matcher["name"], namespace)
        if found is None:
            raise SyncError("FailedFindInstancetype", f'{kind}.instancetype.kubevirt.io "{matcher["name"]}" not found')
        spec: dict[str, Any] = found["spec"]
        return spec

    async def _write_status(
        self, key: str, vm: Object, vmi: Object | None, strategy: str, error: SyncError | None
    ) -> None:
        """Then the VM's finalizer leaves an ended instance: all there was to note of it is noted."""
        seen = Seen(
            vmi,
            start_expected=key in self._created,
            stop_expected=key in self._deleted,
            provisioning=self.disks.provisioning(vm),
            volume_error=self.disks.failed(vm),
            unbound=self.disks.unbound(vm),
            error=str(error) if error else "",
            error_reason=error.reason if error else "",
        )
        changed = copy.deepcopy(vm)
        set_status(changed, seen, strategy, datetime.now(UTC))
        if changed["status"] != it.status(vm):
            await self.api.update_status(VMS, changed)
        if vmi is not None and it.finalizers(vmi) and (it.is_final(vmi) or _dropped_receiver(vmi)):
            kept = [one for one in it.finalizers(vmi) if one != it.VM_FINALIZER]
            if kept != it.finalizers(vmi):
                await self._patch_finalizers(VMIS, vmi, kept)


def _dropped_receiver(vmi: Object) -> bool:
    return it.phase(vmi) == "WaitingForSync" and it.deleting(vmi)


def _with_annotations(obj: Object, notes: dict[str, str]) -> Object:
    changed = copy.deepcopy(obj)
    changed["metadata"]["annotations"] = notes
    changed.setdefault("status", {})
    return changed
