# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an L2VNI must not collide with on its cluster, and the routing domain it names. Pure.

OpenPERouter's webhook checks some of this on some releases, and on update two of them check the old object instead
of the new one. So everything is checked here, on create and on update, before the first write.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ._addresses import overlaps
from ._checks import Finding, Severity
from ._cluster import Object, namespaced_name
from ._errors import BadInput, Missing
from ._l2vni_shape import Shape, gateways_of
from ._l2vni_spec import L2vni, subnets
from ._node_selector import chosen, selects
from ._openperouter import Peers
from ._whereabouts import Network


def resolve(network: L2vni, shape: Shape, peers: Peers, cluster: str) -> tuple[L2vni, Object | None]:
    """The network with its VRF known, and the ``routingDomain`` of shapes that have one.

    :raises Missing: for a routing domain that does not exist, where the object would be admitted and never work.
    """
    if not network.vrf and not network.l3vni:
        return network, None
    backing = _backing(network, shape, peers, cluster)
    vrf = backing["spec"].get("vrf") if backing else network.vrf
    if network.vrf and vrf != network.vrf:
        found = f"L3VNI {network.l3vni} has VRF {vrf}"
        wanted = f"vrf {network.vrf} and l3vni {network.l3vni} to mean the same"
        raise BadInput(wanted, found, cluster, _name(network), "Give only one of them.", reason="vrf")
    if backing and shape.detached:
        _refuse_uncovered(network, backing, peers, cluster)
    domain: Object | None = None
    if backing and "routingDomain" in shape.fields:
        used, unused = ("l3vni", "l3vpn") if backing["kind"] == "L3VNI" else ("l3vpn", "l3vni")
        domain = {"type": backing["kind"], used: {"name": backing["metadata"]["name"]}, unused: None}
    return dataclasses.replace(network, vrf=vrf), domain


def promised(network: L2vni, shape: Shape) -> Object | None:
    """The ``routingDomain`` of an L3VNI that is still to be made; by its VRF alone its name is not known."""
    if "routingDomain" not in shape.fields or not network.l3vni:
        return None
    return {"type": "L3VNI", "l3vni": {"name": network.l3vni}, "l3vpn": None}


def _refuse_uncovered(network: L2vni, backing: Object, peers: Peers, cluster: str) -> None:
    """:raises BadInput: where a node would get the segment and not the routing domain: it provisions neither."""
    there = chosen(backing["spec"].get("nodeSelector"), peers.nodes)
    bare = sorted({*chosen(network.node_selector, peers.nodes)} - {*there})
    if bare:
        wanted = f"{backing['kind']} {namespaced_name(backing)} on every node of the segment"
        hint = "Give both the same node selector."
        found = f"none on {', '.join(bare)}"
        raise BadInput(wanted, found, cluster, _name(network), hint, reason="routing_domain_uncovered")


def _backing(network: L2vni, shape: Shape, peers: Peers, cluster: str) -> Object | None:
    """The L3VNI or L3VPN that provides the routing domain; releases without that idea make the VRF themselves."""
    if network.l3vni:
        here = [item for item in peers.l3vnis if _is(item, network.l3vni, network.namespace)]
        if not here:
            wanted = f"L3VNI {network.namespace}/{network.l3vni} for the routing domain"
            hint = "Create it first, or leave l3vni out: migrations need no routing."
            raise Missing(wanted, "no such object", cluster, _name(network), hint, "routing_domain_missing")
        return here[0]
    for item in (*peers.l3vnis, *peers.l3vpns):
        # A reference is by name within the namespace; by VRF name any namespace will do.
        near = "routingDomain" not in shape.fields or item["metadata"].get("namespace") == network.namespace
        if near and item["spec"].get("vrf") == network.vrf:
            return item
    if not shape.detached:
        return None
    wanted = f"an L3VNI or L3VPN that provides VRF {network.vrf}"
    hint = (
        f"{shape.release} admits an L2VNI of a VRF that nothing provides, and never provisions it. "
        "Create the L3VNI first, or leave vrf out: migrations need no routing."
    )
    raise Missing(wanted, "none", cluster, _name(network), hint, "routing_domain_missing")


def bare_nodes(network: L2vni, bare: Collection[str], cluster: str, *, allowed: bool) -> list[Finding]:
    """Nodes that VMs move between and that the segment is not for: pods start there all the same, or never do.

    The bridge CNI plugin makes a bridge that is missing, which leads nowhere; every other one cannot start the pod, and
    the rollout of virt-handler hangs.
    """
    if not bare:
        return []
    names = ", ".join(bare)
    wanted = f"the segment on every node of virt-handler, bridge {network.bridge}"
    hint = (
        "Let node_selector take them, by a label for example, or keep virt-handler off them with "
        "spec.workloads.nodePlacement of KubeVirt."
    )
    severity: Severity = "warning" if allowed else "error"
    found = f"node_selector leaves out {names}"
    return [Finding("segment-uncovered", severity, cluster, _name(network), wanted, found, hint)]


def collisions(network: L2vni, shape: Shape, peers: Peers, cluster: str) -> list[Finding]:
    """Everything the network collides with."""
    others = [item for item in peers.l2vnis if not _is(item, network.name, network.namespace)]
    found = [*_same_name(network, others), *_same_vni(network, shape, others, peers)]
    found += [*_same_vrf(network, shape, others), *_same_subnet(network, shape, others, peers)]
    return [dataclasses.replace(each, cluster=cluster, object=_name(network)) for each in found]


def _same_name(network: L2vni, others: Iterable[Object]) -> Iterator[Finding]:
    for item in others:
        if item["metadata"]["name"] == network.name:
            yield _finding(
                "l2vni-elsewhere",
                f"only one L2VNI named {network.name}",
                f"L2VNI {namespaced_name(item)}",
                "OpenPERouter reads its objects in all namespaces; remove that one or use its namespace.",
            )


def _same_vni(network: L2vni, shape: Shape, others: Iterable[Object], peers: Peers) -> Iterator[Finding]:
    for item in others:
        if item["spec"].get("vni") == network.vni and share_node(network.node_selector, item, shape, peers.nodes):
            hint = "Choose a VNI that is free on every cluster of the fleet, or remove that object."
            yield _finding("vni-taken", f"VNI {network.vni} to be free", f"L2VNI {namespaced_name(item)} has it", hint)
    for item in (*peers.l3vnis, *peers.l3vpns):
        number = item["spec"].get("vni", item["spec"].get("rdAssignedNumber"))
        if number == network.vni:
            owner = f"{item['kind']} {namespaced_name(item)} has it"
            hint = "L2VNI, L3VNI and the RD number of an L3VPN come from one set of numbers."
            yield _finding("vni-taken", f"VNI {network.vni} to be free", owner, hint)


def _same_vrf(network: L2vni, shape: Shape, others: Iterable[Object]) -> Iterator[Finding]:
    if shape.letter != "A":
        return
    mine = network.vrf or network.name
    for item in others:
        if (item["spec"].get("vrf") or item["metadata"]["name"]) == mine:
            hint = "This release allows one L2VNI a VRF; without vrf the object's name is its VRF."
            owner = f"L2VNI {namespaced_name(item)} has it"
            yield _finding("vrf-taken", f"VRF {mine} to be free of other L2VNIs", owner, hint)


def _same_subnet(network: L2vni, shape: Shape, others: Iterable[Object], peers: Peers) -> Iterator[Finding]:
    mine = network.vrf or (None if shape.detached else network.name)
    for subnet in subnets(network.gateways):
        for owner, other in _subnets_of_vrf(mine, shape, others, peers):
            if overlaps(subnet, other):
                hint = "Gateways and sessions of one VRF need subnets of their own."
                yield _finding("gateway-overlaps", f"{subnet} to be free in VRF {mine}", f"{owner} has {other}", hint)


def _subnets_of_vrf(
    vrf: str | None, shape: Shape, others: Iterable[Object], peers: Peers
) -> Iterator[tuple[str, Network]]:
    for item in others:
        if vrf_of(item, shape, peers) == vrf:
            for text in gateways_of(item["spec"]):
                yield from _parsed(f"L2VNI {namespaced_name(item)}", text)
    for item in (*peers.l3vnis, *peers.l3vpns):
        if item["spec"].get("vrf") == vrf:
            session = _any_case(item["spec"], "hostsession")
            for text in _any_case(session, "localcidr").values():
                yield from _parsed(f"{item['kind']} {namespaced_name(item)}", text)


def vrf_of(item: Object, shape: Shape, peers: Peers) -> str | None:
    """The VRF that an existing L2VNI stands in."""
    if "routingDomain" not in shape.fields:
        fallback = None if shape.detached else item["metadata"]["name"]
        return item["spec"].get("vrf") or fallback
    domain = item["spec"].get("routingDomain") or {}
    name = (domain.get(str(domain.get("type", "")).lower()) or {}).get("name")
    for backing in (*peers.l3vnis, *peers.l3vpns):
        if backing["kind"] == domain.get("type") and _is(backing, name, item["metadata"].get("namespace")):
            return str(backing["spec"].get("vrf"))
    return None


def _parsed(owner: str, text: Any) -> Iterator[tuple[str, Network]]:
    try:
        yield owner, ipaddress.ip_interface(text).network
    except ValueError:
        # Somebody else's mistake; it occupies nothing.
        return


def share_node(mine: Object | None, item: Object, shape: Shape, nodes: Iterable[Object]) -> bool:
    """Whether some node would get both; without nodes to ask, any of the future ones might.

    :param mine: the selector of the one, while the other is there.
    """
    selector = item["spec"].get("nodeSelector")
    if not shape.node_selector or not (selector or mine):
        return True
    labels = [node["metadata"].get("labels") or {} for node in nodes]
    return not labels or any(selects(selector, each) and selects(mine, each) for each in labels)


def _any_case(value: Mapping[str, Any] | None, name: str) -> Mapping[str, Any]:
    return next((item or {} for key, item in (value or {}).items() if key.lower() == name), {})


def _is(item: Object, name: str | None, namespace: str | None) -> bool:
    return bool(item["metadata"]["name"] == name and item["metadata"].get("namespace") == namespace)


def _name(network: L2vni) -> str:
    return f"L2VNI {network.namespace}/{network.name}"


def _finding(identity: str, wanted: str, found: str, hint: str) -> Finding:
    return Finding(identity, "error", "", "", wanted, found, hint)
