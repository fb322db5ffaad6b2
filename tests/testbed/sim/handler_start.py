# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a virt-handler gets past its start: it looks for its migration address once, and panics without one."""

from __future__ import annotations

from ipaddress import ip_address

from ..resources import Object
from . import multus
from .kubevirt_workloads import HANDLER, INTERFACE


def panics(pod: Object) -> bool:
    """`migration0` is there but carries no address virt-handler takes; without the interface it is content."""
    if (pod["metadata"].get("labels") or {}).get("kubevirt.io") != HANDLER:
        return False
    if all(entry.get("interface") != INTERFACE for entry in multus.reported(pod)):
        return False
    return not any(_global_unicast(address) for address in multus.addresses(pod, INTERFACE))


def _global_unicast(text: str) -> bool:
    """As Go has it: private and unique local addresses count."""
    address = ip_address(text)
    return not (address.is_link_local or address.is_loopback or address.is_multicast or address.is_unspecified)
