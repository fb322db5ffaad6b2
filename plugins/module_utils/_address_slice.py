# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of one cluster as options say them: its slot in the plan of the fleet, or the first and the last."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from . import _addresses as addresses
from . import _whereabouts as whereabouts
from ._address_plans import plans
from ._addresses import Slice
from ._argspec import ArgumentSpec
from ._errors import BadInput
from ._whereabouts import Network, Span

SLICE = ArgumentSpec(
    {
        "range": {"type": "str"},
        "second_range": {"type": "str"},
        "slot": {"type": "int"},
        "max_clusters": {"type": "int"},
        "weights": {"type": "list", "elements": "int"},
        "range_start": {"type": "str"},
        "range_end": {"type": "str"},
        "gateway": {"type": "str"},
        "reserved": {"type": "list", "elements": "str"},
    },
    mutually_exclusive=(("slot", "range_start"), ("slot", "range_end")),
    required_together=(("slot", "max_clusters"), ("range_start", "range_end")),
    required_by={"weights": ("slot",), "second_range": ("slot",)},
)


def slices(params: Mapping[str, Any]) -> tuple[Slice, ...]:
    """What the cluster gives out of the range, and of the second one when there is one.

    :param params: with a range, and a slot or both bounds.
    :raises BadInput: when the options contradict each other or the range.
    """
    if params["slot"] is None:
        network = addresses.network(params["range"])
        kept = addresses.reserved(params["gateway"], params["reserved"] or [], network)
        return (addresses.between(params["range_start"], params["range_end"], network, kept),)
    both = plans(
        params["range"],
        params["second_range"],
        max_clusters=params["max_clusters"],
        gateway=params["gateway"],
        reserved=params["reserved"] or [],
        weights=params["weights"] or (),
    )
    return tuple(plan.slice(params["slot"]) for plan in both)


def own_spans(params: Mapping[str, Any]) -> tuple[Span, ...]:
    """The addresses that the cluster may use: its slices, all of the range, or none when the options do not say.

    :raises BadInput: when the options contradict each other or the range.
    """
    if params["range"] is None:
        return ()
    if params["slot"] is not None or params["range_start"] is not None:
        return tuple(span for piece in slices(params) for span in piece.spans)
    network = addresses.network(params["range"])
    kept = addresses.reserved(params["gateway"], params["reserved"] or [], network)
    return whereabouts.spans(whereabouts.Range(network, exclude=kept))


def avoided(texts: Iterable[str] | None) -> tuple[tuple[str, Network], ...]:
    """The networks of the option avoid, with the words for them. :raises BadInput: for what is none."""
    return tuple(("a network to avoid", _network(text)) for text in texts or ())


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        wanted = "avoid as networks in CIDR notation"
        hint = "Write the network address and the prefix length."
        raise BadInput(wanted, f"{text!r} ({error})", hint=hint, reason="avoid_invalid") from error
