# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virt-controller does for a migration in each of its phases, before it looks whether the phase is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..controller import key_of
from ..resources import Object
from . import json_patch, vmim_configuration, vmim_limits, vmim_target_pod
from . import vmi as it
from . import vmim as job
from . import vmim_writes as writes

if TYPE_CHECKING:
    from .vmim_controller import VmimController

VMIMS = "virtualmachineinstancemigrations"
VMIS = "virtualmachineinstances"
_SEEN_SECONDS = 5.0

Took = tuple[Object, float | None]
"""The VMI as this look goes on with it, and the pause until the next one."""


class Steps:
    """Belongs to one controller, whose API client and caches it uses."""

    def __init__(self, controller: VmimController) -> None:
        self._the = controller
        self._api = controller.api
        # The limits count what runs; two migrations must not count the same free place.
        self._starting = asyncio.Lock()

    async def take(self, key: str, vmim: Object, vmi: Object, pod: Object | None) -> Took:
        if it.deleting(vmi) or (job.owns_state(vmi, vmim) and it.migration_completed(vmi)):
            return vmi, None
        if not self._the.may_migrate(vmim, vmi):
            raise ValueError("vmi is ineligible for migration because another migration job is running")
        match it.phase(vmim):
            case "WaitingForSync":
                return await self._begin(vmi, writes.begin_target(vmi, vmim)), None
            case "Synchronizing":
                return await self._begin(vmi, writes.begin_source(vmi, vmim)), None
            case "Pending":
                return vmi, await self._pending(vmim, vmi, pod)
            case "Scheduling":
                return vmi, await self._scheduling(vmim, vmi, pod)
            case phase:
                await self._later(phase, vmim, vmi, pod)
                return vmi, None

    async def _later(self, phase: str, vmim: Object, vmi: Object, pod: Object | None) -> None:
        match phase:
            case "Scheduled":
                await self._scheduled(vmim, vmi, pod)
            case "PreparingTarget" | "TargetReady":
                await self._guard_target(vmim, vmi, pod)
            case "Running" if it.deleting(vmim) and job.synchronized(vmi, vmim):
                await json_patch.apply(self._api, VMIS, vmi, writes.request_abort(vmi))
            case "Failed":
                await self._fail_target(vmim, vmi)

    async def _begin(self, old: Object, new: Object) -> Object:
        """KubeVirt changes its cached VMI in place, so the phase is judged by the new state at once."""
        await json_patch.apply(self._api, VMIS, old, writes.patch(old, new))
        return new

    async def _pending(self, vmim: Object, vmi: Object, pod: Object | None) -> float | None:
        if it.deleting(vmim):
            await self._cancel(pod)
        elif not job.makes_target_pod(vmim):
            return None
        elif pod is None:
            vmi = await json_patch.apply(self._api, VMIS, vmi, writes.run_as_nonroot(vmi))
            async with self._starting:
                return await self._start(vmim, vmi)
        elif not it.pod_ready(pod):
            return await self._time_out(vmim, pod)
        return None

    async def _scheduling(self, vmim: Object, vmi: Object, pod: Object | None) -> float | None:
        if it.deleting(vmim):
            await self._cancel(pod)
            return None
        if job.is_source(vmim) and it.phase(vmi) == "Running":
            node = self._the.store("nodes").get(it.status(vmi).get("nodeName", ""))
            told = writes.tell_source(vmi, vmim, vmim_target_pod.node_selectors(node))
            await json_patch.apply(self._api, VMIS, vmi, writes.patch(vmi, told))
        return await self._time_out(vmim, pod) if pod is not None else None

    async def _scheduled(self, vmim: Object, vmi: Object, pod: Object | None) -> None:
        if it.deleting(vmim) and not self._the.is_handed_off(vmim, vmi):
            await self._cancel(pod)
        elif pod is not None and it.pod_ready(pod) and not job.owns_state(vmi, vmim):
            configuration, policy = self._configuration(vmi)
            new = writes.hand_off(vmi, vmim, pod, configuration, policy)
            await json_patch.apply(self._api, VMIS, vmi, writes.patch(vmi, new))
            self._the.note_hand_off(vmim)

    async def _guard_target(self, vmim: Object, vmi: Object, pod: Object | None) -> None:
        """A target pod that dies before the copy begins takes the migration with it."""
        lost = pod is None or it.pod_is_down(pod)
        state = it.migration_state(vmi)
        begun = any(state.get(part) for part in ("startTimestamp", "failed", "completed"))
        if job.makes_target_pod(vmim) and lost and job.synchronized(vmi, vmim) and not begun:
            await json_patch.apply(self._api, VMIS, vmi, writes.mark_failed(vmi, vmim, self._the.site.now()))

    async def _fail_target(self, vmim: Object, vmi: Object) -> None:
        known = job.synchronized(vmi, vmim)
        if job.makes_target_pod(vmim) and known and not it.migration_state(vmi).get("failed"):
            await json_patch.apply(self._api, VMIS, vmi, writes.mark_failed(vmi, vmim, self._the.site.now()))

    async def _start(self, vmim: Object, vmi: Object) -> float | None:
        """The target pod, if the limits let it; seconds until the next try otherwise."""
        pods = self._the.store("pods").list(
            where=lambda pod: job.JOB_UID in it.labels(pod) or it.controlled_by(pod, vmi)
        )
        if vmim_limits.living_pods(vmi, pods) > 1:
            return vmim_limits.BUSY_PAUSE
        busy = vmim_limits.running(self._the.store(VMIMS).list(where=lambda one: not it.is_final(one)), pods)
        keys = {job.vmi_key(one) for one in busy}
        vmis = {key_of(one): one for one in self._the.store(VMIS).list(where=lambda one: key_of(one) in keys)}
        limits = vmim_configuration.of_cluster(self._the.kubevirt())
        if vmim_limits.is_full(vmi, busy, vmis, limits):
            return vmim_limits.FULL_PAUSE
        if it.phase(vmi) == "Running" or job.is_target(vmim):
            await self._create(vmim, vmi, limits.get("matchSELinuxLevelOnMigration", True))
        return None

    async def _create(self, vmim: Object, vmi: Object, match_selinux: bool) -> None:
        if job.is_target(vmim):
            labels = it.side(vmi, "sourceState").get("nodeSelectors") or {}
        else:
            node = self._the.store("nodes").get(it.status(vmi).get("nodeName", ""))
            labels = it.labels(node) if node else {}
        wanted = vmim_target_pod.target_pod(
            vmi, vmim, self._the.launcher_image(), source_labels=labels, match_selinux=match_selinux
        )
        made = await self._api.create("pods", wanted)
        meta = made["metadata"]
        store = self._the.store("pods")
        # Until the cache shows it, another look would make a second pod.
        await store.until(lambda: store.get(meta["name"], meta["namespace"]) is not None, _SEEN_SECONDS)

    async def _time_out(self, vmim: Object, pod: Object) -> float | None:
        left = vmim_target_pod.seconds_left(pod, vmim)
        if left == 0:
            await self._cancel(pod)
            return None
        return left

    async def _cancel(self, pod: Object | None) -> None:
        if pod is not None and not it.deleting(pod):
            await self._api.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])

    async def list_volumes(self, vmi: Object) -> None:
        claims = self._the.store("persistentvolumeclaims").list(vmi["metadata"]["namespace"])
        by_name = {claim["metadata"]["name"]: claim for claim in claims}
        await json_patch.apply(self._api, VMIS, vmi, writes.list_volumes(vmi, by_name))

    def _configuration(self, vmi: Object) -> tuple[Object, str | None]:
        namespace = self._the.store("namespaces").get(vmi["metadata"]["namespace"])
        policies = self._the.store("migrationpolicies").list()
        return vmim_configuration.resolve(
            self._the.kubevirt(), policies, it.labels(vmi), it.labels(namespace) if namespace else {}
        )
