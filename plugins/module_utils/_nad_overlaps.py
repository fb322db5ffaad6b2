# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other networks of a cluster that the range of the migration network must not touch."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ._addresses import overlaps
from ._checks import Finding
from ._cluster import Cluster, Object, Resource, namespaced_name
from ._errors import Forbidden, Missing
from ._l2vni_shape import GROUPS
from ._nad_config import Wanted
from ._resources import NODE
from ._whereabouts import Network

_SERVICE_CIDR = Resource("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", namespaced=False)

Named = tuple[str, Network]


def observe(cluster: Cluster, bridge: str) -> tuple[list[Named], list[str]]:
    """The networks that the cluster itself names, and what it does not let us read.

    :param bridge: the migration network's own, whose L2VNI may have a gateway in the range.
    """
    found: list[Named] = []
    closed: list[str] = []
    for resource, read in _sources(bridge):
        try:
            for item in cluster.list(resource):
                found += read(item)
        except Missing:
            # Older API servers have no ServiceCIDR, and not every cluster has OpenPERouter.
            continue
        except Forbidden:
            closed.append(resource.full_name)
    return found, closed


def _sources(bridge: str) -> Iterator[tuple[Resource, Callable[[Object], Iterator[Named]]]]:
    yield NODE, _of_node
    yield _SERVICE_CIDR, _of_services
    for group in GROUPS:
        yield Resource(group, "v1alpha1", "underlays", "Underlay"), _of_underlay
        yield Resource(group, "v1alpha1", "l2vnis", "L2VNI"), functools.partial(_of_l2vni, bridge=bridge)


def _of_node(node: Object) -> Iterator[Named]:
    name = node["metadata"]["name"]
    for text in (node.get("spec") or {}).get("podCIDRs") or []:
        yield from _named(f"the pod network of node {name}", text)
    for address in (node.get("status") or {}).get("addresses") or []:
        if address.get("type") in ("InternalIP", "ExternalIP"):
            yield from _named(f"the address of node {name}", address.get("address"))


def _of_services(item: Object) -> Iterator[Named]:
    for text in (item.get("spec") or {}).get("cidrs") or []:
        yield from _named("the service network", text)


def _of_underlay(item: Object) -> Iterator[Named]:
    """Tunnel endpoints and router ids, wherever the release keeps them."""
    spec: Mapping[str, Any] = item.get("spec") or {}
    name = namespaced_name(item)
    tunnels = [spec.get("vtepcidr"), (spec.get("evpn") or {}).get("vtepcidr")]
    for text in (*tunnels, *((spec.get("tunnelEndpoint") or {}).get("cidrs") or [])):
        yield from _named(f"the tunnel endpoints of Underlay {name}", text)
    yield from _named(f"the router ids of Underlay {name}", spec.get("routerIDCIDR") or spec.get("routeridcidr"))


def _named(name: str, text: Any) -> Iterator[Named]:
    try:
        if text:
            yield name, ipaddress.ip_network(text, strict=False)
    except ValueError:
        # Not for us to judge; it occupies nothing that could be compared.
        return


def _of_l2vni(item: Object, bridge: str) -> Iterator[Named]:
    """The subnets of the gateways of other segments."""
    spec: Mapping[str, Any] = item.get("spec") or {}
    if bridge in _bridges(spec):
        return
    single = spec.get("l2gatewayip")
    for text in [single] if single else spec.get("l2gatewayips") or spec.get("gatewayIPs") or []:
        yield from _named(f"the subnet of L2VNI {namespaced_name(item)}", text)


def _bridges(spec: Mapping[str, Any]) -> set[str]:
    host = spec.get("hostMaster") or spec.get("hostmaster") or {}
    parts = (host, host.get("linuxBridge") or {}, host.get("ovsBridge") or {})
    return {str(part["name"]) for part in parts if part.get("name")} or {f"br-hs-{spec.get('vni')}"}


def check(wanted: Wanted, named: Iterable[Named], cluster: str) -> list[Finding]:
    """Which of the networks share addresses with the range, those within a reserved part excepted."""
    network = wanted.slice.network
    return [
        Finding(
            "range-overlaps-network",
            "error",
            cluster,
            wanted.title,
            f"range {network} apart from every other network of the cluster",
            f"{name} is {other}",
            "Packets would go astray: choose another range, or reserve single addresses that others have.",
        )
        for name, other in named
        if overlaps(network, other) and not any(_within(other, part) for part in wanted.slice.reserved)
    ]


def _within(inner: Network, outer: Network) -> bool:
    return overlaps(inner, outer) and inner.prefixlen >= outer.prefixlen
