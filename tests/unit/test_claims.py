# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster holds of the migration network, and whether another one holds what it wants."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _claims
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._whereabouts import Span
from hypothesis import given
from hypothesis import strategies as st
from unit.memory_cluster import Ticking, job
from unit.nad_site import PLAN, Site, run

DEFAULTS = {name: option.get("default") for name, option in _claims.SPEC.options.items()}


def site(name: str, slot: int, max_clusters: int = 2) -> Site:
    """A cluster whose migration network is in use."""
    made = Site(name)
    run(made, slot=slot, max_clusters=max_clusters)
    made.kubevirt("migration-evpn")
    return made


def look(cluster: Site, *others: Site, **options: Any) -> Object:
    clusters = {f"other {other.name}": other for other in others} | {"cluster": cluster}
    result = _claims.work(job(clusters, Ticking(), DEFAULTS | PLAN | options))
    assert not result["changed"]
    facts: Object = result["migration_addresses_info"]
    return facts


def test_holds_what_its_nads_give_out_and_its_pods_have() -> None:
    one = site("one", 0)
    one.pool(2, 130)
    one.nad({"type": "bridge", "ipam": {"type": "whereabouts", "range": "10.0.0.0/24"}}, "storage")
    found = look(one, slot=0, max_clusters=2)
    nad = {
        "first": "192.170.10.2",
        "last": "192.170.10.127",
        "by": "NetworkAttachmentDefinition kubevirt/migration-evpn",
    }
    pods = [{"first": f"192.170.10.{n}", "last": f"192.170.10.{n}", "by": f"pod kubevirt/pod-{n}"} for n in (2, 130)]
    assert found == {"claims": [nad, *pods], "new": [], "findings": []}


def test_halved_slices_move_in_order() -> None:
    """From two slots to four: the second slot's new slice is part of the first one's old slice."""
    one, two = site("one", 0), site("two", 1)
    assert look(one, two, slot=0, max_clusters=4) == look(one, slot=0, max_clusters=4)
    found = look(two, one, two, slot=1, max_clusters=4)
    assert found["new"] == [{"first": "192.170.10.64", "last": "192.170.10.127"}]
    (finding,) = found["findings"]
    assert finding["found"] == (
        "one still holds 192.170.10.2 to 192.170.10.127 (NetworkAttachmentDefinition kubevirt/migration-evpn)"
    )
    assert "change one first" in finding["hint"]
    moved = site("one", 0, 4)
    assert look(two, moved, slot=1, max_clusters=4)["findings"] == []
    moved.pool(100)
    (finding,) = look(two, moved, slot=1, max_clusters=4)["findings"]
    assert finding["found"] == "one still holds 192.170.10.100 to 192.170.10.100 (pod kubevirt/pod-100)"


def test_an_address_that_a_pod_kept_after_its_nad_went_counts() -> None:
    one, two = Site("one"), site("two", 1)
    one.pool(70)
    assert look(two, one, slot=1, max_clusters=4)["findings"]


def test_nobody_is_asked_when_nothing_new_is_taken() -> None:
    class Unreachable(Site):
        def uid(self) -> str:
            raise AssertionError("it was asked")

    assert look(site("one", 0), Unreachable("gone"), slot=0, max_clusters=2)["findings"] == []


numbers = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted)


def span(ends: list[int]) -> Span:
    first, last = (ipaddress.ip_address("10.0.0.0") + end for end in ends)
    return Span(first, last)


@given(st.lists(numbers, max_size=3), st.lists(numbers, max_size=4))
def test_without_takes_exactly_what_is_taken(wanted: list[list[int]], taken: list[list[int]]) -> None:
    left = _claims.without(map(span, wanted), [span(ends) for ends in taken])
    numbers = {n for ends in wanted for n in range(ends[0], ends[1] + 1)}
    numbers -= {n for ends in taken for n in range(ends[0], ends[1] + 1)}
    base = int(ipaddress.ip_address("10.0.0.0"))
    assert {n - base for each in left for n in range(int(each.first), int(each.last) + 1)} == numbers


@pytest.mark.parametrize(("one", "other"), [("10.0.0.1", "fd00::1"), ("fd00::1", "10.0.0.1")])
def test_families_never_touch(one: str, other: str) -> None:
    spans = [Span(ipaddress.ip_address(text), ipaddress.ip_address(text)) for text in (one, other)]
    assert not _claims.touch(*spans)
