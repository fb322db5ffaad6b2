# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a cluster: registered at start, kept alive by their leases as a kubelet does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

from ..controller import Controller
from ..faults import register
from ..kube import Conflict
from ..resources import Object
from ..site import Site
from .device_plugin import offered

DOWN = register(
    "node-down", "a node is dead: its kubelet, virt-handler and guests stop at once", node="name of the node"
)

LEASES = "kube-node-lease"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
WORKER = "node-role.kubernetes.io/worker"
_LEASE_SECONDS = 40
# Room for any number of virtual machines: what a test wants to be full it makes full.
_CAPACITY = {"cpu": "256", "memory": "1Ti", "ephemeral-storage": "2Ti", "pods": "2000"}
_HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


async def install(site: Site) -> None:
    """Register every node; the first also carries the control plane, none is tainted."""
    api = site.api("kubelet")
    for number, name in enumerate(site.nodes):
        known = await api.get("nodes", name)
        if known is None:
            await api.create("nodes", _node(site, number, name))


def alive(site: Site, node: str) -> bool:
    """Whether a node runs; everything on it asks before it acts."""
    return site.faults.get(DOWN, node=node) is None


def internal_address(node: Object) -> str:
    """The node's own address."""
    addresses = node.get("status", {}).get("addresses", [])
    return next((str(each["address"]) for each in addresses if each["type"] == "InternalIP"), "")


class NodeHeartbeat(Controller):
    """Renews each node's Lease, and its Ready condition after an outage; silent while the node is down."""

    name = "kubelet-heartbeat"

    def watches(self) -> dict[str, Any]:
        return {"nodes": lambda node: [node["metadata"]["name"]]}

    async def start(self) -> None:
        self.site.faults.subscribe(self._on_fault)

    async def reconcile(self, key: str) -> float | None:
        node = self.store("nodes").get(key)
        if node is None or not alive(self.site, key):
            return None
        await self._renew(key, node["metadata"]["uid"])
        if _ready(node) != "True":
            node["status"]["conditions"] = _conditions(self.site.now())
            await self.site.api("kubelet").update_status("nodes", node)
        return self.site.settings.heartbeat_seconds

    async def _renew(self, name: str, uid: str) -> None:
        api = self.site.api("kubelet")
        renew = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if await api.get("leases", name, LEASES) is not None:
            await api.patch("leases", name, {"spec": {"renewTime": renew}}, LEASES)
            return
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}
        metadata = {"name": name, "namespace": LEASES, "ownerReferences": [owner]}
        spec = {"holderIdentity": name, "leaseDurationSeconds": _LEASE_SECONDS, "renewTime": renew}
        try:
            await api.create("leases", {"metadata": metadata, "spec": spec})
        except Conflict:
            return  # made by an earlier life of the bed: the next beat renews it

    def _on_fault(self, name: str) -> None:
        if name == DOWN:
            for node in self.site.nodes:
                self.enqueue(node)


def _node(site: Site, number: int, name: str) -> Object:
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        (CONTROL_PLANE if number == 0 else WORKER): "",
    }
    pods = list(_subnets(site.pod_cidr))
    capacity = {**_CAPACITY, **offered(site)}
    addresses = [
        {"type": "InternalIP", "address": f"172.{18 + site.index}.0.{number + 2}"},
        {"type": "Hostname", "address": name},
    ]
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": pods[number], "podCIDRs": [pods[number]], "providerID": f"testbed://{name}"},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": addresses,
            "conditions": _conditions(site.now()),
            "nodeInfo": _NODE_INFO,
        },
    }


def _subnets(cidr: str) -> Iterable[str]:
    network = ip_network(cidr)
    longer = 24 if network.version == 4 else 120
    return (str(each) for each in network.subnets(new_prefix=max(longer, network.prefixlen)))


def _conditions(now: str) -> list[Object]:
    return [
        {
            "type": type_,
            "status": status,
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for type_, status, reason, message in _HEALTHY
    ]


def _ready(node: Object) -> str:
    found = [each["status"] for each in node.get("status", {}).get("conditions", []) if each["type"] == "Ready"]
    return found[0] if found else ""


_NODE_INFO = {
    "architecture": "amd64",
    "bootID": "00000000-0000-0000-0000-000000000000",
    "containerRuntimeVersion": "containerd://2.1.0",
    "kernelVersion": "6.12.0",
    "kubeProxyVersion": "",
    "kubeletVersion": "v1.35.4",
    "machineID": "testbed",
    "operatingSystem": "linux",
    "osImage": "simulated",
    "systemUUID": "testbed",
}
