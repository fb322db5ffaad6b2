# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPERouter's release on a site, in the words of its API: what differs between the shapes."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..resources import Object
from ..site import Site

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Release:
    """One shape.

    :param kinds: what the keys of RESOURCES for its kinds begin with.
    :param detached: an L2VNI without VRF has none, and node status exists (v0.2.0 and later).
    :param per_node: webhooks judge node by node (v0.1.0 and later).
    :param swapped: the webhook judges the old object of an update.
    """

    version: str
    kinds: str
    gateway: str
    detached: bool
    per_node: bool
    swapped: bool

    def key(self, plural: str) -> str:
        return f"{self.kinds}{plural}"

    def gateways(self, item: Object) -> list[str]:
        value = spec_of(item).get(self.gateway)
        return [value] if isinstance(value, str) and value else list(value or [])

    def host(self, item: Object) -> Object:
        spec = spec_of(item)
        return dict(spec.get("hostMaster") or spec.get("hostmaster") or {})

    def vrf(self, item: Object, backing: Iterable[Object] = ()) -> str:
        """The VRF an L2VNI is in, empty for none; `backing` are the L3VNIs and L3VPNs a reference may mean."""
        spec = spec_of(item)
        if self.kinds:
            domain = spec.get("routingDomain") or {}
            wanted = (domain.get(str(domain.get("type", "")).lower()) or {}).get("name")
            found = (one for one in backing if one["kind"] == domain.get("type") and one["metadata"]["name"] == wanted)
            return next((str(spec_of(one)["vrf"]) for one in found), "")
        return str(spec.get("vrf") or ("" if self.detached else item["metadata"]["name"]))


RELEASES = {
    "A": Release("v0.0.5", "", "l2gatewayip", False, False, False),
    "B1": Release("v0.1.0", "", "l2gatewayips", False, True, True),
    "B": Release("v0.2.0", "", "l2gatewayips", True, True, True),
    "C": Release("v0.3.0", "network-", "gatewayIPs", True, True, False),
}


def release(site: Site) -> Release:
    found = RELEASES.get(site.settings.l2vni_shape)
    if found is None:
        raise ValueError(f"no L2VNI shape {site.settings.l2vni_shape!r}; there are: {', '.join(RELEASES)}")
    return found


def spec_of(item: Object) -> Object:
    """The spec, which the first shapes do not require."""
    return dict(item.get("spec") or {})


def underlay(site: Site, shape: Release) -> Object:
    """The published procedure's, with ranges of the site's own: overlapping VTEPs would be fatal."""
    number = site.index
    neighbor = {"asn": 64512 + 4 * number, "address": f"192.168.{11 + number}.2"}
    vtep, router = f"100.65.{number}.0/24", f"10.0.{number}.0/24"
    spec: dict[str, Any] = {"asn": 64514 + 4 * number, "neighbors": [neighbor]}
    if shape.detached:
        device = {"type": "NetworkDevice", "networkDevice": {"interfaceName": "toswitch"}}
        spec |= {"tunnelEndpoint": {"cidrs": [vtep]}, "interfaces": [device]}
    else:
        spec |= {"evpn": {"vtepcidr": vtep}, "nics": ["toswitch"]}
    spec["routerIDCIDR" if shape.kinds else "routeridcidr"] = router
    return {"metadata": {"name": "underlay", "namespace": "openperouter-system"}, "spec": spec}


def subnets(texts: Iterable[str]) -> list[Network]:
    return [ipaddress.ip_interface(text).network for text in texts]


def session_subnets(item: Object) -> list[Network]:
    """The subnets of an L3VNI's or L3VPN's host session."""
    spec = spec_of(item)
    session = spec.get("hostSession") or spec.get("hostsession") or {}
    return subnets(filter(None, (session.get("localCIDR") or session.get("localcidr") or {}).values()))


def selects(selector: Object | None, node: Object) -> bool:
    """Whether a LabelSelector takes a node; none takes all."""
    labels = node["metadata"].get("labels") or {}
    wanted = (selector or {}).get("matchLabels") or {}
    rules = (selector or {}).get("matchExpressions") or []
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(rule, labels) for rule in rules
    )


def _holds(rule: Object, labels: dict[str, str]) -> bool:
    value, values = labels.get(rule["key"]), rule.get("values") or []
    holds = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return holds[rule["operator"]]
