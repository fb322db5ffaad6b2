# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What whereabouts has given out of the range of the migration network."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from . import _whereabouts as whereabouts
from ._cluster import Cluster, Object, namespaced_name
from ._errors import Forbidden, Missing
from ._resources import IP_POOL, POD
from ._whereabouts import Allocation, Network, Range, Span


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    """The pool of one range, which every NAD of the cluster with that range shares.

    :param title: namespace and name of the ``IPPool``, or only its name while there is none.
    :param exists: whereabouts makes it with the first allocation.
    """

    title: str
    network: Network
    exists: bool
    allocations: tuple[Allocation, ...] = ()


def ipam(nad: Object | None) -> Mapping[str, Any]:
    """The ``ipam`` object of a NAD; empty when there is none that can be read."""
    try:
        config: Any = json.loads(((nad or {}).get("spec") or {}).get("config") or "")
    except ValueError:
        return {}
    plugins = config.get("plugins", [config]) if isinstance(config, dict) else []
    found: list[Mapping[str, Any]] = [
        plugin["ipam"]
        for plugin in (plugins if isinstance(plugins, list) else [])
        if isinstance(plugin, dict) and isinstance(plugin.get("ipam"), dict)
    ]
    return found[0] if found else {}


def ranges(nad: Object | None) -> tuple[Range, ...]:
    """The ranges from which whereabouts serves the NAD; none for another IPAM or one it could not read."""
    found = ipam(nad)
    if found.get("type") != "whereabouts":
        return ()
    try:
        return whereabouts.ranges(found)
    except ValueError:
        return ()


def spans(nad: Object | None) -> tuple[Span, ...]:
    """The addresses that the NAD can give out."""
    try:
        return tuple(span for each in ranges(nad) for span in whereabouts.spans(each))
    except ValueError:
        return ()


def read(cluster: Cluster, nad: Object | None) -> list[Pool]:
    """The pools behind the NAD, one a range; none where whereabouts does not serve it."""
    name = str(ipam(nad).get("network_name") or "")
    networks = list(dict.fromkeys(each.network for each in ranges(nad)))
    if not networks:
        return []
    try:
        found = cluster.list(IP_POOL)
    except Missing:
        found = []
    return [_pool(found, network, name) for network in networks]


def of_others(cluster: Cluster, found: Iterable[Pool], namespace: str) -> dict[str, bool | None]:
    """Whether the pods of other namespaces exist that the pools have given addresses to; ``None``: nobody may say."""
    names = {each.pod for pool in found for each in pool.allocations if not each.pod.startswith(f"{namespace}/")}
    return {name: _exists(cluster, *name.partition("/")[::2]) for name in sorted(names)}


def _exists(cluster: Cluster, namespace: str, name: str) -> bool | None:
    try:
        return bool(namespace and name) and cluster.get(POD, name, namespace) is not None
    except Forbidden:
        return None


def _pool(found: list[Object], network: Network, network_name: str) -> Pool:
    name = whereabouts.pool_name(network, network_name)
    pools = [pool for pool in found if pool["metadata"]["name"] == name]
    given = [allocation for pool in pools for allocation in whereabouts.allocations(pool)]
    title = ", ".join(map(namespaced_name, pools)) or name
    return Pool(f"IPPool {title}", network, bool(pools), tuple(given))
