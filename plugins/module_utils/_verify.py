# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a fleet: every cluster, what differs, what could not be read, and what that means.

Its form is documented in docs/verify_schema.json; whoever changes it in a way that a reader would notice counts
``schema_version`` up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from . import _verify_fleet as between
from . import _verify_receivers as receivers
from . import _verify_trust as trust
from ._verify_bundles import Bundles
from ._verify_cluster import UNKNOWN, Seen, section
from ._verify_drift import Entry

SCHEMA = "livemigration.kubevirt/verify"
SCHEMA_VERSION = 1

OK, DRIFT, INCOMPLETE = "ok", "drift", "incomplete"

Report = dict[str, Any]
_NO_BUNDLES = Bundles()


def report(
    fleet: Mapping[str, Mapping[str, Any]],
    trust_results: Sequence[Mapping[str, Any]],
    findings: Sequence[Mapping[str, Any]],
    finished: str,
    bundles: Bundles = _NO_BUNDLES,
    probe: Mapping[str, Any] | None = None,
) -> Report:
    """Judge what was read.

    :param fleet: what the tasks brought back, by cluster.
    :param trust_results: the results of module migration_trust in check mode, one a pair.
    :param findings: in what the clusters do not agree, by the inventory and by what each says of itself.
    :param finished: when, for the reader.
    :param bundles: whom each cluster trusts.
    :param probe: what module migration_probe proved, if it ran.
    """
    hindrances = [*bundles.hindrances(), *trust.hindrances(trust_results)]
    clusters = _with_trust([Seen.of(name, body or {}) for name, body in fleet.items()], hindrances)
    looked_at = {each.name for each in clusters if each.look is not None} - bundles.failures.keys()
    pairs = trust.directions([each.name for each in clusters], looked_at, trust_results)
    entries = [
        *(entry for each in clusters for entry in each.entries()),
        *between.entries(clusters, findings),
        *receivers.entries(clusters),
        *trust.entries(pairs, trust_results),
        *bundles.entries(trust.compared(trust_results)),
    ]
    outcomes = {each.name: _outcome(each, entries) for each in clusters}
    authorities = {each["cluster"]: each["ca"] for each in bundles.found} | trust.authorities(trust_results)
    sections = [
        {**section(each, outcomes[each.name]), "ca": authorities.get(each.name) or UNKNOWN} for each in clusters
    ]
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "finished": finished,
        "outcome": _worst(outcomes.values()),
        "clusters": sections,
        "trust": pairs,
        "probe": _probe(probe),
        "drift": _told(entry for entry in entries if entry.finding.severity == "error"),
        "warnings": _told(entry for entry in entries if entry.finding.severity == "warning"),
        "unknown": [gap for each in sections for gap in _gaps(each)],
    }


def _probe(found: Mapping[str, Any] | None) -> dict[str, Any] | str:
    """What was proven with packets; nobody has tried unless there is a link."""
    if not found or not found.get("links"):
        return UNKNOWN
    return {part: found[part] for part in ("passed", "links", "probes")}


def _with_trust(clusters: Sequence[Seen], hindrances: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Seen]:
    """The clusters, with what kept their trust from being looked at."""
    hindered: dict[str, Mapping[str, Any]] = {}
    for name, failure in hindrances:
        hindered.setdefault(name, failure)
    return [
        dataclasses.replace(each, failures={**each.failures, "trust": hindered[each.name]})
        if each.name in hindered
        else each
        for each in clusters
    ]


def _outcome(seen: Seen, entries: Sequence[Entry]) -> str:
    if seen.hindrances:
        return INCOMPLETE
    wrong = any(entry.finding.severity == "error" and seen.name in entry.concerns for entry in entries)
    return DRIFT if wrong else OK


def _worst(outcomes: Collection[str]) -> str:
    """An empty fleet is no fleet that is right."""
    if not outcomes or INCOMPLETE in outcomes:
        return INCOMPLETE
    return DRIFT if DRIFT in outcomes else OK


def _told(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Each thing once: what several entries say of one object becomes one."""
    told: dict[str, dict[str, Any]] = {}
    for entry in entries:
        body = entry.as_dict()
        known = told.setdefault(body["key"], body)
        for part in ("wanted", "found"):
            if body[part] not in known[part]:
                known[part] += f"; {body[part]}"
    return list(told.values())


def _gaps(cluster: Mapping[str, Any]) -> list[dict[str, str]]:
    """What the report does not know of a cluster, by the place where it would stand."""
    found = []
    for key, value in cluster.items():
        parts = value.items() if isinstance(value, Mapping) else [("", value)]
        found += [f"{key}.{part}".rstrip(".") for part, each in parts if each == UNKNOWN]
    return [{"cluster": cluster["name"], "what": what} for what in found]
