# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of Harvester's setting ``vm-migration-network``: what a text means, and one text for a meaning. Pure."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import json
from typing import Any

from . import _nad_config as cni
from . import _whereabouts as whereabouts
from ._addresses import Slice
from ._cluster import Object
from ._whereabouts import Range, Span

MGMT = "mgmt"
"""The cluster network that every Harvester has, on all nodes."""
SHORTEST = 16
"""The shortest prefix of a range."""
LAST_VLAN = 4094


@dataclasses.dataclass(frozen=True, slots=True)
class Network:
    """A migration network as Harvester's setting can say it.

    :param vlan: 0 and 1 are the same to Harvester.
    :param exclude: what of the range nobody gets, in CIDR notation.
    """

    cluster_network: str
    vlan: int
    range: str
    exclude: tuple[str, ...] = ()

    @property
    def bridge(self) -> str:
        """The bridge that Harvester keeps on every node for the cluster network."""
        return f"{self.cluster_network}-br"

    def spans(self) -> tuple[Span, ...]:
        """The addresses that are given out. :raises ValueError: for a range that is none."""
        exclude = tuple(ipaddress.ip_network(text, strict=False) for text in self.exclude)
        return whereabouts.spans(Range(ipaddress.ip_network(self.range), exclude=exclude))

    @property
    def meaning(self) -> tuple[Any, ...]:
        """Equal for texts that make the same network, however they are written."""
        return self.cluster_network, self.vlan or 1, str(ipaddress.ip_network(self.range)), self.spans()

    def text(self) -> str:
        """The one text for it. Harvester takes any other text, spaces included, for another network."""
        keys: Object = {"clusterNetwork": self.cluster_network, "vlan": self.vlan, "range": self.range}
        if self.exclude:
            keys["exclude"] = list(self.exclude)
        return json.dumps(keys, separators=(",", ":"))


def parse(text: str) -> Network | None:
    """What a value means; ``None`` for one that says nothing or cannot be read (Harvester would refuse it, too)."""
    try:
        keys = {str(key).lower(): value for key, value in json.loads(text).items()}
        found = Network(
            str(keys.get("clusternetwork") or ""),
            int(keys.get("vlan") or 0),
            str(keys.get("range") or ""),
            tuple(str(entry) for entry in keys.get("exclude") or []),
        )
        found.spans()  # raises for what is no range
    except (ValueError, TypeError, AttributeError):
        return None
    return found


def unacceptable(network: Network) -> str:
    """Why Harvester takes the network on no cluster; empty when it may."""
    addresses = ipaddress.ip_network(network.range)
    if addresses.version == 6:
        return f"{network.range} is IPv6"
    if addresses.prefixlen < SHORTEST:
        return f"{network.range} is larger than a /{SHORTEST}"
    first = 2 if network.cluster_network == MGMT else 0
    return "" if first <= network.vlan <= LAST_VLAN else f"VLAN {network.vlan} on {network.cluster_network}"


def same(one: Network | None, other: Network | None) -> bool:
    """Whether both make the same network."""
    if one is None or other is None:
        return one is other
    return one.meaning == other.meaning


def respelled(text: str) -> str:
    """The same meaning in another text: the only way to make Harvester write its NAD anew."""
    keys = json.loads(text)
    short = json.dumps(keys, separators=(",", ":"))
    return json.dumps(keys) if text == short else short


def excludes(piece: Slice) -> tuple[str, ...]:
    """All of the range but the slice, as Harvester accepts it: networks that neither overlap nor repeat."""
    entries = piece.ipam("exclude").get("exclude") or []
    return tuple(str(entry) for entry in ipaddress.collapse_addresses(map(ipaddress.IPv4Network, entries)))


def digest(text: str) -> str:
    """The hash that Harvester notes beside a value once it has dealt with it."""
    return hashlib.sha1(text.encode()).hexdigest()


def made_by(attachment: Object, network: Network) -> bool:
    """Whether a NAD is still what Harvester makes of the network, by meaning."""
    try:
        config = json.loads((attachment.get("spec") or {}).get("config") or "")
        kind, ipam = config.get("type"), config.get("ipam") or {}
        wired = (config.get("bridge"), config.get("vlan") or 1) == (network.bridge, network.vlan or 1)
    except (ValueError, AttributeError):
        return False
    given = tuple(spans for _range, spans in cni.allocatable(config))
    return kind == "bridge" and ipam.get("type") == "whereabouts" and wired and given == (network.spans(),)
