# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-operator: brings a cluster to what its KubeVirt CR says, and says in the CR how far it is.

One reconcile is one pass over everything; what a pass does and in which order decides what users see
(CA renewal before rollouts, addresses only after them, the inbox emptied in every pass).
"""

from __future__ import annotations

import asyncio
import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

from ..controller import Controller, itself, split_key
from ..faults import register
from ..resources import Object
from ..site import Site
from . import kubevirt_conditions as conditions
from .kubevirt_addresses import addresses
from .kubevirt_config import REGISTRY, Target, target
from .kubevirt_crds import generations
from .kubevirt_workloads import API, CONTROLLER, HANDLER, SYNCHRONIZATION
from .virt_operator_apply import BUDGETS, DAEMON_SETS, DEPLOYMENTS, Applier
from .virt_operator_trust import CA, INBOX, RENEWAL, Trust, names

FINALIZER = "kubevirt.io/foregroundDeleteKubeVirt"
# Written out by the operator's own type whenever it updates the CR.
_ALWAYS_THERE = ("certificateRotateStrategy", "configuration", "customizeComponents", "workloadUpdateStrategy")
# How often certificates are looked at without any other reason.
_IDLE_SECONDS = 60.0

STRATEGY = register("strategy-stuck", "the job that makes virt-operator's install strategy does not end")


class VirtOperator(Controller):
    """Of one cluster; there is one KubeVirt CR."""

    name = "virt-operator"
    workers = 1

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._api = site.api("kubevirt-operator")
        self._trust = Trust(site)
        self._applier = Applier(site)
        self._key = f"{site.kubevirt_namespace}/{site.kubevirt_name}"
        self._strategies: dict[str, float] = {}  # by deployment id: when its install strategy is there

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        if not self.site.settings.kubevirt:
            return {}
        return {
            "kubevirts": itself,
            DEPLOYMENTS: self._named(API, CONTROLLER, SYNCHRONIZATION),
            DAEMON_SETS: self._named(HANDLER),
            BUDGETS: self._named(f"{SYNCHRONIZATION}-pdb"),
            "secrets": self._named(*names()),
            "configmaps": self._named(CA, INBOX),
            "leases": self._named(SYNCHRONIZATION),
            "pods": lambda pod: [self._key] if _is_synchronization(pod) else [],
        }

    async def start(self) -> None:
        self.site.faults.subscribe(lambda name: self.enqueue(self._key) if name in (RENEWAL, STRATEGY) else None)

    def unready(self) -> str | None:
        if not self.site.settings.kubevirt:
            return None
        kubevirt = self.store("kubevirts").get(self.site.kubevirt_name, self.site.kubevirt_namespace)
        if kubevirt is None:
            return "no KubeVirt CR"
        return None if _settled(kubevirt) else f"KubeVirt is {kubevirt.get('status', {}).get('phase', 'new')}"

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        kubevirt = self.store("kubevirts").get(name, namespace)
        if kubevirt is None:
            return None
        if "deletionTimestamp" in kubevirt["metadata"]:
            await self._remove(kubevirt)
            return None
        if FINALIZER not in kubevirt["metadata"].get("finalizers", []):
            await self._adopt(kubevirt)
            return None
        return await self._pass(kubevirt, target(kubevirt, self.site.kubevirt_version))

    async def _pass(self, kubevirt: Object, wanted: Target) -> float | None:
        status = copy.deepcopy(kubevirt.get("status", {}))
        left = self._strategy(status, wanted)
        if left > 0:
            self._tell_progress(status, wanted)
            await self._write(kubevirt, status)
            return min(left, _IDLE_SECONDS)
        stripped = await self._trust.reconcile(kubevirt, wanted)
        rolled_out = await self._applier.reconcile(kubevirt, wanted, status)
        if rolled_out and not stripped:
            self._tell_done(kubevirt, status, wanted)
        elif not _settled(kubevirt):
            self._tell_progress(status, wanted)
        await self._write(kubevirt, status)
        return 0.01 if stripped else _IDLE_SECONDS

    def _strategy(self, status: Object, wanted: Target) -> float:
        """Seconds until the install strategy of the deployment is there; each is made only once."""
        now = asyncio.get_running_loop().time()
        # The first one counts as made: nobody waits for a fresh installation to learn anything from it.
        self._strategies.setdefault(status.get("observedDeploymentID", wanted.id), now)
        if self._strategies.get(wanted.id, math.inf) == math.inf:
            stuck = self.site.faults.get(STRATEGY) is not None
            self._strategies[wanted.id] = math.inf if stuck else now + self.site.settings.strategy_seconds
        return self._strategies[wanted.id] - now

    def _tell_progress(self, status: Object, wanted: Target) -> None:
        now = self.site.now()
        observed = status.get("observedDeploymentID")
        _tell_target(status, wanted)
        if status.get("phase") == "Deployed" and observed != wanted.id:
            conditions.updating(status, status["observedKubeVirtVersion"], wanted.version, REGISTRY, now)
            return
        status.setdefault("phase", "Deploying")
        conditions.deploying(status, wanted.version, REGISTRY, now)

    def _tell_done(self, kubevirt: Object, status: Object, wanted: Target) -> None:
        _tell_target(status, wanted)
        conditions.available(status, self.site.now())
        lease = self.store("leases").get(SYNCHRONIZATION, kubevirt["metadata"]["namespace"])
        pods = self.store("pods").list(kubevirt["metadata"]["namespace"], _is_synchronization)
        found = addresses(kubevirt, lease, pods)
        status.pop("synchronizationAddresses", None)
        status |= {"synchronizationAddresses": found} if found else {}
        status |= {
            "phase": "Deployed",
            "observedGeneration": kubevirt["metadata"]["generation"],
            "observedDeploymentConfig": wanted.config,
            "observedDeploymentID": wanted.id,
            "observedKubeVirtRegistry": REGISTRY,
            "observedKubeVirtVersion": wanted.version,
            "outdatedVirtualMachineInstanceWorkloads": 0,
        }

    async def _write(self, kubevirt: Object, status: Object) -> None:
        if status != kubevirt.get("status"):
            await self._api.update_status("kubevirts", {**kubevirt, "status": status})

    async def _adopt(self, kubevirt: Object) -> None:
        """The first update of a new CR: finalizer, and the parts of the spec that are never absent."""
        meta = kubevirt["metadata"]
        meta["finalizers"] = [*meta.get("finalizers", []), FINALIZER]
        observed = ("latest-observed-api-version", "storage-observed-api-version")
        meta["annotations"] = meta.get("annotations", {}) | {f"kubevirt.io/{each}": "v1" for each in observed}
        kubevirt["spec"] = {each: {} for each in _ALWAYS_THERE} | kubevirt["spec"]
        await self._api.update("kubevirts", kubevirt)

    def _named(self, *wanted: str) -> Callable[[Object], Iterable[str]]:
        """Objects of these names in KubeVirt's namespace wake the one pass there is."""

        def wakes(obj: Object) -> Iterable[str]:
            meta = obj["metadata"]
            ours = meta.get("namespace") == self.site.kubevirt_namespace and meta["name"] in wanted
            return [self._key] if ours else []

        return wakes

    async def _remove(self, kubevirt: Object) -> None:
        """The CR is being deleted: everything of KubeVirt's goes first."""
        meta = kubevirt["metadata"]
        if FINALIZER not in meta.get("finalizers", []):
            return
        for name in (API, CONTROLLER, SYNCHRONIZATION):
            await self._api.delete(DEPLOYMENTS, name, meta["namespace"])
            await self._api.delete(BUDGETS, f"{name}-pdb", meta["namespace"])
        await self._api.delete(DAEMON_SETS, HANDLER, meta["namespace"])
        for name in names():
            await self._api.delete("secrets", name, meta["namespace"])
        for name in (CA, INBOX):
            await self._api.delete("configmaps", name, meta["namespace"])
        meta["finalizers"] = [each for each in meta["finalizers"] if each != FINALIZER]
        await self._api.update("kubevirts", kubevirt)


def _tell_target(status: Object, wanted: Target) -> None:
    status |= {
        "defaultArchitecture": "amd64",
        "operatorVersion": wanted.version,
        "targetDeploymentConfig": wanted.config,
        "targetDeploymentID": wanted.id,
        "targetKubeVirtRegistry": REGISTRY,
        "targetKubeVirtVersion": wanted.version,
    }
    status.setdefault("generations", generations())


def _settled(kubevirt: Object) -> bool:
    """The CR's own generation is what is deployed."""
    status: dict[str, Any] = kubevirt.get("status", {})
    observed = status.get("observedGeneration") == kubevirt["metadata"]["generation"]
    return status.get("phase") == "Deployed" and observed


def _is_synchronization(pod: Object) -> bool:
    return (pod["metadata"].get("labels") or {}).get("kubevirt.io") == SYNCHRONIZATION
