# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster of a fleet: what the inventory wants of it, and what it says of itself."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ._whereabouts import Network

PREFIX = "migration_network_"
"""Of the variables that say what a cluster should have."""


class App(NamedTuple):
    """A network of the VMs as the inventory wants it on one cluster.

    :param vni: 0 where it is a bridge of the nodes.
    :param l3vni_vni: 0 without a VRF of its own.
    :param mtu: as text, empty for the kernel's own.
    """

    name: str
    vni: int
    vrf: str
    l3vni: str
    l3vni_vni: int
    gateways: tuple[str, ...]
    mtu: str
    nads: tuple[str, ...]

    @property
    def subnets(self) -> list[Network]:
        """The networks that its gateways stand in."""
        return list(networks(self.gateways))


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
        return number(self.option(name))

    def texts(self, name: str) -> list[str]:
        """An option that is a list."""
        return _texts(self.option(name))

    def called(self, name: str) -> str:
        """The name of one of its objects; the role calls all of them alike."""
        return str(self.option(name) or "migration")

    @property
    def home(self) -> str:
        """KubeVirt's namespace."""
        seen = self.info.get("kubevirt") or {}
        return str(self.option("kubevirt_namespace") or seen.get("namespace") or "kubevirt")

    @property
    def routers(self) -> str:
        """OpenPERouter's namespace."""
        return str(self.option("openperouter_namespace") or "openperouter-system")

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
    def apps(self) -> list[App]:
        """The networks of its VMs."""
        return [] if self.variables.get("vm_network_state") == "absent" else self.declared

    @property
    def declared(self) -> list[App]:
        """The networks of its VMs that the inventory names, those included that are to go."""
        told = self.variables.get("vm_network_networks")
        if not isinstance(told, (list, tuple)):
            return []
        return [_app(each) for each in told if isinstance(each, Mapping) and each.get("name")]

    @property
    def tunnels(self) -> bool:
        """Whether packets of the fleet go through tunnels of OpenPERouter there."""
        return (self.takes_part and self.overlay) or any(app.vni for app in self.apps)

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

    def segments(self, name: str, number: int | None) -> list[Mapping[str, Any]]:
        """The L2VNIs of one network, those of the wanted number first; while that changes there are others."""
        found = [item for item in self.vnis if item["kind"] == "L2VNI"]
        wanted = [item for item in found if item["vni"] == number]
        named = [item for item in found if name in (item.get("family"), item["name"].removeprefix(f"{self.routers}/"))]
        return wanted + [item for item in named if item not in wanted]

    @property
    def underlays(self) -> list[Mapping[str, Any]]:
        """Its Underlays: as the cluster says, or else the inventory."""
        return list(self.router.get("underlays") or []) or self._told

    @property
    def _told(self) -> list[Mapping[str, Any]]:
        told = self.variables.get("preflight_underlay")
        return [{"name": "of the inventory"} | told] if isinstance(told, dict) and told else []


def _app(told: Mapping[str, Any]) -> App:
    name, vrf, routed = str(told["name"]), str(told.get("vrf") or ""), number(told.get("l3vni_vni")) or 0
    nad = str(told.get("nad") or name)
    return App(
        name,
        number(told.get("vni")) or 0,
        vrf,
        str(told.get("l3vni") or vrf) if routed else "",
        routed,
        tuple(_interface(text) for text in _texts(told.get("gateways"))),
        str(told.get("mtu") or ""),
        tuple(f"{namespace}/{nad}" for namespace in _texts(told.get("namespaces"))),
    )


def number(value: Any) -> int | None:
    """A number, however it is spelled; ``None`` for anything else."""
    try:
        return int(value)
    except (TypeError, ValueError):
        # What is no number the role's own argument specification refuses.
        return None


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _interface(text: str) -> str:
    """An address with its prefix length in its one spelling."""
    try:
        return str(ipaddress.ip_interface(text))
    except ValueError:
        # The module refuses it.
        return text


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
