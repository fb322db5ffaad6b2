# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of a fleet that must keep apart: tunnel endpoints, router ids, and the range from all others. Pure."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._addresses import collide, overlaps
from ._checks import Finding, Severity
from ._fleet_member import Member, networks
from ._networks import Net
from ._whereabouts import Network


def check(fleet: Sequence[Member]) -> Iterator[Finding]:
    """Which networks share addresses that must not.

    :param fleet: those included that are not on the migration network.
    """
    for one, other in itertools.combinations([member for member in fleet if member.underlays], 2):
        # One cluster under two names is said already, and routers without segments of the fleet are not ours.
        if (one.uid and one.uid == other.uid) or not (one.tunnels or other.tunnels):
            continue
        # Of two fabrics or of one: nobody can tell.
        severity: Severity = "error" if one.tunnels and other.tunnels else "warning"
        for finding in (*_tunnels(one, other), *_router_ids(one, other)):
            yield dataclasses.replace(finding, severity=severity)
    members = [member for member in fleet if member.takes_part]
    for wanted in ranges(members):
        for member in members:
            yield from _range(wanted, member)


def _tunnels(one: Member, other: Member) -> Iterator[Finding]:
    for (mine, net), (theirs, rival) in itertools.product(_ends(one), _ends(other)):
        if overlaps(net, rival):
            yield Finding(
                "vtep-ranges-overlap",
                "error",
                other.name,
                f"Underlay {theirs['name']}",
                f"tunnel endpoints apart from those of {one.name} ({net})",
                str(rival),
                f"Two nodes would have one address: give one of the Underlays another CIDR ({one.name} has it in "
                f"{mine['name']}).",
            )


def _router_ids(one: Member, other: Member) -> Iterator[Finding]:
    for mine, theirs in itertools.product(one.underlays, other.underlays):
        for net, rival in itertools.product(
            networks(filter(None, [mine.get("router_id_cidr")])), networks(filter(None, [theirs.get("router_id_cidr")]))
        ):
            if overlaps(net, rival):
                yield Finding(
                    "router-ids-overlap",
                    "error",
                    other.name,
                    f"Underlay {theirs['name']}",
                    f"router ids apart from those of {one.name} ({net})",
                    str(rival),
                    "Routers with one id drop each other's routes. 10.0.0.0/24 is OpenPERouter's default: set "
                    "routeridcidr (routerIDCIDR in later releases) of every cluster to a range of its own.",
                )


def _ends(member: Member) -> Iterator[tuple[Mapping[str, Any], Network]]:
    for underlay in member.underlays:
        for net in networks(underlay.get("vtep_cidrs") or []):
            yield underlay, net


def ranges(fleet: Sequence[Member]) -> list[Network]:
    """What the migration network of the fleet has."""
    texts = [member.option(name) for name in ("range", "second_range") for member in fleet]
    return list(dict.fromkeys(networks(filter(None, texts))))


def _range(wanted: Network, member: Member) -> Iterator[Finding]:
    """Which networks of a cluster share addresses with the range, those within a reserved part excepted."""
    kept = list(networks(member.texts("reserved")))
    hint = "Packets would go astray: choose another range, or reserve single addresses that others have."
    found = [(each.what, each.network, hint) for each in named(member) if not _own(each, wanted, member)]
    hint = "Choose another range; migration_network_avoid says what to keep off."
    found += [("a network to avoid", network, hint) for network in networks(member.texts("avoid"))]
    for what, net, hint in found:
        if collide(wanted, net, kept):
            yield Finding(
                "range-overlaps-network",
                "error",
                member.name,
                f"range {wanted}",
                f"a range apart from every network of {member.name}",
                f"{what} is {net}",
                hint,
            )


def named(member: Member) -> Iterator[Net]:
    """Every network that a cluster, or the inventory for it, names."""
    for told in member.info.get("networks") or []:
        yield Net.of_result(told)
    for underlay in () if member.router.get("underlays") else member.underlays:
        for network in networks([*(underlay.get("vtep_cidrs") or []), *filter(None, [underlay.get("router_id_cidr")])]):
            yield Net("vtep", "a range of the Underlay, as the inventory says,", network, "")


def _own(net: Net, wanted: Network, member: Member) -> bool:
    """Whether it is the migration network itself, or judged elsewhere."""
    if net.kind == "l2vni":
        return net.object in _segments(member)
    if net.kind == "node-network":
        # Without an overlay the nodes may well be on the migration network; their addresses are told one by one.
        return not member.overlay
    if net.kind not in ("nad", "pool"):
        return False
    if net.ipam in ("", "whereabouts") and net.network == wanted:
        # Of attachments that share the range the bounds decide; migration_nad judges them on their cluster.
        return True
    # While the range changes there is the network as it was, too.
    return _of_family(net, member) or (net.kind == "pool" and net.network in _before(member))


def _of_family(net: Net, member: Member) -> bool:
    """Whether it is an attachment of the migration network."""
    place, _slash, name = net.object.partition("/")
    return net.kind == "nad" and place == member.home and member.called("nad") in (name, net.family)


def _before(member: Member) -> set[Network]:
    return {net.network for net in named(member) if _of_family(net, member)}


def _segments(member: Member) -> set[str]:
    """The L2VNI of the migration network itself, whose gateway may well be in the range, and those of the VMs."""
    own = [(member.called("l2vni"), member.number("vni")), *((app.name, app.vni) for app in member.apps)]
    return {item["name"] for name, number in own for item in member.segments(name, number)}
