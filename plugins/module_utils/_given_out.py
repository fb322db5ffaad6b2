# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What attachments give out without whereabouts: host-local on every node anew, static to every pod. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from ._whereabouts import Network, Span


def spans(ipam: Mapping[str, Any]) -> Iterator[Span]:
    """The addresses; of what is no configuration none, as no pod can be attached with it."""
    for entry in _entries(ipam):
        try:
            yield _span(entry)
        except ValueError:
            continue


def networks(ipam: Mapping[str, Any]) -> Iterator[Network]:
    """The same as networks."""
    for span in spans(ipam):
        yield from ipaddress.summarize_address_range(span.first, span.last)


def _entries(ipam: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if ipam.get("type") == "static":
        yield from ({"address": each.get("address")} for each in _mappings(ipam.get("addresses")))
    elif ipam.get("type") == "host-local":
        if ipam.get("subnet"):
            yield ipam
        for alternatives in ipam.get("ranges") or []:
            yield from _mappings(alternatives)


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _span(entry: Mapping[str, Any]) -> Span:
    """:raises ValueError: for what is no address or network."""
    if "address" in entry:
        address = ipaddress.ip_interface(str(entry["address"])).ip
        return Span(address, address)
    network = ipaddress.ip_network(str(entry.get("subnet")), strict=False)
    first = ipaddress.ip_address(str(entry.get("rangeStart") or network.network_address))
    last = ipaddress.ip_address(str(entry.get("rangeEnd") or network.broadcast_address))
    if first.version != last.version or int(first) > int(last):
        raise ValueError(f"{first} to {last}")
    return Span(first, last)
