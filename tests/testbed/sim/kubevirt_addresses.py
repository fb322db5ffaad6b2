# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`status.synchronizationAddresses`: where virt-operator believes the synchronization leader to be; pure."""

from __future__ import annotations

from ipaddress import ip_address

from ..resources import Object
from . import multus
from .kubevirt_config import GATE, gates
from .kubevirt_workloads import INTERFACE

DEFAULT_PORT = "9185"


def addresses(kubevirt: Object, lease: Object | None, pods: list[Object]) -> list[str]:
    """Every address of `migration0` of the Lease's holder; without that interface, silently, the pod's own.

    Empty when the gate is off, nobody holds the Lease, or the holder's pod is gone.
    """
    if GATE not in gates(kubevirt) or lease is None:
        return []
    holder = lease.get("spec", {}).get("holderIdentity", "")
    leader = next((pod for pod in pods if pod["metadata"]["name"] == holder), None)
    if leader is None:
        return []
    own = [each["ip"] for each in leader.get("status", {}).get("podIPs", [])]
    port = kubevirt["spec"].get("synchronizationPort") or DEFAULT_PORT
    return [join(address, port) for address in multus.addresses(leader, INTERFACE) or own]


def join(address: str, port: str) -> str:
    """`address:port`, IPv6 in brackets."""
    return f"[{address}]:{port}" if ip_address(address).version == 6 else f"{address}:{port}"
