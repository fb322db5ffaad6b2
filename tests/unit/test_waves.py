# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which a fleet is changed: canary first, and nobody takes what another one still holds."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.livemigration.kubevirt.plugins.filter.rollout_waves import rollout_waves
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _claims, _waves
from ansible_collections.livemigration.kubevirt.plugins.module_utils._addresses import AddressPlan
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy
from ansible_collections.livemigration.kubevirt.plugins.module_utils._whereabouts import Span
from hypothesis import given
from hypothesis import strategies as st

RANGE = ipaddress.ip_network("192.168.100.0/24")


def changing(*names: str, same: tuple[str, ...] = ()) -> dict[str, Any]:
    return {name: {"changes": True} for name in names} | {name: {"changes": False} for name in same}


@pytest.mark.parametrize(
    ("batch", "canary", "expected"),
    [
        ("100%", 1, [["a"], ["b", "c", "d", "e"]]),
        ("2", 1, [["a"], ["b", "c"], ["d", "e"]]),
        ("40%", 0, [["a", "b"], ["c", "d"], ["e"]]),
        ("3", 2, [["a", "b"], ["c", "d", "e"]]),
        ("1", 3, [["a"], ["b"], ["c"], ["d"], ["e"]]),
        (5, 0, [["a", "b", "c", "d", "e"]]),
    ],
)
def test_batches(batch: str, canary: int, expected: list[list[str]]) -> None:
    assert rollout_waves(changing(*"abcde"), batch, canary) == expected


def test_the_canary_is_one_that_changes() -> None:
    assert rollout_waves(changing("c", same=("a", "b"))) == [["c"], ["a", "b"]]
    assert rollout_waves(changing("b", "c", same=("a",)), "2") == [["b"], ["c", "a"]]


def test_nothing_to_change_needs_no_canary() -> None:
    assert rollout_waves(changing(same=("a", "b"))) == [["a", "b"]]


@pytest.mark.parametrize("batch", ["0", "-1", "many", "0%", "1.5"])
def test_a_batch_that_is_none(batch: str) -> None:
    with pytest.raises(AnsibleFilterError, match="batch as a number"):
        rollout_waves(changing("a"), batch)


def turns(old: dict[str, tuple[Span, ...]], new: dict[str, tuple[Span, ...]]) -> dict[str, _waves.Turn]:
    return {
        name: _waves.Turn(
            old.get(name) != new[name],
            tuple(_claims.without(new[name], old.get(name, ()))),
            tuple((span, "its old slice") for span in old.get(name, ())),
        )
        for name in new
    }


def spans(slots: dict[str, int], count: int, weights: tuple[int, ...] = ()) -> dict[str, tuple[Span, ...]]:
    plan = AddressPlan(RANGE, count, (), weights)
    return {name: plan.slice(slot).spans for name, slot in slots.items()}


def test_growth_goes_by_slot() -> None:
    slots = {"c": 2, "b": 1, "a": 0}
    order = _waves.waves(turns(spans(slots, 3), spans(slots, 8)), canary=0)
    assert order == [["a"], ["b"], ["c"]]


def test_two_that_exchange_their_slots_are_refused() -> None:
    with pytest.raises(Busy, match="first onto a range that nobody uses") as caught:
        _waves.waves(turns(spans({"a": 0, "b": 1}, 2), spans({"a": 1, "b": 0}, 2)))
    assert "a would take addresses of 192.168.100.1 to 192.168.100.127 (its old slice) from b" not in caught.value.found
    assert "b would take addresses of 192.168.100.1 to 192.168.100.127 (its old slice) from a" in caught.value.found


@st.composite
def renumberings(draw: st.DrawFn) -> tuple[dict[str, _waves.Turn], dict[str, tuple[Span, ...]]]:
    """A fleet with old slots, which some lack, and new slots, of plans with other numbers of clusters or weights."""
    names = [f"c{n}" for n in range(draw(st.integers(1, 8)))]
    plans = []
    for _ in range(2):
        count = draw(st.integers(len(names), 12))
        taken = draw(st.permutations(range(count)))[: len(names)]
        weights = draw(st.one_of(st.just(()), st.tuples(*[st.integers(1, 5)] * count)))
        plans.append(spans(dict(zip(names, taken, strict=True)), count, weights))
    joined = draw(st.sets(st.sampled_from(names)))
    return turns({name: plans[0][name] for name in names if name in joined}, plans[1]), plans[1]


@given(renumberings(), st.integers(1, 8), st.integers(0, 3))
def test_no_address_is_ever_held_twice(
    renumbering: tuple[dict[str, _waves.Turn], dict[str, tuple[Span, ...]]], batch: int, canary: int
) -> None:
    """Whatever the order within a batch, and wherever the run is interrupted."""
    fleet, plan = renumbering
    try:
        order = _waves.waves(fleet, str(batch), canary)
    except Busy:
        return
    assert sorted(name for part in order for name in part) == sorted(fleet)
    assert all(len(part) <= batch for part in order)
    holds = {name: [span for span, _by in turn.claims] for name, turn in fleet.items()}
    for part in order:
        for name in part:
            held = [span for other in fleet if other != name for span in holds[other]]
            assert not any(_claims.touch(span, theirs) for span in fleet[name].new for theirs in held), (name, order)
            # Until it is done it holds both.
            holds[name] = [*holds[name], *fleet[name].new]
        for name in part:
            holds[name] = list(plan[name])


@given(st.integers(1, 5), st.integers(0, 3), st.data())
def test_doubling_the_slots_is_always_possible(clusters: int, doublings: int, data: st.DataObject) -> None:
    slots = {f"c{slot}": slot for slot in data.draw(st.permutations(range(clusters)))}
    _waves.waves(turns(spans(slots, clusters), spans(slots, clusters << doublings)))
