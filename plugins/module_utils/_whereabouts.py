# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How whereabouts hands out addresses, as far as the collection has to foresee it.

whereabouts ignores in silence what it cannot use (a bound outside the range, a bound that is no address), so
that what a configuration means has to be computed, not read off.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ._cluster import Object

Address = ipaddress.IPv4Address | ipaddress.IPv6Address  # pylint: disable=unsupported-binary-operation  # wrong since 3.10
Network = ipaddress.IPv4Network | ipaddress.IPv6Network  # pylint: disable=unsupported-binary-operation  # wrong since 3.10

_OFFSETS = 1 << 63
"""Offsets into a range are signed 64-bit numbers: of an IPv6 /64 only the lower half can be given out."""


class Span(NamedTuple):
    """Consecutive addresses, both ends included."""

    first: Address
    last: Address

    @property
    def size(self) -> int:
        """How many addresses these are."""
        return int(self.last) - int(self.first) + 1


class Range(NamedTuple):
    """One range of an IPAM configuration, after whereabouts has parsed it.

    :param start: the bound as configured, ``None`` when unset or not an address.
    """

    network: Network
    start: Address | None = None
    end: Address | None = None
    exclude: tuple[Network, ...] = ()


class Allocation(NamedTuple):
    """An address that a pool has given out."""

    address: Address
    pod: str
    interface: str


def ranges(ipam: Mapping[str, Any]) -> tuple[Range, ...]:
    """The ranges of an ``ipam`` object: the top-level one first, then ``ipRanges``.

    :raises ValueError: where whereabouts would fail to attach a pod.
    """
    entries = [*([ipam] if ipam.get("range") else []), *(ipam.get("ipRanges") or [])]
    return tuple(_range(entry) for entry in entries)


def _range(entry: Mapping[str, Any]) -> Range:
    exclude = tuple(ipaddress.ip_network(item, strict=False) for item in entry.get("exclude") or [])
    text = str(entry.get("range", ""))
    first, dash, rest = text.partition("-")
    if dash:
        bounded = ipaddress.ip_interface(rest)
        return Range(bounded.network, ipaddress.ip_address(first), bounded.ip, exclude)
    network = ipaddress.ip_network(text, strict=False)
    return Range(network, _lenient(entry.get("range_start")), _lenient(entry.get("range_end")), exclude)


def _lenient(text: Any) -> Address | None:
    try:
        return ipaddress.ip_address(str(text)) if text else None
    except ValueError:
        return None


def interval(wanted: Range) -> Span:
    """The addresses between the bounds that count.

    Network and last address are never given; a bound outside of what is left is ignored without a word.

    :raises ValueError: for prefixes that leave nothing (/31, /32, /127, /128).
    """
    network = wanted.network
    if network.max_prefixlen - network.prefixlen < 2:
        raise ValueError(f"{network} has no usable address")
    first, last = network.network_address + 1, network.broadcast_address - 1
    if wanted.start is not None and _between(wanted.start, first, last):
        first = wanted.start
    if wanted.end is not None and _between(wanted.end, first, last):
        last = wanted.end
    return Span(first, last)


def _between(address: Address, first: Address, last: Address) -> bool:
    return address.version == first.version and int(first) <= int(address) <= int(last)


def spans(wanted: Range) -> tuple[Span, ...]:
    """Every address that can be given out, ascending, as few spans as possible."""
    first, last = interval(wanted)
    last = min(last, wanted.network.network_address + min(_OFFSETS - 1, wanted.network.num_addresses - 1), key=int)
    return tuple(_without(Span(first, last), wanted.exclude)) if int(first) <= int(last) else ()


def _without(span: Span, exclude: Iterable[Network]) -> Iterator[Span]:
    """What is left of a span; the excluded networks may overlap each other and lie outside."""
    make = type(span.first)
    position, end = int(span.first), int(span.last)
    holes = sorted(
        (int(hole.network_address), int(hole.broadcast_address))
        for hole in exclude
        if hole.version == span.first.version
    )
    for low, high in holes:
        if high < position or low > end:
            continue
        if low > position:
            yield Span(make(position), make(low - 1))
        position = high + 1
    if position <= end:
        yield Span(make(position), make(end))


def size(given: Iterable[Span]) -> int:
    """How many addresses there are in spans."""
    return sum(span.size for span in given)


def contains(given: Iterable[Span], address: Address) -> bool:
    """Whether one of the spans holds the address."""
    return any(_between(address, span.first, span.last) for span in given)


def pool_name(network: Network, network_name: str = "") -> str:
    """The name of the ``IPPool`` of a range: its masked CIDR without the characters names cannot have."""
    name = str(network).replace(":", "-").replace("/", "-")
    return f"{network_name}-{name}" if network_name else name


def allocations(pool: Object) -> list[Allocation]:
    """The addresses a pool has given out, ascending; its keys are offsets from the network address."""
    spec = pool.get("spec") or {}
    base = ipaddress.ip_network(spec.get("range", ""), strict=False).network_address
    given = spec.get("allocations") or {}
    return [
        Allocation(base + int(offset), given[offset].get("podref", ""), given[offset].get("ifname", ""))
        for offset in sorted(given, key=int)
    ]
