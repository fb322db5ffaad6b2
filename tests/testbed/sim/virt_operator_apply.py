# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-operator puts its workloads in place, in its order, and keeps the list of their generations."""

from __future__ import annotations

from ..resources import Object
from ..site import Site
from . import kubevirt_workloads as workloads
from .kubevirt_config import Target

DEPLOYMENTS = "deployments"
DAEMON_SETS = "daemonsets"
BUDGETS = "poddisruptionbudgets"
_GROUPS = {DEPLOYMENTS: "apps", DAEMON_SETS: "apps", BUDGETS: "apps"}


class Applier:
    """Applies what a CR asks for; one call is one pass."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._api = site.api("kubevirt-operator")
        self._written: dict[str, int] = {}  # generation our own last write gave each workload

    async def reconcile(self, kubevirt: Object, target: Target, status: Object) -> bool:
        """True when all is in place and rolled out; otherwise wait for what the objects will tell.

        virt-api first, and nothing else before it has rolled over: what is new must be validated before
        anything acts on it.
        """
        if not await self._deployment(workloads.api(kubevirt, target), kubevirt, target, status):
            return False
        done = [
            await self._deployment(workloads.controller(kubevirt, target), kubevirt, target, status),
            await self._synchronization(kubevirt, target, status),
            await self._handler(workloads.handler(kubevirt, target), status),
        ]
        return all(done)

    async def _synchronization(self, kubevirt: Object, target: Target, status: Object) -> bool:
        wanted = workloads.synchronization(kubevirt, target)
        if wanted is not None:
            return await self._deployment(wanted, kubevirt, target, status)
        namespace = kubevirt["metadata"]["namespace"]
        if self._site.store(DEPLOYMENTS).get(workloads.SYNCHRONIZATION, namespace) is None:
            return True
        # Whatever migrations still need it: nobody asks.
        await self._api.delete(DEPLOYMENTS, workloads.SYNCHRONIZATION, namespace)
        await self._api.delete(BUDGETS, f"{workloads.SYNCHRONIZATION}-pdb", namespace)
        return False

    async def _deployment(self, wanted: Object, kubevirt: Object, target: Target, status: Object) -> bool:
        known, before = await self._put(DEPLOYMENTS, wanted, status)
        set_generation(status, DEPLOYMENTS, known)
        if known["spec"]["replicas"] > 1:
            budget = workloads.disruption_budget(wanted, kubevirt, target)
            made, _ = await self._put(BUDGETS, budget, status)
            set_generation(status, BUDGETS, made)
        if before is not None and before["spec"]["template"] == known["spec"]["template"]:
            # Only annotations of the Deployment itself changed: no pod has to be waited for.
            return workloads.rolled_out(before)
        return workloads.rolled_out(known)

    async def _handler(self, wanted: Object, status: Object) -> bool:
        """Its generation is told only once every node has the new pod."""
        known, _ = await self._put(DAEMON_SETS, wanted, status)
        if not workloads.rolled_out(known):
            return False
        set_generation(status, DAEMON_SETS, known)
        return True

    async def _put(self, key: str, wanted: Object, status: Object) -> tuple[Object, Object | None]:
        """The object as it is now, and as it was when it had to be written over."""
        meta = wanted["metadata"]
        known = self._site.store(key).get(meta["name"], meta["namespace"])
        if known is None:
            made = await self._api.create(key, wanted)
            self._written[f"{key}/{meta['name']}"] = made["metadata"]["generation"]
            return made, None
        if not self._differs(key, known, wanted, status):
            return known, None
        before = {**known, "spec": dict(known["spec"])}
        has = known["metadata"]
        has["annotations"] = has.get("annotations", {}) | meta["annotations"]
        has["labels"] = has.get("labels", {}) | meta["labels"]
        made = await self._api.update(key, known | {"spec": wanted["spec"]})
        self._written[f"{key}/{meta['name']}"] = made["metadata"]["generation"]
        return made, before

    def _differs(self, key: str, known: Object, wanted: Object, status: Object) -> bool:
        """By virt-operator's own marks and the generation it remembers, not by content."""
        has = known["metadata"].get("annotations", {})
        if any(has.get(name) != value for name, value in wanted["metadata"]["annotations"].items()):
            return True
        name = known["metadata"]["name"]
        ours = {generation(status, key, name), self._written.get(f"{key}/{name}", 0)}
        return known["metadata"]["generation"] not in ours


def generation(status: Object, key: str, name: str) -> int:
    """The generation the status remembers of an object, 0 when it does not."""
    entries = status.get("generations", [])
    return next((int(each["lastGeneration"]) for each in entries if _is(each, key, name)), 0)


def set_generation(status: Object, key: str, obj: Object) -> None:
    """Remember the generation of an object; entries are never dropped."""
    meta = obj["metadata"]
    entries = status.setdefault("generations", [])
    entry = next((each for each in entries if _is(each, key, meta["name"])), None)
    if entry is None:
        entry = {"group": _GROUPS[key], "name": meta["name"], "namespace": meta["namespace"], "resource": key}
        entries.append(entry)
    entry["lastGeneration"] = meta["generation"]


def _is(entry: Object, key: str, name: str) -> bool:
    return bool(entry["resource"] == key and entry["name"] == name)
