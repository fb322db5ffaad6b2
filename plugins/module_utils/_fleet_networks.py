# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of a fleet that must keep apart: tunnel endpoints, router ids, and the range from all others. Pure."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._addresses import overlaps
from ._checks import Finding
from ._fleet_member import Member, networks
from ._whereabouts import Network


def check(fleet: Sequence[Member]) -> Iterator[Finding]:
    """Which networks share addresses that must not."""
    for one, other in itertools.combinations([member for member in fleet if member.underlays], 2):
        if one.uid and one.uid == other.uid:
            # One cluster under two names, which is said already.
            continue
        yield from _tunnels(one, other)
        yield from _router_ids(one, other)
    for wanted in _ranges(fleet):
        for member in fleet:
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


def _ranges(fleet: Sequence[Member]) -> list[Network]:
    texts = [member.option(name) for name in ("range", "second_range") for member in fleet]
    return list(dict.fromkeys(networks(filter(None, texts))))


def _range(wanted: Network, member: Member) -> Iterator[Finding]:
    """Which networks of a cluster share addresses with the range, those within a reserved part excepted."""
    kept = list(networks(member.texts("reserved")))
    for what, net, hint in _others(wanted, member):
        if overlaps(wanted, net) and not any(_within(net, part) for part in kept):
            yield Finding(
                "range-overlaps-network",
                "error",
                member.name,
                f"range {wanted}",
                f"a range apart from every network of {member.name}",
                f"{what} is {net}",
                hint,
            )


def _others(wanted: Network, member: Member) -> Iterator[tuple[str, Network, str]]:
    hint = "Packets would go astray: choose another range, or reserve single addresses that others have."
    own = _own_segments(member)
    for net in member.info.get("networks") or []:
        network = ipaddress.ip_network(net["cidr"])
        # Of attachments that share the range the bounds decide; migration_nad judges them on their cluster.
        shared = net["kind"] in ("nad", "pool") and network == wanted
        if not shared and not (net["kind"] == "l2vni" and net["object"] in own):
            yield net["what"], network, hint
    for network in networks(member.texts("avoid")):
        yield "a network to avoid", network, "Choose another range; migration_network_avoid says what to keep off."
    for underlay in () if member.router.get("underlays") else member.underlays:
        for network in networks([*(underlay.get("vtep_cidrs") or []), *filter(None, [underlay.get("router_id_cidr")])]):
            yield "a range of the Underlay, as the inventory says,", network, hint


def _own_segments(member: Member) -> set[str]:
    """The L2VNI of the migration network itself, whose gateway may well be in the range."""
    return {item["name"] for item in member.vnis if item["kind"] == "L2VNI" and item["vni"] == member.number("vni")}


def _within(inner: Network, outer: Network) -> bool:
    return overlaps(inner, outer) and inner.prefixlen >= outer.prefixlen
