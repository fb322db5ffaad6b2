# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Harvester's validator looks at in vm-migration-network, in its order and with its gaps; pure.

Not checked, because Harvester does not: reserved networks, overlaps with anything but the two other settings,
running migrations on an update, excludes that overlap but are not neighbours, the VLAN's being anybody else's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

from ..resources import Object, Objects
from .harvester_config import MGMT, BadConfig, Config, read, usable

CLUSTER_NETWORK = "network.harvesterhci.io/clusternetwork"
MATCHED_NODES = "network.harvesterhci.io/matched-nodes"
WITNESS = "node-role.harvesterhci.io/witness"
_SHORTEST = 16

Version = tuple[int, int]


class Refused(Exception):
    """Why, and the field of the answer's cause when it is not the value's own."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class World:
    """What the validator reads beside the setting."""

    version: Version
    nodes: Objects
    cluster_networks: Objects
    vlan_configs: Objects
    vlan_statuses: Objects
    storage: str = ""
    """The value of the setting storage-network."""
    rwx: str = ""
    """The value of the setting rwx-network."""


def check(text: str, world: World) -> None:
    """All checks of one text. :raises Refused: the first that fails."""
    if not text:
        return
    try:
        config = read(text)
    except BadConfig as error:
        raise Refused(f"failed to unmarshal the setting value, {error}") from None
    _vlan(config)
    network = _range(config, world.version)
    _exclude(config, network)
    if config.cluster_network != MGMT:
        _cluster_network(config.cluster_network, world)
        _coverage(config.cluster_network, world)
    _count(config, world.nodes)
    _overlap(config, world)


def _vlan(config: Config) -> None:
    if config.vlan > 4094:
        raise Refused(f"the valid value range for VLAN ID is 0 to 4094, {config.vlan} is given")
    if config.cluster_network == MGMT and config.vlan <= 1:
        raise Refused(f"{MGMT} cannot be used with VLAN ID {config.vlan}")


def _range(config: Config, version: Version) -> IPv4Network | IPv6Network:
    try:
        given = ip_interface(config.range)
    except ValueError:
        raise Refused(f"invalid CIDR address: {config.range}") from None
    if "/" not in config.range:
        raise Refused(f"invalid CIDR address: {config.range}")
    if given.ip != given.network.network_address:
        raise Refused(f"range should be the subnet CIDR {given.network}, not {config.range}")
    if given.version == 6 and version >= (1, 9):
        raise Refused(f"range {config.range} is IPv6, only IPv4 is supported")
    if given.network.prefixlen < _SHORTEST:
        raise Refused(f"the prefix length of {config.range} is less than {_SHORTEST}")
    return given.network


def _exclude(config: Config, network: IPv4Network | IPv6Network) -> None:
    before: IPv4Network | IPv6Network | None = None
    for text in config.exclude:
        if "/" not in text:
            raise Refused(f"invalid CIDR address: {text}")
        try:
            entry = ip_network(text, strict=False)
        except ValueError:
            raise Refused(f"invalid CIDR address: {text}") from None
        if entry.prefixlen < _SHORTEST:
            raise Refused(f"the prefix length of exclude {text} is less than {_SHORTEST}")
        if not entry.overlaps(network):
            raise Refused(f"exclude {text} is not in range {network}")
        if entry.prefixlen <= network.prefixlen:
            raise Refused(f"exclude {text} is not smaller than range {network}")
        if before is not None and entry.overlaps(before):
            raise Refused(f"exclude {text} overlaps exclude {before}")
        before = entry


def _cluster_network(name: str, world: World) -> None:
    if all(each["metadata"]["name"] != name for each in world.cluster_networks):
        raise Refused(f"cluster network {name} not found")
    statuses = [each for each in world.vlan_statuses if _label(each) == name]
    if not statuses:
        raise Refused(f"cluster network {name} has no vlan status")
    for each in statuses:
        if _condition(each, "ready") == "False":
            raise Refused(f"vlan status {each['metadata']['name']} of cluster network {name} is not ready")


def _coverage(name: str, world: World) -> None:
    configs = [each for each in world.vlan_configs if _label(each) == name]
    if not configs:
        raise Refused(f"cluster network {name} has no vlan config")
    matched: set[str] = set()
    for each in configs:
        text = (each["metadata"].get("annotations") or {}).get(MATCHED_NODES, "")
        if not text:
            if world.version >= (1, 9):
                continue
            raise Refused(f"vlan config {each['metadata']['name']} has no matched nodes")
        matched |= set(json.loads(text))
    missing = sorted(each["metadata"]["name"] for each in world.nodes if not is_witness(each))
    missing = [each for each in missing if each not in matched]
    if missing:
        raise Refused(f"cluster network {name} does not cover the nodes {', '.join(missing)}")


def _count(config: Config, nodes: Objects) -> None:
    needed = sum(1 for each in nodes if not is_witness(each))
    found = len(usable(config))
    if found < needed:
        raise Refused(f"range {config.range} has {found} usable addresses, {needed} are needed")


def _overlap(config: Config, world: World) -> None:
    for name, text in (("storage-network", world.storage), ("rwx-network", _dedicated(world.rwx))):
        if text and usable(config) & usable(read(text)):
            raise Refused(f"range {config.range} overlaps with that of {name}", "vm-migration-network")


def _dedicated(rwx: str) -> str:
    """The network of its own that rwx-network has; none when it shares the storage network."""
    found = json.loads(rwx) if rwx else {}
    network = found.get("network")
    return json.dumps(network) if network and not found.get("share-storage-network") else ""


def is_witness(node: Object) -> bool:
    """A node that only votes."""
    return (node["metadata"].get("labels") or {}).get(WITNESS) == "true"


def _label(obj: Object) -> str:
    return str((obj["metadata"].get("labels") or {}).get(CLUSTER_NETWORK, ""))


def _condition(obj: Object, kind: str) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((str(each["status"]) for each in conditions if each["type"] == kind), "")
