# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-handler's part for instances that do not migrate: guests start, report and end on their node."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..controller import Controller, itself, key_of, split_key
from ..faults import register
from ..resources import Object
from . import vmi as it
from .handler_migratable import conditions, method
from .handler_node import handler_runs
from .launcher import interface_name
from .launcher_end import end_pod
from .launcher_volumes import claims_of
from .node import DOWN

if TYPE_CHECKING:
    from ..site import Site

VMIS = "virtualmachineinstances"

SHUTDOWN = register("guest-shutdown", "a guest shuts itself down", vm="namespace/name, wildcards allowed")
CRASH = register("guest-crash", "a guest's QEMU process dies", vm="namespace/name, wildcards allowed")


class HandlerVmi(Controller):
    """All virt-handlers of a site, each for the instances of its own node."""

    name = "virt-handler-vmi"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._ends: dict[str, str] = {}
        """How guests ended that are not yet reported as ended, by the UID of their instance."""

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {VMIS: itself, "pods": self._on_pod, "persistentvolumeclaims": lambda _claim: []}

    async def start(self) -> None:
        self.site.faults.subscribe(self._on_fault)

    def _on_pod(self, pod: Object) -> Iterable[str]:
        """A virt-handler that comes up looks at all the guests of its node."""
        if it.labels(pod).get("kubevirt.io") != "virt-handler":
            return []
        node = pod["spec"].get("nodeName")
        if not node:
            return []
        return [key_of(vmi) for vmi in self.store(VMIS).list(where=lambda vmi: it.status(vmi).get("nodeName") == node)]

    def _on_fault(self, name: str) -> None:
        if name in (SHUTDOWN, CRASH, DOWN):
            for vmi in self.store(VMIS).list():
                self.enqueue(key_of(vmi))

    async def reconcile(self, key: str) -> float | None:
        namespace, name = split_key(key)
        vmi = self.store(VMIS).get(name, namespace)
        if vmi is None or it.is_final(vmi) or not self._is_mine(vmi):
            return None
        if it.phase(vmi) == "Running" and (end := self._end_of_guest(key, vmi)):
            await self._end(vmi, end)
        elif it.phase(vmi) in ("Scheduled", "Running") and not it.deleting(vmi):
            await self._report(vmi)
        elif it.phase(vmi) == "Scheduled":
            await self._end(vmi, "Succeeded")
        return None

    def _is_mine(self, vmi: Object) -> bool:
        """Receivers and guests that are being copied belong to the migration's part of virt-handler."""
        if it.is_receiver(vmi) or it.TARGET_NODE_NAME in it.labels(vmi):
            return False
        return handler_runs(self.site, it.labels(vmi).get(it.NODE_NAME, ""))

    def _end_of_guest(self, key: str, vmi: Object) -> str:
        """Why the guest is over: told to stop, shut down by itself, crashed."""
        if it.deleting(vmi):
            return "Succeeded"
        uid = vmi["metadata"]["uid"]
        for fault, how in ((SHUTDOWN, "Succeeded"), (CRASH, "Failed")):
            # A fault strikes once, and its report may have to be written twice.
            if uid not in self._ends and self.site.faults.take(fault, vm=key) is not None:
                self._ends[uid] = how
        return self._ends.get(uid, "")

    async def _end(self, vmi: Object, how: str) -> None:
        ended = copy.deepcopy(vmi)
        ended["status"]["phase"] = how
        await self.site.api("kubevirt-handler").update(VMIS, ended)
        self._ends.pop(vmi["metadata"]["uid"], None)
        pod = it.current_pod(vmi, self.store("pods").list(vmi["metadata"]["namespace"]))
        if pod is not None and not it.deleting(vmi):
            await end_pod(self.site.api("kubelet"), pod, "Succeeded", self.site.now())

    async def _report(self, vmi: Object) -> None:
        """Phase and what the guest looks like; one PUT of the whole object, only if something is new."""
        reported = copy.deepcopy(vmi)
        it.set_phase(reported, "Running", self.site.now())
        report_guest(reported, claims_of(self.store("persistentvolumeclaims"), vmi), self.site.now())
        if reported != vmi:
            await self.site.api("kubevirt-handler").update(VMIS, reported)


def report_guest(vmi: Object, claims: Mapping[str, Object], now: str, macs: Mapping[str, str] | None = None) -> None:
    """What virt-handler says of a guest that runs on its node, after a start as after a move.

    `macs`: those a guest brought along; a guest keeps the ones it has, the spec counts for its next start.
    """
    status = vmi["status"]
    if found := interfaces(vmi, macs or {}):
        status["interfaces"] = found
    status.setdefault("selinuxContext", "none")
    status.setdefault("guestOSInfo", {})
    status.setdefault("migrationMethod", method(vmi, claims))
    for condition in conditions(vmi, claims):
        it.update_condition(vmi, condition | {"lastTransitionTime": now})


def interfaces(vmi: Mapping[str, Any], macs: Mapping[str, str]) -> list[dict[str, Any]]:
    """From the domain; a guest without an agent tells no more."""
    spec = vmi["spec"]
    networks = {network["name"]: network for network in spec.get("networks") or []}
    known = {one["name"]: one["mac"] for one in it.status(vmi).get("interfaces") or [] if one.get("mac")} | dict(macs)
    found = []
    for interface in spec["domain"]["devices"].get("interfaces") or []:
        name = interface["name"]
        mac = known.get(name) or interface.get("macAddress") or _made_up_mac(vmi, name)
        secondary = "multus" in networks.get(name, {})
        pod_interface = interface_name(name) if secondary else "eth0"
        found.append({"infoSource": "domain", "mac": mac, "name": name, "podInterfaceName": pod_interface})
    return found


def _made_up_mac(vmi: Mapping[str, Any], name: str) -> str:
    """Another one at each start, as nobody asked for one in particular."""
    digest = hashlib.sha256(f"{vmi['metadata']['uid']} {name}".encode()).hexdigest()
    return "02:" + ":".join(digest[place : place + 2] for place in range(0, 10, 2))
