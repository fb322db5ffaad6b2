# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two ranges, one of each address family, cut by the same slots: KubeVirt uses the first."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.sim import whereabouts as sim
from unit.nad_site import Site, refused, run

DUAL: dict[str, Any] = {"second_range": "fd00:170::/64", "reserved": ["fd00:170::1", "192.170.10.9"]}


@pytest.fixture
def site() -> Site:
    return Site()


def first_addresses(site: Site) -> list[str]:
    """What whereabouts gives the first pod."""
    return [str(next(sim.candidates(each))) for each in sim.read(site.config["ipam"]).ranges]


@pytest.mark.parametrize("style", ["bounds", "exclude"])
def test_a_pod_gets_an_address_of_each_the_first_ones_first(site: Site, style: str) -> None:
    facts = run(site, style=style, **DUAL)["migration_nad"]
    assert first_addresses(site) == ["192.170.10.2", "fd00:170::2"]
    assert facts["range"] == "192.170.10.0/24"
    assert facts["second"] == {
        "range": "fd00:170::/64",
        "slice": {"first": "fd00:170::2", "last": "fd00:170::3fff:ffff:ffff:ffff", "size": 2**62 - 2},
        "pool": "fd00-170---64",
    }
    assert not run(site, style=style, **DUAL)["changed"]


def test_the_slices_of_two_clusters_are_apart_in_both(site: Site) -> None:
    run(site, slot=1, **DUAL)
    assert first_addresses(site) == ["192.170.10.128", "fd00:170:0:0:4000::"]


def test_each_family_reserves_its_own(site: Site) -> None:
    run(site, **DUAL)
    ipam = site.config["ipam"]
    assert ipam["exclude"] == ["192.170.10.1/32", "192.170.10.9/32"]
    assert [entry["exclude"] for entry in ipam["ipRanges"]] == [["fd00:170::1/128"]]
    assert refused(site, second_range="fd00:171::/64", reserved=["fd00:170::1"]).reason == "reserved_outside_range"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"second_range": "192.171.0.0/24"}, "second_range_family"),
        ({"second_range": "fd00:170::1/64"}, "second_range_invalid"),
        ({"second_range": "fd00:170::/127"}, "second_range_too_small"),
        ({"second_range": "fd00:170::/126"}, "range_too_small"),
        ({"second_range": "fd00:170::/64", "mtu": 1200}, "mtu_too_small"),
        ({"second_range": "fd00:170::/64", "avoid": ["fd00:170::/48"]}, "range_overlaps_network"),
        # Two nodes, two replicas, one more while they roll, two leaked: seven do not fit into six.
        ({"second_range": "fd00:170::/124", "reserved": ["fd00:170::1"]}, "slice_too_small"),
    ],
)
def test_what_is_refused(site: Site, options: dict[str, Any], reason: str) -> None:
    assert refused(site, **options).reason == reason


def test_somebody_else_gives_out_the_second_range(site: Site) -> None:
    site.nad({"type": "bridge", "ipam": {"type": "whereabouts", "range": "fd00:170::/80"}}, "rival", "default")
    error = refused(site, **DUAL)
    assert (error.reason, error.wanted) == ("range_overlaps_nad", "range fd00:170::/64 for the migration network alone")


def test_the_gateway_of_the_first_is_none_of_the_second(site: Site) -> None:
    run(site, second_range="fd00:170::/64")
    assert first_addresses(site) == ["192.170.10.2", "fd00:170::1"]


def test_addresses_outside_of_both_slices_are_said(site: Site) -> None:
    run(site, **DUAL)
    site.pool(2, network="192.170.10.0/24")
    site.pool(5, 1 << 62, network="fd00:170::/64")
    strays = run(site, **DUAL)["migration_nad"]["out_of_slice"]
    assert [each["address"] for each in strays] == ["fd00:170:0:0:4000::"]


def test_leaving_the_second_range_again_is_said(site: Site) -> None:
    run(site, **DUAL)
    result = run(site, reserved=["192.170.10.9"])
    assert result["changed"]
    told = "cluster-a: pods get no address of fd00:170::/64 any more, because second_range is not set."
    assert told in result["warnings"]
