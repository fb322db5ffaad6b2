# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else draws addresses from the range on a cluster, and who already has some."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable

from . import _given_out as given_out
from . import _nad_config as cni
from . import _whereabouts as whereabouts
from ._addresses import Slice
from ._checks import Finding
from ._cluster import Cluster, Object, namespaced_name
from ._errors import Forbidden, Missing
from ._kubevirt import INTERFACE
from ._nad_config import Wanted
from ._resources import IP_POOL
from ._whereabouts import Address, Allocation, Network, Span

_SHOWN = 5
"""So many of the addresses that are held are named."""


def read(cluster: Cluster) -> list[Object] | None:
    """The pools of whereabouts; ``None`` where they may not be read.

    :raises Missing: without whereabouts: a pod with such an interface never starts, and KubeVirt's would be taken down
        one node after the other.
    """
    try:
        return cluster.list(IP_POOL)
    except (Missing, Forbidden) as error:
        # Of a kind that is not there one is refused just the same.
        if isinstance(error, Forbidden) and cluster.serves(IP_POOL):
            return None
        hint = "whereabouts is not installed on this cluster: install it first."
        wanted, found = "whereabouts, which gives out the addresses", f"no CRD {IP_POOL.full_name}"
        raise Missing(wanted, found, hint=hint, reason="whereabouts_missing") from error


def allocations(pools: Iterable[Object], *names: str) -> list[Allocation]:
    """What the pools of these names have given out."""
    found = [item for item in pools if item["metadata"]["name"] in names]
    return [each for item in found for each in whereabouts.allocations(item)]


def own(members: Iterable[Object]) -> set[str]:
    """The names of the pools that the NADs of the migration network draw from."""
    found: set[str] = set()
    for config in (config for item in members for config in cni.plugins(item)[:1]):
        with contextlib.suppress(ValueError):
            ranges = whereabouts.ranges(config.get("ipam") or {})
            found |= {whereabouts.pool_name(each.network, cni.network_name(config)) for each in ranges}
    return found


def rivals(wanted: Wanted, config: Object, cluster: str, attachments: list[Object]) -> list[Finding]:
    """Other NADs of the cluster that would give out addresses of this range.

    One that draws from the same pool and stays inside the slice does no harm: so a network is replaced by a new
    one beside it. What gives out addresses without whereabouts knows of nobody else's.
    """
    found: list[Finding] = []
    for other in attachments:
        if namespaced_name(other) == f"{wanted.namespace}/{wanted.name}":
            continue
        for mine, span in itertools.product(wanted.pieces, _without_whereabouts(other)):
            if _touch((span,), mine.network) and not _kept(span, mine):
                found.append(_rival(wanted, mine, cluster, other, _spelled(span)))
        for theirs in _with_whereabouts(other):
            shares_pool = cni.network_name(theirs) == cni.network_name(config)
            for (network, spans), mine in itertools.product(cni.allocatable(theirs), wanted.pieces):
                harmless = shares_pool and network == str(mine.network) and _within(spans, mine.spans)
                if not harmless and _touch(spans, mine.network):
                    found.append(_rival(wanted, mine, cluster, other, network))
    return found


def leftovers(wanted: Wanted, pools: Iterable[Object], own: Iterable[str], cluster: str) -> list[Finding]:
    """Addresses of the range that pods have from pools of other networks, whether an attachment is left or not.

    :param own: the names of the pools of the migration network itself, as it is and as it was.
    """
    found: list[Finding] = []
    for item in [each for each in pools if each["metadata"]["name"] not in own]:
        held = [given for given in _allocated(item) if given.interface != INTERFACE]
        for mine in wanted.pieces:
            taken = [
                each
                for each in held
                if _inside(each.address, mine) and not _kept(Span(each.address, each.address), mine)
            ]
            if taken:
                found.append(_held(wanted, mine, cluster, item, taken))
    return found


def _held(wanted: Wanted, mine: Slice, cluster: str, item: Object, taken: list[Allocation]) -> Finding:
    names = ", ".join(f"{each.address} ({each.pod})" for each in taken[:_SHOWN]) + (", ..." if taken[_SHOWN:] else "")
    return Finding(
        "range-overlaps-pool",
        "error",
        cluster,
        wanted.title,
        f"range {mine.network} for the migration network alone",
        f"IPPool {namespaced_name(item)} has given out {names}",
        "Choose another range, or reserve these addresses; remove the pool where none of its pods is left.",
    )


def _allocated(pool: Object) -> list[Allocation]:
    try:
        return whereabouts.allocations(pool)
    except ValueError:
        # Not of whereabouts' making.
        return []


def _inside(address: Address, mine: Slice) -> bool:
    return address.version == mine.network.version and address in mine.network


def _kept(span: Span, mine: Slice) -> bool:
    """Whether the migration network keeps off these addresses."""
    return any(
        span.first.version == part.version
        and int(part.network_address) <= int(span.first)
        and int(span.last) <= int(part.broadcast_address)
        for part in mine.reserved
    )


def _spelled(span: Span) -> str:
    return str(span.first) if span.first == span.last else f"{span.first} to {span.last}"


def _without_whereabouts(attachment: Object) -> list[Span]:
    ipams = [plugin["ipam"] for plugin in cni.plugins(attachment) if isinstance(plugin.get("ipam"), dict)]
    return [span for ipam in ipams for span in given_out.spans(ipam)]


def _rival(wanted: Wanted, mine: Slice, cluster: str, other: Object, network: str) -> Finding:
    return Finding(
        "range-overlaps-nad",
        "error",
        cluster,
        wanted.title,
        f"range {mine.network} for the migration network alone",
        f"NetworkAttachmentDefinition {namespaced_name(other)} gives out addresses of {network}",
        "Both would give one address to different pods: choose another range.",
    )


def _with_whereabouts(attachment: Object) -> list[Object]:
    """The plugins, of whatever type, that take their addresses from whereabouts."""
    found = [plugin for plugin in cni.plugins(attachment) if isinstance(plugin.get("ipam"), dict)]
    return [plugin for plugin in found if plugin["ipam"].get("type") == "whereabouts"]


def _within(spans: tuple[Span, ...], others: tuple[Span, ...]) -> bool:
    return all(
        any(int(other.first) <= int(span.first) and int(span.last) <= int(other.last) for other in others)
        for span in spans
    )


def _touch(spans: tuple[Span, ...], network: Network) -> bool:
    return any(
        span.first.version == network.version
        and int(span.first) <= int(network.broadcast_address)
        and int(network.network_address) <= int(span.last)
        for span in spans
    )
