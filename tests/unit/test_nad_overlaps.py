# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The range of the migration network keeps apart from every other network that the cluster names."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Forbidden, Missing
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_shape import GROUPS
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NODE
from unit.nad_site import Site, refused, run

NEW, OLD = (Resource(group, "v1alpha1", "", "") for group in GROUPS)
SERVICES = Resource("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", namespaced=False)


class Grouped(Site):
    """Knows the API groups apart, and not every one of them."""

    groups: tuple[str, ...] = ("", "apps", "k8s.cni.cncf.io", "kubevirt.io", "whereabouts.cni.cncf.io")

    def list(self, resource: Resource, *args: Any, **more: Any) -> list[Object]:
        if resource.group not in self.groups:
            raise Missing("to read", "no such kind", self.name, resource.full_name, "", "no_such_api")
        return super().list(resource, *args, **more)


def cluster(group: str = "") -> Grouped:
    site = Grouped()
    site.groups = (*Grouped.groups, group)
    return site


def put(site: Site, resource: Resource, name: str, spec: Object, **more: Any) -> None:
    site.put(resource, {"metadata": {"name": name, "namespace": "openperouter-system"}, "spec": spec, **more})


def node(site: Site, address: str, kind: str = "InternalIP", cidrs: tuple[str, ...] = ()) -> None:
    status = {"addresses": [{"type": kind, "address": address}]}
    site.put(NODE, {"metadata": {"name": "node-9"}, "spec": {"podCIDRs": list(cidrs)}, "status": status})


def test_the_addresses_of_nodes() -> None:
    site = cluster()
    node(site, "192.170.10.77")
    error = refused(site)
    assert error.reason == "range_overlaps_network"
    assert error.found == "the address of node node-9 is 192.170.10.77/32"
    assert run(site, reserved=["192.170.10.76/30"])["changed"]


def test_networks_without_a_bridge_are_compared_too() -> None:
    site = cluster()
    node(site, "192.170.10.77")
    assert refused(site, kind="macvlan", vni=None, master="eth1").reason == "range_overlaps_network"


@pytest.mark.parametrize(
    ("address", "kind"), [("10.0.0.1", "InternalIP"), ("192.170.10.77", "Hostname"), ("x", "InternalIP")]
)
def test_other_addresses_of_nodes_do_no_harm(address: str, kind: str) -> None:
    site = cluster()
    node(site, address, kind)
    assert run(site)["changed"]


def test_the_pod_network() -> None:
    site = cluster()
    node(site, "10.0.0.1", cidrs=("10.1.0.0/24", "192.170.0.0/16"))
    assert refused(site).found == "the pod network of node node-9 is 192.170.0.0/16"


def test_the_service_network() -> None:
    site = cluster(SERVICES.group)
    put(site, SERVICES, "kubernetes", {"cidrs": ["192.170.10.0/28"]})
    assert refused(site).found == "the service network is 192.170.10.0/28"


@pytest.mark.parametrize(
    ("group", "spec", "what"),
    [
        (OLD.group, {"vtepcidr": "192.170.10.0/24"}, "tunnel endpoints"),
        (OLD.group, {"evpn": {"vtepcidr": "192.170.10.0/24"}}, "tunnel endpoints"),
        (NEW.group, {"tunnelEndpoint": {"cidrs": ["192.170.10.0/24"]}}, "tunnel endpoints"),
        (OLD.group, {"routeridcidr": "192.170.10.0/24"}, "router ids"),
        (NEW.group, {"routerIDCIDR": "192.170.10.0/24"}, "router ids"),
    ],
)
def test_the_underlay(group: str, spec: Object, what: str) -> None:
    site = cluster(group)
    put(site, Resource(group, "v1alpha1", "underlays", "Underlay"), "underlay", spec)
    assert refused(site).found == f"the {what} of Underlay openperouter-system/underlay is 192.170.10.0/24"


@pytest.mark.parametrize(
    "gateways",
    [{"l2gatewayip": "192.170.10.9/28"}, {"l2gatewayips": ["192.170.10.9/28"]}, {"gatewayIPs": ["192.170.10.9/28"]}],
)
def test_other_segments(gateways: Object) -> None:
    site = cluster(OLD.group)
    l2vni = Resource(OLD.group, "v1alpha1", "l2vnis", "L2VNI")
    put(site, l2vni, "migration", {"vni": 666, **gateways})
    assert run(site)["changed"]
    put(
        site,
        l2vni,
        "red",
        {"vni": 110, "hostmaster": {"type": "linux-bridge", "linuxBridge": {"name": "br"}}, **gateways},
    )
    assert refused(site).found == "the subnet of L2VNI openperouter-system/red is 192.170.10.0/28"
    assert run(site, vni=None, bridge="br", gateway=None, range="10.9.0.0/24")["changed"]


def test_the_segment_that_the_network_is_on_until_its_number_changes() -> None:
    site = cluster(OLD.group)
    l2vni = Resource(OLD.group, "v1alpha1", "l2vnis", "L2VNI")
    put(site, l2vni, "migration", {"vni": 666, "l2gatewayip": "192.170.10.1/24"})
    assert refused(site, vni=667).reason == "range_overlaps_network"
    run(site)
    assert run(site, vni=667)["changed"]


def test_networks_that_only_the_user_knows() -> None:
    assert refused(cluster(), avoid=["10.0.0.0/8", "192.170.10.200"]).found == "a network to avoid is 192.170.10.200/32"
    assert refused(cluster(), avoid=["rubbish"]).reason == "avoid_invalid"


class Closed(Grouped):
    """The credentials may not read nodes."""

    def list(self, resource: Resource, *args: Any, **more: Any) -> list[Object]:
        if resource == NODE:
            raise Forbidden("to read", "no", self.name)
        return super().list(resource, *args, **more)


def test_what_may_not_be_read_is_said() -> None:
    (_public, warning) = run(Closed(), required_addresses=3)["warnings"]
    assert "networks that nodes name" in warning
