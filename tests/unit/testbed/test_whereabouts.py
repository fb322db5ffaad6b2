# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The allocation rules of whereabouts, with all it ignores without a word."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from testbed.sim import whereabouts
from testbed.sim.whereabouts import Reservation, WhereaboutsError


def given_out(ipam: dict[str, Any]) -> list[str]:
    """Every address the first range of an ipam object can give, in order."""
    return [str(address) for address in whereabouts.candidates(whereabouts.read(ipam).ranges[0])]


def first_and_last(**ipam: Any) -> tuple[str, str, int]:
    all_ = given_out({"range": "192.170.10.0/24", **ipam})
    return all_[0], all_[-1], len(all_)


def test_network_and_broadcast_are_never_given() -> None:
    assert first_and_last() == ("192.170.10.1", "192.170.10.254", 254)


def test_the_published_slices() -> None:
    gateway = "192.170.10.1/32"
    source = first_and_last(exclude=["192.170.10.128/25", gateway])
    target = first_and_last(exclude=["192.170.10.0/25", gateway])
    assert source == ("192.170.10.2", "192.170.10.127", 126)
    assert target == ("192.170.10.128", "192.170.10.254", 127)


def test_bounds_and_excludes_give_the_same_slice() -> None:
    bounds = first_and_last(range_start="192.170.10.2", range_end="192.170.10.127")
    assert bounds == first_and_last(exclude=["192.170.10.128/25", "192.170.10.1/32"])


@pytest.mark.parametrize(
    "ignored",
    [
        {"range_start": "192.170.11.5"},
        {"range_start": "192.170.10.255"},
        {"range_start": "no address"},
        {"range_end": "192.170.11.5"},
        {"range_end": "192.170.10.0"},
        {"range_start": "fd00::1"},
        {"exclude": ["10.0.0.0/8", "fd00::/64"]},
        {"gateway": "192.170.10.1"},
        {"unknown": "field"},
    ],
)
def test_ignored_in_silence(ignored: dict[str, Any]) -> None:
    assert first_and_last(**ignored) == first_and_last()


def test_an_end_before_the_start_is_ignored_too() -> None:
    found = first_and_last(range_start="192.170.10.100", range_end="192.170.10.50")
    assert found == ("192.170.10.100", "192.170.10.254", 155)


@pytest.mark.parametrize("exclude", ["192.170.10.77/25", "192.170.10.0/25"])
def test_an_exclude_with_host_bits_is_masked(exclude: str) -> None:
    assert first_and_last(exclude=[exclude])[0] == "192.170.10.128"


def test_one_bare_address_can_be_excluded() -> None:
    assert first_and_last(exclude=["192.170.10.1"])[0] == "192.170.10.2"


def test_a_bad_exclude_shows_when_a_pod_is_attached() -> None:
    ipam = whereabouts.read({"range": "192.170.10.0/24", "exclude": ["192.170.10.0/255.255.255.0"]})
    with pytest.raises(WhereaboutsError, match="could not parse exclude range"):
        assign(ipam.ranges[0])


@pytest.mark.parametrize("small", ["10.0.0.0/31", "10.0.0.0/32", "fd00::/127", "fd00::/128"])
def test_too_small_ranges_are_an_error(small: str) -> None:
    with pytest.raises(WhereaboutsError, match="it is too small"):
        given_out({"range": small})


@pytest.mark.parametrize("bad", ["", "192.170.10.0", "192.170.10.0/33", "nonsense", "192.170.10.5-x"])
def test_an_unreadable_range_is_an_error(bad: str) -> None:
    with pytest.raises(WhereaboutsError, match="invalid CIDR"):
        whereabouts.read({"range": bad})


def test_host_bits_of_the_range_are_masked_away() -> None:
    assert given_out({"range": "10.0.0.5/29"}) == given_out({"range": "10.0.0.0/29"})


def test_first_to_last_form() -> None:
    assert given_out({"range": "10.0.0.3-10.0.0.5/29"}) == ["10.0.0.3", "10.0.0.4", "10.0.0.5"]
    with pytest.raises(WhereaboutsError, match="invalid range start for CIDR"):
        whereabouts.read({"range": "10.0.1.3-10.0.0.5/29"})


def test_inside_ip_ranges_a_bad_bound_is_an_error() -> None:
    with pytest.raises(WhereaboutsError, match="JSON Parsing Error"):
        whereabouts.read({"ipRanges": [{"range": "10.0.0.0/24", "range_start": "no address"}]})


def test_the_top_level_range_comes_first() -> None:
    ipam = whereabouts.read({"range": "10.0.0.0/24", "ipRanges": [{"range": "fd00::/120"}]})
    assert [str(each.network) for each in ipam.ranges] == ["10.0.0.0/24", "fd00::/120"]


def test_no_range_at_all() -> None:
    with pytest.raises(WhereaboutsError, match="do you have the 'range' parameter set"):
        whereabouts.read({"type": "whereabouts"})


def assign(wanted: whereabouts.Range, reserved: list[Reservation] | None = None, pod: str = "ns/a") -> str:
    found = whereabouts.assign(wanted, reserved or [], container="c", podref=pod, ifname="net1")
    return str(found.address)


def test_the_same_pod_keeps_its_address_even_out_of_bounds() -> None:
    kept = [Reservation(ip_address("10.0.0.200"), "old", "ns/a", "net1")]
    wanted = whereabouts.read({"range": "10.0.0.0/24", "range_end": "10.0.0.9"}).ranges[0]
    assert assign(wanted, kept) == "10.0.0.200"
    assert assign(wanted, kept, pod="ns/b") == "10.0.0.1"


def test_an_exhausted_range_says_what_it_tried() -> None:
    wanted = whereabouts.read({"range": "10.0.0.0/30", "exclude": ["10.0.0.1/32"]}).ranges[0]
    taken = [Reservation(ip_address("10.0.0.2"), "c", "ns/b", "net1")]
    with pytest.raises(WhereaboutsError) as error:
        assign(wanted, taken)
    assert str(error.value) == (
        "Could not allocate IP in range: ip: 10.0.0.1 / - 10.0.0.2 / range: 10.0.0.0/30 / excludeRanges: [10.0.0.1/32]"
    )


def test_names_of_stored_objects() -> None:
    assert whereabouts.pool_name(ip_network("192.170.10.0/24")) == "192.170.10.0-24"
    assert whereabouts.pool_name(ip_network("fd00:10::/64")) == "fd00-10---64"
    assert whereabouts.pool_name(ip_network("10.0.0.0/8"), "blue") == "blue-10.0.0.0-8"
    assert whereabouts.reservation_name(ip_address("fd00::")) == "fd00--0"
    assert whereabouts.reservation_name(ip_address("10.0.0.1"), "blue") == "blue-10.0.0.1"


def test_offsets_are_int64() -> None:
    network = ip_network("fd00::/64")
    assert whereabouts.offset(network, network[10]) == "10"
    assert whereabouts.offset(network, network[2**63 - 1]) == str(2**63 - 1)
    with pytest.raises(WhereaboutsError, match="exceeds int64"):
        whereabouts.offset(network, network[2**63])


@settings(deadline=None)  # a busy machine is no finding
@given(
    prefix=st.integers(20, 30),
    taken=st.sets(st.integers(0, 4000), max_size=40),
    excluded=st.lists(st.tuples(st.integers(0, 4000), st.integers(22, 32)), max_size=5),
)
def test_given_addresses_are_free_and_lowest(prefix: int, taken: set[int], excluded: list[tuple[int, int]]) -> None:
    network = ip_network(f"10.0.0.0/{prefix}")
    excludes = [f"{ip_address(int(network[0]) + offset)}/{bits}" for offset, bits in excluded]
    wanted = whereabouts.read({"range": str(network), "exclude": excludes}).ranges[0]
    reserved = [Reservation(ip_address(int(network[0]) + offset), "c", f"ns/{offset}", "net1") for offset in taken]
    banned = [ip_network(each, strict=False) for each in excludes]
    free = [
        address
        for address in network.hosts()
        if int(address) - int(network[0]) not in taken and not any(address in net for net in banned)
    ]
    try:
        found = assign(wanted, reserved, pod="ns/new")
    except WhereaboutsError:
        assert not free
    else:
        assert found == str(free[0])
