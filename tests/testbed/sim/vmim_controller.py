# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-controller's work on VirtualMachineInstanceMigrations: one look acts on the VMI, then moves the phase."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import datetime
from typing import TYPE_CHECKING

from ..controller import Controller, itself, key_of, split_key
from ..kube import ApiError
from ..resources import Object
from . import json_patch
from . import vmi as it
from . import vmim as job
from . import vmim_phase as phases
from .launcher import NoHostModel
from .launcher_image import launcher_image
from .vmim_garbage import surplus
from .vmim_steps import Steps

if TYPE_CHECKING:
    from ..site import Site

VMIMS = "virtualmachineinstancemigrations"
VMIS = "virtualmachineinstances"


class VmimController(Controller):
    """Both sides of a cross-cluster migration, and local ones as far as the target pod."""

    name = "virt-controller migrations"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.api = site.api("kubevirt-controller")
        self._steps = Steps(self)
        self._handed_off: set[str] = set()
        self._addresses: list[str] = []

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {
            VMIMS: itself,
            VMIS: self._of_vmi,
            "pods": _of_pod,
            "kubevirts": self._of_kubevirt,
            "nodes": lambda node: (),
            "namespaces": lambda namespace: (),
            "migrationpolicies": lambda policy: (),
            "persistentvolumeclaims": lambda claim: (),
        }

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        vmim = self.store(VMIMS).get(name, namespace)
        if vmim is None:
            self._handed_off.discard(key)
            return None
        if it.annotated(vmim).get(it.STORAGE_API) != "v1":
            await self._mark(vmim)
            return None
        vmi = self.store(VMIS).get(vmim["spec"]["vmiName"], namespace)
        if vmi is None:
            await self._drop_orphan(vmim)
            return None
        return await self._work_on(key, vmim, vmi)

    async def _work_on(self, key: str, vmim: Object, vmi: Object) -> float | None:
        """As in KubeVirt the status moves on even when the step before it failed; the error comes after."""
        pod = self.target_pod(vmim, vmi)
        pause, failure = None, None
        try:
            vmi, pause = await self._steps.take(key, vmim, vmi, pod)
        except (ApiError, NoHostModel, ValueError) as error:
            failure = error
        await self._update_status(vmim, vmi, pod, failure)
        if failure is not None:
            raise failure
        if it.is_final(vmim):
            await self._after_end(vmi)
        return pause

    async def _update_status(self, vmim: Object, vmi: Object, pod: Object | None, failure: Exception | None) -> None:
        made = phases.decide(self._seen(vmim, vmi, pod, failure))
        if made.why:
            self.site.log(f"{self.name} {key_of(vmim)}: failed: {made.why}")
        if made.delete_pod and (current := self.current_pod(vmi)) is not None:
            await self.api.delete("pods", current["metadata"]["name"], current["metadata"]["namespace"])
        if made.list_volumes:
            await self._steps.list_volumes(vmi)
        if made.stamp_pod and pod is not None:
            await self._stamp(pod, it.migration_state(vmi)["targetNodeDomainReadyTimestamp"])
        if made.status != it.status(vmim):
            # Finalizers follow in the next look: this write has made the version seen here an old one.
            await self.api.update_status(VMIMS, {**vmim, "status": made.status})
        elif made.finalizers != it.finalizers(vmim):
            changed = deepcopy(vmim)
            changed["metadata"]["finalizers"] = made.finalizers
            await self.api.update(VMIMS, changed)

    def _seen(self, vmim: Object, vmi: Object, pod: Object | None, failure: Exception | None) -> phases.Seen:
        current = self.current_pod(vmi)
        return phases.Seen(
            vmim=vmim,
            vmi=vmi,
            pod=pod,
            source_pod=current["metadata"]["name"] if current else "",
            may_migrate=self.may_migrate(vmim, vmi),
            handed_off=self.is_handed_off(vmim, vmi),
            quota_error="exceeded quota" in str(failure),
            addresses=it.status(self.kubevirt() or {}).get("synchronizationAddresses"),
            now=self.site.now(),
        )

    async def _mark(self, vmim: Object) -> None:
        """The first write to any object: the API version it was seen in, and the label it is found by."""
        marked = deepcopy(vmim)
        meta = marked["metadata"]
        meta.setdefault("annotations", {}).update({it.LATEST_API: "v1", it.STORAGE_API: "v1"})
        meta.setdefault("labels", {}).setdefault(job.VMI_NAME, vmim["spec"]["vmiName"])
        await self.api.update(VMIMS, marked)

    async def _drop_orphan(self, vmim: Object) -> None:
        """Without a VMI the migration is deleted, and then forgotten: nobody takes its finalizers off any more."""
        if not it.deleting(vmim):
            await self.api.delete(VMIMS, vmim["metadata"]["name"], vmim["metadata"]["namespace"])

    async def _stamp(self, pod: Object, ready: str) -> None:
        moment = datetime.fromisoformat(ready).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
        path = f"/metadata/annotations/{json_patch.escape(job.READY_TIME)}"
        await json_patch.apply(self.api, "pods", pod, json_patch.add(path, moment))

    async def _after_end(self, vmi: Object) -> None:
        """Old migrations of this VMI go, and a place is free for one that waits."""
        for old in surplus(self._finished(vmi), vmi["metadata"]["name"]):
            if old.pod:
                await self.api.delete("pods", old.pod, old.namespace)
            await self.api.delete(VMIMS, old.name, old.namespace)
        for waiting in self.store(VMIMS).list(where=lambda one: it.phase(one) == "Pending"):
            self.enqueue(key_of(waiting))

    def launcher_image(self) -> str:
        return launcher_image(self.site)

    def kubevirt(self) -> Object | None:
        """The one KubeVirt CR of the cluster."""
        return next(iter(self.store("kubevirts").list()), None)

    def current_pod(self, vmi: Object) -> Object | None:
        namespace = vmi["metadata"]["namespace"]
        return it.current_pod(vmi, self.store("pods").list(namespace, lambda pod: it.controlled_by(pod, vmi)))

    def target_pod(self, vmim: Object, vmi: Object) -> Object | None:
        """The pod made for this migration, as far as the cache knows it."""
        wanted = {it.CREATED_BY: job.uid(vmi), job.JOB_UID: job.uid(vmim)}
        pods = self.store("pods").list(
            vmi["metadata"]["namespace"], lambda pod: wanted.items() <= it.labels(pod).items()
        )
        return next(iter(pods), None)

    def may_migrate(self, vmim: Object, vmi: Object) -> bool:
        """No other open migration holds the VMI's state."""
        holder = it.migration_state(vmi).get("migrationUid", "")
        return job.may_migrate(vmim, vmi, self.store(VMIMS).list(where=lambda one: job.uid(one) == holder))

    def is_handed_off(self, vmim: Object, vmi: Object) -> bool:
        return job.owns_state(vmi, vmim) or key_of(vmim) in self._handed_off

    def note_hand_off(self, vmim: Object) -> None:
        """So that a cancel right after it is not judged by a VMI seen before it."""
        self._handed_off.add(key_of(vmim))

    def _finished(self, vmi: Object) -> list[Object]:
        name = vmi["metadata"]["name"]
        return self.store(VMIMS).list(
            vmi["metadata"]["namespace"], lambda one: it.is_final(one) and one["spec"]["vmiName"] == name
        )

    def _of_vmi(self, vmi: Object) -> list[str]:
        found = self.store(VMIMS).list(
            vmi["metadata"]["namespace"], lambda one: one["spec"]["vmiName"] == vmi["metadata"]["name"]
        )
        return [key_of(one) for one in found]

    def _of_kubevirt(self, kubevirt: Object) -> list[str]:
        """Open migrations show the new addresses at once."""
        addresses = it.status(kubevirt).get("synchronizationAddresses") or []
        if addresses == self._addresses:
            return []
        self._addresses = addresses
        return [key_of(one) for one in self.store(VMIMS).list(where=lambda one: not it.is_final(one))]


def _of_pod(pod: Object) -> list[str]:
    name = it.annotated(pod).get(job.JOB_NAME)
    return [f"{pod['metadata']['namespace']}/{name}"] if name else []
