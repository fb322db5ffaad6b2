# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address a move connects to: taken verbatim, after it was proven to be the target's.

Two clusters that hand out the same address are how a source comes to dial itself, and a target to boot a guest that
still runs. KubeVirt accepts any text and falls back to the pod network in silence, so all of it is checked here.
"""

from __future__ import annotations

import dataclasses
import ipaddress

from ._situation import Situation
from ._sync_address import parse
from ._whereabouts import Address, Span


@dataclasses.dataclass(frozen=True, slots=True)
class Slice:
    """The addresses of one cluster on the migration network."""

    spans: tuple[Span, ...]

    def __contains__(self, address: object) -> bool:
        """Whether the address is the cluster's."""
        return any(
            span.first.version == getattr(address, "version", 0) and int(span.first) <= int(address) <= int(span.last)
            for span in self.spans
            if isinstance(address, Address)
        )

    def __str__(self) -> str:
        return ", ".join(f"{span.first}-{span.last}" for span in self.spans)


@dataclasses.dataclass(frozen=True, slots=True)
class Network:
    """What is known of the migration network; ``None`` where the user said nothing."""

    source: Slice | None = None
    target: Slice | None = None
    allow_outside: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """The address to connect to, or why there is none.

    :param address: verbatim, empty when there is none.
    :param problem: what is wrong with what the target says.
    """

    address: str = ""
    problem: str = ""


def choose(situation: Situation, network: Network) -> Choice:
    """The first synchronization address of the target that stands every check."""
    problems: list[str] = []
    for text in situation.target.addresses:
        problem = fault(text, situation, network)
        if not problem:
            return Choice(text)
        problems.append(problem)
    return Choice(problem="; ".join(problems))


def fault(text: str, situation: Situation, network: Network) -> str:
    """What is wrong with a synchronization address of the target, empty when nothing is."""
    found = parse(text)
    if found is None or text != str(found):
        return f"{text!r} is not host:port" + (" (IPv6 without brackets)" if found and found.unbracketed else "")
    if text in situation.source.addresses:
        return f"{text} is also the source's own synchronization address"
    return _misplaced(found.ip, situation, network)


def misdirected(situation: Situation, network: Network) -> str:
    """What is wrong with the address the target's virt-handler announced for the copy, empty when nothing is.

    It is announced before the copy starts: the last moment to see that the source would dial itself.
    """
    state = situation.target.vmi.state if situation.target.vmi else None
    if state is None or not state.address or situation.receive is None or state.uid != situation.receive.uid:
        return ""
    try:
        address = ipaddress.ip_address(state.address)
    except ValueError:
        return f"the copy would go to {state.address!r}, which is no address"
    problem = _misplaced(address, situation, network)
    return f"the copy would go to {state.address}: {problem}" if problem else ""


def _misplaced(address: Address, situation: Situation, network: Network) -> str:
    if str(address) in situation.source.handlers:
        return f"{address} belongs to a virt-handler of the source"
    if network.source is not None and address in network.source:
        return f"{address} lies in the source's slice {network.source}"
    if network.target is not None and not network.allow_outside and address not in network.target:
        return f"{address} lies outside the target's slice {network.target}"
    return ""
