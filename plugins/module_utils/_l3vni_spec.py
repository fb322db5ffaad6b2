# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One L3VNI as users describe it, said in the shape that a cluster serves, and what it collides with. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import _node_selector as node_selector
from ._argspec import ArgumentSpec, cluster_options
from ._checks import Finding
from ._cluster import Object, namespaced_name
from ._errors import BadInput
from ._l2vni_checks import share_node, vrf_of
from ._l2vni_options import OVERLAY
from ._l2vni_shape import Shape
from ._l2vni_spec import cannot, interface_name, port, vxlan_port
from ._openperouter import Peers

SPEC = cluster_options().merge(
    OVERLAY,
    ArgumentSpec(
        {
            "import_rts": {"type": "list", "elements": "str"},
            "export_rts": {"type": "list", "elements": "str"},
        },
        required_if=(("state", "present", ("vrf", "vni")),),
    ),
)

_TARGET = re.compile(r"(\d{1,10}|\d{1,3}(\.\d{1,3}){3}):\d{1,10}")
_OBJECT = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@dataclasses.dataclass(frozen=True, slots=True)
class L3vni:
    """The wanted VRF with its number, in words that no shape owns.

    :param vxlan_port: ``None`` for the one that is there, or that of VXLAN.
    """

    name: str
    namespace: str
    vrf: str
    vni: int
    vxlan_port: int | None = None
    import_rts: tuple[str, ...] = ()
    export_rts: tuple[str, ...] = ()
    node_selector: Object | None = None
    underlay_address_family: str | None = None

    def __str__(self) -> str:
        return f"L3VNI {self.namespace}/{self.name}"


def from_params(params: Mapping[str, Any]) -> L3vni:
    """The L3VNI of the module's options. :raises BadInput: for what no shape accepts."""
    if not _OBJECT.fullmatch(params["name"]):
        wanted = "a name of lowercase letters, digits, '-' and '.', beginning and ending with a letter or digit"
        raise BadInput(wanted, repr(params["name"]), hint="It names a Kubernetes object.", reason="name_invalid")
    interface_name(params["vrf"], "vrf")
    port(params["vxlan_port"])
    return L3vni(
        params["name"],
        params["namespace"],
        params["vrf"],
        params["vni"],
        params["vxlan_port"],
        _targets(params["import_rts"], "import_rts"),
        _targets(params["export_rts"], "export_rts"),
        node_selector.selector_of(params["node_selector"]),
        params["underlay_address_family"],
    )


def _targets(texts: list[str] | None, option: str) -> tuple[str, ...]:
    for text in texts or []:
        if not _TARGET.fullmatch(text) or len(text) > 21:
            wanted = f"{option} as route targets such as 64514:100"
            hint = "A number of an AS, or an IPv4 address, then ':' and a number."
            raise BadInput(wanted, repr(text), hint=hint, reason="route_target_invalid")
    return tuple(sorted(set(texts or [])))


def specification(wanted: L3vni, shape: Shape, before: Object | None = None) -> Object:
    """The ``spec`` in a shape, with ``None`` for the fields that must not be there.

    :param shape: of the L3VNI.
    :param before: what is there; lists that mean the same stay in their order.
    :raises BadInput: naming what the shape cannot express.
    """
    if "vni" not in shape.fields or "asn" in shape.fields:
        instead = "Upgrade OpenPERouter, or leave the VRF out: migrations need none."
        raise cannot(shape, "an L3VNI without a host session", instead)
    if not 1 <= wanted.vni <= shape.highest_vni():
        text = f"vni from 1 to {shape.highest_vni()}"
        raise BadInput(text, str(wanted.vni), hint="VXLAN numbers have 24 bits.", reason="vni_out_of_range")
    spec: Object = {"vrf": wanted.vrf, "vni": wanted.vni}
    spec |= vxlan_port(wanted.vxlan_port, shape, before)
    for field, option, value in (
        ("nodeSelector", "node_selector", wanted.node_selector),
        ("underlayAddressFamily", "underlay_address_family", wanted.underlay_address_family),
        ("importRTs", "import_rts", list(wanted.import_rts) or None),
        ("exportRTs", "export_rts", list(wanted.export_rts) or None),
    ):
        if field in shape.fields:
            spec[field] = value
        elif value:
            raise cannot(shape, option, "Leave it out.")
    if wanted.underlay_address_family:
        spec["underlayAddressFamily"] = shape.address_family(wanted.underlay_address_family)
    for field in ("importRTs", "exportRTs"):
        there = (before or {}).get(field)
        if spec.get(field) and there and sorted(there) == spec[field]:
            spec[field] = there
    return spec


def collisions(wanted: L3vni, shape: Shape, peers: Peers, cluster: str) -> list[Finding]:
    """Everything it collides with.

    :param shape: of the L2VNI, which says whether selectors and one set of numbers are known.
    """
    mine = f"{wanted.namespace}/{wanted.name}"
    others = [item for item in peers.l3vnis if namespaced_name(item) != mine]
    found = [*_same_name(wanted, others), *_same_number(wanted, shape, others, peers)]
    found += _same_vrf(wanted, shape, others, peers)
    return [dataclasses.replace(each, cluster=cluster, object=str(wanted)) for each in found]


def _same_name(wanted: L3vni, others: list[Object]) -> Iterator[Finding]:
    for item in others:
        if item["metadata"]["name"] == wanted.name:
            hint = "OpenPERouter reads its objects in all namespaces; remove that one or use its namespace."
            only = f"only one L3VNI named {wanted.name}"
            yield _finding("l3vni-elsewhere", only, f"L3VNI {namespaced_name(item)}", hint)


def _same_number(wanted: L3vni, shape: Shape, others: list[Object], peers: Peers) -> Iterator[Finding]:
    for item in (*others, *peers.l2vnis, *peers.l3vpns):
        number = item["spec"].get("vni", item["spec"].get("rdAssignedNumber"))
        if number == wanted.vni and share_node(wanted.node_selector, item, shape, peers.nodes):
            hint = "L2VNI, L3VNI and the RD number of an L3VPN come from one set of numbers: choose one that is free."
            owner = f"{item['kind']} {namespaced_name(item)} has it"
            yield _finding("vni-taken", f"VNI {wanted.vni} to be free", owner, hint)


def _same_vrf(wanted: L3vni, shape: Shape, others: list[Object], peers: Peers) -> Iterator[Finding]:
    for item in (*others, *peers.l3vpns):
        if not share_node(wanted.node_selector, item, shape, peers.nodes):
            continue
        owner = f"{item['kind']} {namespaced_name(item)}"
        if item["spec"].get("vrf") == wanted.vrf:
            hint = "A VRF has one L3VNI on a node: use that one, or another VRF."
            yield _finding("vrf-taken", f"VRF {wanted.vrf} to be free", f"{owner} provides it", hint)
        elif item["kind"] == "L3VPN":
            hint = "A node carries L3VNIs or L3VPNs: give them node selectors that share no node."
            yield _finding("l3vpn-present", "no L3VPN on the nodes of an L3VNI", owner, hint)


def _finding(identity: str, wanted: str, found: str, hint: str) -> Finding:
    return Finding(identity, "error", "", "", wanted, found, hint)


def users(vrf: str, name: str, shape: Shape, peers: Peers) -> list[str]:
    """The L2VNIs whose routing domain an L3VNI provides."""
    found = []
    for item in peers.l2vnis:
        domain = item["spec"].get("routingDomain") or {}
        named = (domain.get("l3vni") or {}).get("name") == name and domain.get("type") == "L3VNI"
        if named or ("routingDomain" not in shape.fields and vrf_of(item, shape, peers) == vrf):
            found.append(f"L2VNI {namespaced_name(item)}")
    return sorted(found)
