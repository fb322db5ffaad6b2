# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-handler on the node a guest moves to: it opens ports, reports the guest's arrival and ends the migration."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import TYPE_CHECKING

from ..controller import Controller, itself, key_of, split_key
from ..resources import Object
from . import handler_migration_guest as them
from . import vmi as it
from . import vmim as job
from .handler_migration_arrival import Arrivals
from .handler_node import handler_runs
from .handler_vmi import report_guest
from .launcher_end import end_pod

if TYPE_CHECKING:
    from ..site import Site

VMIS = "virtualmachineinstances"
_LOOK_AGAIN = 1.0


class HandlerMigrationTarget(Controller):
    """All handlers of a site, each for the instances labelled with its node as their target."""

    name = "virt-handler-migration-target"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._api = site.api("kubevirt-handler")
        self._arrivals = Arrivals(site, self.enqueue)
        self._ending: set[asyncio.Task[None]] = set()

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {VMIS: itself, "pods": _of_pod, "persistentvolumeclaims": lambda claim: ()}

    async def start(self) -> None:
        self.site.faults.subscribe(self._on_fault)

    async def stop(self) -> None:
        for ending in self._ending:
            ending.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)
        self._arrivals.close_all()

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        vmi = self.store(VMIS).get(name, namespace)
        if vmi is None or it.is_final(vmi) or it.deleting(vmi):
            self._arrivals.drop(key)
            return None
        node = it.labels(vmi).get(it.TARGET_NODE_NAME, "")
        if not handler_runs(self.site, node) or not it.migration_state(vmi):
            return None
        guest = self._arrivals.guest(vmi)
        await self._watch_launcher(vmi)
        if guest is not None and guest.state == "crashed" and not self._cleans_up_after(vmi):
            return None
        return await self._sync(vmi, node, guest)

    def _cleans_up_after(self, vmi: Object) -> bool:
        """A dead domain is of interest only while a migration is aborted or once it is over."""
        return them.aborting(vmi) or (it.is_decentralized(vmi) and them.is_done(vmi))

    async def _sync(self, vmi: Object, node: str, guest: them.Guest | None) -> float | None:
        new = deepcopy(vmi)
        pause = self._abort(new, guest)
        if them.is_done(new):
            await self._clean_up(vmi, new)
            return None
        if them.needs_finalization(new):
            if pause := self._rest(new):
                return pause
            self._finalize(new, guest)
        else:
            pause = self._prepare(new, node) or pause
        self._report(new, node, guest)
        if new != vmi:
            await self._api.update(VMIS, new)
        return pause

    def _abort(self, new: Object, guest: them.Guest | None) -> float | None:
        """Wait for the source to say that it stopped, unless the guest has arrived: then the wish comes too late."""
        state = it.migration_state(new)
        if not it.is_decentralized(new) or not them.aborting(new) or (guest is not None and guest.active):
            return None
        if not state.get("endTimestamp"):
            return _LOOK_AGAIN
        state |= {"failed": True, "completed": True}
        state.setdefault("abortStatus", "Succeeded")
        state.setdefault("failureReason", "Live migration has been aborted")
        return None

    def _rest(self, vmi: Object) -> float | None:
        """Seconds until this round: the launcher is asked to finish in between."""
        return self._arrivals.rest(vmi)

    def _finalize(self, new: Object, guest: them.Guest | None) -> None:
        state = it.migration_state(new)
        if guest is None or not guest.active:
            state |= {"failed": True, "completed": True}
            return
        new["status"].pop("migratedVolumes", None)
        state["completed"] = True

    def _prepare(self, new: Object, node: str) -> float | None:
        """Make the launcher ready and open its ports; seconds until the next look while something is missing."""
        state = it.migration_state(new)
        if self._arrivals.ports(new):
            return None
        if it.is_receiver(new) and ("sourceState" not in state or not it.status(new).get("migrationTransport")):
            return _LOOK_AGAIN
        if it.phase(new) == "WaitingForSync":
            state.pop("startTimestamp", None)
        if it.is_migrating(new):
            return None
        return self._arrivals.prepare(new, node)

    def _report(self, new: Object, node: str, guest: them.Guest | None) -> None:
        state = it.migration_state(new)
        if state.get("failed"):
            return
        target = state.get("targetState")
        if guest is not None and guest.state != "crashed":
            self._report_guest(new, node, guest)
        ports = self._arrivals.ports(new)
        if (it.is_migrating(new) and not them.aborting(new)) or not ports or state.get("endTimestamp"):
            return
        address = them.told_address(self.site, node)
        if state.get("targetNodeAddress") != address:
            state |= {"targetNodeAddress": address, "targetDirectMigrationNodePorts": ports}
            if target is not None:
                target |= {"nodeAddress": address, "directMigrationNodePorts": dict(ports)}

    def _report_guest(self, new: Object, node: str, guest: them.Guest) -> None:
        state = it.migration_state(new)
        target = state.get("targetState", {})
        progress = guest.progress
        if it.is_decentralized(new) and progress.start and not state.get("startTimestamp"):
            state["startTimestamp"] = progress.start
        if it.phase(new) not in ("Scheduled", "Running"):
            # Not given to this node yet; virt-controller is on its way.
            return
        if not state.get("targetNodeDomainDetected"):
            state["targetNodeDomainDetected"] = target["domainDetected"] = True
            it.set_phase(new, "Running", self.site.now())
        elif guest.active and not state.get("targetNodeDomainReadyTimestamp"):
            now = self.site.now()
            state["targetNodeDomainReadyTimestamp"] = target["domainReadyTimestamp"] = now
            it.remove_condition(new, "MigrationRequired")
        elif guest.active and progress.end and not state.get("endTimestamp") and not self._arrivals.rest(new):
            self._acknowledge(new, node, progress.end)

    def _acknowledge(self, new: Object, node: str, end: str) -> None:
        """The guest is this node's from now on."""
        state, status = it.migration_state(new), new["status"]
        state["endTimestamp"] = end
        new["metadata"]["labels"][it.NODE_NAME] = node
        status["nodeName"] = node
        status.pop("evacuationNodeName", None)
        status.pop("launcherContainerImageVersion", None)
        status["migrationTransport"] = "Unix"
        if overhead := state.get("targetMemoryOverhead"):
            status.setdefault("memory", {})["memoryOverhead"] = overhead

    async def _clean_up(self, vmi: Object, new: Object) -> None:
        """Last of all. A receiver whose migration failed stays one."""
        failed = bool(it.migration_state(new).get("failed"))
        if not failed and it.is_receiver(new):
            new["metadata"]["annotations"].pop(it.RECEIVER)
            claims = self.store("persistentvolumeclaims").list(vmi["metadata"]["namespace"])
            guest = self._arrivals.guest(vmi)
            known = {claim["metadata"]["name"]: claim for claim in claims}
            report_guest(new, known, self.site.now(), guest.macs if guest else {})
        new["metadata"]["labels"].pop(it.TARGET_NODE_NAME, None)
        await self._api.update(VMIS, new)
        self._arrivals.drop(key_of(vmi))
        if failed and (pod := self._target_pod(vmi)) is not None:
            ending = asyncio.create_task(self._end_launcher(pod))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def _end_launcher(self, pod: Object) -> None:
        """The launcher was told to leave; a little later its process ends without complaint."""
        await asyncio.sleep(self.site.settings.launcher_exit_seconds)
        await end_pod(self.site.api("kubelet"), pod, "Succeeded", self.site.now())

    async def _watch_launcher(self, vmi: Object) -> None:
        """A launcher pod that dies takes the guest with it; a guest that crashed takes the pod with it."""
        key, pod = key_of(vmi), self._target_pod(vmi)
        if pod is None or it.pod_is_down(pod) or it.deleting(pod):
            if self._arrivals.guest(vmi) is not None:
                self._arrivals.crash(key)
            return
        killed = not them.is_done(vmi) and self.site.faults.take(them.TARGET_DEATH, vm=key) is not None
        if killed:
            self._arrivals.crash(key)
        if killed or self._arrivals.launcher_is_due(key):
            await end_pod(self.site.api("kubelet"), pod, "Failed", self.site.now())

    def _target_pod(self, vmi: Object) -> Object | None:
        name = it.migration_state(vmi).get("targetPod", "")
        return self.store("pods").get(name, vmi["metadata"]["namespace"]) if name else None

    def _on_fault(self, name: str) -> None:
        if name == them.TARGET_DEATH:
            for vmi in self.store(VMIS).list():
                self.enqueue(key_of(vmi))


def _of_pod(pod: Object) -> list[str]:
    """A target pod concerns the instance that owns it."""
    owners = pod["metadata"].get("ownerReferences") or []
    if job.JOB_UID not in it.labels(pod):
        return []
    return [f"{pod['metadata']['namespace']}/{one['name']}" for one in owners]
