# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leading virt-synchronization-controller of a cluster: tells its peers what it sees, and writes what they tell."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from ..controller import Controller, key_of
from ..kube import ApiError, Conflict, NotFound
from ..resources import Object
from . import json_patch
from . import synchronization_copy as copying
from . import vmi as it
from . import vmim as job
from .synchronization_channel import Channel, RpcError
from .synchronization_server import Server
from .synchronization_view import View

if TYPE_CHECKING:
    from ..site import Site
    from ..store import EventType

VMIMS = "virtualmachineinstancemigrations"
VMIS = "virtualmachineinstances"
REASON = "DecentralizedNotLiveMigratable"
WAITING = "waiting for incoming synchronization, unable to proceed"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 1000.0


class SynchronizationController(Controller):
    """Works only while a process leads; `lead` and `resign` come from the leader election."""

    name = "virt-synchronization-controller"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.api = site.api("kubevirt-synchronization-controller")
        self.vmis = View(self.store(VMIS), self._lag, self._on_vmi)
        self.vmims = View(self.store(VMIMS), self._lag, self._on_vmim)
        # Which map a connection is kept in depends on the direction of its messages. A cancel looks in the wrong
        # one, as in KubeVirt, and finds something only when one process serves both ends.
        self._to_targets: dict[str, Channel] = {}
        self._to_sources: dict[str, Channel] = {}
        self._tries: dict[str, int] = {}
        self._server: Server | None = None

    async def start(self) -> None:
        await self.vmis.start()
        await self.vmims.start()

    async def lead(self, address: str) -> None:
        """A process begins to listen, and takes over the migrations it finds under way."""
        self._server = Server(self, address)
        self.site.fabric.listen(self.site, address, self._server)
        for vmim in self.vmims.list(lambda one: job.is_decentralized(one) and not it.is_final(one)):
            await self._take_over(vmim, address)
        for vmi in self.vmis.list(lambda one: True):
            self.enqueue(key_of(vmi))

    def resign(self) -> None:
        """The process is gone, with all its connections."""
        if self._server is None:
            return
        self._server.alive = False
        self.site.fabric.close(self.site, self._server.address)
        self._server = None
        for channel in (*self._to_targets.values(), *self._to_sources.values()):
            channel.close()
        self._to_targets.clear()
        self._to_sources.clear()
        self._tries.clear()

    async def stop(self) -> None:
        self.resign()

    async def reconcile(self, key: str) -> float | None:
        vmi = self.vmis.get(key)
        if self._server is None or vmi is None:
            return None
        try:
            await self._synchronize(vmi, self._server.address)
        except (RpcError, ApiError, ValueError) as error:
            # The work queue of KubeVirt: 5 ms, doubled each time, never given up.
            tries = self._tries[key] = self._tries.get(key, 0) + 1
            if not isinstance(error, (RpcError, Conflict, NotFound)):
                self.site.log(f"{self.name} {key}: attempt {tries}: {error}")
            return float(min(_FIRST_PAUSE * 2.0 ** (tries - 1), _LONGEST_PAUSE)) * self.site.settings.sync_patience
        self._tries.pop(key, None)
        return None

    async def _synchronize(self, vmi: Object, address: str) -> None:
        vmim = self._migration_of(vmi)
        if vmim is None:
            if _was_aborted_here(vmi):
                await self._tell_target(vmi, None, address)
            await self._show(vmi, None)
            return
        await self._keep_finalizer(vmim)
        if job.is_source(vmim):
            await self._as_source(vmi, vmim, address)
        else:
            await self._as_target(vmi, vmim, address)

    async def _as_source(self, vmi: Object, vmim: Object, address: str) -> None:
        try:
            await self._tell_target(vmi, vmim, address)
        except RpcError as error:
            await self._show(vmi, str(error))
            raise
        if it.deleting(vmim):
            await self._cancel(vmim, it.side(vmi, "targetState").get("migrationUID"), self._to_sources)
        else:
            await self._show(vmi, None)

    async def _as_target(self, vmi: Object, vmim: Object, address: str) -> None:
        """What the source cannot be told is shown and not tried again before something changes."""
        if it.deleting(vmim):
            await self._cancel(vmim, it.side(vmi, "sourceState").get("migrationUID"), self._to_targets)
            return
        try:
            await self._tell_source(vmi, vmim, address)
        except RpcError as error:
            await self._show(vmi, str(error))
            return
        await self._show(vmi, WAITING if it.phase(vmim) == "WaitingForSync" else None)

    async def _tell_target(self, vmi: Object, vmim: Object | None, address: str) -> None:
        state = deepcopy(it.migration_state(vmi))
        source, target = state.get("sourceState"), state.get("targetState")
        if source is None or target is None:
            return
        id_ = self._id_of(source.get("migrationUID")) or self._id_of(target.get("migrationUID"))
        if not target.get("syncAddress") or not source.get("migrationUID") or not id_:
            return
        source.setdefault("syncAddress", address)
        await self._send(self._to_targets, id_, target["syncAddress"], "SyncSourceMigrationStatus", vmi, state)
        if vmim is not None and it.is_final(vmim):
            _close(self._to_targets, id_)

    async def _tell_source(self, vmi: Object, vmim: Object, address: str) -> None:
        state = deepcopy(it.migration_state(vmi))
        source, target = state.get("sourceState"), state.get("targetState")
        if source is None or target is None:
            return
        id_ = self._id_of(target.get("migrationUID"))
        if not source.get("syncAddress") or not id_:
            return
        target.setdefault("syncAddress", address)
        await self._send(self._to_sources, id_, source["syncAddress"], "SyncTargetMigrationStatus", vmi, state)
        if it.is_final(vmim):
            _close(self._to_sources, id_)

    async def _send(
        self, channels: dict[str, Channel], id_: str, address: str, method: str, vmi: Object, state: Object
    ) -> None:
        """The whole status goes, with the sender's own address put in; that is never stored at home."""
        channel = channels.setdefault(id_, Channel(self.site, address))
        status = deepcopy(it.status(vmi)) | {"migrationState": state}
        await channel.call(method, {"migrationID": id_, "status": status})

    async def _cancel(self, vmim: Object, peer_uid: str | None, channels: dict[str, Channel]) -> None:
        if not peer_uid:
            return
        if peer_uid == job.uid(vmim):
            raise ValueError(f"migration UID {peer_uid} is the same as the VMI's migration UID")
        channel = channels.get(job.migration_id(vmim))
        if channel is not None:
            await channel.call("CancelMigration", {"migrationUID": peer_uid})

    async def _take_over(self, vmim: Object, address: str) -> None:
        """After a change of leaders the own address is stored on the VMI, which KubeVirt otherwise never does.

        With both addresses there the VMI no longer counts as being in a decentralized migration.
        """
        vmi = self.vmis.get(job.vmi_key(vmim))
        if vmi is None:
            return
        ours, theirs = ("sourceState", "targetState") if job.is_source(vmim) else ("targetState", "sourceState")
        if not it.side(vmi, theirs).get("syncAddress") or not self._id_of(it.side(vmi, ours).get("migrationUID")):
            return
        new = deepcopy(vmi)
        new["status"]["migrationState"][ours]["syncAddress"] = address
        try:
            await json_patch.apply(self.api, VMIS, vmi, copying.patch(vmi, new))
        except ApiError as error:
            self.site.log(f"{self.name} {key_of(vmi)}: address not stored: {error}")

    async def _keep_finalizer(self, vmim: Object) -> None:
        """The list is replaced as a whole: what virt-controller took off meanwhile comes back for a moment."""
        known = it.finalizers(vmim)
        kept = [one for one in known if one != job.SYNC_FINALIZER]
        wanted = kept if it.is_final(vmim) or it.deleting(vmim) else [*kept, job.SYNC_FINALIZER]
        if set(wanted) == set(known):
            return
        meta = vmim["metadata"]
        patch = [{"op": "replace", "path": "/metadata/finalizers", "value": wanted}]
        await self.api.patch(VMIMS, meta["name"], patch, namespace=meta["namespace"])

    async def _show(self, vmi: Object, message: str | None) -> None:
        """Set or take away the condition that says why migrations do not get on."""
        new = deepcopy(vmi)
        if message is None:
            it.remove_condition(new, job.SYNC_FAILURE)
        else:
            made = it.make_condition(
                job.SYNC_FAILURE, "True", self.site.now(), reason=REASON, message=message, probed=False
            )
            it.update_condition(new, made)
        old = it.status(vmi).get("conditions")
        await json_patch.apply(
            self.api, VMIS, vmi, json_patch.change("/status/conditions", old, new["status"].get("conditions"))
        )

    def _migration_of(self, vmi: Object) -> Object | None:
        """The migration that the VMI's state names; a VMI can have several, most of them over."""
        meta = vmi["metadata"]

        def names_it(vmim: Object) -> bool:
            if vmim["metadata"]["namespace"] != meta["namespace"] or vmim["spec"]["vmiName"] != meta["name"]:
                return False
            half = "sourceState" if job.is_source(vmim) else "targetState"
            return job.is_decentralized(vmim) and it.side(vmi, half).get("migrationUID") == job.uid(vmim)

        found = self.vmims.list(names_it)
        if len(found) > 1:
            raise ValueError("found more than one migration pointing to same VMI")
        return found[0] if found else None

    def _id_of(self, uid: str | None) -> str:
        found = self.vmims.list(lambda one: job.uid(one) == uid)
        return job.migration_id(found[0]) if found else ""

    def _on_vmi(self, _event: EventType, vmi: Object) -> None:
        self.enqueue(key_of(vmi))

    def _on_vmim(self, event: EventType, vmim: Object) -> None:
        self.enqueue(job.vmi_key(vmim))
        if event == "DELETED" and job.is_decentralized(vmim):
            _close(self._to_targets if job.is_source(vmim) else self._to_sources, job.migration_id(vmim))

    def _lag(self) -> float:
        return self.site.settings.sync_lag_seconds


def _was_aborted_here(vmi: Object) -> bool:
    """The migration object went before the target heard of the abort's end."""
    state = it.migration_state(vmi)
    source, target = state.get("sourceState"), state.get("targetState")
    if source is None or target is None or state.get("migrationUid") != source.get("migrationUID"):
        return False
    return bool(state.get("abortRequested") and state.get("endTimestamp"))


def _close(channels: dict[str, Channel], id_: str) -> None:
    if (channel := channels.pop(id_, None)) is not None:
        channel.close()
