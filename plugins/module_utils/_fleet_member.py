# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster of a fleet: what the inventory wants of it, and what it says of itself."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._whereabouts import Network

PREFIX = "migration_network_"
"""Of the variables that say what a cluster should have."""


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """One cluster of a fleet.

    :param variables: what the inventory says.
    :param info: what ``cluster_info`` returned; empty for a cluster that nobody asked.
    """

    name: str
    variables: Mapping[str, Any]
    info: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def option(self, name: str) -> Any:
        """The value of an option of the role, ``None`` when the inventory does not set it."""
        return self.variables.get(f"{PREFIX}{name}")

    def number(self, name: str) -> int | None:
        """An option that is a number, however the inventory spells it; ``None`` for anything else."""
        try:
            return int(self.option(name))
        except (TypeError, ValueError):
            # What is no number the role's own argument specification refuses.
            return None

    def texts(self, name: str) -> list[str]:
        """An option that is a list."""
        value = self.option(name)
        return [str(item) for item in value] if isinstance(value, (list, tuple)) else []

    @property
    def slot(self) -> int | None:
        """Its slot in the address plan."""
        return self.number("slot")

    @property
    def uid(self) -> str:
        """What tells it from other clusters; empty when it was not asked."""
        return str(self.info.get("uid") or "")

    @property
    def stays(self) -> bool:
        """Whether its slot is still its own."""
        return bool(self.option("state") != "absent")

    @property
    def takes_part(self) -> bool:
        """Whether it is to be on the migration network."""
        return self.stays and bool(self.option("type") != "none")

    @property
    def flavour(self) -> str:
        """Through what KubeVirt's settings are changed there, as far as anybody says."""
        told = self.option("flavour")
        return str(self.info.get("flavour") or "") if told in (None, "", "auto") else str(told)

    @property
    def overlay(self) -> bool:
        """Whether the network is an overlay segment of OpenPERouter there; on Harvester it is a VLAN."""
        flavour = self.option("flavour") if self.option("flavour") not in (None, "auto") else self.info.get("flavour")
        return bool(self.option("type") in (None, "", "evpn")) and flavour != "harvester"

    @property
    def closed(self) -> list[str]:
        """Kinds that might name networks and may not be read."""
        return [str(kind) for kind in self.info.get("unreadable") or []]

    @property
    def router(self) -> Mapping[str, Any]:
        """OpenPERouter as the cluster has it."""
        return self.info.get("openperouter") or {}

    @property
    def vnis(self) -> list[Mapping[str, Any]]:
        """Its L2VNIs and L3VNIs."""
        return list(self.router.get("vnis") or [])

    @property
    def underlays(self) -> list[Mapping[str, Any]]:
        """Its Underlays: as the cluster says, or else the inventory."""
        return list(self.router.get("underlays") or []) or self._told

    @property
    def _told(self) -> list[Mapping[str, Any]]:
        told = self.variables.get("preflight_underlay")
        return [{"name": "of the inventory"} | told] if isinstance(told, dict) and told else []


def networks(texts: Iterable[Any]) -> Iterator[Network]:
    """Those of the texts that are networks; the others are judged elsewhere."""
    for text in texts:
        try:
            yield ipaddress.ip_network(str(text), strict=False)
        except ValueError:
            continue


def who_has(values: Mapping[str, str]) -> str:
    """Who has which value, the most common one first: ``1400 (a, b); 9000 (c)``."""
    owners: dict[str, list[str]] = {}
    for name, value in values.items():
        owners.setdefault(value, []).append(name)
    ordered = sorted(owners.items(), key=lambda entry: -len(entry[1]))
    return "; ".join(f"{value} ({', '.join(names)})" for value, names in ordered)
