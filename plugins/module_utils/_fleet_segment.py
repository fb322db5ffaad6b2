# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overlay segment of a fleet: one number, one port, route targets that meet. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._checks import Finding, Severity
from ._errors import BadInput
from ._fleet_member import Member, networks, number, who_has
from ._nad_config import check_mtu
from ._networks import family_of

_PORT = 4789
_VM_FAMILY = "vm_network_underlay_address_family"
_REMEDY = {
    True: "set migration_network_vxlan_port to the same on all clusters.",
    False: f"change the L2VNI, {_PORT} is the standard.",
}


def check(fleet: Sequence[Member]) -> Iterator[Finding]:
    """In which the overlays of the clusters do not meet.

    :param fleet: those included that are not on the migration network.
    """
    overlay = [member for member in fleet if member.takes_part and member.overlay]
    numbers = {member.name: str(member.number("vni") or "nothing") for member in overlay}
    if len(set(numbers.values())) > 1:
        yield Finding(
            "vni-differs",
            "error",
            "",
            "fleet",
            "one migration_network_vni for the fleet",
            who_has(numbers),
            "Clusters with different numbers are on different segments: set it once for the whole fleet.",
        )
    yield from _ports(fleet, overlay)
    tunnels = [member for member in fleet if member.tunnels]
    yield from _families(tunnels)
    for member in tunnels:
        yield from _underlay(member)
        yield from _mtu(member)
    for one, other in itertools.permutations(tunnels, 2):
        yield from _route_targets(one, other)


def _ports(fleet: Sequence[Member], overlay: Sequence[Member]) -> Iterator[Finding]:
    asked = {member.name: member.number("vxlan_port") or 0 for member in overlay}
    segments = {
        "fleet": {
            member.name: asked[member.name] or _port(member, member.called("l2vni"), member.number("vni"))
            for member in overlay
        }
    }
    for member, app in [(each, app) for each in fleet for app in each.apps if app.vni]:
        segments.setdefault(f"network {app.name}", {})[member.name] = _port(member, app.name, app.vni)
    for where, ports in segments.items():
        if len(set(ports.values())) > 1:
            yield Finding(
                "vxlan-port-differs",
                "error",
                "",
                where,
                "one UDP port of VXLAN for the fleet",
                who_has({name: str(port) for name, port in ports.items()}),
                f"Tunnels to another port are not heard: {_REMEDY[where == 'fleet']}",
            )


def _port(member: Member, name: str, number: int | None) -> int:
    """The port of a segment as the cluster has it, or else as it is made; one of another number hands it on."""
    mine = member.segments(name, number)
    return int(mine[0]["vxlan_port"]) if mine else _PORT


def _underlay(member: Member) -> Iterator[Finding]:
    hidden = any(kind.startswith("underlays.") for kind in member.closed)
    if member.router.get("shape") and not member.underlays and not hidden:
        hint = (
            "Without one OpenPERouter provisions nothing, and the bridges of the nodes lead nowhere: create it first."
        )
        yield Finding("underlay-missing", "error", member.name, "Underlay", "an Underlay of OpenPERouter", "none", hint)


def _mtu(member: Member) -> Iterator[Finding]:
    """Frames that do not fit into the network below vanish without a word."""
    ends = family_of(str(text) for underlay in member.underlays for text in underlay.get("vtep_cidrs") or [])
    below, family = member.number("underlay_mtu"), member.option("underlay_address_family") or ends
    if member.takes_part and member.overlay:
        yield from _fits(member, "migration_network_mtu", member.number("mtu"), below, family)
    below, family = number(member.variables.get("vm_network_underlay_mtu")), member.variables.get(_VM_FAMILY) or ends
    for app in member.apps:
        if app.vni:
            yield from _fits(member, f"network {app.name}", number(app.mtu), below, family)


def _fits(member: Member, where: str, mtu: int | None, below: int | None, family: Any) -> Iterator[Finding]:
    try:
        if mtu and below:
            check_mtu(mtu, overlay=True, version=4, underlay_mtu=below, family=str(family or "ipv4"))
    except BadInput as error:
        check_id = error.reason.replace("_", "-")
        yield Finding(check_id, "error", member.name, where, error.wanted, error.found, error.hint)


def _families(tunnels: Sequence[Member]) -> Iterator[Finding]:
    """Tunnels need an address family that both ends have."""
    ends = {
        member.name: {
            net.version for underlay in member.underlays for net in networks(underlay.get("vtep_cidrs") or [])
        }
        for member in tunnels
    }
    known = {name: versions for name, versions in ends.items() if versions}
    for (one, mine), (other, theirs) in itertools.combinations(known.items(), 2):
        if not mine & theirs:
            spelled = {name: ", ".join(f"IPv{version}" for version in sorted(known[name])) for name in (one, other)}
            yield Finding(
                "vtep-families-differ",
                "error",
                other,
                "Underlay",
                "tunnel endpoints of a common address family",
                who_has(spelled),
                "Give both Underlays a CIDR of the same family.",
            )


def _route_targets(one: Member, other: Member) -> Iterator[Finding]:
    """What one cluster exports and the other does not import, for routed domains that both have."""
    theirs = {item["vni"]: item for item in other.vnis if item["kind"] == "L3VNI"}
    for mine in one.vnis:
        peer = theirs.get(mine["vni"])
        if mine["kind"] != "L3VNI" or not peer:
            continue
        exported = _exported(one, mine)
        if exported and not any(_imports(peer, target) for target in exported):
            yield Finding(
                "route-targets-differ",
                _severity(one, mine),
                other.name,
                f"L3VNI {peer['name']}",
                f"to import one of {', '.join(exported)}, which {one.name} exports for VNI {mine['vni']}",
                f"imports {_listened(peer)}",
                "Set importRTs and exportRTs of both L3VNIs to the same, or leave them out of both.",
            )


def _exported(member: Member, item: Mapping[str, Any]) -> list[str]:
    """The route targets of a VNI; without a list FRR makes one of the AS number and the VNI."""
    numbers = [str(underlay["asn"]) for underlay in member.underlays if underlay.get("asn")]
    return list(item["export_rts"]) or [f"{number}:{item['vni']}" for number in numbers]


def _imports(item: Mapping[str, Any], target: str) -> bool:
    """Without a list FRR takes the VNI's number from any AS."""
    if item["import_rts"]:
        return target in item["import_rts"]
    return target.rpartition(":")[2] == str(item["vni"])


def _listened(item: Mapping[str, Any]) -> str:
    return ", ".join(item["import_rts"]) or f"those that end in :{item['vni']}"


def _severity(member: Member, item: Mapping[str, Any]) -> Severity:
    """An error where a network of the fleet is routed so; other domains may be apart on purpose."""
    own = {member.option("vrf"), *(app.vrf for app in member.apps)}
    return "error" if item["vrf"] and item["vrf"] in own else "warning"
