# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who trusts whom: both directions of every pair, as the check-mode runs of module migration_trust found it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from . import _verify_drift as drift
from ._checks import Finding
from ._verify_cluster import UNKNOWN
from ._verify_drift import SITE, TRUST, Entry

Direction = dict[str, Any]
_STATE = ("trusted", "pending", "peer_ca_expires_in_days", "dropped_in_hours")


def directions(names: Sequence[str], looked_at: Set[str], results: Iterable[Mapping[str, Any]]) -> list[Direction]:
    """Each direction of each pair; unknown where a side could not be looked at or the comparison failed.

    A pair of clusters that were looked at and nobody compared is one that need not trust each other.
    """
    known: dict[tuple[str, str], Direction] = {}
    for result in results:
        for side, peer in _sides(result):
            known[side["cluster"], peer["cluster"]] = {
                "trusted": bool(side["trusts_peer"]),
                "pending": bool(side["pending"]),
                "peer_ca_expires_in_days": peer["ca"]["expires_in_days"],
                "dropped_in_hours": side["dropped_in_hours"],
            }
        if "failure" in result:
            first, second = _compared(result)
            known |= dict.fromkeys(((first, second), (second, first)), dict.fromkeys(_STATE, UNKNOWN))
    unread = {pair for pair in itertools.permutations(names, 2) if not looked_at >= set(pair)}
    return [
        {"cluster": pair[0], "peer": pair[1], **known.get(pair, dict.fromkeys(_STATE, UNKNOWN))}
        for pair in itertools.permutations(names, 2)
        if pair in known or pair in unread
    ]


def entries(found: Iterable[Direction], results: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
    """Trust that is missing or will end, and pairs that cannot trust each other as they are."""
    for each in found:
        cluster, peer = str(each["cluster"]), str(each["peer"])
        where, wanted = f"trust in {peer}", f"the current CA of {peer} in its bundle"
        if each["trusted"] is False:
            state = "it waits to be taken in" if each["pending"] else "not there"
            yield Entry(Finding("trust-missing", "error", cluster, where, wanted, state, ""), TRUST)
        elif isinstance(each["dropped_in_hours"], int | float):
            state = f"virt-operator will drop it in {each['dropped_in_hours']} h"
            hint = "Set ca_renew_before to half of ca_duration or more (migration_network_limits)."
            yield Entry(Finding("trust-ends", "warning", cluster, where, wanted, state, hint), SITE)
    for result in results:
        failure = result.get("failure") or {}
        if failure and failure.get("reason") not in drift.UNABLE:
            yield drift.refused(_compared(result)[0], failure)


def hindrances(results: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The clusters whose trust could not be looked at, and why."""
    for result in results:
        failure = result.get("failure") or {}
        if failure.get("reason") in drift.UNABLE:
            named = str(failure.get("cluster") or "")
            for name in _compared(result):
                if named in (name, ""):
                    yield name, failure


def compared(results: Iterable[Mapping[str, Any]]) -> set[frozenset[str]]:
    """The pairs that are to trust each other, whatever became of the comparison."""
    return {frozenset(_compared(result)) for result in results}


def authorities(results: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The CA that each cluster has now."""
    return {side["cluster"]: side["ca"] for result in results for side, _peer in _sides(result)}


def _sides(result: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    pair = result.get("migration_trust") or {}
    if pair:
        yield pair["source"], pair["target"]
        yield pair["target"], pair["source"]


def _compared(result: Mapping[str, Any]) -> tuple[str, str]:
    """The two clusters that a call was about, whatever became of it."""
    options = (result.get("invocation") or {}).get("module_args") or {}
    source, target = (str((options.get(side) or {}).get("cluster_name") or "") for side in ("source", "target"))
    return source, target
