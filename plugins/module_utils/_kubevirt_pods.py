# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods that use the migration network, and what they really have of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from . import _kubevirt as kv
from . import _multus as multus
from ._cluster import Cluster, Object
from ._resources import FINAL, LEASE, POD
from ._whereabouts import Address


@dataclasses.dataclass(frozen=True, slots=True)
class Pod:
    """One virt-handler or synchronization pod.

    :param asked: the value of its networks annotation, ``None`` without one.
    :param attached: the NAD behind ``migration0`` as multus reports it; ``None`` without the interface.
    :param mtu: of ``migration0`` as multus reports it; ``None`` from a multus that does not.
    :param pod_addresses: its addresses on the pod network.
    :param trouble: why it is not ready, empty when it is.
    """

    name: str
    component: str
    node: str
    asked: str | None
    attached: str | None
    addresses: tuple[Address, ...]
    mac: str
    mtu: int | None
    pod_addresses: tuple[Address, ...]
    trouble: str

    @property
    def ready(self) -> bool:
        """Whether the kubelet calls it ready."""
        return not self.trouble

    @property
    def every_address(self) -> tuple[Address, ...]:
        """Its addresses on both networks."""
        return self.addresses + self.pod_addresses

    def as_dict(self) -> dict[str, Any]:
        """The pod as a result carries it."""
        return {
            "name": self.name,
            "component": self.component,
            "node": self.node,
            "ready": self.ready,
            "interface": self.attached is not None,
            "network": self.attached or "",
            "addresses": [str(address) for address in self.addresses],
            "mac": self.mac,
            "mtu": self.mtu,
            "trouble": self.trouble,
        }


def read(cluster: Cluster, namespace: str) -> list[Pod]:
    """All pods of both components that are not on their way out, by component, node and name."""
    selector = f"kubevirt.io in ({kv.HANDLER},{kv.SYNC_CONTROLLER})"
    found = [of(body) for body in cluster.list(POD, namespace, selector) if not _leaving(body)]
    return sorted(found, key=lambda pod: (pod.component, pod.node, pod.name))


def leader(cluster: Cluster, namespace: str) -> str:
    """The name of the synchronization pod that listens; empty while there is none."""
    lease = cluster.get(LEASE, kv.SYNC_CONTROLLER, namespace) or {}
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def of(body: Object) -> Pod:
    """What a pod object says."""
    metadata, status = body["metadata"], body.get("status") or {}
    interface = multus.interface(body, kv.INTERFACE) or {}
    pod_addresses = [entry.get("ip") for entry in status.get("podIPs") or []] or [status.get("podIP")]
    return Pod(
        name=metadata["name"],
        component=(metadata.get("labels") or {}).get("kubevirt.io", ""),
        node=(body.get("spec") or {}).get("nodeName") or "",
        asked=(metadata.get("annotations") or {}).get(multus.NETWORKS),
        attached=str(interface.get("name", "")) if interface else None,
        addresses=multus.addresses(interface.get("ips") or []),
        mac=str(interface.get("mac") or ""),
        mtu=_mtu(interface),
        pod_addresses=multus.addresses(pod_addresses),
        trouble=_trouble(status),
    )


def _leaving(body: Object) -> bool:
    ended = (body.get("status") or {}).get("phase") in FINAL
    return ended or bool(body["metadata"].get("deletionTimestamp"))


def _mtu(interface: Object) -> int | None:
    found = interface.get("mtu")
    return found if isinstance(found, int) and found > 0 else None


def _trouble(status: Object) -> str:
    conditions: list[Object] = status.get("conditions") or []
    ready = next((each for each in conditions if each.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return ""
    for container in status.get("containerStatuses") or []:
        state = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            details = state.get(kind)
            if details:
                return ": ".join(text for text in (details.get("reason"), details.get("message")) if text) or kind
    return str(ready.get("message") or ready.get("reason") or f"phase {status.get('phase') or 'unknown'}")
