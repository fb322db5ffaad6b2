# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire under the probes' pods, made of what the bed knows: who is attached where, and what is broken.

Every cluster is one node of a lab: its bridge is in the VNI of the NAD if an L2VNI provides it there, and cut off if
not. A bridge that no VNI is behind is taken for an uplink into one network of the sites.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ..fabric import Fabric
from ..faults import register
from ..netlab import Lab
from ..resources import Object
from ..site import Site
from .multus import REQUEST, plugin, reported, requests
from .openperouter_shape import release, spec_of

INTERFACE = "migration0"
MTU = register("underlay-mtu", "the underlay of the cluster carries smaller packets", mtu="bytes of an inner packet")
TAKEN = register("address-taken", "a host outside Kubernetes has an address, too", address="the address")

_VXLAN = 50
_UPLINK = 4095  # the one network behind bridges that belong to no VNI
_STRANGER = "0a:58:ff:ff:ff:01"


class ProbeNetwork:
    """One for all sites of a bed; it exists while a probe does."""

    def __init__(self) -> None:
        self._lab: Lab | None = None
        self._lock = asyncio.Lock()
        self._sites: dict[str, Object] = {}  # by name: the CNI configuration of its migration network
        self._inside: set[str] = set()

    async def enter(self, site: Site, pod: Object) -> None:
        """Attach a pod, with its cluster if that is not there yet."""
        async with self._lock:
            if self._lab is None:
                self._lab = Lab()
                await self._lab.open()
            if site.name not in self._sites:
                await self._connect(self._lab, site, pod)
            await self._attach(self._lab, site, pod, pod["metadata"]["uid"])
            self._inside.add(pod["metadata"]["uid"])

    async def run(self, site: Site, pod: Object, command: list[str], folder: Path) -> dict[str, Any]:
        """Run a program in an attached pod to its end."""
        assert self._lab is not None
        context = pod["spec"]["containers"][0].get("securityContext") or {}
        raw = "NET_RAW" in ((context.get("capabilities") or {}).get("add") or [])
        root = (pod["spec"].get("securityContext") or {}).get("runAsUser") == 0
        done: dict[str, Any] = await self._lab.do(
            "run", pod=pod["metadata"]["uid"], command=command, folder=str(folder), privileged=raw and root
        )
        return done

    async def leave(self, site: Site, uid: str) -> None:
        """Detach a pod; with the last one everything goes."""
        async with self._lock:
            self._inside.discard(uid)
            if self._lab is None:
                return
            await self._lab.do("remove", name=uid)
            if not self._inside:
                await self._lab.close()
                self._lab = None
                self._sites.clear()

    async def _connect(self, lab: Lab, site: Site, pod: Object) -> None:
        """The cluster, KubeVirt's pods on it, and its faults."""
        config = self._sites[site.name] = await self._config(site, pod)
        fault = site.faults.get(MTU)
        await lab.do("node", name=site.name, underlay_mtu=int(fault["mtu"]) + _VXLAN if fault else 9500)
        vni = await self._vni(site, config)
        if vni is not None:
            await lab.do("join", node=site.name, vni=vni)
        for source, target in site.fabric.partitions():
            if source in self._sites and target in self._sites:
                await lab.do("refuse", node=target, sender=source, refuse=True)
        doors = _doors(site)
        for other in site.store("pods").list(site.kubevirt_namespace):
            if "deletionTimestamp" in other["metadata"] or other["metadata"]["uid"] == pod["metadata"]["uid"]:
                continue
            for ip in await self._attach(lab, site, other, other["metadata"]["uid"]):
                if ip in doors:
                    await lab.do("listen", pod=other["metadata"]["uid"], port=doors[ip])
        if (fault := site.faults.get(TAKEN)) is not None:
            prefix = _prefix(config, fault["address"])
            addresses = [f"{fault['address']}/{prefix}"]
            await lab.do("pod", node=site.name, name=f"taken-{site.name}", addresses=addresses, mac=_STRANGER, mtu=1500)

    async def _attach(self, lab: Lab, site: Site, pod: Object, name: str) -> list[str]:
        """Put a pod on its cluster's bridge as multus reports it; its addresses, none without the interface."""
        entry = next((each for each in reported(pod) if each.get("interface") == INTERFACE), None)
        if entry is None or not entry.get("ips"):
            return []
        sysctls = (pod["spec"].get("securityContext") or {}).get("sysctls") or []
        addresses = [f"{ip}/{_prefix(self._sites[site.name], ip)}" for ip in entry["ips"]]
        echo = any(each["name"] == "net.ipv4.ping_group_range" for each in sysctls)
        await lab.do(
            "pod", node=site.name, name=name, addresses=addresses, mac=entry["mac"], mtu=entry["mtu"], echo=echo
        )
        return list(entry["ips"])

    async def _config(self, site: Site, pod: Object) -> Object:
        wanted = requests(pod["metadata"]["annotations"][REQUEST], pod["metadata"]["namespace"])
        request = next(each for each in wanted if each.interface == INTERFACE)
        nad = await site.api("multus").get("network-attachment-definitions", request.name, request.namespace)
        return plugin(nad) if nad else {}

    async def _vni(self, site: Site, config: Object) -> int | None:
        """The network behind the pods' bridge, None when the bridge has nothing behind it."""
        match = re.fullmatch(r"br-hs-(\d+)", str(config.get("bridge") or ""))
        if match is None:
            return _UPLINK - int(config.get("vlan") or 0)
        if not site.settings.openperouter:
            return None
        known = await site.api("openperouter").list(release(site).key("l2vnis"))
        return next((int(match[1]) for each in known if str(spec_of(each).get("vni")) == match[1]), None)


def _prefix(config: Object, ip: str) -> int:
    """The prefix length that whereabouts gives an address: that of the range it is in."""
    ipam = config.get("ipam") or {}
    ranges = [each["range"] for each in [ipam, *(ipam.get("ipRanges") or [])] if each.get("range")]
    networks = [ipaddress.ip_network(text.rpartition("-")[2], strict=False) for text in ranges]
    return next((each.prefixlen for each in networks if ipaddress.ip_address(ip) in each), 24)


def _doors(site: Site) -> dict[str, int]:
    """The addresses at which pods of a site accept connections, and their ports."""
    mine = [address for address, names in site.fabric.listeners().items() if site.name in names]
    return {address.rpartition(":")[0].strip("[]"): int(address.rpartition(":")[2]) for address in mine}


_NETWORKS: WeakKeyDictionary[Fabric, ProbeNetwork] = WeakKeyDictionary()


def network_of(fabric: Fabric) -> ProbeNetwork:
    """The wire between the sites that share a fabric."""
    return _NETWORKS.setdefault(fabric, ProbeNetwork())
