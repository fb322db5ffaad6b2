# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses of the migration network a cluster holds, so that no other one takes them.

While a fleet is renumbered some clusters have their old slices and some their new ones. A cluster may take an
address only when no other one gives it out any more and no pod there has it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import _nad_config as cni
from . import _nad_users as users
from . import _whereabouts as whereabouts
from ._address_slice import SLICE, own_spans
from ._argspec import ArgumentSpec, cluster_options
from ._checks import Finding
from ._cluster import Cluster, Object, namespaced_name
from ._errors import Missing
from ._job import Job, Result
from ._kubevirt import INTERFACE
from ._nad_family import LABEL
from ._plan import Plan
from ._resources import IP_POOL, NAD
from ._whereabouts import Network, Span

SPEC = cluster_options().merge(
    SLICE,
    ArgumentSpec(
        {"others": {"type": "dict", "default": {}}},
        required_by={"slot": ("range",), "range_start": ("range",)},
    ),
)


class Claim(NamedTuple):
    """Addresses that a cluster holds, and through what."""

    span: Span
    by: str

    def as_dict(self) -> dict[str, str]:
        """The claim as results carry it."""
        return {"first": str(self.span.first), "last": str(self.span.last), "by": self.by}


def work(job: Job) -> Result:
    """Read, compare, change nothing."""
    wanted, own = own_spans(job.params), read(job.cluster)
    fresh = without(wanted, [claim.span for claim in own if claim.by.startswith(NAD.kind)])
    others = [cluster for key, cluster in job.clusters.items() if key != "cluster"] if fresh else []
    findings = [
        finding for other in others if other.uid() != job.cluster.uid() for finding in _taken(job, fresh, other)
    ]
    facts: dict[str, Any] = {
        "claims": [claim.as_dict() for claim in own],
        "new": [{"first": str(span.first), "last": str(span.last)} for span in fresh],
        "findings": [finding.as_dict() for finding in findings],
    }
    return job.finish(Plan(), migration_addresses_info=facts)


def read(cluster: Cluster) -> list[Claim]:
    """What the NADs of the migration network can give out, and what its pools have given out."""
    attachments = _listed(cluster, NAD)
    named = users.named(cluster)
    found, pools = [], set()
    for item in attachments:
        if namespaced_name(item) in named or LABEL in (item["metadata"].get("labels") or {}):
            for config in cni.plugins(item)[:1]:
                name = str((config.get("ipam") or {}).get("network_name") or "")
                for network, spans in _given(config):
                    pools.add(whereabouts.pool_name(network, name))
                    found += [Claim(span, f"{NAD.kind} {namespaced_name(item)}") for span in spans]
    return found + [claim for pool in _listed(cluster, IP_POOL) for claim in _held(pool, pools)]


def _held(pool: Object, pools: set[str]) -> list[Claim]:
    """What pods have; also of pools whose NAD is gone, where KubeVirt's interface tells whose they are."""
    ours = pool["metadata"]["name"] in pools
    return [
        Claim(Span(each.address, each.address), f"pod {each.pod}")
        for each in whereabouts.allocations(pool)
        if ours or each.interface == INTERFACE
    ]


def _given(config: Object) -> Iterable[tuple[Network, tuple[Span, ...]]]:
    try:
        return [(each.network, whereabouts.spans(each)) for each in whereabouts.ranges(config.get("ipam") or {})]
    except ValueError:
        # No pod can be attached with it.
        return []


def _listed(cluster: Cluster, resource: Any) -> list[Object]:
    try:
        return cluster.list(resource)
    except Missing:
        return []


def without(spans: Iterable[Span], taken: Sequence[Span]) -> list[Span]:
    """What is left of spans."""
    left = list(spans)
    for hole in taken:
        left = [piece for span in left for piece in _cut(span, hole)]
    return left


def _cut(span: Span, hole: Span) -> list[Span]:
    if not touch(span, hole):
        return [span]
    pieces = []
    if int(span.first) < int(hole.first):
        pieces.append(Span(span.first, hole.first - 1))
    if int(hole.last) < int(span.last):
        pieces.append(Span(hole.last + 1, span.last))
    return pieces


def touch(one: Span, other: Span) -> bool:
    """Whether two spans share an address."""
    return (
        one.first.version == other.first.version
        and int(one.first) <= int(other.last)
        and int(other.first) <= int(one.last)
    )


def _taken(job: Job, fresh: Sequence[Span], other: Cluster) -> list[Finding]:
    return [
        Finding(
            "addresses-held-elsewhere",
            "error",
            job.cluster.name,
            "migration network",
            f"{span.first} to {span.last} for this cluster alone",
            f"{other.name} still holds {claim.span.first} to {claim.span.last} ({claim.by})",
            f"Two pods would get one address: change {other.name} first, or take a range that nobody uses.",
        )
        for claim in read(other)
        for span in fresh
        if touch(span, claim.span)
    ]


def spans_of(entries: Iterable[Mapping[str, str]]) -> list[Span]:
    """The spans of a result."""
    return [Span(ipaddress.ip_address(each["first"]), ipaddress.ip_address(each["last"])) for each in entries]
