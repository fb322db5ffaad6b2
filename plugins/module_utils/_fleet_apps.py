# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of the VMs over the fleet: one segment each, apart from the migration network and all others. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import _fleet_networks as nets
from ._addresses import collide, overlaps
from ._checks import Finding, Severity
from ._fleet_member import App, Member, networks, who_has
from ._whereabouts import Network

# What each network has once for the whole fleet, how much it matters, and what breaks where it is not.
_SAME: dict[str, tuple[Severity, str]] = {
    "vni": ("error", "Clusters with different numbers are on different segments: set it once for the whole fleet."),
    "l3vni_vni": ("error", "Routes of one VRF do not reach the other: set it once for the whole fleet."),
    "gateways": ("error", "A VM that moves keeps its gateway's address: set them once for the whole fleet."),
    "mtu": ("error", "A VM that moves keeps its MTU, and frames that are too large vanish: take the smallest for all."),
    "vrf": ("warning", "Clusters may name it as they like; reports are easier to read with one name."),
}
_APART = ("pod", "service", "node", "node-network", "vtep", "router-id")
"""Kinds of networks that a guest may have to reach. An attachment may well give out addresses of the network itself."""
_OWN = "the migration network"
_VRF = "VRF "


def check(fleet: Sequence[Member]) -> Iterator[Finding]:
    """In which the networks of the VMs do not agree, or get in the way.

    :param fleet: those included that are not on the migration network.
    """
    yield from _same(fleet)
    yield from _numbers(fleet)
    wanted = nets.ranges([member for member in fleet if member.takes_part])
    for member in fleet:
        yield from _names(member)
        yield from _subnets(member, wanted)


def _same(fleet: Sequence[Member]) -> Iterator[Finding]:
    declared: dict[str, dict[str, App]] = defaultdict(dict)
    for member in fleet:
        for app in member.apps:
            declared[app.name][member.name] = app
    for (name, apps), (option, (severity, hint)) in itertools.product(declared.items(), _SAME.items()):
        values = {cluster: _spelled(app, option) for cluster, app in apps.items() if _counts(app, option)}
        if len(set(values.values())) > 1:
            yield Finding(
                f"vm-network-{option.replace('_', '-')}-differs",
                severity,
                "",
                f"network {name}",
                f"one {option} of the network for the fleet",
                who_has(values),
                hint,
            )


def _counts(app: App, option: str) -> bool:
    """A bridge of the nodes can join the same segment, and not every release has an L3VNI behind a VRF."""
    if option == "mtu":
        return True
    return bool(app.vni and (app.l3vni_vni or option != "l3vni_vni"))


def _spelled(app: App, option: str) -> str:
    value = getattr(app, option)
    return (", ".join(sorted(value)) if isinstance(value, tuple) else str(value)) or "nothing"


class _Part(NamedTuple):
    """A number that the inventory gives to a cluster, what for, and the object that gets it."""

    cluster: str
    number: int
    use: str
    object: str

    def meets(self, other: _Part) -> bool:
        """Whether both may have one number; the name of a VRF is each cluster's own."""
        elsewhere = self.cluster != other.cluster and self.use.startswith(_VRF) and other.use.startswith(_VRF)
        return self.use == other.use or elsewhere


def _parts(member: Member) -> Iterator[_Part]:
    place, number = f"{member.routers}/", member.number("l3vni_vni") or 0
    if member.takes_part and member.overlay:
        yield _Part(member.name, member.number("vni") or 0, _OWN, f"L2VNI {place}{member.called('l2vni')}")
        if number:
            use = f"{_VRF}{member.option('vrf') or ''}"
            yield _Part(member.name, number, use, f"L3VNI {place}{member.called('l3vni')}")
    for app in member.apps:
        if app.vni:
            yield _Part(member.name, app.vni, _title(app), f"L2VNI {place}{app.name}")
        if app.l3vni_vni:
            yield _Part(member.name, app.l3vni_vni, f"{_VRF}{app.vrf}", f"L3VNI {place}{app.l3vni}")


def _numbers(fleet: Sequence[Member]) -> Iterator[Finding]:
    """All numbers are of one fabric: what has the same one is one network, wherever it is."""
    by_number: dict[int, list[_Part]] = defaultdict(list)
    for part in (part for member in fleet for part in _parts(member)):
        by_number[part.number].append(part)
    for number, parts in sorted(by_number.items()):
        if not all(one.meets(other) for one, other in itertools.combinations(parts, 2)):
            uses: dict[str, list[str]] = defaultdict(list)
            for part in dict.fromkeys(parts):
                uses[part.use].append(part.cluster)
            found = "; ".join(f"{use} ({', '.join(names)})" for use, names in uses.items())
            hint = "What has one number is one segment, on whatever cluster: give each network a number of its own."
            yield Finding("vni-taken-twice", "error", "", f"VNI {number}", "one use of it in the fleet", found, hint)


def _names(member: Member) -> Iterator[Finding]:
    """Objects that two networks would write in turn."""
    claims: dict[str, list[str]] = defaultdict(list)
    for part in _parts(member):
        claims[part.object].append(f"{part.use} with VNI {part.number}")
        if part.use.startswith(_VRF):
            claims[part.use].append(part.object)
    for title, use in _attachments(member):
        claims[title].append(use)
    for title, uses in claims.items():
        if len(set(uses)) > 1:
            hint = "One would undo the other: give them different names. Networks of one VRF name one l3vni."
            found = "; ".join(dict.fromkeys(uses))
            yield Finding("vm-network-name-taken", "error", member.name, title, "one use of it", found, hint)


def _attachments(member: Member) -> Iterator[tuple[str, str]]:
    kind = "NetworkAttachmentDefinition"
    if member.takes_part and member.flavour != "harvester":
        yield f"{kind} {member.home}/{member.called('nad')}", _OWN
    for app in member.apps:
        for nad in app.nads:
            yield f"{kind} {nad}", _title(app)
        if app.vni and member.router.get("shape") == "A":
            yield f"L2VNI in {_VRF}{app.vrf or app.name}", _title(app)
    if member.takes_part and member.overlay and member.router.get("shape") == "A":
        yield f"L2VNI in {_VRF}{member.option('vrf') or member.called('l2vni')}", _OWN


def _subnets(member: Member, wanted: Sequence[Network]) -> Iterator[Finding]:
    kept = list(networks(member.texts("reserved")))
    others = [each for each in nets.named(member) if each.kind in _APART]
    for app, subnet in [(each, subnet) for each in member.apps for subnet in each.subnets]:
        for mine in wanted:
            if collide(mine, subnet, kept):
                hint = "The same addresses would be in both: choose another subnet, or another range."
                apart = f"gateways apart from the migration network's range {mine}"
                yield Finding("vm-network-overlaps-range", "error", "", _title(app), apart, str(subnet), hint)
        for each in others:
            if overlaps(each.network, subnet):
                hint = "The VMs would not reach one of both: choose another subnet."
                apart, found = f"gateways apart from every network of {member.name}", f"{each.what} is {each.network}"
                yield Finding(
                    "vm-network-overlaps", "error", member.name, _title(app), apart, f"{subnet}, and {found}", hint
                )
    yield from _same_vrf(member)


def _same_vrf(member: Member) -> Iterator[Finding]:
    """Two networks of one VRF; the module sees only those that are made already."""
    for one, other in itertools.combinations([app for app in member.apps if app.vni and app.vrf], 2):
        for mine, theirs in itertools.product(one.subnets, other.subnets):
            if one.vrf == other.vrf and overlaps(mine, theirs):
                hint = "Gateways of one VRF need subnets of their own."
                apart, found = f"subnets apart in VRF {one.vrf}", f"{mine}, and {theirs} of {_title(other)}"
                yield Finding("vm-network-overlaps", "error", "", _title(one), apart, found, hint)


def _title(app: App) -> str:
    return f"network {app.name}"
