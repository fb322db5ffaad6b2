# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report in words: one line a cluster, then what differs, each thing once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._verify_cluster import UNKNOWN

_OUTCOMES = {"ok": "ok", "drift": "differs", "incomplete": "not looked at in full"}


def lines(report: Mapping[str, Any]) -> list[str]:
    """What a person reads."""
    return [
        *(_cluster(each, report["trust"]) for each in report["clusters"]),
        *_probe(report["probe"]),
        *_entries("differs", report["drift"]),
        *_entries("warning", report["warnings"]),
        *_unknown(report["clusters"], report["unknown"]),
    ]


def _cluster(cluster: Mapping[str, Any], trust: Sequence[Mapping[str, Any]]) -> str:
    outcome = _OUTCOMES[cluster["outcome"]]
    said = [f"{cluster['name']}: {outcome}", *_hindrances(cluster)]
    if cluster["pods"] != UNKNOWN:
        said += [*_network(cluster), _trusts(cluster["name"], trust), *_authority(cluster["ca"])]
    return "; ".join(part for part in said if part)


def _hindrances(cluster: Mapping[str, Any]) -> Iterator[str]:
    for each in cluster["hindrances"]:
        yield f"{each['part']}: {each['found'].rstrip('.')}"


def _network(cluster: Mapping[str, Any]) -> Iterator[str]:
    if not cluster["member"]:
        yield "to be without the migration network"
        return
    pods, piece = cluster["pods"], cluster["slice"]
    inside = sum(1 for pod in pods if pod["in_slice"] is True)
    where = "the slice" if piece == UNKNOWN else f"{piece['first']}-{piece['last']}"
    yield f"{inside} of {len(pods)} pods in {where}"
    if cluster["room_for_nodes"] != UNKNOWN:
        yield f"room for {cluster['room_for_nodes']} more nodes"
    if cluster["mtu"]["network"] != UNKNOWN:
        yield f"MTU {cluster['mtu']['network']}"
    if cluster["routers"] != UNKNOWN and cluster["routers"]:
        ready = sum(1 for node in cluster["routers"] if node["ready"])
        yield f"{ready} of {len(cluster['routers'])} routers ready"


def _trusts(name: str, trust: Sequence[Mapping[str, Any]]) -> str:
    peers = [each for each in trust if each["cluster"] == name]
    trusted, unknown = (sum(1 for each in peers if each["trusted"] == state) for state in (True, UNKNOWN))
    rest = f" ({unknown} unknown)" if unknown else ""
    return f"trusts {trusted} of {len(peers)}{rest}" if peers else ""


def _authority(found: Any) -> Iterator[str]:
    if found != UNKNOWN:
        yield f"CA expires in {found['expires_in_days']} days"


def _probe(found: Any) -> Iterator[str]:
    if found != UNKNOWN:
        whole = sum(1 for link in found["links"] if link["status"] == "passes")
        yield f"probe: {whole} of {len(found['links'])} links between clusters carry packets of full size"


def _entries(word: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each in entries:
        mend = f"Mended by {each['playbook']}." if each["playbook"] else ""
        rest = " ".join(part for part in (each["hint"], mend) if part)
        where = ", ".join(each["clusters"])
        yield f"{word}: {where} {each['object']}: wanted {each['wanted']}; found {each['found']}. {rest}".rstrip()


def _unknown(clusters: Sequence[Mapping[str, Any]], gaps: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """What is not known, gathered; of a cluster that was not looked at the first line has said it."""
    looked_at = [each["name"] for each in clusters if each["pods"] != UNKNOWN]
    by_what: dict[str, list[str]] = defaultdict(list)
    for gap in gaps:
        if gap["cluster"] in looked_at:
            by_what[gap["what"]].append(gap["cluster"])
    by_names: dict[str, list[str]] = defaultdict(list)
    for what, names in by_what.items():
        everywhere = len(names) == len(looked_at) > 1
        by_names["every cluster" if everywhere else ", ".join(names)].append(what)
    for names_text, what_all in by_names.items():
        yield f"unknown: {', '.join(what_all)} of {names_text}"
