# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection has to foresee of whereabouts: its configuration, its pools, its silences."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _whereabouts as whereabouts

DEMO = ipaddress.ip_network("192.170.10.0/24")


def spans(**ipam: object) -> list[tuple[str, str]]:
    (parsed,) = whereabouts.ranges(ipam)
    return [(str(first), str(last)) for first, last in whereabouts.spans(parsed)]


@pytest.mark.parametrize("start", ["192.170.11.5", "192.170.10.0", "nonsense", "fd00::1", "", None])
def test_a_bound_that_does_not_fit_is_ignored(start: str | None) -> None:
    assert spans(range="192.170.10.0/24", range_start=start) == [("192.170.10.1", "192.170.10.254")]


def test_an_end_below_the_start_is_ignored() -> None:
    ipam = {"range": "192.170.10.0/24", "range_start": "192.170.10.100", "range_end": "192.170.10.50"}
    assert spans(**ipam) == [("192.170.10.100", "192.170.10.254")]


def test_host_bits_are_masked_and_excludes_may_be_bare_addresses() -> None:
    assert spans(range="192.170.10.77/30", exclude=["192.170.10.78"]) == [("192.170.10.77", "192.170.10.77")]


def test_a_range_may_spell_its_bounds() -> None:
    assert spans(range="192.170.10.5-192.170.10.9/24") == [("192.170.10.5", "192.170.10.9")]


def test_the_top_level_range_comes_first() -> None:
    ipam = {"range": "10.0.0.0/24", "ipRanges": [{"range": "fd00::/120"}]}
    assert [str(each.network) for each in whereabouts.ranges(ipam)] == ["10.0.0.0/24", "fd00::/120"]
    assert whereabouts.ranges({"type": "whereabouts"}) == ()


def test_what_whereabouts_cannot_attach_is_an_error() -> None:
    with pytest.raises(ValueError, match="rubbish"):
        whereabouts.ranges({"range": "10.0.0.0/24", "exclude": ["rubbish"]})
    with pytest.raises(ValueError, match="no usable"):
        spans(range="10.0.0.0/31")


def test_everything_excluded_leaves_nothing() -> None:
    assert spans(range="10.0.0.0/30", exclude=["10.0.0.0/29"]) == []


def test_pools_are_named_after_the_masked_range() -> None:
    assert whereabouts.pool_name(DEMO) == "192.170.10.0-24"
    assert whereabouts.pool_name(ipaddress.ip_network("fd00:10::/64")) == "fd00-10---64"
    assert whereabouts.pool_name(DEMO, "blue") == "blue-192.170.10.0-24"


def test_the_allocations_of_a_pool() -> None:
    pool = {
        "spec": {
            "range": "192.170.10.0/24",
            "allocations": {
                "128": {"id": "c", "podref": "kubevirt/virt-handler-2", "ifname": "migration0"},
                "2": {"id": "a", "podref": "kubevirt/virt-handler-1", "ifname": "migration0"},
            },
        }
    }
    found = whereabouts.allocations(pool)
    assert [(str(each.address), each.pod) for each in found] == [
        ("192.170.10.2", "kubevirt/virt-handler-1"),
        ("192.170.10.128", "kubevirt/virt-handler-2"),
    ]
    assert whereabouts.contains([whereabouts.Span(DEMO[2], DEMO[127])], found[0].address)
    assert not whereabouts.contains([whereabouts.Span(DEMO[2], DEMO[127])], found[1].address)
