# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What migration_nad refuses aloud before it has asked any cluster, and what it only warns about."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Forbidden,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    IP_POOL,
    NAD,
    NAMESPACE,
)
from unit.nad_site import Site, absent, refused, run


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "migration.evpn"}, "name_invalid"),
        ({"name": "Migration"}, "name_invalid"),
        ({"name": "m" * 64}, "name_invalid"),
        ({"cni_version": "2"}, "cni_version"),
        ({"vni": 0}, "vni_out_of_range"),
        ({"vni": None, "bridge": "a bridge"}, "bridge_invalid"),
        ({"vni": None, "bridge": "b" * 16}, "bridge_invalid"),
        ({"mtu": 100}, "mtu_too_small"),
        ({"mtu": 70000}, "mtu_too_large"),
        ({"mtu": 1451, "underlay_mtu": 1500}, "mtu_above_underlay"),
        ({"mtu": 1431, "underlay_mtu": 1500, "underlay_address_family": "ipv6"}, "mtu_above_underlay"),
        ({"vni": None, "bridge": "br-mine", "mtu": 1501, "underlay_mtu": 1500}, "mtu_above_underlay"),
        ({"range": "fd00::/64", "gateway": None, "mtu": 1279}, "mtu_too_small"),
        ({"range": "192.170.10.1/24"}, "range_invalid"),
        ({"gateway": "10.0.0.1"}, "gateway_outside_range"),
        ({"slot": 2}, "slot_outside_plan"),
        ({"slot": -1}, "slot_outside_plan"),
        ({"weights": [1]}, "weights"),
        ({"reserved": ["10.0.0.1"]}, "reserved_outside_range"),
        ({"slot": None, "range_start": "192.170.10.9", "range_end": "192.170.11.1"}, "range_end_outside_range"),
    ],
)
def test_what_cannot_work_anywhere(site: Site, options: Object, reason: str) -> None:
    error = refused(site, **options)
    assert isinstance(error, BadInput)
    assert error.reason == reason


def test_what_can_work_but_only_just(site: Site) -> None:
    assert "warnings" not in run(site, range="10.9.0.0/24", gateway=None, mtu=1450, underlay_mtu=1500)
    (warning,) = run(site, range="10.9.0.0/24", gateway=None, mtu=8950)["warnings"]
    assert "9000 or more" in warning
    ipv6 = run(site, range="fd00::/64", gateway=None, mtu=1280)["migration_nad"]
    assert (ipv6["slice"]["last"], ipv6["pool"]) == ("fd00::3fff:ffff:ffff:ffff", "fd00---64")
    assert run(site, vni=None, bridge="br0.100", mtu=9000)["migration_nad"]["bridge"] == "br0.100"


def test_public_ranges_are_warned_about(site: Site) -> None:
    assert "public address space" in run(site)["warnings"][0]


def test_weights_share_the_range_in_proportion(site: Site) -> None:
    sizes = [run(site, slot=slot, weights=[1, 3], gateway=None)["migration_nad"]["slice"]["size"] for slot in (0, 1)]
    assert sizes == [63, 191]


def test_a_cluster_without_multus_is_told_so(site: Site) -> None:
    site.unknown.add(NAD.plural)
    assert refused(site).reason == "multus_missing"
    assert not absent(site)["changed"]


class Closed(Site):
    """The credentials may not read pools, and are told so also where there are none."""

    def list(self, resource: Resource, *args: Any, **more: Any) -> list[Object]:
        if resource == IP_POOL:
            raise Forbidden("to read", "no", self.name)
        return super().list(resource, *args, **more)


@pytest.mark.parametrize("bare", [Site(), Closed()])
def test_a_cluster_without_whereabouts_is_told_so(bare: Site) -> None:
    bare.unknown.add(IP_POOL.plural)
    for options in ({}, {"mtu": 1300}, {"kind": "macvlan", "vni": None, "master": "eth1"}):
        error = refused(bare, **options)
        assert error.reason == "whereabouts_missing"
        assert error.found == "no CRD ippools.whereabouts.cni.cncf.io"
    assert bare.writes == []
    assert not absent(bare)["changed"]


def test_a_namespace_that_is_not_there(site: Site) -> None:
    del site.objects[NAMESPACE.plural, None, "kubevirt"]
    assert refused(site).reason == "namespace_missing"
