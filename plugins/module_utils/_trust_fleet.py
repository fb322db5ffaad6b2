# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clusters of a fleet trust each other, and whether their bundles have room for it; pure."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ._errors import BadInput
from ._trust_side import MOST

Pair = tuple[str, str]

_OPTION = "option trust_pairs"


def pairs(clusters: Sequence[str], named: Sequence[Any], inventory: Collection[str] = ()) -> list[Pair]:
    """The named pairs, each once, or every two clusters when none are named.

    :param inventory: further names there are; pairs with one of these do not concern this run and are left out.
    :raises BadInput: naming a pair that is none.
    """
    if not named:
        return list(itertools.combinations(clusters, 2))
    found: dict[frozenset[str], Pair] = {}
    for each in named:
        if not isinstance(each, (list, tuple)) or len(each) != 2 or each[0] == each[1]:
            raise BadInput("pairs of two different clusters", str(each), object=_OPTION, hint="Write [munich, zurich].")
        strangers = [name for name in each if name not in clusters]
        unknown = [name for name in strangers if name not in inventory]
        if unknown:
            hint = f"The fleet has {', '.join(clusters)}."
            raise BadInput("clusters of the fleet", ", ".join(map(str, unknown)), object=_OPTION, hint=hint)
        if not strangers:
            found.setdefault(frozenset(each), (each[0], each[1]))
    return list(found.values())


def trusting(bundles: Mapping[str, Mapping[str, Any]], leaving: Collection[str]) -> list[Pair]:
    """The pairs with a cluster that leaves of which one trusts the other, or remembers that it did.

    :param bundles: of every cluster what ``trust_bundle`` says of it.
    """
    return [
        (first, second)
        for first, second in itertools.combinations(bundles, 2)
        if (first in leaving or second in leaving)
        and (_knows(bundles[first], bundles[second]) or _knows(bundles[second], bundles[first]))
    ]


def _knows(bundle: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    remembered = {peer["uid"] for peer in bundle["peers"]}
    return other["uid"] in remembered or other["ca"]["fingerprint"] in bundle["fingerprints"]


def refuse_overflow(wanted: Sequence[Pair], bundles: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse, before anything is written anywhere, what does not fit into a bundle.

    :param bundles: of every cluster what ``trust_bundle`` says of it.
    :raises BadInput: naming the first cluster and how much there would be.
    """
    for cluster, bundle in bundles.items():
        peers = [second if first == cluster else first for first, second in wanted if cluster in (first, second)]
        there = set(bundle["fingerprints"])
        more = {bundles[peer]["ca"]["fingerprint"] for peer in peers} - there
        number = len(there | more)
        if more and number > MOST:
            hint = "Name the pairs that need it (trust_pairs) instead of all, or take out clusters that left (forget)."
            found = f"{number} with {len(peers)} peers"
            raise BadInput(f"at most {MOST} CAs, all that KubeVirt keeps", found, cluster, "kubevirt-ca", hint)


def refuse_present(clusters: Collection[str], forget: Sequence[str]) -> None:
    """:raises BadInput: when a cluster that is to be taken out is still one of the fleet."""
    both = [name for name in forget if name in clusters]
    if both:
        hint = "Take it out of the inventory, or limit the play to those that stay, then run again."
        raise BadInput("clusters that left", f"{', '.join(both)} of the fleet", object="option forget", hint=hint)
