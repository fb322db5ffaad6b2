# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan as options spell it: one range, or one of each address family, cut by the same slots."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from . import _addresses as addresses
from ._addresses import AddressPlan
from ._errors import BadInput
from ._whereabouts import Network


def plans(
    text: str,
    second: str | None = None,
    *,
    max_clusters: int,
    gateway: str | None = None,
    reserved: Sequence[str] = (),
    weights: Sequence[int] = (),
) -> tuple[AddressPlan, ...]:
    """The plan of the range, then that of the second one when there is one.

    :param gateway: of the range.
    :param reserved: of both ranges; each address family belongs to its own.
    :raises BadInput: for what cannot be shared.
    """
    first, *others = networks(text, second)
    return tuple(
        AddressPlan(
            within,
            max_clusters,
            addresses.reserved(None if others_turn else gateway, _of(reserved, within, bool(others)), within),
            tuple(weights),
        )
        for others_turn, within in enumerate((first, *others))
    )


def networks(text: str, second: str | None = None) -> tuple[Network, ...]:
    """The ranges. :raises BadInput: for two of one family, of which KubeVirt would never use the second."""
    first = addresses.network(text)
    if not second:
        return (first,)
    other = addresses.network(second, "second_range")
    if other.version == first.version:
        family = "IPv4" if first.version == 6 else "IPv6"
        hint = "Pods get one address of each range, and KubeVirt uses only the first: leave second_range out."
        raise BadInput(f"second_range of {family}", second, hint=hint, reason="second_range_family")
    return first, other


def _of(reserved: Sequence[str], within: Network, dual: bool) -> list[str]:
    """What is to be reserved in one of two ranges; what is no address is left to the first to refuse."""
    return [text for text in reserved if not dual or _version(text, within.version) == within.version]


def _version(text: str, otherwise: int) -> int:
    try:
        return ipaddress.ip_interface(text).version
    except ValueError:
        return otherwise
