# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan of a fleet: one range, a fixed number of slots, a slice of addresses for each slot.

A slice depends on the range, the number of slots and the slot alone, never on which clusters exist: adding a
cluster moves nobody. Changing ``max_clusters`` or the weights renumbers the fleet.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from . import _whereabouts as whereabouts
from ._errors import BadInput
from ._whereabouts import Address, Network, Range, Span

Style = Literal["bounds", "exclude"]


@dataclasses.dataclass(frozen=True, slots=True)
class Slice:
    """The addresses of one cluster.

    :param network: the range of the whole fleet; its prefix is what every interface gets.
    :param block: the part of the range that belongs to the cluster, reserved addresses included.
    :param reserved: what nobody gets: the gateway and the user's own list.
    """

    network: Network
    block: Span
    reserved: tuple[Network, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        """What can be given out."""
        return whereabouts.spans(Range(self.network, self.block.first, self.block.last, self.reserved))

    @property
    def size(self) -> int:
        """How many addresses can be given out."""
        return whereabouts.size(self.spans)

    def __contains__(self, address: object) -> bool:
        """Whether the address can be given out by this cluster."""
        return isinstance(address, Address) and whereabouts.contains(self.spans, address)

    def as_dict(self) -> dict[str, Any]:
        """The slice as results carry it."""
        spans = self.spans
        return {"first": str(spans[0].first), "last": str(spans[-1].last), "size": self.size}

    def ipam(self, style: Style) -> dict[str, Any]:
        """The keys of a whereabouts configuration that confine it to the slice.

        Both styles allocate the same; excludes are what the published procedure shows.
        Reserved addresses are always spelt out, also where the bounds leave them out already.
        """
        keys: dict[str, Any] = {"type": "whereabouts", "range": str(self.network)}
        exclude = [*self.reserved]
        if style == "bounds":
            spans = self.spans
            keys |= {"range_start": str(spans[0].first), "range_end": str(spans[-1].last)}
        else:
            exclude += self._others()
        if exclude:
            keys["exclude"] = [str(network) for network in exclude]
        return keys

    def _others(self) -> list[Network]:
        """The rest of the range in as few networks as possible."""
        low, high = self.network.network_address, self.network.broadcast_address
        first, last = self.block
        others: list[Network] = []
        if int(first) > int(low):
            others += ipaddress.summarize_address_range(low, first - 1)
        if int(last) < int(high):
            others += ipaddress.summarize_address_range(last + 1, high)
        return others


@dataclasses.dataclass(frozen=True, slots=True)
class AddressPlan:
    """Who may have which addresses, for as many clusters as the fleet will ever have.

    :param weights: one weight a slot for slices in proportion, such as expected numbers of nodes; without them
        the slices are the equal power-of-two blocks that excludes can name shortly.
    """

    network: Network
    max_clusters: int
    reserved: tuple[Network, ...] = ()
    weights: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.max_clusters < 1:
            hint = "Count all clusters that the fleet will ever have."
            raise BadInput("max_clusters of at least 1", str(self.max_clusters), hint=hint, reason="max_clusters")
        if self.weights and (len(self.weights) != self.max_clusters or min(self.weights) < 1):
            wanted = f"one weight of at least 1 for each of the {self.max_clusters} slots"
            hint = "Give every slot its weight, also those not in use yet; changing one renumbers the fleet."
            raise BadInput(wanted, str(list(self.weights)), hint=hint, reason="weights")
        if self._addressable().num_addresses < 4 * self.max_clusters:
            raise BadInput(
                f"a range that {self.max_clusters} clusters can share",
                f"{self.network} with {self.network.num_addresses} addresses",
                hint="Take a larger range or fewer clusters.",
                reason="range_too_small",
            )

    @property
    def slots(self) -> range:
        """Every slot, also those that are free."""
        return range(self.max_clusters)

    def slice(self, slot: int) -> Slice:
        """The slice of a slot. :raises BadInput: when there is no such slot, or nothing is left of it."""
        if not 0 <= slot < self.max_clusters:
            raise BadInput(
                f"a slot from 0 to {self.max_clusters - 1} (max_clusters is {self.max_clusters})",
                f"slot {slot}",
                hint="Slots count from 0; max_clusters is fixed for the life of the range.",
                reason="slot_outside_plan",
            )
        block = self._weighted(slot) if self.weights else self._block(slot)
        if block.size < 1:
            # Bounds that cross would not confine whereabouts to nothing, but to nowhere.
            found = f"weight {self.weights[slot]} of {sum(self.weights)} is less than one address"
            hint = "Give the slot more weight or take a larger range; changing a weight renumbers the fleet."
            raise BadInput(
                f"at least one address for slot {slot} of {self.network}", found, hint=hint, reason="slice_empty"
            )
        return self._usable(slot, Slice(self.network, block, self.reserved))

    def _usable(self, slot: int, found: Slice) -> Slice:
        if not found.spans:
            raise BadInput(
                f"at least one address for slot {slot} of {self.network}",
                f"all of {found.block.first}-{found.block.last} is reserved",
                hint="Reserve fewer addresses or take a larger range.",
                reason="slice_empty",
            )
        return found

    def slices(self, slots: Mapping[str, int]) -> dict[str, Slice]:
        """The slices of a fleet by cluster. :raises BadInput: when two clusters claim one slot."""
        owners: dict[int, str] = {}
        for cluster, slot in slots.items():
            if slot in owners:
                raise BadInput(
                    "a slot of its own for every cluster",
                    f"{owners[slot]} and {cluster} both have slot {slot}",
                    cluster,
                    hint="Give each cluster its own slot in the inventory and never change it.",
                    reason="slot_taken_twice",
                )
            owners[slot] = cluster
        return {cluster: self.slice(slot) for cluster, slot in slots.items()}

    def _addressable(self) -> Network:
        """The part of the range that can be given out: of an IPv6 /64 or larger the lower half of a /64."""
        if self.network.version == 6 and self.network.prefixlen < 65:
            return ipaddress.IPv6Network((self.network.network_address, 65))
        return self.network

    def _block(self, slot: int) -> Span:
        """The slot's block among the equal blocks whose number is the next power of two."""
        whole = self._addressable()
        length = whole.prefixlen + (self.max_clusters - 1).bit_length()
        first = whole.network_address + (slot << (whole.max_prefixlen - length))
        return Span(first, first + ((1 << (whole.max_prefixlen - length)) - 1))

    def _weighted(self, slot: int) -> Span:
        """The slot's part of the usable addresses, in proportion, without gaps between slots."""
        whole = self._addressable()
        usable = whole.num_addresses - (2 if whole == self.network else 1)
        before, total = sum(self.weights[:slot]), sum(self.weights)
        base = whole.network_address + 1
        start = usable * before // total
        end = usable * (before + self.weights[slot]) // total
        return Span(base + start, base + (end - 1))


def network(text: str, option: str = "range") -> Network:
    """A range as this collection accepts it: a CIDR that whereabouts takes and that KubeVirt will use.

    :raises BadInput: naming what is wrong; whereabouts would mask host bits in silence.
    """
    wanted = f"{option} as a network in CIDR notation, such as 192.168.100.0/24"
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        hint = "Write the network address and the prefix length."
        raise BadInput(wanted, f"{text!r} ({error})", hint=hint, reason=f"{option}_invalid") from error
    if "/" not in text or str(found.network_address) != str(ipaddress.ip_interface(text).ip):
        hint = f"Write {found}; host bits would be dropped without a word."
        raise BadInput(wanted, f"{text!r}", hint=hint, reason=f"{option}_invalid")
    if found.max_prefixlen - found.prefixlen < 2:
        wanted = f"{option} with a prefix length of at most {found.max_prefixlen - 2}"
        hint = "Network and last address are never given out: nothing would be left."
        raise BadInput(wanted, text, hint=hint, reason=f"{option}_too_small")
    if found.is_link_local or found.is_loopback or found.is_multicast or found.is_unspecified:
        hint = "KubeVirt uses only global unicast addresses (private and unique local ones are fine)."
        raise BadInput(f"{option} of unicast addresses", text, hint=hint, reason=f"{option}_invalid")
    return found


def address(text: str, within: Network, option: str) -> Address:
    """An address inside a range that a host may have. :raises BadInput: naming the option and the range."""
    usable = whereabouts.interval(Range(within))
    wanted = f"{option} as an address between {usable.first} and {usable.last} of {within}"
    try:
        found = ipaddress.ip_address(text)
    except ValueError as error:
        hint = "Write one address, without a prefix length."
        raise BadInput(wanted, f"{text!r}", hint=hint, reason=f"{option}_invalid") from error
    if not whereabouts.contains([usable], found):
        hint = f"Choose {option} inside the range; whereabouts would ignore it without a word."
        raise BadInput(wanted, text, hint=hint, reason=f"{option}_outside_range")
    return found


def reserved(gateway: str | None, others: Sequence[str], within: Network) -> tuple[Network, ...]:
    """The addresses nobody may get, with the gateway: whereabouts does not reserve a gateway by itself.

    In one order, whatever the order they are named in, so that the same wish gives the same configuration.

    :param others: addresses or networks inside the range.
    :raises BadInput: for what is not an address or network inside the range.
    """
    found: list[Network] = []
    if gateway:
        found.append(_host(address(gateway, within, "gateway")))
    found += [_part(text, within) for text in others]
    return tuple(sorted(set(found), key=lambda part: (part.network_address.packed, part.prefixlen)))


def _host(single: Address) -> Network:
    return ipaddress.ip_network(f"{single}/{single.max_prefixlen}")


def _part(text: str, within: Network) -> Network:
    wanted = f"reserved addresses or networks inside {within}"
    try:
        part = ipaddress.ip_network(text)
    except ValueError as error:
        hint = "Write single addresses, or networks without host bits."
        raise BadInput(wanted, f"{text!r} ({error})", hint=hint, reason="reserved_invalid") from error
    if not part_of(part, within):
        hint = "Leave out what is not of the range: it needs no reservation."
        raise BadInput(wanted, text, hint=hint, reason="reserved_outside_range")
    return part


def between(start: str, end: str, within: Network, kept: tuple[Network, ...] = ()) -> Slice:
    """The slice of explicit bounds. :raises BadInput: for bounds that whereabouts would ignore."""
    first, last = address(start, within, "range_start"), address(end, within, "range_end")
    if int(first) > int(last):
        found = f"{first} and {last}"
        hint = "Exchange them; whereabouts would ignore range_end without a word."
        raise BadInput("range_start not above range_end", found, hint=hint, reason="range_bounds_swapped")
    (reach,) = whereabouts.spans(Range(within))
    for option, bound in (("range_start", first), ("range_end", last)):
        if int(bound) > int(reach.last):
            hint = "Of an IPv6 range whereabouts gives out only the lower half of the first /64."
            raise BadInput(f"{option} of at most {reach.last}", str(bound), hint=hint, reason=f"{option}_unreachable")
    result = Slice(within, Span(first, last), kept)
    if not result.spans:
        found = f"all of {first}-{last} is reserved"
        wanted = "at least one address between range_start and range_end"
        raise BadInput(wanted, found, hint="Reserve fewer addresses or widen the bounds.", reason="slice_empty")
    return result


def overlaps(one: Network, other: Network) -> bool:
    """Whether two networks share an address; networks of different families never do."""
    if one.version != other.version:
        return False
    return int(one.network_address) <= int(other.broadcast_address) and int(other.network_address) <= int(
        one.broadcast_address
    )


def part_of(inner: Network, outer: Network) -> bool:
    """Whether a network lies in another one as a whole."""
    return overlaps(inner, outer) and inner.prefixlen >= outer.prefixlen


def collide(one: Network, other: Network, kept: Sequence[Network]) -> bool:
    """Whether two networks share an address, unless the other lies in a part that is kept free."""
    return overlaps(one, other) and not any(part_of(other, part) for part in kept)
