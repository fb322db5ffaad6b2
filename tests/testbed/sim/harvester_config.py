# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON in Harvester's network settings, as Go decodes it, and what NAD it becomes; pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_interface, ip_network
from typing import Any

from ..resources import Object

MGMT = "mgmt"


class BadConfig(Exception):
    """The text is no configuration; `args[0]` says why, as the decoder does."""


class Endless(Exception):
    """Releases before v1.9 count the addresses of an IPv6 range one by one, and never end."""


@dataclass(frozen=True, slots=True)
class Config:
    """One network; every key may be missing."""

    cluster_network: str = ""
    vlan: int = 0
    range: str = ""
    exclude: tuple[str, ...] = ()
    exclusive_vlan: bool = False

    @property
    def bridge(self) -> str:
        return f"{self.cluster_network}-br"

    def nad(self) -> str:
        """The text of `spec.config`: the keys in Harvester's order, the VLAN never absent."""
        ipam: Object = {"type": "whereabouts", "range": self.range}
        if self.exclude:
            ipam["exclude"] = list(self.exclude)
        made = {
            "cniVersion": "0.3.1",
            "type": "bridge",
            "bridge": self.bridge,
            "promiscMode": True,
            "vlan": self.vlan or 1,
            "ipam": ipam,
        }
        return json.dumps(made, separators=(",", ":"))


def read(text: str) -> Config:
    """Keys in any case, unknown ones ignored, wrong types refused. :raises BadConfig:"""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadConfig(str(error)) from None
    if not isinstance(found, dict):
        raise BadConfig(f"cannot unmarshal {type(found).__name__} into Go value of type network.Config")
    keys = {str(key).lower(): value for key, value in found.items() if value is not None}
    return Config(
        _typed(keys, "clusternetwork", str, ""),
        _vlan(keys.get("vlan", 0)),
        _typed(keys, "range", str, ""),
        tuple(_texts(_typed(keys, "exclude", list, []))),
        _typed(keys, "exclusivevlan", bool, False),
    )


def usable(config: Config) -> set[int]:
    """Addresses of the range that can be given out: without network and broadcast, without the excludes.

    An exclude with host bits counts only from its own address to the end of its block.
    """
    network = ip_network(config.range)
    if not isinstance(network, IPv4Network):
        raise Endless
    found = set(range(int(network.network_address) + 1, int(network.broadcast_address)))
    for text in config.exclude:
        entry = ip_interface(text)
        found -= set(range(int(entry.ip), int(entry.network.broadcast_address) + 1))
    return found


def _typed(keys: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    value = keys.get(name, default)
    if not isinstance(value, kind):
        raise BadConfig(f"cannot unmarshal {type(value).__name__} into Go struct field Config.{name}")
    return value


def _texts(values: list[Any]) -> list[str]:
    for value in values:
        if not isinstance(value, str):
            raise BadConfig(f"cannot unmarshal {type(value).__name__} into Go struct field Config.exclude")
    return values


def _vlan(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise BadConfig(f"cannot unmarshal {value!r} into Go struct field Config.vlan of type uint16")
    return value
