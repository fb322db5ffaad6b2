# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-controller's part for VirtualMachineInstances: the launcher pod and what its state means."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from ..controller import Controller, itself, key_of, owner, split_key
from ..kube import ApiError, Conflict, NotFound
from ..resources import Object
from . import json_patch, launcher
from . import vmi as it
from .expectations import Expectations
from .launcher_image import launcher_image
from .launcher_volumes import claims, claims_of
from .vmi_controller_status import Seen, is_patched, next_state, patch

if TYPE_CHECKING:
    from ..site import Site
    from ..store import EventType

VMIS = "virtualmachineinstances"
_RETRY = 1.0
_LOOK_AGAIN = 10.0
"""Seconds until an interface nobody reported is looked for once more."""


class VmiController(Controller):
    """One pass: pods made, patched or deleted as the instance wants it; then the instance's own state."""

    name = "virt-controller-vmi"
    # Gone since the cache was told.
    forgives: ClassVar[tuple[type[Exception], ...]] = (NotFound,)

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.api = site.api("kubevirt-controller")
        self._made = Expectations()

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {
            VMIS: itself,
            "pods": owner("VirtualMachineInstance"),
            "virtualmachines": itself,
            "persistentvolumeclaims": self._users_of_claim,
        }

    async def start(self) -> None:
        self.store("pods").subscribe(self._observe)
        await self.store("virtualmachineinstancemigrations").synced()

    def _observe(self, _event: EventType, _old: Object | None, pod: Object) -> None:
        for key in owner("VirtualMachineInstance")(pod):
            self._made.met(key, pod["metadata"]["uid"])

    def _users_of_claim(self, claim: Object) -> Iterable[str]:
        meta = claim["metadata"]
        users = self.store(VMIS).list(meta["namespace"], lambda vmi: meta["name"] in claims(vmi["spec"]).values())
        return [key_of(vmi) for vmi in users]

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        vmi = self.store(VMIS).get(name, namespace)
        if vmi is None:
            self._made.forget(key)
            return None
        if it.LATEST_API not in it.annotated(vmi):
            vmi["metadata"]["annotations"] = it.annotated(vmi) | {it.LATEST_API: "v1", it.STORAGE_API: "v1"}
            await self.api.update(VMIS, vmi)
            return None
        if key in self._made:
            return _RETRY
        pods = self.store("pods").list(namespace, lambda pod: it.controlled_by(pod, vmi))
        pod, error, reason = it.current_pod(vmi, pods), "", ""
        try:
            pod = await self._sync(key, vmi, pod, pods)
        except Conflict:
            raise
        except ApiError as failed:
            error, reason = f"failed to create virtual machine pod: {failed.message}", "FailedCreate"
        except LookupError as missing:
            error, reason = str(missing.args[0]), "FailedPvcNotFound"
        await self._write(vmi, self._seen(vmi, pod, pods, error, reason))
        if error:
            return _RETRY
        return _LOOK_AGAIN if it.has_condition(vmi, "MigrationRequired", "False") else None

    async def _sync(self, key: str, vmi: Object, pod: Object | None, pods: list[Object]) -> Object | None:
        if it.deleting(vmi):
            await asyncio.gather(*(self._delete(one) for one in pods))
            return pod
        if it.is_final(vmi) or (it.is_receiver(vmi) and it.TARGET_NODE_NAME not in it.labels(vmi)):
            return pod
        if pod is None:
            return await self._create(key, vmi) if self._may_start(vmi) else None
        if it.pod_ready(pod) and launcher.EVICT_ONLY not in it.annotated(pod):
            meta = pod["metadata"]
            note = {"metadata": {"annotations": {launcher.EVICT_ONLY: ""}}}
            return await self.api.patch("pods", meta["name"], note, meta["namespace"])
        return pod

    def _may_start(self, vmi: Object) -> bool:
        """Once, while it is new, with its claims there and no migration of it under way."""
        if not it.is_unprocessed(vmi):
            return False
        meta = vmi["metadata"]
        for claim in claims(vmi["spec"]).values():
            if self.store("persistentvolumeclaims").get(claim, meta["namespace"]) is None:
                raise LookupError(f"failed to render launch manifest: didn't find PVC {claim}")
        open_ = self.store("virtualmachineinstancemigrations").list(
            meta["namespace"],
            lambda vmim: (
                vmim["spec"].get("vmiName") == meta["name"]
                and it.phase(vmim) not in ("", "Pending", "WaitingForSync", "Synchronizing", "Succeeded", "Failed")
            ),
        )
        return not open_

    async def _create(self, key: str, vmi: Object) -> Object:
        made = await self.api.create("pods", launcher.render(vmi, launcher_image(self.site)))
        if self.store("pods").get(made["metadata"]["name"], made["metadata"]["namespace"]) is None:
            self._made.expect(key, made["metadata"]["uid"])
        return made

    async def _delete(self, pod: Object) -> None:
        meta = pod["metadata"]
        if not it.deleting(pod):
            await self.api.delete("pods", meta["name"], meta["namespace"], uid=meta["uid"])

    def _seen(self, vmi: Object, pod: Object | None, pods: list[Object], error: str, reason: str) -> Seen:
        meta = vmi["metadata"]
        vm = self.store("virtualmachines").get(meta["name"], meta["namespace"])
        owned = pods if pod is None or any(one["metadata"]["uid"] == pod["metadata"]["uid"] for one in pods) else [pod]
        return Seen(
            pod,
            owned,
            claims_of(self.store("persistentvolumeclaims"), vmi),
            has_owner=vm is not None and it.controlled_by(vmi, vm),
            error=error,
            error_reason=reason,
        )

    async def _write(self, vmi: Object, seen: Seen) -> None:
        new = next_state(vmi, seen, self.site.now())
        if seen.pod is not None:
            await self._follow(vmi, seen.pod)
        if is_patched(vmi):
            await json_patch.apply(self.api, VMIS, vmi, patch(vmi, new))
        elif new != vmi:
            await self.api.update(VMIS, new)

    async def _follow(self, vmi: Object, pod: Object) -> None:
        """Tell the pod whether the guest is paused (its readiness gate), and its node by a label."""
        meta = pod["metadata"]
        if not it.has_condition(pod, it.UNPAUSED):
            now = self.site.now()
            told = it.make_condition(
                it.UNPAUSED, "True", now, reason="NotPaused", message="the virtual machine is not paused"
            )
            changed = copy.deepcopy(pod)
            it.update_condition(changed, told)
            await self.api.update_status("pods", changed)
        node = it.labels(vmi).get(it.NODE_NAME)
        if node and it.labels(pod).get(it.NODE_NAME) != node:
            note = {"metadata": {"labels": {it.NODE_NAME: node}}}
            await self.api.patch("pods", meta["name"], note, meta["namespace"])
