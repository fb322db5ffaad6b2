# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Harvester's network controller: which nodes a cluster network is on, and what NADs on it may be."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from ..controller import Controller
from ..faults import register
from ..kube import Conflict
from ..resources import Object
from ..site import Site
from .harvester_setting import set_condition
from .harvester_validator import CLUSTER_NETWORK, MATCHED_NODES, is_witness

_GROUP = "network.harvesterhci.io"
_VLAN_CONFIG = f"{_GROUP}/vlanconfig"
MTU = f"{_GROUP}/uplink-mtu"
_NADS = "network-attachment-definitions"
_KERNEL_MTU = 1500

LINK_DOWN = register(
    "harvester-link-down",
    "the uplink of a cluster network is down",
    network="name of the ClusterNetwork, wildcards allowed",
    node="name of the node, wildcards allowed",
)


class ClusterNetworks(Controller):
    """From a VlanConfig: the nodes it is on, a VlanStatus each, and the MTU of its ClusterNetwork."""

    name: ClassVar[str] = "harvester-network-controller"
    workers: ClassVar[int] = 1

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._api = site.api("harvester-network")

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        if not self.site.settings.harvester:
            return {}

        def every(_one: Object) -> list[str]:
            return self._all()

        return {
            "vlanconfigs": lambda config: [config["metadata"]["name"]],
            "vlanstatuses": lambda _one: (),
            "clusternetworks": every,
            "nodes": every,
        }

    async def start(self) -> None:
        def struck(name: str) -> None:
            for each in self._all() if name == LINK_DOWN else ():
                self.enqueue(each)

        self.site.faults.subscribe(struck)

    def _all(self) -> list[str]:
        return [each["metadata"]["name"] for each in self.store("vlanconfigs").list()]

    async def reconcile(self, key: str) -> None:
        config = self.store("vlanconfigs").get(key)
        if config is None or "deletionTimestamp" in config["metadata"]:
            await self._withdraw(key, set())
            return
        nodes = [each for each in self.store("nodes").list() if _selects(config, each)]
        names = sorted(each["metadata"]["name"] for each in nodes)
        await self._mark(config, names)
        await self._withdraw(key, set(names))
        for name in names:
            await self._report(config, name)
        await self._crown(config)

    async def _mark(self, config: Object, names: list[str]) -> None:
        wanted = {
            "labels": {CLUSTER_NETWORK: config["spec"]["clusterNetwork"]},
            "annotations": {MATCHED_NODES: json.dumps(names, separators=(",", ":"))},
        }
        meta = config["metadata"]
        if any(wanted[part].items() - (meta.get(part) or {}).items() for part in wanted):
            await self._api.patch("vlanconfigs", meta["name"], {"metadata": wanted})

    async def _withdraw(self, config: str, names: set[str]) -> None:
        for each in self.store("vlanstatuses").list():
            if each["status"]["vlanConfig"] == config and each["status"]["node"] not in names:
                await self._api.delete("vlanstatuses", each["metadata"]["name"])

    async def _report(self, config: Object, node: str) -> None:
        network = config["spec"]["clusterNetwork"]
        down = self.site.faults.get(LINK_DOWN, network=network, node=node) is not None
        name = f"{network}-{node}-{zlib.crc32(node.encode()):08x}"
        known = self.store("vlanstatuses").get(name)
        labels = {CLUSTER_NETWORK: network, _VLAN_CONFIG: config["metadata"]["name"], f"{_GROUP}/node": node}
        made: Object = known or {"metadata": {"name": name, "labels": labels}}
        ready = "False" if down else "True"
        if known and known["status"]["conditions"][0]["status"] == ready:
            return
        made["status"] = made.get("status") or {}
        made["status"] |= {"clusterNetwork": network, "vlanConfig": config["metadata"]["name"], "node": node}
        set_condition(made, "ready", ready, "", "link is down" if down else "", self.site.now())
        await (self._api.update if known else self._api.create)("vlanstatuses", made)

    async def _crown(self, config: Object) -> None:
        """The ClusterNetwork is ready, and tells the MTU of its uplinks."""
        found = self.store("clusternetworks").get(config["spec"]["clusterNetwork"])
        if found is None:
            return
        mtu = str((config["spec"]["uplink"].get("linkAttributes") or {}).get("mtu") or 1500)
        known = (found["metadata"].get("annotations") or {}).get(MTU)
        if known == mtu and found.get("status"):
            return
        found["metadata"]["annotations"] = (found["metadata"].get("annotations") or {}) | {MTU: mtu}
        set_condition(found, "ready", "True", "", "", self.site.now())
        await self._api.update("clusternetworks", found)


class NadLabels(Controller):
    """What Harvester writes on and into each NAD of its bridges; the pods that have it are left as they are."""

    name: ClassVar[str] = "harvester-nad-controller"

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        if not self.site.settings.harvester:
            return {}
        return {_NADS: lambda nad: [_key(nad)], "clusternetworks": lambda _one: map(_key, self.store(_NADS).list())}

    async def reconcile(self, key: str) -> None:
        namespace, _slash, name = key.partition("/")
        nad = self.store(_NADS).get(name, namespace)
        if nad is None or "deletionTimestamp" in nad["metadata"]:
            return
        config: Any = json.loads((nad.get("spec") or {}).get("config") or "{}")
        wanted = {
            CLUSTER_NETWORK: str(config.get("bridge", "")).removesuffix("-br"),
            f"{_GROUP}/type": "L2VlanNetwork",
            f"{_GROUP}/vlan-id": str(config.get("vlan", 0)),
            f"{_GROUP}/ready": "true",
        }
        patch: Object = {}
        if wanted.items() - (nad["metadata"].get("labels") or {}).items():
            patch["metadata"] = {"labels": wanted}
        network = self.store("clusternetworks").get(wanted[CLUSTER_NETWORK])
        mtu = int((network or {"metadata": {}})["metadata"].get("annotations", {}).get(MTU) or _KERNEL_MTU)
        if network and mtu != int(config.get("mtu") or _KERNEL_MTU):
            patch["spec"] = {"config": json.dumps(config | {"mtu": mtu}, separators=(",", ":"))}
        if patch:
            await self.site.api("harvester-network").patch(_NADS, name, patch, namespace)


def _key(nad: Object) -> str:
    return f"{nad['metadata']['namespace']}/{nad['metadata']['name']}"


async def mgmt(site: Site) -> None:
    """The cluster network that every Harvester has; its MTU is told by nobody."""
    try:
        await site.api("harvester-network").create("clusternetworks", {"metadata": {"name": "mgmt"}})
    except Conflict:
        return  # the bed starts again on what it left


def _selects(config: Object, node: Object) -> bool:
    wanted = config["spec"].get("nodeSelector") or {}
    return not is_witness(node) and not wanted.items() - (node["metadata"].get("labels") or {}).items()
