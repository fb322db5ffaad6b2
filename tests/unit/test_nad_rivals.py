# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Others on the cluster who give out addresses of the range: without whereabouts, or from a pool that nobody names."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _given_out
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP, IP_POOL
from hypothesis import given
from hypothesis import strategies as st
from unit.nad_site import Site, refused, run

RANGE = "192.170.10.0/24"
KEPT = ["192.170.10.240/28"]


@pytest.fixture
def site() -> Site:
    return Site()


def local(**more: Any) -> Object:
    return {"type": "host-local", **more}


def static(*texts: str) -> Object:
    return {"type": "static", "addresses": [{"address": text} for text in texts]}


@pytest.mark.parametrize(
    ("ipam", "found"),
    [
        (local(subnet=RANGE), "192.170.10.0 to 192.170.10.255"),
        (local(subnet="192.170.0.0/16"), "192.170.0.0 to 192.170.255.255"),
        (local(ranges=[[{"subnet": "10.0.0.0/24"}], [{"subnet": RANGE}]]), "192.170.10.0 to 192.170.10.255"),
        (
            local(subnet=RANGE, rangeStart="192.170.10.200", rangeEnd="192.170.10.245"),
            "192.170.10.200 to 192.170.10.245",
        ),
        (static("10.0.0.9/24", "192.170.10.200/24"), "192.170.10.200"),
    ],
)
def test_addresses_that_whereabouts_does_not_know_of(site: Site, ipam: Object, found: str) -> None:
    """Also those that belong to another cluster's slice: the segment is one."""
    site.nad({"type": "bridge", "ipam": ipam}, "theirs", "default")
    error = refused(site, reserved=KEPT)
    assert error.reason == "range_overlaps_nad"
    assert error.found == f"NetworkAttachmentDefinition default/theirs gives out addresses of {found}"


@pytest.mark.parametrize(
    "ipam",
    [
        local(subnet="192.170.11.0/24"),
        local(subnet=RANGE, rangeStart="192.170.10.241", rangeEnd="192.170.10.250"),
        local(subnet=RANGE, rangeStart="192.170.10.9", rangeEnd="192.170.10.8"),
        local(subnet="everything", ranges=[[{"subnet": None}], "x"]),
        static("192.170.10.250/24", "rubbish"),
        static("192.170.10.1/24"),
        static("fd00::1/64"),
        {"type": "static", "addresses": "192.170.10.9/24"},
        {"type": "dhcp"},
        "whereabouts",
    ],
    ids=str,
)
def test_addresses_that_the_network_keeps_off(site: Site, ipam: Any) -> None:
    site.nad({"type": "bridge", "ipam": ipam}, "theirs", "default")
    assert run(site, reserved=KEPT)["changed"]


numbers = st.integers(0, 511)


@given(first=numbers, last=numbers, text=st.sampled_from(["10.0.0.0/23", "fd00::/119"]))
def test_spans_and_networks_are_the_same_addresses(first: int, last: int, text: str) -> None:
    subnet = ipaddress.ip_network(text)
    ends = {"rangeStart": str(subnet[first]), "rangeEnd": str(subnet[last])}
    ipam = local(ranges=[[{"subnet": text, **ends}]])
    listed = {int(address) for net in _given_out.networks(ipam) for address in net}
    assert listed == {int(subnet[number]) for number in range(first, last + 1)}
    assert sum(span.size for span in _given_out.spans(ipam)) == len(listed)


def pool(site: Site, name: str, network: str, interface: str, *offsets: int) -> None:
    entries = {str(offset): {"podref": f"shop/pod-{offset}", "ifname": interface} for offset in offsets}
    body = {"metadata": {"name": name, "namespace": "kube-system"}, "spec": {"range": network, "allocations": entries}}
    site.put(IP_POOL, body)


@pytest.mark.parametrize(
    ("name", "network", "offset"),
    [("192.170.0.0-16", "192.170.0.0/16", 2569), ("other-192.170.10.0-24", RANGE, 9), ("x", "192.170.10.8/29", 1)],
)
def test_pools_that_no_attachment_names_any_more(site: Site, name: str, network: str, offset: int) -> None:
    pool(site, name, network, "net1", offset)
    error = refused(site)
    assert error.reason == "range_overlaps_pool"
    assert error.found == f"IPPool kube-system/{name} has given out 192.170.10.9 (shop/pod-{offset})"
    assert run(site, reserved=["192.170.10.8/29"])["changed"]


def test_pools_that_do_no_harm(site: Site) -> None:
    pool(site, "192.170.0.0-16", "192.170.0.0/16", "net1", 5, 9000)
    pool(site, "rubbish", "everything", "net1", 9)
    assert run(site)["changed"]


def test_the_pools_of_the_network_itself_are_its_own(site: Site) -> None:
    """As it is, with others' pods on it, and as it was before its range changed."""
    run(site)
    pool(site, "192.170.10.0-24", RANGE, "net1", 9)
    assert not run(site)["changed"]
    site.kubevirt("migration-evpn")
    assert run(site, range="192.170.10.0/23")["changed"]
    assert not run(site, range="192.170.10.0/23")["changed"]
    site.gone(type(IP_POOL)("k8s.cni.cncf.io", "v1", "network-attachment-definitions", ""), "migration-evpn")
    pool(site, "192.170.10.0-24", RANGE, "migration0", 9, 10)
    assert not run(site, range="192.170.10.0/23")["changed"]


TOLD = """apiVersion: kubeadm.k8s.io/v1beta4
networking:
  dnsDomain: cluster.local
  podSubnet: {pods}
  serviceSubnet: 10.96.0.0/16
"""


@pytest.mark.parametrize("pods", ["192.170.0.0/16", '"fd00:10:244::/56,192.170.0.0/16"', "192.170.0.0/16  # all"])
def test_the_pod_network_is_more_than_what_the_nodes_have_of_it_now(site: Site, pods: str) -> None:
    told = {"ClusterConfiguration": TOLD.format(pods=pods)}
    site.put(CONFIG_MAP, {"metadata": {"name": "kubeadm-config", "namespace": "kube-system"}, "data": told})
    error = refused(site)
    assert error.reason == "range_overlaps_network"
    assert error.found == "the pod network that kubeadm was told is 192.170.0.0/16"
    error = refused(site, range="10.96.7.0/24", gateway=None)
    assert error.found == "the service network that kubeadm was told is 10.96.0.0/16"
    assert run(site, range="10.9.0.0/24", gateway=None)["changed"]
