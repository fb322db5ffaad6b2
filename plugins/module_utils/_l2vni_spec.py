# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One L2VNI as users describe it, and the same said in the shape that a cluster serves. Pure."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from ._cluster import Object
from ._errors import BadInput
from ._l2vni_shape import Shape
from ._node_selector import selector_of
from ._whereabouts import Network

_INTERFACE = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,14}")
_OBJECT = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""A lowercase RFC 1123 subdomain, which the API server asks of names."""
_LOWEST_VNI = 1
_PORT = 4789


@dataclasses.dataclass(frozen=True, slots=True)
class L2vni:
    """The wanted network, in words that no shape owns.

    :param vxlan_port: ``None`` for the one that is there, or that of VXLAN.
    :param vrf: the VRF of the routing domain; ``l3vni`` names the same by its L3VNI.
    :param bridge_name: the user's own bridge; without one OpenPERouter makes ``br-hs-<vni>``.
    :param node_selector: as the API spells it, ``None`` for all nodes.
    :param family: the plain name of one that was made beside it, empty for that one itself.
    """

    name: str
    namespace: str
    vni: int
    vxlan_port: int | None = None
    vrf: str | None = None
    l3vni: str | None = None
    gateways: tuple[str, ...] = ()
    bridge_type: str = "linux"
    bridge_name: str | None = None
    node_selector: Object | None = None
    underlay_address_family: str | None = None
    family: str = ""

    @property
    def bridge(self) -> str:
        """The bridge on the nodes that pods attach to."""
        return self.bridge_name or f"br-hs-{self.vni}"


def from_params(params: Mapping[str, Any]) -> L2vni:
    """The network of the module's options. :raises BadInput: for what no shape accepts."""
    managed, name = params["bridge_managed"], params["bridge_name"]
    if managed == bool(name):
        wanted = "bridge_name exactly when bridge_managed is false"
        found = f"bridge_managed {str(managed).lower()} and bridge_name {name!r}"
        hint = "OpenPERouter names the bridge it manages br-hs-<vni>; name only a bridge of your own."
        raise BadInput(wanted, found, hint=hint, reason="bridge_name")
    network = L2vni(
        params["name"],
        params["namespace"],
        params["vni"],
        params["vxlan_port"],
        params["vrf"],
        params["l3vni"],
        tuple(params["gateways"] or ()),
        params["bridge_type"],
        name,
        selector_of(params["node_selector"]),
        params["underlay_address_family"],
    )
    _sane(network)
    return network


def _sane(network: L2vni) -> None:
    """What holds for every shape."""
    if not _OBJECT.fullmatch(network.name):
        wanted = "a name of lowercase letters, digits, '-' and '.', beginning and ending with a letter or digit"
        raise BadInput(wanted, repr(network.name), hint="It names a Kubernetes object.", reason="name_invalid")
    port(network.vxlan_port)
    if network.vrf:
        interface_name(network.vrf, "vrf")
    if network.bridge_name:
        interface_name(network.bridge_name, "bridge_name")
    families = [subnet.version for subnet in subnets(network.gateways)]
    if len(set(families)) != len(families):
        found = ", ".join(network.gateways)
        hint = "Keep one IPv4 and one IPv6 gateway, or none: migrations do not need any."
        raise BadInput("at most one gateway of each address family", found, hint=hint, reason="gateway_families")


def port(number: int | None) -> None:
    """:raises BadInput: for what is no UDP port."""
    if number is not None and not 1 <= number <= 65535:
        hint = f"{_PORT} is the port of VXLAN."
        raise BadInput("vxlan_port from 1 to 65535", str(number), hint=hint, reason="vxlan_port")


def vxlan_port(wanted: int | None, shape: Shape, before: Object | None) -> Object:
    """The field of the port. One that nobody asks to change stays: the other clusters listen there."""
    # An object of the old API group spells it otherwise.
    there = next((value for key, value in (before or {}).items() if key.lower() == "vxlanport"), None)
    return {shape.spelled("vxlanport") or "vxlanport": wanted or there or _PORT}


def interface_name(name: str, option: str) -> None:
    """:raises BadInput: for what the kernel or OpenPERouter refuses as the name of a VRF or bridge."""
    if not _INTERFACE.fullmatch(name):
        wanted = f"{option} of at most 15 letters, digits, '_' and '-', beginning with a letter"
        raise BadInput(wanted, repr(name), hint="It becomes the name of a network interface.", reason=f"{option}_name")


def subnets(gateways: tuple[str, ...] | list[str]) -> list[Network]:
    """The networks that gateways stand in. :raises BadInput: for what is no address with a prefix length."""
    found: list[Network] = []
    for text in gateways:
        try:
            if "/" not in text:
                raise ValueError("no prefix length")
            found.append(ipaddress.ip_interface(text).network)
        except ValueError as error:
            wanted = "gateways as addresses with a prefix length, such as 192.168.100.1/24"
            hint = "It is the address that every node puts on the segment."
            raise BadInput(wanted, f"{text!r} ({error})", hint=hint, reason="gateway_invalid") from error
    return found


def specification(network: L2vni, shape: Shape, domain: Object | None = None, before: Object | None = None) -> Object:
    """The ``spec`` in a shape, with ``None`` for the fields that must not be there.

    :param domain: what ``routingDomain`` must be, for shapes that have it.
    :param before: what is there, or an upgrade of OpenPERouter has left of it.
    :raises BadInput: naming what the shape cannot express.
    """
    if not _LOWEST_VNI <= network.vni <= shape.highest_vni():
        wanted = f"vni from {_LOWEST_VNI} to {shape.highest_vni()}"
        raise BadInput(wanted, str(network.vni), hint="VXLAN numbers have 24 bits.", reason="vni_out_of_range")
    spec: Object = {"vni": network.vni, **vxlan_port(network.vxlan_port, shape, before)}
    spec |= _routing(network, shape, domain)
    spec[shape.gateway] = _gateway(network, shape)
    spec[shape.spelled("hostmaster") or ""] = _host(network, shape)
    spec |= _optional(network, shape)
    return spec


def cannot(shape: Shape, what: str, instead: str) -> BadInput:
    """The error for an option that a shape has no words for."""
    return BadInput(f"to express {what}", f"{shape.release} has no field for it", hint=instead, reason="shape_lacks")


def _routing(network: L2vni, shape: Shape, domain: Object | None) -> Object:
    if "routingDomain" in shape.fields:
        return {"routingDomain": domain}
    if not network.vrf and not shape.detached:
        # These releases then make a VRF of the object's name.
        interface_name(network.name, "name")
    return {"vrf": network.vrf}


def _gateway(network: L2vni, shape: Shape) -> str | list[str] | None:
    if network.gateways and shape.detached and not (network.vrf or network.l3vni):
        hint = "Name the VRF (vrf or l3vni), or better leave the gateway out: migrations stay inside the subnet."
        raise BadInput(
            "a VRF for the gateway",
            f"gateways without a VRF, refused by {shape.release}",
            hint=hint,
            reason="gateway_without_vrf",
        )
    if shape.gateway != "l2gatewayip":
        return list(network.gateways) or None
    if len(network.gateways) > 1:
        raise cannot(shape, "two gateways", "Keep one gateway, or none: migrations do not need any.")
    return network.gateways[0] if network.gateways else None


def _host(network: L2vni, shape: Shape) -> Object:
    word = shape.bridge_type(network.bridge_type)
    if word is None:
        raise cannot(shape, f"a bridge of type {network.bridge_type}", "Use a Linux bridge or another release.")
    managed = network.bridge_name is None
    if "autocreate" in shape.host:
        return {"type": word, "autocreate": managed, "name": network.bridge_name}
    ours, other = ("linuxBridge", "ovsBridge") if network.bridge_type == "linux" else ("ovsBridge", "linuxBridge")
    offered = shape.host[ours].get("properties") or {}
    attach: Object = {"name": network.bridge_name}
    if "lifecycle" in offered:
        attach["lifecycle"] = "Managed" if managed else "External"
    else:
        attach["autoCreate"] = managed
    return {"type": word, ours: attach, other: None}


def _optional(network: L2vni, shape: Shape) -> Object:
    spec: Object = {}
    if shape.node_selector:
        spec["nodeSelector"] = network.node_selector
    elif network.node_selector:
        raise cannot(shape, "node_selector", "Leave it out: this release configures every node.")
    if network.underlay_address_family:
        word = shape.address_family(network.underlay_address_family)
        if word is None:
            raise cannot(shape, "underlay_address_family", "Leave it out: the underlay decides.")
        spec["underlayAddressFamily"] = word
    elif "underlayAddressFamily" in shape.fields:
        spec["underlayAddressFamily"] = None
    return spec


def compact(value: Any) -> Any:
    """The value without the fields that must not be there."""
    if isinstance(value, dict):
        return {key: compact(item) for key, item in value.items() if item is not None}
    return value


def replacing(before: Any, wanted: Any) -> Any:
    """A merge patch that makes ``before`` equal to ``wanted`` wherever ``wanted`` speaks.

    A mapping the wanted one replaces as a whole is emptied of what it does not have: a merge patch alone would mix
    two node selectors.
    """
    if not isinstance(wanted, dict) or not isinstance(before, dict):
        return wanted
    gone = dict.fromkeys(before.keys() - wanted.keys())
    return gone | {key: replacing(before.get(key), value) for key, value in wanted.items()}


def same_gateways(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether both mean the same; an address can be written in more than one way."""

    def parsed(texts: tuple[str, ...]) -> set[Any]:
        return {ipaddress.ip_interface(text) for text in texts}

    try:
        return parsed(one) == parsed(other)
    except ValueError:
        return one == other
