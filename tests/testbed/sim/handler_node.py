# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virt-handler makes of its node: devices, labels about CPU and machine types, and a heartbeat."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from ..controller import Controller
from ..resources import Object
from ..site import Site
from .node import DOWN, alive

HEARTBEAT = "kubevirt.io/heartbeat"
SCHEDULABLE = "kubevirt.io/schedulable"
_DEVICES = {f"devices.kubevirt.io/{device}": "1k" for device in ("kvm", "tun", "vhost-net", "vhost-vsock")}
_MACHINE_TYPES = ("q35", "pc-q35-rhel9.6.0", "pc-q35-rhel9.4.0")
_FEATURES = ("apic", "aes", "avx", "avx2", "sse4.2", "vmx")


class HandlerNode(Controller):
    """One for all virt-handlers of a site; a node counts as theirs while one runs there."""

    name = "virt-handler-node"

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {"nodes": lambda node: [node["metadata"]["name"]], "pods": _node_of_handler}

    async def start(self) -> None:
        self.site.faults.subscribe(self._on_fault)

    async def reconcile(self, key: str) -> float | None:
        node = self.store("nodes").get(key)
        if node is None or not handler_runs(self.site, key):
            return None
        api = self.site.api("kubevirt-handler")
        known = node.get("status", {}).get("allocatable") or {}
        if missing := {device: count for device, count in _DEVICES.items() if device not in known}:
            # The kubelet reports what virt-handler's device plugins offer.
            patch = {"status": {"allocatable": missing, "capacity": missing}}
            await self.site.api("kubelet").patch("nodes", key, patch, subresource="status")
        labels = node_labels(self.site.settings.cpu_model, self.site.settings.cpu_vendor)
        has = node["metadata"].get("labels") or {}
        change: Object = {"annotations": {HEARTBEAT: self.site.now()}}
        if new := {label: value for label, value in labels.items() if label not in has}:
            change["labels"] = new
        elif not self._is_due(node):
            return self.site.settings.heartbeat_seconds
        await api.patch("nodes", key, {"metadata": change})
        return self.site.settings.heartbeat_seconds

    def _is_due(self, node: Object) -> bool:
        """Another wake-up than the timer's must not write, or each heartbeat would call the next one."""
        beat = (node["metadata"].get("annotations") or {}).get(HEARTBEAT, "")
        return seconds_since(beat, self.site.now()) >= self.site.settings.heartbeat_seconds / 2

    def _on_fault(self, name: str) -> None:
        if name == DOWN:
            for node in self.site.nodes:
                self.enqueue(node)


def handler_runs(site: Site, node: str) -> bool:
    """A virt-handler runs on this node."""
    if not node or not alive(site, node):
        return False
    pods = site.store("pods").list(
        site.kubevirt_namespace,
        lambda pod: (
            _is_handler(pod)
            and pod["spec"].get("nodeName") == node
            and pod.get("status", {}).get("phase") == "Running"
            and "deletionTimestamp" not in pod["metadata"]
        ),
    )
    return bool(pods)


def node_labels(model: str, vendor: str) -> dict[str, str]:
    """What the node labeller writes; a user's own value of such a label is left alone."""
    yes = {
        SCHEDULABLE,
        f"cpu-model.node.kubevirt.io/{model}",
        f"cpu-model-migration.node.kubevirt.io/{model}",
        f"host-model-cpu.node.kubevirt.io/{model}",
        f"cpu-vendor.node.kubevirt.io/{vendor}",
        *(f"machine-type.node.kubevirt.io/{machine}" for machine in _MACHINE_TYPES),
        *(f"cpu-feature.node.kubevirt.io/{feature}" for feature in _FEATURES),
    }
    return dict.fromkeys(sorted(yes), "true")


def seconds_since(moment: str, now: str) -> float:
    """Between two RFC 3339 times; endless for what is no time."""
    try:
        return (datetime.fromisoformat(now) - datetime.fromisoformat(moment)).total_seconds()
    except ValueError:
        return float("inf")


def _is_handler(pod: Object) -> bool:
    return (pod["metadata"].get("labels") or {}).get("kubevirt.io") == "virt-handler"


def _node_of_handler(pod: Object) -> Iterable[str]:
    node = pod["spec"].get("nodeName")
    return [node] if node and _is_handler(pod) else []
