# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the Underlays of one cluster can carry its segments: one on every node, with tunnels for all of them. Pure.

Every node takes the address of its number from the ranges, the router id one further; nothing complains when the
range has ended, and the node is simply not there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator

from ._checks import Finding
from ._cluster import Object, namespaced_name
from ._networks import router_ids_of, tunnels_of
from ._node_selector import chosen, selects

_INDEX = "openpe.io/nodeindex"


def check(
    underlays: Iterable[Object],
    nodes: Iterable[Object],
    cluster: str,
    selector: Object | None = None,
    family: str | None = None,
) -> list[Finding]:
    """What is wrong with the Underlays for a segment on the selected nodes.

    :param selector: the segment's own nodes.
    :param family: the address family that its tunnels must have, ``None`` where OpenPERouter chooses.
    """
    underlays, nodes = list(underlays), list(nodes)
    if not underlays:
        # Without any the caller has said so: nothing is provisioned, nothing is wrong yet.
        return []
    return [
        *_on_nodes(underlays, nodes, cluster, selector),
        *(finding for item in underlays for finding in _ranges(item, nodes, cluster, family)),
    ]


def _on_nodes(underlays: list[Object], nodes: list[Object], cluster: str, selector: Object | None) -> Iterator[Finding]:
    bare: list[str] = []
    for node in nodes:
        labels = node["metadata"].get("labels") or {}
        here = [namespaced_name(item) for item in underlays if selects(item["spec"].get("nodeSelector"), labels)]
        if len(here) > 1:
            hint = "Keep one, or give them node selectors that share no node."
            found = f"{', '.join(here)} on node {node['metadata']['name']}"
            yield Finding("underlay-several", "error", cluster, "Underlay", "one Underlay a node", found, hint)
            return
        if not here and selects(selector, labels):
            bare.append(str(node["metadata"]["name"]))
    if bare:
        hint = "The segment does not reach them: widen the Underlay's node selector, or narrow the segment's."
        found = f"none on {', '.join(bare)}"
        yield Finding("underlay-uncovered", "warning", cluster, "Underlay", "an Underlay on every node", found, hint)


def _ranges(item: Object, nodes: list[Object], cluster: str, family: str | None) -> Iterator[Finding]:
    spec, title = item["spec"], f"Underlay {namespaced_name(item)}"
    tunnels = tunnels_of(item)
    if not tunnels and not (spec.get("evpn") or {}).get("vtepInterface"):
        hint = "Give it a range of tunnel endpoints; without it OpenPERouter provisions no segment at all."
        yield Finding("underlay-without-vtep", "error", cluster, title, "a range of tunnel endpoints", "none", hint)
        return
    if tunnels and family and not any(_version(text) == int(family[-1]) for text in tunnels):
        hint = "Add a range of that family to the Underlay, or leave underlay_address_family out."
        found = ", ".join(tunnels)
        yield Finding("underlay-family", "error", cluster, title, f"tunnel endpoints of {family}", found, hint)
    highest = _highest(item, nodes)
    for text in tunnels:
        yield from _large_enough("vtep", title, text, highest, cluster)
    if (ids := router_ids_of(item)) is not None:
        yield from _large_enough("router-id", title, ids, highest + 1, cluster)


def _large_enough(what: str, title: str, text: str, highest: int, cluster: str) -> Iterator[Finding]:
    try:
        size = ipaddress.ip_network(text, strict=False).num_addresses
    except ValueError:
        # Not for us to judge: OpenPERouter refuses it aloud.
        return
    if highest >= size:
        wanted = f"a {what} range with an address of number {highest}, which the last node takes"
        hint = "Make the Underlay anew with a larger range; the nodes beyond it are in no segment."
        yield Finding(f"{what}-range-too-small", "error", cluster, title, wanted, f"{text}, {size} addresses", hint)


def _highest(item: Object, nodes: list[Object]) -> int:
    """The highest number among the Underlay's nodes; those without one yet will get the lowest that are free."""
    taken = set(chosen(item["spec"].get("nodeSelector"), nodes))
    mine = [node["metadata"] for node in nodes if node["metadata"]["name"] in taken]
    numbers = [str((metadata.get("annotations") or {}).get(_INDEX, "")) for metadata in mine]
    return max([len(mine) - 1, 0, *(int(number) for number in numbers if number.isdigit())])


def _version(text: str) -> int:
    try:
        return ipaddress.ip_network(text, strict=False).version
    except ValueError:
        return 0
