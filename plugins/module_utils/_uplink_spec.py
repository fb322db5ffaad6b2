# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leads from the nodes to a network of theirs, in the words of nmstate, and what stands in its way. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ._argspec import ArgumentSpec, cluster_options
from ._checks import Finding
from ._cluster import Object
from ._errors import BadInput

SPEC = cluster_options().merge(
    ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "pruned", "absent"], "default": "present"},
            "allow_gitops": {"type": "bool", "default": False},
            "interface": {"type": "str"},
            "vlan": {"type": "int"},
            "bridge": {"type": "str"},
            "trunk": {"type": "list", "elements": "int"},
            "mtu": {"type": "int"},
            "node_selector": {"type": "dict"},
            "manage": {"type": "bool", "default": True},
            "keep": {"type": "bool", "default": False},
            "expect_gone": {"type": "list", "elements": "str"},
            "wait_for_migrations": {"type": "int", "default": 0},
            "wait_timeout": {"type": "int", "default": 300},
        },
        mutually_exclusive=(("vlan", "trunk"),),
        required_by={"interface": ("mtu",), "vlan": ("interface",), "trunk": ("bridge",)},
        required_if=(
            ("state", "present", ("mtu",)),
            ("state", "present", ("vlan", "bridge"), True),
        ),
    )
)

_INTERFACE = re.compile(r"[^\s/:]{1,15}")
_POLICY = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclasses.dataclass(frozen=True, slots=True)
class Uplink:
    """What every node is to have.

    :param interface: a card of the nodes, which is there already; empty for any that the bridge has.
    :param vlan: the number of a VLAN's interface on it, 0 for none.
    :param bridge: a Linux bridge with that interface, or the card, as its port; empty for none.
    :param trunk: the VLANs that pass the bridge with their tags.
    """

    name: str
    interface: str
    mtu: int
    vlan: int = 0
    bridge: str = ""
    trunk: tuple[int, ...] = ()
    node_selector: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def subinterface(self) -> str:
        """The VLAN's interface, empty for none."""
        return f"{self.interface}.{self.vlan}" if self.vlan else ""

    @property
    def port(self) -> str:
        """What the bridge leads out through."""
        return self.subinterface or self.interface

    @property
    def end(self) -> str:
        """What a NAD names: the bridge, else the VLAN's interface."""
        return self.bridge or self.subinterface

    def interfaces(self) -> list[Object]:
        """The interfaces to be made, as nmstate's desired state has them."""
        found: list[Object] = []
        if self.vlan:
            vlan = {"base-iface": self.interface, "id": self.vlan}
            found.append(_interface(self.subinterface, "vlan", self.mtu) | {"vlan": vlan})
        if self.bridge:
            port: Object = {"name": self.port}
            if self.trunk:
                port["vlan"] = {"mode": "trunk", "trunk-tags": [{"id": number} for number in self.trunk]}
            bridge = {"options": {"stp": {"enabled": False}}, "port": [port]}
            found.append(_interface(self.bridge, "linux-bridge", self.mtu) | {"bridge": bridge})
        return found


def _interface(name: str, kind: str, mtu: int) -> Object:
    nothing = {"enabled": False}
    return {"name": name, "type": kind, "state": "up", "mtu": mtu, "ipv4": nothing, "ipv6": nothing}


def from_params(params: Mapping[str, Any]) -> Uplink:
    """The uplink of the options. :raises BadInput: for what no node accepts."""
    if not _POLICY.fullmatch(params["name"]):
        wanted = "a name of at most 63 lowercase letters, digits and '-', beginning and ending with a letter or digit"
        raise BadInput(wanted, repr(params["name"]), hint="It names a Kubernetes object.", reason="name_invalid")
    if params["manage"] and params["interface"] is None:
        hint = "Name the card that leads to the network, or only look at a bridge with manage: false."
        raise BadInput("interface for what is made", "none", hint=hint, reason="interface_missing")
    uplink = Uplink(
        params["name"],
        params["interface"] or "",
        params["mtu"],
        _tag(params["vlan"], "vlan") if params["vlan"] is not None else 0,
        params["bridge"] or "",
        tuple(sorted({_tag(number, "trunk") for number in params["trunk"] or []})),
        {key: str(value) for key, value in (params["node_selector"] or {}).items()},
    )
    for option, name in (("interface", uplink.interface), ("vlan", uplink.subinterface), ("bridge", uplink.bridge)):
        if name and not _INTERFACE.fullmatch(name):
            wanted = f"{option} with an interface name of at most 15 characters without spaces, '/' and ':'"
            raise BadInput(wanted, repr(name), hint="The kernel refuses other names.", reason=f"{option}_invalid")
    if uplink.bridge in (uplink.interface, uplink.subinterface):
        hint = "The bridge gets the interface as its port."
        raise BadInput("bridge with a name of its own", uplink.bridge, hint=hint, reason="bridge_invalid")
    if not 576 <= uplink.mtu <= 65535:
        raise BadInput("mtu from 576 to 65535", str(uplink.mtu), hint="No link carries others.", reason="mtu")
    return uplink


def _tag(number: int, option: str) -> int:
    if not 1 <= number <= 4094:
        hint = "802.1Q has no other numbers."
        raise BadInput(f"{option} from 1 to 4094", str(number), hint=hint, reason="vlan_out_of_range")
    return number


def hindrances(uplink: Uplink, states: Mapping[str, Mapping[str, Object]], cluster: str) -> Iterator[Finding]:
    """What on a node keeps the uplink from working, before anything is changed there.

    :param states: the interfaces of every node concerned by their name.
    """
    for node, links in states.items():
        title, card = f"Node {node}", links.get(uplink.interface)
        if card is None:
            hint = "Name a card that all selected nodes have, or narrow node_selector."
            found = ", ".join(sorted(links)) or "none"
            yield Finding("uplink-missing", "error", cluster, title, f"interface {uplink.interface}", found, hint)
            continue
        if int(card.get("mtu") or uplink.mtu) < uplink.mtu:
            wanted, found = f"mtu {uplink.mtu} on {uplink.interface} at least", f"mtu {card['mtu']}"
            hint = "Raise it on the card and the switch first, or lower mtu."
            yield Finding("uplink-mtu", "error", cluster, title, wanted, found, hint)
        if uplink.bridge and not uplink.vlan:
            yield from _taken(uplink, node, card, cluster)


def _taken(uplink: Uplink, node: str, card: Object, cluster: str) -> Iterator[Finding]:
    """A card that becomes a port loses its addresses, and with the node's own the node is lost."""
    addresses = [
        str(each.get("ip"))
        for family in ("ipv4", "ipv6")
        for each in (card.get(family) or {}).get("address") or []
        if not str(each.get("ip")).lower().startswith("fe80")
    ]
    wanted = f"{uplink.interface} free to become a port of {uplink.bridge}"
    if addresses:
        hint = "As a port it would lose its addresses and cut the node off: take another card, or a vlan of it."
        found = f"it has {', '.join(addresses)}"
        yield Finding("uplink-in-use", "error", cluster, f"Node {node}", wanted, found, hint)
    controller = card.get("controller") or card.get("master")
    if controller and controller != uplink.bridge:
        hint = f"Use {controller} itself, or another card."
        yield Finding("uplink-in-use", "error", cluster, f"Node {node}", wanted, f"it belongs to {controller}", hint)


def lacks(uplink: Uplink, states: Mapping[str, Mapping[str, Object]], cluster: str) -> Iterator[Finding]:
    """What a node does not have of an uplink that somebody else makes."""
    for node, links in states.items():
        for wanted in uplink.interfaces():
            name = wanted["name"]
            found = links.get(name)
            text = f"{wanted['type']} {name} with mtu {uplink.mtu}"
            hint = "Make it on that node, or let this module make it with manage: true."
            if found is None or found.get("type") != wanted["type"]:
                there = "none" if found is None else f"type {found.get('type')}"
                yield Finding("uplink-missing", "error", cluster, f"Node {node}", text, there, hint)
            elif int(found.get("mtu") or 0) < uplink.mtu:
                there = f"mtu {found.get('mtu')}"
                yield Finding("uplink-mtu", "error", cluster, f"Node {node}", text, there, hint)
            elif wanted["type"] == "linux-bridge" and uplink.port not in _ports(found):
                there = f"ports {', '.join(_ports(found)) or 'none'}"
                yield Finding(
                    "uplink-missing", "error", cluster, f"Node {node}", f"{uplink.port} in {name}", there, hint
                )


def _ports(bridge: Object) -> list[str]:
    return [str(port.get("name")) for port in (bridge.get("bridge") or {}).get("port") or []]
