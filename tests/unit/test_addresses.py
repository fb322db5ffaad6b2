# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan: disjoint, inside, complete, stable, and the same in both styles for whereabouts itself."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _addresses as addresses
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _whereabouts as whereabouts
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from ansible_collections.livemigration.kubevirt.plugins.module_utils._whereabouts import Address, Network
from hypothesis import assume, given, settings
from hypothesis import strategies as st

# Counting addresses takes as long as it takes on a busy machine.
steady = settings(deadline=None)

DEMO = ipaddress.ip_network("192.170.10.0/24")


def handed_out(ipam: dict[str, Any]) -> list[Address]:
    """Pods asking one after the other until none is left: whereabouts' own loop, written down step by step."""
    net = ipaddress.ip_network(ipam["range"], strict=False)
    first, last = net.network_address + 1, net.broadcast_address - 1
    for bound, is_start in ((ipam.get("range_start"), True), (ipam.get("range_end"), False)):
        try:
            parsed = ipaddress.ip_address(str(bound))
        except ValueError:
            continue
        if parsed.version == net.version and int(first) <= int(parsed) <= int(last):
            first, last = (parsed, last) if is_start else (first, parsed)
    excluded = [ipaddress.ip_network(item, strict=False) for item in ipam.get("exclude", [])]
    given_out: list[Address] = []
    while True:
        found = _next(net, first, last, set(given_out), excluded)
        if found is None:
            return given_out
        given_out.append(found)


def _next(net: Network, first: Address, last: Address, taken: set[Address], excluded: list[Network]) -> Address | None:
    ip = first
    while ip in net and int(ip) <= int(last):
        if ip not in taken:
            hole = next((subnet for subnet in excluded if ip in subnet), None)
            if hole is None:
                return ip
            ip = hole.broadcast_address
        if int(ip) == 2**ip.max_prefixlen - 1:
            return None
        ip += 1
    return None


def every(spans: tuple[whereabouts.Span, ...]) -> list[Address]:
    return [type(span.first)(number) for span in spans for number in range(int(span.first), int(span.last) + 1)]


@st.composite
def networks(draw: st.DrawFn, smallest: int = 2, largest: int = 8) -> Network:
    """Networks of either family with so few addresses that they can be counted."""
    bits = draw(st.integers(smallest, largest))
    if draw(st.booleans()):
        base = int(ipaddress.ip_address("10.0.0.0")) + draw(st.integers(0, 2**16 - 1)) * 256
        return ipaddress.ip_network((base >> bits << bits, 32 - bits))
    base = int(ipaddress.ip_address("fd00::")) + draw(st.integers(0, 2**16 - 1)) * 256
    return ipaddress.ip_network((ipaddress.IPv6Address(base >> bits << bits), 128 - bits))


@st.composite
def plans(draw: st.DrawFn) -> addresses.AddressPlan:
    """Plans in which every slot has something left."""
    net = draw(networks(smallest=4))
    clusters = draw(st.integers(1, max(1, net.num_addresses // 8)))
    taken = draw(st.lists(st.integers(1, net.num_addresses - 2), max_size=3, unique=True))
    kept = addresses.reserved(None, [str(net.network_address + offset) for offset in taken], net)
    weights: tuple[int, ...] = ()
    if draw(st.booleans()):
        weights = tuple(draw(st.lists(st.integers(1, 5), min_size=clusters, max_size=clusters)))
    plan = addresses.AddressPlan(net, clusters, kept, weights)
    try:
        plan.slices({str(slot): slot for slot in range(clusters)})
    except BadInput:
        assume(False)
    return plan


@steady
@given(plans())
def test_slices_share_no_address_and_leave_none_out(plan: addresses.AddressPlan) -> None:
    slices = [plan.slice(slot) for slot in range(plan.max_clusters)]
    given_out = [address for piece in slices for address in every(piece.spans)]
    assert len(given_out) == len(set(given_out)) == sum(piece.size for piece in slices)
    usable = set(plan.network.hosts()) - {plan.network.network_address, plan.network.broadcast_address}
    kept = {address for part in plan.reserved for address in part}
    assert set(given_out) <= usable - kept
    if plan.weights or plan.max_clusters & (plan.max_clusters - 1) == 0:
        assert set(given_out) == usable - kept


@steady
@given(plans(), st.sampled_from(["bounds", "exclude"]))
def test_whereabouts_hands_out_exactly_the_slice_in_either_style(
    plan: addresses.AddressPlan, style: addresses.Style
) -> None:
    for slot in range(plan.max_clusters):
        piece = plan.slice(slot)
        found = handed_out(piece.ipam(style))
        assert found == every(piece.spans)
        assert (str(found[0]), str(found[-1])) == (piece.as_dict()["first"], piece.as_dict()["last"])
        assert all(address in piece for address in found)


@steady
@given(plans(), st.data())
def test_adding_clusters_moves_nobody(plan: addresses.AddressPlan, data: st.DataObject) -> None:
    slots = data.draw(st.permutations(range(plan.max_clusters)))
    fleet = {f"cluster-{slot}": slot for slot in slots}
    some = dict(list(fleet.items())[: data.draw(st.integers(1, len(fleet)))])
    before, after = plan.slices(some), plan.slices(fleet)
    assert {name: after[name] for name in some} == before


@steady
@given(networks(), st.data())
def test_spans_are_what_whereabouts_hands_out_whatever_the_configuration_says(
    net: Network, data: st.DataObject
) -> None:
    near = st.integers(int(net.network_address) - 3, int(net.broadcast_address) + 3)
    texts = near.map(lambda number: str(type(net.network_address)(number))) | st.sampled_from(["", "nonsense", "::7"])
    entry: dict[str, Any] = {"range": str(net), "range_start": data.draw(texts), "range_end": data.draw(texts)}
    parts = st.tuples(near, st.integers(net.prefixlen, net.max_prefixlen))
    entry["exclude"] = [
        f"{type(net.network_address)(number)}/{length}" for number, length in data.draw(st.lists(parts, max_size=4))
    ]
    (parsed,) = whereabouts.ranges(entry)
    assert every(whereabouts.spans(parsed)) == handed_out(entry)


@steady
@given(networks(smallest=4), st.data())
def test_explicit_bounds_mean_the_same_in_both_styles(net: Network, data: st.DataObject) -> None:
    low = data.draw(st.integers(1, net.num_addresses - 2))
    high = data.draw(st.integers(low, net.num_addresses - 2))
    piece = addresses.between(str(net.network_address + low), str(net.network_address + high), net)
    assert handed_out(piece.ipam("bounds")) == handed_out(piece.ipam("exclude")) == every(piece.spans)
    assert piece.size == high - low + 1


def test_the_numbers_of_the_published_procedure() -> None:
    plan = addresses.AddressPlan(DEMO, 2, addresses.reserved("192.170.10.1", [], DEMO))
    slices = plan.slices({"cluster-a": 0, "cluster-b": 1})
    assert slices["cluster-a"].as_dict() == {"first": "192.170.10.2", "last": "192.170.10.127", "size": 126}
    assert slices["cluster-b"].as_dict() == {"first": "192.170.10.128", "last": "192.170.10.254", "size": 127}
    assert slices["cluster-a"].ipam("exclude")["exclude"] == ["192.170.10.1/32", "192.170.10.128/25"]
    assert slices["cluster-b"].ipam("exclude")["exclude"] == ["192.170.10.1/32", "192.170.10.0/25"]
    assert slices["cluster-a"].ipam("bounds") == {
        "type": "whereabouts",
        "range": "192.170.10.0/24",
        "range_start": "192.170.10.2",
        "range_end": "192.170.10.127",
        "exclude": ["192.170.10.1/32"],
    }


@pytest.mark.parametrize(
    ("clusters", "sizes"), [(3, (62, 64, 64)), (4, (62, 64, 64, 63)), (8, (30, 32, 32, 32, 32, 32, 32, 31))]
)
def test_blocks_of_more_clusters(clusters: int, sizes: tuple[int, ...]) -> None:
    plan = addresses.AddressPlan(DEMO, clusters, addresses.reserved("192.170.10.1", [], DEMO))
    assert tuple(plan.slice(slot).size for slot in range(clusters)) == sizes


def test_weights_share_in_proportion() -> None:
    plan = addresses.AddressPlan(DEMO, 3, weights=(1, 2, 3))
    assert [plan.slice(slot).size for slot in range(3)] == [42, 85, 127]


def test_of_a_large_ipv6_range_only_offsets_below_two_to_the_63_are_shared() -> None:
    net = ipaddress.ip_network("fd00:10::/64")
    limit = ipaddress.ip_address("fd00:10:0:0:7fff:ffff:ffff:ffff")
    for weights in ((), (1, 2, 1, 1)):
        plan = addresses.AddressPlan(net, 4, addresses.reserved("fd00:10::1", [], net), weights)
        slices = [plan.slice(slot) for slot in range(4)]
        assert slices[0].as_dict()["first"] == "fd00:10::2"
        assert slices[3].as_dict()["last"] == str(limit)
    assert whereabouts.spans(whereabouts.Range(net)) == (whereabouts.Span(net.network_address + 1, limit),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.170.10.0", "range_invalid"),
        ("192.170.10.5/24", "range_invalid"),
        ("nonsense/24", "range_invalid"),
        ("192.170.10.1-192.170.10.9/24", "range_invalid"),
        ("192.170.10.0/31", "range_too_small"),
        ("192.170.10.1/32", "range_too_small"),
        ("fd00::/127", "range_too_small"),
        ("224.0.0.0/24", "range_invalid"),
        ("169.254.0.0/16", "range_invalid"),
        ("fe80::/64", "range_invalid"),
        ("127.0.0.0/8", "range_invalid"),
    ],
)
def test_ranges_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        addresses.network(text)
    assert caught.value.reason == reason


def test_ranges_that_are_taken() -> None:
    assert addresses.network("192.170.10.0/24") == DEMO
    assert str(addresses.network("fd00:10::/64")) == "fd00:10::/64"


def _refusals() -> Iterator[tuple[str, Any]]:
    yield "slot_outside_plan", lambda: addresses.AddressPlan(DEMO, 2).slice(2)
    yield "slot_outside_plan", lambda: addresses.AddressPlan(DEMO, 2).slice(-1)
    yield "slot_taken_twice", lambda: addresses.AddressPlan(DEMO, 2).slices({"a": 1, "b": 1})
    yield "max_clusters", lambda: addresses.AddressPlan(DEMO, 0)
    yield "weights", lambda: addresses.AddressPlan(DEMO, 2, weights=(1,))
    yield "weights", lambda: addresses.AddressPlan(DEMO, 2, weights=(1, 0))
    yield "range_too_small", lambda: addresses.AddressPlan(DEMO, 65)
    yield "slice_empty", lambda: addresses.AddressPlan(DEMO, 2, (ipaddress.ip_network("192.170.10.0/25"),)).slice(0)
    yield "slice_empty", lambda: addresses.AddressPlan(DEMO, 2, weights=(1, 999)).slice(0)
    yield "gateway_outside_range", lambda: addresses.reserved("10.0.0.1", [], DEMO)
    yield "gateway_outside_range", lambda: addresses.reserved("192.170.10.255", [], DEMO)
    yield "gateway_outside_range", lambda: addresses.reserved("fd00::1", [], DEMO)
    yield "gateway_invalid", lambda: addresses.reserved("192.170.10.1/24", [], DEMO)
    yield "reserved_invalid", lambda: addresses.reserved(None, ["192.170.10.5/30"], DEMO)
    yield "reserved_outside_range", lambda: addresses.reserved(None, ["10.0.0.0/30"], DEMO)
    yield "reserved_outside_range", lambda: addresses.reserved(None, ["192.170.0.0/16"], DEMO)
    yield "range_start_outside_range", lambda: addresses.between("192.170.11.1", "192.170.10.9", DEMO)
    yield "range_end_outside_range", lambda: addresses.between("192.170.10.1", "192.170.10.255", DEMO)
    large = ipaddress.ip_network("fd00:10::/64")
    yield "range_end_unreachable", lambda: addresses.between("fd00:10::2", "fd00:10:0:0:8000::", large)
    yield "range_start_unreachable", lambda: addresses.between("fd00:10:0:0:8000::", "fd00:10:0:0:8000::1", large)
    yield "range_start_invalid", lambda: addresses.between("x", "192.170.10.9", DEMO)
    yield "range_bounds_swapped", lambda: addresses.between("192.170.10.9", "192.170.10.2", DEMO)
    yield (
        "slice_empty",
        lambda: addresses.between("192.170.10.1", "192.170.10.1", DEMO, (ipaddress.ip_network("192.170.10.1/32"),)),
    )


@pytest.mark.parametrize(("reason", "call"), list(_refusals()))
def test_what_the_plan_refuses(reason: str, call: Any) -> None:
    with pytest.raises(BadInput) as caught:
        call()
    assert caught.value.reason == reason
    assert caught.value.wanted
    assert caught.value.found
    assert caught.value.hint


def test_reserved_addresses_are_named_once_and_the_gateway_first() -> None:
    found = addresses.reserved("192.170.10.1", ["192.170.10.8/29", "192.170.10.1"], DEMO)
    assert [str(part) for part in found] == ["192.170.10.1/32", "192.170.10.8/29"]


@pytest.mark.parametrize(
    ("other", "shared"),
    [("192.170.0.0/16", True), ("192.170.10.255/32", True), ("10.96.0.0/12", False), ("::/0", False)],
)
def test_networks_overlap_where_they_share_an_address_of_one_family(other: str, shared: bool) -> None:
    found = ipaddress.ip_network(other)
    assert addresses.overlaps(DEMO, found) == addresses.overlaps(found, DEMO) == shared


def test_networks_do_not_collide_within_a_part_that_is_kept_free() -> None:
    kept = (ipaddress.ip_network("192.170.10.8/29"),)
    inside, beyond = ipaddress.ip_network("192.170.10.8/30"), ipaddress.ip_network("192.170.10.0/28")
    assert addresses.collide(DEMO, inside, ())
    assert not addresses.collide(DEMO, inside, kept)
    assert addresses.collide(DEMO, beyond, kept)
    assert not addresses.collide(DEMO, ipaddress.ip_network("10.96.0.0/12"), ())
