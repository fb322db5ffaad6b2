# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no cluster can see alone: addresses given out twice, slices that overlap, networks that differ."""

from __future__ import annotations

import ipaddress
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ._checks import Finding
from ._verify_cluster import Seen
from ._verify_drift import SITE, Entry

_PARTS = ("id", "severity", "cluster", "object", "wanted", "found", "hint")
_NETWORK = "migration network"
_NAD = "NetworkAttachmentDefinition "


_PLAN = ("slot-taken-twice", "range-differs", "max-clusters-differs", "weights-differs", "cluster-twice")


def entries(fleet: Sequence[Seen], findings: Iterable[Mapping[str, Any]] = ()) -> list[Entry]:
    """Everything that does not go together, causes before consequences.

    :param findings: what the comparison of the whole fleet found; what follows from it is not told again.
    """
    everybody = tuple(seen.name for seen in fleet)
    told = [Finding(**{part: each[part] for part in _PARTS}) for each in findings]
    causes = {each.id for each in told}
    return [
        *(Entry(each, clusters=(each.cluster,) if each.cluster else everybody) for each in told),
        *_duplicates(fleet),
        *([] if causes.intersection(_PLAN) else _slices(fleet)),
        *([] if "mtu-differs" in causes else _mtus(fleet)),
    ]


def _entry(check: str, clusters: Iterable[str], where: str, wanted: str, found: str, hint: str) -> Entry:
    names = tuple(sorted(set(clusters)))
    return Entry(Finding(check, "error", ", ".join(names), where, wanted, found, hint), clusters=names)


def _duplicates(fleet: Iterable[Seen]) -> Iterator[Entry]:
    """One address, or one MAC, on two clusters: the segment is one, so both would answer."""
    holders: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(dict)
    for seen in fleet:
        for kind, value, pod in _holders(seen.look or {}):
            pods = holders[kind, value].setdefault(seen.name, [])
            if pod not in pods:
                pods.append(pod)
    hint = "Every cluster must give out only its own slice: compare range, max_clusters and slots, restart the pods."
    for (kind, value), by_cluster in sorted(holders.items()):
        if len(by_cluster) > 1:
            found = "; ".join(f"{cluster}: {', '.join(pods)}" for cluster, pods in by_cluster.items())
            where = f"{_NETWORK} {value}"
            yield _entry(f"fleet-{kind}-duplicate", by_cluster, where, f"one pod with this {kind}", found, hint)


def _holders(look: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What the pods have, and what pods that are not KubeVirt's were given; leftovers answer to nobody."""
    namespace = (look.get("kubevirt") or {}).get("namespace", "")
    for pod in look.get("pods") or []:
        name = f"{namespace}/{pod['name']}"
        for address in pod.get("addresses") or []:
            yield "address", str(ipaddress.ip_address(address)), name
        if pod.get("mac"):
            yield "mac", str(pod["mac"]).lower(), name
    for pool in look.get("pools") or []:
        for given in pool.get("allocations") or []:
            if given.get("exists"):
                yield "address", str(ipaddress.ip_address(given["address"])), str(given["pod"])


def _slices(fleet: Sequence[Seen]) -> Iterator[Entry]:
    spans = sorted(
        (
            (ipaddress.ip_address(piece["first"]), ipaddress.ip_address(piece["last"]), seen.name)
            for seen in fleet
            if seen.member and (piece := (seen.look or {}).get("slice"))
        ),
        key=lambda span: (span[0].version, int(span[0]), int(span[1]), span[2]),
    )
    hint = "Give every cluster a slot of its own in one range with one max_clusters."
    for (first, last, name), (start, end, other) in itertools.combinations(spans, 2):
        if first.version == start.version and int(start) <= int(last):
            found = f"{name}: {first}-{last}; {other}: {start}-{end}"
            yield _entry("slices-overlap", (name, other), f"{_NETWORK} slices", "slices of one's own", found, hint)


def _mtus(fleet: Sequence[Seen]) -> Iterator[Entry]:
    """One MTU everywhere; a network that differs from the inventory anyway is told with its own entry."""
    by_mtu: dict[int, list[str]] = defaultdict(list)
    for seen in fleet:
        mtu = ((seen.look or {}).get("mtu") or {}).get("network")
        own = any(entry.finding.object.startswith(_NAD) and entry.playbook == SITE for entry in seen.entries())
        if mtu and seen.member and not own:
            by_mtu[int(mtu)].append(seen.name)
    if len(by_mtu) > 1:
        found = "; ".join(f"{mtu} on {', '.join(names)}" for mtu, names in sorted(by_mtu.items()))
        names = [name for names in by_mtu.values() for name in names]
        hint = "Larger packets vanish without a word on the others: give all clusters one migration_network_mtu."
        yield _entry("fleet-mtu-differs", names, f"{_NETWORK} MTU", "one MTU on all clusters", found, hint)
