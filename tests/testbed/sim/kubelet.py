# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kubelets of a cluster: pods bound to a node get their networks, run, become ready and end.

Any bound pod runs for ever. A simulator that wants a pod to end writes Succeeded or Failed itself; final
pods are left alone here, apart from giving back their addresses and going when deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from ..controller import Controller, itself, split_key
from ..faults import register
from ..kube import ApiError
from ..resources import Object
from ..site import Site
from . import node_network, pod_mounts, pod_status
from .cni import Cni, annotation, hardware_address
from .events import EventRecorder
from .handler_start import panics
from .multus import MultusError, default_entry, reported
from .node import DOWN, alive, internal_address
from .pod_addresses import PodAddresses

STUCK = register("pod-stuck", "pods stay in ContainerCreating", pod="namespace/name of the pod, wildcards allowed")

IDENTITY = "kubelet"


class Kubelet(Controller):
    """One for all nodes of a site; what happens on a node stops while the node is down."""

    name = "kubelet"
    workers = 8

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._cni = Cni(site.api("multus"), site.faults, lambda node: node_network.on(site, node))
        self._events = EventRecorder(site, "kubelet")
        self._addresses = PodAddresses()
        self._known: dict[str, Object] = {}  # last state of each bound pod, for what must be done after it
        self._due: dict[str, float] = {}  # by UID: when the pod's containers are up

    def watches(self) -> dict[str, Any]:
        return {"pods": itself, "nodes": self._on_node, "secrets": self._on_mounted, "configmaps": self._on_mounted}

    async def start(self) -> None:
        self.site.faults.subscribe(self._on_fault)
        for pod in self.store("pods").list():
            self._addresses.learn(pod)

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        pod = self.store("pods").get(name, namespace)
        before = self._known.get(key)
        if before is not None and (pod is None or pod["metadata"]["uid"] != before["metadata"]["uid"]):
            await self._clean_up(key, before)
        if pod is None or not pod["spec"].get("nodeName"):
            return None
        self._known[key] = pod
        if not alive(self.site, pod["spec"]["nodeName"]):
            return None
        if "deletionTimestamp" in pod["metadata"]:
            return await self._end(key, pod)
        match pod.get("status", {}).get("phase"):
            case "Pending":
                return await self._begin(key, pod)
            case "Running":
                await self._follow_gates(pod)
            case _:
                await self._clean_up(key, pod)
        return None

    async def _begin(self, key: str, pod: Object) -> float | None:
        node = self.store("nodes").get(pod["spec"]["nodeName"])
        if node is None:
            return None
        clock = asyncio.get_running_loop().time
        due = self._due.setdefault(pod["metadata"]["uid"], clock() + self.site.settings.pod_start_seconds)
        if not pod["status"].get("startTime"):
            pod["status"] = pod_status.creating(pod, internal_address(node), self.site.now())
            await self.site.api(IDENTITY).update_status("pods", pod)
        if self.site.faults.get(STUCK, pod=key) is not None:
            return None
        if (left := due - clock()) > 0:
            return left
        if not await self._mount(pod):
            return None  # the event of what is missing brings the pod back
        return await self._run(key, pod, node)

    async def _mount(self, pod: Object) -> bool:
        """Everything to be mounted is there; False after telling in an event what is not."""
        namespace = pod["metadata"]["namespace"]
        lacks = pod_mounts.missing(pod, lambda kind, name: self.store(kind).get(name, namespace) is not None)
        for text in lacks:
            await self._events.warn("Pod", pod, "FailedMount", text)
        return not lacks

    async def _run(self, key: str, pod: Object, node: Object) -> float | None:
        """Networks, then containers: two writes, as the annotation is multus' and the status the kubelet's."""
        if pod["spec"].get("hostNetwork"):
            addresses = [internal_address(node)]
        else:
            addresses = [self._addresses.take(pod, ip_network(node["spec"]["podCIDR"]))]
            if not reported(pod) and self.site.settings.cni:
                if not await self._attach(key, pod, addresses):
                    return self.site.settings.sandbox_retry_seconds
                return None  # the annotation's own event brings the pod back
        if panics(pod):
            pod["status"] = pod_status.crashing(pod, addresses, self.site.now())
        else:
            pod["status"] = pod_status.running(pod, addresses, self.site.now())
        await self.site.api(IDENTITY).update_status("pods", pod)
        self._due.pop(pod["metadata"]["uid"], None)
        return None

    async def _attach(self, key: str, pod: Object, addresses: list[str]) -> bool:
        """Write network-status; False after telling in an event why the sandbox cannot be made."""
        meta = pod["metadata"]
        try:
            further = await self._cni.attach(pod)
        except MultusError as error:
            await self._events.warn(
                "Pod",
                pod,
                "FailedCreatePodSandBox",
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for "
                f'sandbox: plugin type="multus" name="multus-cni-network" failed (add): {error}',
            )
            return False
        eth0 = default_entry(addresses, hardware_address(meta["uid"]))
        patch = {"metadata": {"annotations": annotation(eth0, further)}}
        await self.site.api("multus").patch("pods", meta["name"], patch, meta["namespace"])
        return True

    async def _follow_gates(self, pod: Object) -> None:
        status = pod_status.with_readiness(pod, self.site.now())
        if status is not None:
            pod["status"] = status
            await self.site.api(IDENTITY).update_status("pods", pod)

    async def _end(self, key: str, pod: Object) -> float | None:
        """Stop the containers within the pod's grace period, give back addresses, let the object go."""
        meta = pod["metadata"]
        clock = asyncio.get_running_loop().time
        grace = min(self.site.settings.pod_stop_seconds, float(meta.get("deletionGracePeriodSeconds") or 0))
        due = self._due.setdefault(f"{meta['uid']} end", clock() + grace)
        if (left := due - clock()) > 0:
            return left
        await self._clean_up(key, pod)
        await self.site.api(IDENTITY).delete("pods", meta["name"], meta["namespace"], grace=0, uid=meta["uid"])
        return None

    async def _clean_up(self, key: str, pod: Object) -> None:
        """What stays of a pod on its node goes; on a dead node nobody does this, so its addresses leak."""
        uid = pod["metadata"]["uid"]
        self._addresses.give_back(uid)
        self._due.pop(uid, None)
        self._due.pop(f"{uid} end", None)
        if self._known.pop(key, None) is None or not self.site.settings.cni:
            return
        if not alive(self.site, pod["spec"]["nodeName"]):
            return
        try:
            leaked = await self._cni.detach(pod)
        except ApiError as error:
            leaked = [f"all ({error})"]
        if leaked:
            self.site.log(f"whereabouts: pod {key} is gone, its addresses stay reserved: {', '.join(leaked)}")

    def _on_node(self, node: Object) -> Iterable[str]:
        name = node["metadata"]["name"]
        return [key for key, pod in self._known.items() if pod["spec"].get("nodeName") == name and _waits(pod)]

    def _on_mounted(self, obj: Object) -> Iterable[str]:
        """Pods that wait for this one."""
        kind = "secrets" if obj["kind"] == "Secret" else "configmaps"
        name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
        return [
            key
            for key, pod in self._known.items()
            if _waits(pod)
            and pod["metadata"]["namespace"] == namespace
            and any(one[1:] == (kind, name) for one in pod_mounts.mounted(pod))
        ]

    def _on_fault(self, name: str) -> None:
        if name in (DOWN, STUCK):
            for key in list(self._known):
                self.enqueue(key)


def _waits(pod: Object) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Pending")
