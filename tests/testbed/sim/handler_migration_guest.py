# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest that is being copied, as the handlers of both sides see it, and the faults that can befall it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..faults import register
from ..resources import Object
from . import multus
from . import vmi as it

if TYPE_CHECKING:
    from ..site import Site

_VM = "namespace/name, wildcards allowed"
COPY_FAILURE = register(
    "copy-failure",
    "the copy breaks and the guest stays where it is; set it on the source's cluster",
    vm=_VM,
    when="connecting: before anything arrives (as without), copying: when half of it has",
    after="how many seconds later than the beginning, instead of at the half",
    reason="what QEMU says",
    target="dies: the target's launcher ends too (as without), survives: its guest goes on and runs on both sides",
)
COPY_SECONDS = register(
    "copy-seconds", "the copy takes that long; set it on the source's cluster", vm=_VM, seconds="how long"
)
TARGET_DEATH = register(
    "target-launcher-death", "the launcher pod that a guest is to arrive in dies; on the target's cluster", vm=_VM
)
HANDLER_ADDRESS = register(
    "handler-address",
    "virt-handler tells its peers an address that is not its own; on the target's cluster",
    node="name of the node, wildcards allowed",
    address="what it tells",
)
TUNNEL_BLOCKED = register(
    "tunnel-blocked",
    "virt-handler reaches no peer's migration ports; on the source's cluster",
    vm=_VM,
    peer="name of the other cluster, wildcards allowed",
)

REFUSED = (
    "Live migration failed error encountered during MigrateToURI3 libvirt api call: virError(Code=38, Message='{}')"
)
ABORTED = "Live migration aborted"

State = Literal["incoming", "running", "crashed"]


@dataclass(slots=True)
class Progress:
    """What the launcher notes about a migration beside its domain; timestamps as the VMI shows them."""

    uid: str
    start: str = ""
    end: str = ""
    mode: str = ""
    failed: bool = False
    abort_status: str = ""
    reason: str = ""


@dataclass(slots=True)
class Guest:
    """The domain on the target, from the moment the source connects."""

    state: State = "incoming"
    progress: Progress = field(default_factory=lambda: Progress(""))
    macs: dict[str, str] = field(default_factory=dict)
    """Of its interfaces by name: they come with the guest, whatever the target's spec says."""

    @property
    def active(self) -> bool:
        return self.state == "running"


def is_done(vmi: Mapping[str, Any]) -> bool:
    """Ended, and it is known how."""
    state = it.migration_state(vmi)
    return bool(state.get("endTimestamp")) and bool(state.get("completed") or state.get("failed"))


def needs_finalization(vmi: Mapping[str, Any]) -> bool:
    state = it.migration_state(vmi)
    ended = state.get("startTimestamp") and state.get("endTimestamp")
    return bool(ended) and not (state.get("completed") or state.get("failed"))


def aborting(vmi: Mapping[str, Any]) -> bool:
    return bool(it.migration_state(vmi).get("abortRequested")) and not is_done(vmi)


def told_address(site: Site, node: str) -> str:
    """Where the virt-handler of a node says that it listens."""
    fault = site.faults.get(HANDLER_ADDRESS, node=node) or {}
    return str(fault.get("address") or own_address(site, node))


def own_address(site: Site, node: str) -> str:
    """Where it listens: at the first global address of migration0, without any at its pod's own."""
    pod = handler_pod(site, node)
    if pod is None:
        return ""
    for address in multus.addresses(pod, "migration0"):
        if not ipaddress.ip_address(address).is_link_local:
            return address
    return str(it.status(pod).get("podIP", ""))


def handler_pod(site: Site, node: str) -> Object | None:
    def is_it(pod: Object) -> bool:
        return it.labels(pod).get("kubevirt.io") == "virt-handler" and pod["spec"].get("nodeName") == node

    found = site.store("pods").list(site.kubevirt_namespace, lambda pod: is_it(pod) and it.phase(pod) == "Running")
    return next((pod for pod in found if not it.deleting(pod)), None)
