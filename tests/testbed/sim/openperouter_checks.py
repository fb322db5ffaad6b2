# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenPERouter's webhooks and node agent find wrong with L2VNIs and L3VNIs, in their words."""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..resources import Object
from .openperouter_shape import Network, Release, selects, session_subnets, spec_of, subnets

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Overlay:
    """The objects that are judged together."""

    l2vnis: tuple[Object, ...]
    l3vnis: tuple[Object, ...]
    l3vpns: tuple[Object, ...] = ()

    @property
    def backing(self) -> tuple[Object, ...]:
        return self.l3vnis + self.l3vpns

    def on(self, node: Object) -> Overlay:
        """Those that a node gets."""

        def chosen(items: Iterable[Object]) -> tuple[Object, ...]:
            return tuple(item for item in items if selects(spec_of(item).get("nodeSelector"), node))

        return Overlay(chosen(self.l2vnis), chosen(self.l3vnis), chosen(self.l3vpns))


@dataclass(frozen=True, slots=True)
class Failure:
    """One object that is refused."""

    kind: str
    name: str
    message: str
    reason: str = "ValidationFailed"

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}: {self.message}"

    def as_dict(self) -> Object:
        return {"kind": self.kind, "name": self.name, "reason": self.reason, "message": self.message[:500]}


def interface_name(name: str) -> str:
    """What is wrong with it, empty when nothing is."""
    if not name:
        return "interface name cannot be empty"
    if len(name) > 15:
        return f"interface name {name} can't be longer than 15 characters"
    return "" if _NAME.fullmatch(name) else f"interface name {name} contains invalid characters"


def early(release: Release, items: Sequence[Object], kind: str, overlay: Overlay) -> str:
    """The first thing wrong among all L2VNIs, or all L3VNIs, as v0.0.x and v0.1.0 see them."""
    vrfs: dict[str, str] = {}
    vnis: dict[int, str] = {}
    for item in items:
        name, vni = item["metadata"]["name"], int(spec_of(item).get("vni") or 0)
        vrf = release.vrf(item) if kind == "L2VNI" else str(spec_of(item).get("vrf") or "")
        if wrong := interface_name(vrf):
            return f"invalid vrf name for vni {name}: {vrf} - {wrong}"
        if not release.per_node and vrf in vrfs:
            return f"duplicate vrf {vrf}: {vrfs[vrf]} - {name}"
        if vni in vnis:
            return f"duplicate vni {vni}:{vnis[vni]} - {name}"
        vrfs[vrf], vnis[vni] = name, name
    if kind == "L2VNI":
        return next(filter(None, (_own_fields(release, item) for item in items)), "")
    return ""


def early_vrfs(release: Release, overlay: Overlay) -> str:
    """What v0.1.0 finds wrong with the VRFs as a whole."""
    owners: dict[str, str] = {}
    for item in overlay.l3vnis:
        vrf, name = str(spec_of(item).get("vrf")), _full_name(item)
        if vrf in owners:
            return f'more than one L3VNI detected in VRF "{vrf}": {owners[vrf]} - {name}'
        owners[vrf] = name
    return next(iter(_overlaps(release, overlay).values()), "")


def _own_fields(release: Release, item: Object) -> str:
    """What is wrong with one L2VNI by itself, beside its VRF's name."""
    name, host = item["metadata"]["name"], release.host(item)
    bridge = host.get("name") or next(
        (host[key].get("name") for key in ("linuxBridge", "ovsBridge") if key in host), ""
    )
    if bridge and (wrong := interface_name(bridge)):
        return f"invalid hostmaster name for vni {name}: {bridge} - {wrong}"
    gateways = release.gateways(item)
    if gateways and release.detached and not release.kinds and not release.vrf(item):
        return f'l2gatewayips cannot be set without spec.vrf for vni "{name}"'
    if gateways and (wrong := _gateways(gateways)):
        if release.gateway == "l2gatewayip":
            return f"invalid l2gatewayip for vni {name}: {gateways[0]} - invalid CIDR: {gateways[0]} - {wrong}"
        prefix = "invalid cidr: " if wrong.startswith("invalid") else ""
        return f'invalid {release.gateway.lower()} for vni "{name}" = [{" ".join(gateways)}]: {prefix}{wrong}'
    return ""


def _gateways(texts: Sequence[str]) -> str:
    families = []
    for text in texts:
        try:
            if "/" not in text:
                raise ValueError(text)
            families.append(ipaddress.ip_interface(text).version)
        except ValueError:
            return f"invalid CIDR address: {text}"
    if len(families) == 2 and families[0] == families[1]:
        return f'IPFamilyForAddresses: same address family ["{texts[0]}" "{texts[1]}"]'
    return ""


def late(release: Release, overlay: Overlay) -> Iterator[tuple[str, list[Failure]]]:
    """What v0.2.0 and later find wrong on one node, stage by stage; what one stage refuses the next never sees."""
    l3vnis, wrong3 = _sift(overlay.l3vnis, "L3VNI", lambda item: _vrf_name(str(spec_of(item).get("vrf") or ""), item))
    l2vnis, wrong2 = _sift(overlay.l2vnis, "L2VNI", lambda item: _late_l2vni(release, item))
    yield "failed to validate l3vnis for node", wrong3
    yield "failed to validate l2vnis for node", wrong2
    taken: dict[int, str] = {}
    l3vnis, twice3 = _sift(l3vnis, "L3VNI", lambda item: _unique(item, "L3VNI", taken))
    yield "duplicate L3VNIs found for node", twice3
    l3vpns, twice_vpn = _sift(overlay.l3vpns, "L3VPN", lambda item: _unique(item, "L3VPN", taken, "rdAssignedNumber"))
    yield "duplicate L3VPNs found for node", twice_vpn
    l2vnis, twice2 = _sift(l2vnis, "L2VNI", lambda item: _unique(item, "L2VNI", taken))
    yield "duplicate VNIs found in L2VNIs for node", twice2
    failed = _overlaps(release, Overlay(l2vnis, l3vnis, l3vpns))
    backing = l3vnis + l3vpns
    l2vnis, overlapping = _sift(l2vnis, "L2VNI", lambda item: failed.get(release.vrf(item, backing), ""))
    yield "subnet overlaps found in VRFs for node", overlapping


def dependencies(release: Release, overlay: Overlay) -> list[Failure]:
    """L2VNIs whose routing domain nothing provides: admitted, and not provisioned."""
    vrfs = {spec_of(item).get("vrf") for item in overlay.backing}
    found: list[Failure] = []
    for item in overlay.l2vnis:
        name = item["metadata"]["name"]
        if release.kinds:
            domain = spec_of(item).get("routingDomain") or {}
            if domain and not release.vrf(item, overlay.backing):
                kind = domain["type"]
                wanted = domain[kind.lower()]["name"]
                found.append(Failure("L2VNI", name, f'referenced {kind} "{wanted}" not found', "DependencyFailed"))
        elif (vrf := release.vrf(item)) and vrf not in vrfs:
            found.append(Failure("L2VNI", name, f'no valid L3 resource for VRF "{vrf}"', "DependencyFailed"))
    return found


def _sift(
    items: Iterable[Object], kind: str, judge: Callable[[Object], str]
) -> tuple[tuple[Object, ...], list[Failure]]:
    valid: list[Object] = []
    failures: list[Failure] = []
    for item in items:
        if message := judge(item):
            failures.append(Failure(kind, item["metadata"]["name"], message))
        else:
            valid.append(item)
    return tuple(valid), failures


def _late_l2vni(release: Release, item: Object) -> str:
    vrf = "" if release.kinds else release.vrf(item)
    return (_vrf_name(vrf, item) if vrf else "") or _own_fields(release, item)


def _vrf_name(vrf: str, item: Object) -> str:
    wrong = interface_name(vrf)
    return f'invalid vrf name for vni "{item["metadata"]["name"]}", vrf "{vrf}": {wrong}' if wrong else ""


def _unique(item: Object, kind: str, taken: dict[int, str], field: str = "vni") -> str:
    number = int(spec_of(item).get(field) or 0)
    if number in taken:
        return f"duplicate vni {number}:{taken[number]}"
    taken[number] = f"{kind}/{item['metadata']['name']}"
    return ""


def _overlaps(release: Release, overlay: Overlay) -> dict[str, str]:
    """VRFs with overlapping subnets, and which."""
    by_vrf: dict[str, list[tuple[Network, str]]] = {}
    for item in overlay.l2vnis:
        if vrf := release.vrf(item, overlay.backing):
            by_vrf.setdefault(vrf, []).extend(
                (net, f"L2VNI {_full_name(item)}") for net in subnets(release.gateways(item))
            )
    for item in overlay.backing:
        owner = f"{item['kind']} {_full_name(item)}"
        by_vrf.setdefault(str(spec_of(item).get("vrf")), []).extend((net, owner) for net in session_subnets(item))
    return {vrf: text for vrf, nets in by_vrf.items() if (text := _overlap(vrf, nets))}


def _overlap(vrf: str, nets: list[tuple[Network, str]]) -> str:
    ordered = sorted(nets, key=lambda one: (one[0].version, int(one[0].network_address), -one[0].prefixlen, one[1]))
    for (net, owner), (following, other) in itertools.pairwise(ordered):
        if net.version == following.version and following.network_address in net:
            return f'subnet overlap in VRF "{vrf}": IPNet {following} ({other}) overlaps with IPNet {net} ({owner})'
    return ""


def _full_name(item: Object) -> str:
    return f"{item['metadata'].get('namespace')}/{item['metadata']['name']}"
