# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan of any fleet: disjoint, inside, complete, stable; and both styles the same under whereabouts' rules.

Counted in intervals, not in addresses, so that ranges of every size take part. `make unit` looks at a hundred fleets
of each kind; `make integration`, with the profile `thorough`, at ten thousand.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import itertools
from collections.abc import Iterable

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _addresses as addresses
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _whereabouts as whereabouts
from ansible_collections.livemigration.kubevirt.plugins.module_utils._addresses import AddressPlan, Slice
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from ansible_collections.livemigration.kubevirt.plugins.module_utils._whereabouts import Address, Network
from hypothesis import given
from hypothesis import strategies as st
from testbed.sim import whereabouts as sim

Interval = tuple[int, int]


@st.composite
def ranges(draw: st.DrawFn, smallest: int = 6) -> Network:
    """Ranges of either family and every size, anywhere."""
    if draw(st.booleans()):
        bits, width, base = draw(st.integers(smallest, 24)), 32, 10 << 24
        number = base | draw(st.integers(0, (1 << 24) - 1))
        return ipaddress.ip_network((number >> bits << bits, width - bits))
    bits = draw(st.integers(smallest, 80))
    number = 0xFD << 120 | draw(st.integers(0, (1 << 120) - 1))
    return ipaddress.ip_network((ipaddress.IPv6Address(number >> bits << bits), 128 - bits))


@st.composite
def plans(draw: st.DrawFn) -> AddressPlan:
    """Plans as an inventory may have them."""
    network = draw(ranges())
    size = min(network.num_addresses, 1 << 63)
    clusters = draw(st.integers(1, min(20, size // 8)))
    # As bytes, one draw instead of one a slot: ten thousand fleets should take seconds.
    weights = (
        [byte + 1 for byte in draw(st.binary(min_size=clusters, max_size=clusters))] if draw(st.booleans()) else []
    )
    kept = []
    for offset, bits in draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, 4)), max_size=2)):
        first = int(network.network_address) + (offset >> bits << bits)
        kept.append(f"{type(network.network_address)(first)}/{network.max_prefixlen - bits}")
    return AddressPlan(network, clusters, addresses.reserved(None, kept, network), tuple(weights))


def slices(plan: AddressPlan) -> dict[int, Slice]:
    """The slices of all slots that have something left."""
    found = {}
    for slot in plan.slots:
        with contextlib.suppress(BadInput):
            found[slot] = plan.slice(slot)
    return found


def intervals(pieces: Iterable[Slice]) -> list[Interval]:
    return sorted((int(span.first), int(span.last)) for piece in pieces for span in piece.spans)


def joined(found: Iterable[Interval]) -> list[Interval]:
    """The same addresses in as few intervals as possible."""
    result: list[Interval] = []
    for first, last in sorted(found):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


@given(plans())
def test_slices_are_disjoint_and_inside(plan: AddressPlan) -> None:
    found = intervals(slices(plan).values())
    assert all(one[1] < other[0] for one, other in itertools.pairwise(found))
    network = plan.network
    low, high = int(network.network_address), int(network.broadcast_address)
    assert all(low < first <= last < high for first, last in found)
    kept = [(int(part.network_address), int(part.broadcast_address)) for part in plan.reserved]
    assert not any(first <= end and begin <= last for first, last in found for begin, end in kept)


@given(plans())
def test_slices_leave_nothing_out(plan: AddressPlan) -> None:
    """All that whereabouts could give out of the range is somebody's, but for the blocks beyond the last slot."""
    whole = whereabouts.Range(plan.network, exclude=plan.reserved)
    everything = joined((int(span.first), int(span.last)) for span in whereabouts.spans(whole))
    found = joined(intervals(slices(plan).values()))
    if not plan.weights and plan.max_clusters & (plan.max_clusters - 1):
        end = int(dataclasses.replace(plan, reserved=()).slice(plan.max_clusters - 1).block.last)
        everything = [(first, min(last, end)) for first, last in everything if first <= end]
    assert found == everything


@given(plans(), st.data())
def test_a_cluster_more_moves_nobody(plan: AddressPlan, data: st.DataObject) -> None:
    slots = data.draw(st.permutations(list(slices(plan))))
    after = plan.slices({f"cluster-{slot}": slot for slot in slots})
    some = data.draw(st.integers(0, len(slots)))
    before = plan.slices({f"cluster-{slot}": slot for slot in slots[:some]})
    assert before == {name: after[name] for name in before}


@given(plans(), st.data())
def test_both_styles_allocate_the_same_under_whereabouts_own_rules(plan: AddressPlan, data: st.DataObject) -> None:
    pieces = list(slices(plan).values())
    for piece in [data.draw(st.sampled_from(pieces))] if pieces else []:
        bounds, exclude = (sim.read(piece.ipam(style)).ranges[0] for style in ("bounds", "exclude"))
        pods = data.draw(st.integers(1, 6))
        assert hand_out(bounds, pods) == hand_out(exclude, pods) == following(piece, piece.block.first, pods)
        # No pool is that full in a test, so the loop is also entered near each end of what can be given out.
        for span in piece.spans:
            near = max(span.first, span.last - 2, key=int)
            expected = following(piece, near, 5)
            assert [entered(each, near, 5) for each in (bounds, exclude)] == [expected, expected]


def hand_out(wanted: sim.Range, pods: int) -> list[Address]:
    """What as many pods get, one after the other, until there is none left."""
    found: list[sim.Reservation] = []
    for number in range(pods):
        try:
            entry = sim.assign(wanted, found, container=f"c{number}", podref=f"ns/pod-{number}", ifname="migration0")
        except sim.WhereaboutsError:
            break
        found.append(entry)
    return [entry.address for entry in found]


def entered(wanted: sim.Range, start: Address, count: int) -> list[Address]:
    """The candidates of whereabouts from an address on."""
    return list(itertools.islice(sim.candidates(dataclasses.replace(wanted, start=start)), count))


def following(piece: Slice, start: Address, count: int) -> list[Address]:
    """The addresses of a slice from an address on."""
    spans = [(max(int(span.first), int(start)), int(span.last)) for span in piece.spans]
    make = type(start)
    every = (make(number) for first, last in spans for number in range(first, last + 1))
    return list(itertools.islice(every, count))
