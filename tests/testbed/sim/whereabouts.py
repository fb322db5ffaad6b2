# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which address whereabouts hands out: its configuration and allocation rules, silent ignores included.

Pure; follows `pkg/config/config.go`, `pkg/iphelpers` and `pkg/allocate/allocate.go` of v0.9.2.
The pools it keeps in the API are in ip_pool.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Offsets are int64 in whereabouts: of a long IPv6 range only the lower half of a /64 can be reached.
MAX_OFFSET = 2**63 - 1


class WhereaboutsError(Exception):
    """What the plugin writes to the pod's events; `args[0]` is its own text."""


@dataclass(frozen=True, slots=True)
class Range:
    """One range of a configuration after whereabouts made sense of it."""

    network: Network
    start: Address | None = None
    end: Address | None = None
    excludes: tuple[str, ...] = ()

    def bounds(self) -> tuple[Address, Address]:
        """First and last candidate. Bounds outside of the usable addresses are dropped without a word."""
        if self.network.num_addresses <= 2:
            raise WhereaboutsError(
                f"net mask is too short, subnet {self.network} has no usable IP addresses, it is too small"
            )
        first, last = self.network[1], self.network[-2]
        if self.start is not None and _between(first, self.start, last):
            first = self.start
        if self.end is not None and _between(first, self.end, last):
            last = self.end
        return first, last


@dataclass(frozen=True, slots=True)
class Reservation:
    """One entry of a pool."""

    address: Address
    container: str
    podref: str
    ifname: str


@dataclass(frozen=True, slots=True)
class Ipam:
    """The `ipam` part of a network configuration."""

    ranges: tuple[Range, ...]
    network_name: str = ""
    overlapping: bool = True
    gateway: str = ""


def read(ipam: Mapping[str, Any]) -> Ipam:
    """Parse an `ipam` object; the top-level `range` comes before those of `ipRanges`."""
    ranges = [_range(each, strict=True) for each in ipam.get("ipRanges") or []]
    if ipam.get("range"):
        ranges.insert(0, _range(ipam, strict=False))
    if not ranges:
        raise WhereaboutsError("invalid CIDR (do you have the 'range' parameter set for Whereabouts?) ''")
    return Ipam(
        ranges=tuple(ranges),
        network_name=str(ipam.get("network_name", "")),
        overlapping=bool(ipam.get("enable_overlapping_ranges", True)),
        gateway=str(ipam.get("gateway", "")),
    )


def assign(wanted: Range, reserved: Iterable[Reservation], *, container: str, podref: str, ifname: str) -> Reservation:
    """The address a pod gets: its old one if it has one, else the lowest that is free."""
    known = list(reserved)
    for entry in known:
        if (entry.podref, entry.ifname) == (podref, ifname):
            # Not held against bounds that changed since: the old address lives as long as the pod.
            return Reservation(entry.address, container, podref, ifname)
    taken = {entry.address for entry in known}
    for address in candidates(wanted):
        if address not in taken:
            return Reservation(address, container, podref, ifname)
    raise exhausted(wanted)


def exhausted(wanted: Range) -> WhereaboutsError:
    """What the plugin says when a range has nothing left."""
    first, last = wanted.bounds()
    return WhereaboutsError(
        f"Could not allocate IP in range: ip: {first} / - {last} / range: {wanted.network} / "
        f"excludeRanges: [{' '.join(wanted.excludes)}]"
    )


def candidates(wanted: Range) -> Iterator[Address]:
    """Every address that may be given out, lowest first; an exclude is jumped over as a whole."""
    current, last = wanted.bounds()
    excluded = [_exclude(text) for text in wanted.excludes]
    while current in wanted.network and int(current) <= int(last):
        hit = next((net for net in excluded if current in net), None)
        if hit is None:
            yield current
            current += 1
        else:
            current = hit[-1] + 1


def offset(network: Network, address: Address) -> str:
    """The key of an address in its pool: decimal distance from the network address."""
    distance = int(address) - int(network.network_address)
    if distance > MAX_OFFSET:
        raise WhereaboutsError(f"cannot store {address}: offset from {network} exceeds int64")
    return str(distance)


def pool_name(network: Network, network_name: str = "") -> str:
    """Name of the IPPool object of a range: it does not hold the name of the NAD."""
    plain = str(network).replace(":", "-").replace("/", "-")
    return f"{network_name}-{plain}" if network_name else plain


def reservation_name(address: Address, network_name: str = "") -> str:
    """Name of the OverlappingRangeIPReservation object of an address."""
    text = str(address)
    if text.endswith(":"):
        text += "0"  # an object's name may not end in a dash
    plain = text.replace(":", "-")
    return f"{network_name}-{plain}" if network_name else plain


def _range(entry: Mapping[str, Any], *, strict: bool) -> Range:
    """One range; inside `ipRanges` (strict) an unparsable bound is an error, at top level it is unset."""
    text = str(entry.get("range", ""))
    excludes = tuple(str(each) for each in entry.get("exclude") or ())
    first, dash, rest = text.partition("-")
    if dash:
        network, last = _cidr(rest, text)
        start = _parsed(first)
        if start is None:
            raise WhereaboutsError(f"invalid range start IP: {first}")
        if start not in network:
            raise WhereaboutsError(f"invalid range start for CIDR {network}: {first}")
        return Range(network, start, last, excludes)
    network, _ = _cidr(text, text)
    start, end = (_bound(entry.get(key), strict=strict) for key in ("range_start", "range_end"))
    return Range(network, start, end, excludes)


def _cidr(text: str, whole: str) -> tuple[Network, Address]:
    """Network (host bits masked away) and the address as written."""
    network = _network(text)
    if network is None:
        raise WhereaboutsError(f"invalid CIDR {whole}: invalid CIDR address: {text}")
    return network, ip_address(text.partition("/")[0])


def _network(text: str) -> Network | None:
    """A CIDR as Go reads it: address, slash, number (Python would also take a netmask or no slash)."""
    try:
        return ip_network(text, strict=False) if text.partition("/")[2].isdigit() else None
    except ValueError:
        return None


def _bound(value: Any, *, strict: bool) -> Address | None:
    if value in (None, ""):
        return None
    parsed = _parsed(str(value))
    if parsed is None and strict:
        raise WhereaboutsError(f"LoadIPAMConfig - JSON Parsing Error: invalid IP address: {value}")
    return parsed


def _parsed(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _exclude(text: str) -> Network:
    """A CIDR (host bits masked) or one address; the error only shows when a pod is attached."""
    one = _parsed(text)
    network = ip_network(one) if one is not None else _network(text)
    if network is None:
        raise WhereaboutsError(f'could not parse exclude range, err: "invalid CIDR address: {text}"')
    return network


def _between(low: Address, value: Address, high: Address) -> bool:
    # A bound of the other address family is one more thing that is ignored in silence.
    return low.version == value.version and int(low) <= int(value) <= int(high)
