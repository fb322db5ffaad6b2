# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attach a pod to its further networks and detach it: multus with whereabouts and the plugins of its node."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from ..faults import Faults, register
from ..kube import Api
from ..resources import Object
from . import whereabouts
from .ip_pool import IpPools
from .multus import REQUEST, STATUS, MultusError, Request, plugin, reported, requests, status_entry
from .node_network import NodeNetwork
from .whereabouts import Ipam, WhereaboutsError

EXHAUSTED = register(
    "pool-exhausted", "whereabouts has no free address left", range="the range, such as 192.170.10.0/24"
)

NADS = "network-attachment-definitions"


class Cni:
    """The plugins of all nodes of one cluster."""

    def __init__(self, api: Api, faults: Faults, node: Callable[[str], NodeNetwork]) -> None:
        self._api = api
        self._faults = faults
        self._node = node
        self._pools = IpPools(api)

    async def attach(self, pod: Object) -> list[Object]:
        """Entries for network-status, in the order asked for; MultusError says why it cannot be."""
        meta = pod["metadata"]
        wanted = requests((meta.get("annotations") or {}).get(REQUEST, ""), meta["namespace"])
        # All definitions are read before the first interface is made, as multus does.
        configs = [plugin(await self._definition(each, pod)) for each in wanted]
        entries: list[Object] = []
        for request, config in zip(wanted, configs, strict=True):
            try:
                entries.append(await self._add(request, config, pod))
            except (MultusError, WhereaboutsError) as error:
                await self._undo(wanted[: len(entries)], configs, pod)
                raise MultusError(
                    f"[{meta['namespace']}/{meta['name']}/{meta['uid']}:{request.name}]: "
                    f'error adding container to network "{request.name}": {error}'
                ) from None
        return entries

    async def detach(self, pod: Object) -> list[str]:
        """Free what a pod's networks hold; the answer names what leaked because its definition is gone."""
        leaked = []
        for entry in reported(pod):
            if entry.get("default") or not entry.get("ips"):
                continue
            namespace, _, name = entry["name"].rpartition("/")
            nad = await self._api.get(NADS, name, namespace or pod["metadata"]["namespace"])
            ipam = _ipam(nad)
            if ipam is None:
                leaked.append(f"{', '.join(entry['ips'])} of {entry['name']}")
            else:
                await self._pools.release(ipam, podref=_podref(pod), ifname=entry["interface"])
        return leaked

    async def _definition(self, request: Request, pod: Object) -> Object:
        nad = await self._api.get(NADS, request.name, request.namespace)
        if nad is None:
            meta = pod["metadata"]
            raise MultusError(
                f"Multus: [{meta['namespace']}/{meta['name']}/{meta['uid']}]: error loading k8s delegates k8s "
                "args: TryLoadPodDelegates: error in getting k8s network for pod: GetNetworkDelegates: failed "
                "getting the delegate: getKubernetesDelegate: cannot find a network-attachment-definition "
                f"({request.name}) in namespace ({request.namespace}): "
                f'network-attachment-definitions.k8s.cni.cncf.io "{request.name}" not found'
            )
        return nad

    async def _add(self, request: Request, config: Object, pod: Object) -> Object:
        mtu = self._node(pod["spec"]["nodeName"]).attach(config, pod)
        ipam = config.get("ipam") or {}
        ips: list[str] = []
        if ipam.get("type") == "whereabouts":
            try:
                ips = await self._allocate(whereabouts.read(ipam), request, pod)
            except WhereaboutsError as error:
                raise WhereaboutsError(f"error at storage engine: {error}") from None
        elif ipam.get("type"):
            ips = list(request.ips) or _static(ipam)
        mac = request.mac or hardware_address(f"{pod['metadata']['uid']} {request.interface}")
        return status_entry(request, ips, mac, mtu, _gateways(ipam))

    async def _allocate(self, ipam: Ipam, request: Request, pod: Object) -> list[str]:
        for each in ipam.ranges:
            if self._faults.get(EXHAUSTED, range=str(each.network)) is not None:
                raise whereabouts.exhausted(each)
        container = hashlib.sha256(pod["metadata"]["uid"].encode()).hexdigest()
        found = await self._pools.allocate(ipam, container=container, podref=_podref(pod), ifname=request.interface)
        return [str(each.address) for each in found]

    async def _undo(self, done: list[Request], configs: list[Object], pod: Object) -> None:
        for request, config in zip(done, configs, strict=False):
            if (config.get("ipam") or {}).get("type") == "whereabouts":
                ipam = whereabouts.read(config["ipam"])
                await self._pools.release(ipam, podref=_podref(pod), ifname=request.interface)


def annotation(eth0: Object, further: list[Object]) -> dict[str, str]:
    """The network-status annotation as multus writes it: indented JSON."""
    return {STATUS: json.dumps([eth0, *further], indent=4)}


def hardware_address(seed: str) -> str:
    """A locally administered address that stays the same for the same seed."""
    digest = hashlib.sha256(seed.encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x0A, 0x58, *digest[:4]))


def _podref(pod: Object) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _ipam(nad: Object | None) -> Ipam | None:
    """The whereabouts part of a definition, None when there is nothing (left) to free by."""
    try:
        ipam: dict[str, Any] = plugin(nad).get("ipam") or {} if nad else {}
        return whereabouts.read(ipam) if ipam.get("type") == "whereabouts" else None
    except (MultusError, WhereaboutsError):
        return None


def _static(ipam: Object) -> list[str]:
    return [str(each["address"]).partition("/")[0] for each in ipam.get("addresses") or []]


def _gateways(ipam: Object) -> list[str]:
    return [str(ipam["gateway"])] if ipam.get("gateway") else []
