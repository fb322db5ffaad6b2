# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-handler on the node a guest leaves: it starts the copy, stops it when asked, and waits for the target's word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..controller import Controller, itself, key_of, split_key
from ..resources import Object
from . import handler_migration_guest as them
from . import vmi as it
from .handler_migration_copy import Copy
from .handler_node import handler_runs
from .launcher_end import end_pod

if TYPE_CHECKING:
    from ..site import Site

VMIS = "virtualmachineinstances"
_WAIT_FOR_PORTS = 1.0
_TARGET_WORD_SECONDS = 60.0


class HandlerMigrationSource(Controller):
    """All handlers of a site, each for the guests of its node that are being copied."""

    name = "virt-handler-migration-source"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._api = site.api("kubevirt-handler")
        self._copies: dict[str, Copy] = {}
        self._exits: dict[str, float] = {}
        """When the launcher of a guest that left ends, by the VMI's key."""

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {VMIS: itself}

    async def start(self) -> None:
        self.site.faults.subscribe(self._on_fault)

    async def stop(self) -> None:
        await asyncio.gather(*(copy.close() for copy in self._copies.values()))

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        vmi = self.store(VMIS).get(name, namespace)
        if vmi is None or it.deleting(vmi):
            self._forget(key, "the domain is gone")
            return None
        pause = await self._end_launcher(key, vmi)
        if not self._concerns(vmi):
            return pause
        again = await self._sync(key, vmi)
        return min((one for one in (pause, again) if one is not None), default=None)

    def _concerns(self, vmi: Object) -> bool:
        state = it.migration_state(vmi)
        if not state or them.is_done(vmi):
            return False
        if it.is_decentralized(vmi):
            is_source = it.phase(vmi) != "Succeeded" and it.is_migration_source(vmi)
        else:
            # A local migration, or one whose VMI holds both addresses since a leader of the synchronization
            # has stored its own, see vmi.is_decentralized.
            here = it.status(vmi).get("nodeName") == state.get("sourceNode")
            is_source = here and not it.is_final(vmi) and not it.is_receiver(vmi) and "targetNodeAddress" in state
        return is_source and handler_runs(self.site, state.get("sourceNode", ""))

    async def _sync(self, key: str, vmi: Object) -> float | None:
        pause = self._drive(key, vmi)
        new = deepcopy(vmi)
        self._note_progress(key, new)
        pause = self._judge(new) or pause
        if new != vmi:
            await self._api.update(VMIS, new)
        return pause

    def _drive(self, key: str, vmi: Object) -> float | None:
        """Start the copy, or stop it; nothing once the guest's process is gone."""
        state, copy = it.migration_state(vmi), self._copies.get(key)
        if it.phase(vmi) != "Running":
            self._forget(key, "the domain is gone")
            return None
        under_way = copy is not None and copy.progress.uid == state.get("migrationUid")
        if state.get("abortRequested"):
            if under_way and copy is not None:
                copy.cancel()
            return None
        if under_way or not state.get("migrationUid"):
            return None
        if not state.get("targetDirectMigrationNodePorts"):
            return _WAIT_FOR_PORTS
        self._copies[key] = Copy(self.site, vmi, lambda: self.enqueue(key))
        return None

    def _note_progress(self, key: str, new: Object) -> None:
        state, copy = it.migration_state(new), self._copies.get(key)
        if copy is None or copy.progress.uid != state.get("migrationUid"):
            return
        progress = copy.progress
        if progress.start:
            state["startTimestamp"] = progress.start
        if progress.failed:
            state |= {"failed": True, "completed": True, "endTimestamp": progress.end}
            state |= {"failureReason": progress.reason}
            if progress.abort_status:
                state["abortStatus"] = progress.abort_status
        if progress.mode:
            state["mode"] = progress.mode

    def _judge(self, new: Object) -> float | None:
        """What becomes of the VMI when the target is unknown or says nothing for a minute after the end."""
        state = it.migration_state(new)
        left = self._seconds_left(state)
        if not state.get("targetNode") or (left is not None and left <= 0):
            new["status"]["phase"] = "Failed"
            state |= {"completed": True, "failed": True}
            state.setdefault("endTimestamp", self.site.now())
        if it.phase(new) == "Failed" and it.is_decentralized(new):
            state |= {"completed": True, "failed": True}
        return left

    def _seconds_left(self, state: Object) -> float | None:
        """Of the minute the target has to report the guest; None while the copy runs or once it has."""
        end = state.get("endTimestamp")
        if not end or (state.get("targetNodeDomainDetected") and state.get("targetNodeDomainReadyTimestamp")):
            return None
        patience = _TARGET_WORD_SECONDS * self.site.settings.sync_patience
        return patience - (datetime.now(UTC) - datetime.fromisoformat(end)).total_seconds()

    async def _end_launcher(self, key: str, vmi: Object) -> float | None:
        """The source's QEMU leaves when the guest runs elsewhere, whatever anybody knows of it yet."""
        copy = self._copies.get(key)
        if copy is None or not copy.left:
            return None
        loop = asyncio.get_running_loop()
        due = self._exits.setdefault(key, loop.time() + self.site.settings.launcher_exit_seconds)
        if loop.time() < due:
            return due - loop.time()
        pod = self._source_pod(vmi)
        if pod is not None and not it.pod_is_down(pod):
            await end_pod(self.site.api("kubelet"), pod, "Succeeded", self.site.now())
        across = "targetState" in it.migration_state(vmi)
        if across and it.phase(vmi) == "Running" and it.migration_completed(vmi) and not it.is_decentralized(vmi):
            # No longer known as a cross-cluster migration, so the guest just ended, in everybody's eyes.
            ended = deepcopy(vmi)
            it.set_phase(ended, "Succeeded", self.site.now())
            await self._api.update(VMIS, ended)
        return None

    def _source_pod(self, vmi: Object) -> Object | None:
        name = it.migration_state(vmi).get("sourcePod", "")
        return self.store("pods").get(name, vmi["metadata"]["namespace"]) if name else None

    def _forget(self, key: str, why: str) -> None:
        self._exits.pop(key, None)
        copy = self._copies.pop(key, None)
        if copy is not None:
            copy.die(why)

    def _on_fault(self, name: str) -> None:
        if name == them.COPY_FAILURE:
            for copy in self._copies.values():
                copy.look_at_faults()
        for vmi in self.store(VMIS).list():
            self.enqueue(key_of(vmi))
