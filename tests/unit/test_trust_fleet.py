# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who trusts whom in a fleet, and whether the bundles have room."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.livemigration.kubevirt.plugins.filter.trust_pairs import trust_pairs
from hypothesis import given
from hypothesis import strategies as st

NAMES = ["munich", "zurich", "vienna", "bern"]
PAIRS = st.lists(st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True), min_size=1, max_size=9)


def bundle(name: str, *others: str) -> dict[str, Any]:
    """What trust_bundle says; fingerprints are names here."""
    own = {"cluster": name, "uid": f"uid-of-{name}", "ca": {"fingerprint": f"ca-of-{name}"}, "peers": []}
    return {**own, "fingerprints": [f"ca-of-{name}", *others]}


@given(st.lists(st.text(min_size=1), unique=True, max_size=8))
def test_a_mesh_has_every_two_clusters_once(names: list[str]) -> None:
    found = trust_pairs(names)
    assert len(found) == len(names) * (len(names) - 1) // 2
    assert {frozenset(pair) for pair in found} == {frozenset((a, b)) for a in names for b in names if a != b}


@given(PAIRS)
def test_named_pairs_are_those_each_once(named: list[list[str]]) -> None:
    found = trust_pairs(NAMES, named)
    assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in named}
    assert len(found) == len({frozenset(pair) for pair in named})


@given(PAIRS, st.sets(st.sampled_from(NAMES)))
def test_pairs_that_do_not_concern_this_run_are_left_out(named: list[list[str]], here: set[str]) -> None:
    found = trust_pairs(sorted(here), named, inventory=NAMES)
    assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in named if set(pair) <= here}


@pytest.mark.parametrize("pair", [["munich"], "munich:bern", ["munich", "munich"], ["munich", "bern", "zurich"]])
def test_refuses_what_is_no_pair(pair: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="pairs of two different clusters"):
        trust_pairs(NAMES, [pair])


def test_refuses_names_that_nobody_has_and_forgotten_ones_that_are_there() -> None:
    with pytest.raises(AnsibleFilterError, match="found berne"):
        trust_pairs(NAMES, [["munich", "berne"]])
    with pytest.raises(AnsibleFilterError, match="found bern of the fleet"):
        trust_pairs(NAMES, forget=["bern", "basel"])


@given(st.integers(0, 60))
def test_refuses_a_bundle_that_would_grow_past_fifty(others: int) -> None:
    full = [bundle("munich", *map(str, range(others))), *(bundle(name) for name in NAMES[1:])]
    # Its own, the others there are, and its three peers.
    if others + 4 > 50:
        with pytest.raises(AnsibleFilterError, match=f"munich kubevirt-ca: .* found {others + 4} with 3 peers"):
            trust_pairs(NAMES, bundles=full)
    else:
        assert len(trust_pairs(NAMES, bundles=full)) == 6
    # Named pairs are the way out, and peers that are in already do not count twice.
    assert trust_pairs(NAMES, [["zurich", "bern"]], bundles=full) == [["zurich", "bern"]]
    known = [bundle("munich", "ca-of-zurich", *map(str, range(47))), bundle("zurich")]
    assert trust_pairs(["munich", "zurich"], bundles=known) == [["munich", "zurich"]]
