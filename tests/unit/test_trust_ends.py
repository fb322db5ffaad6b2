# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of trust: not while migrations run, unless they are waited for, and only where there is trust to end."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.filter.trust_pairs import trust_pairs
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP
from unit.kubevirt_site import Site
from unit.memory_cluster import Ticking
from unit.trust_call import look, run


def test_absent_waits_for_migrations_on_either_side_if_told_to(source: Site, target: Site) -> None:
    run(source, target)
    target.migration("open", "Running")
    clock = Ticking(source.step, target.step)

    def end() -> None:
        if clock.seconds > 20:
            target.migration("open", "Succeeded")

    clock.steps = (*clock.steps, end)
    told = run(source, target, state="absent", wait_for_migrations=60, check_mode=True)
    assert "would wait for 1 unfinished migrations: default/open (Running)" in str(told["warnings"])
    result = run(source, target, clock=clock, state="absent", wait_for_migrations=60)
    assert "cluster-b: 0 s, 1 left, such as default/open (Running)" in result["told"]
    assert (source.text(), target.text()) == (source.ca, target.ca)


def test_absent_looks_again_right_before_each_write(source: Site, target: Site) -> None:
    """Another writer is first; before the second attempt a migration has begun."""
    run(source, target)

    def meanwhile() -> None:
        source.edit(CONFIG_MAP, "kubevirt-ca", {"metadata": {"labels": {"touched": "again"}}})
        target.migration("new", "Pending")

    source.cluster.before_write = meanwhile
    before = target.text()
    with pytest.raises(Busy, match="default/new") as caught:
        run(source, target, state="absent")
    assert "wait_for_migrations" in caught.value.hint
    assert target.text() == before


def found(*sites: Site) -> list[dict[str, Any]]:
    """What trust_bundle says of each."""
    return [look(site)["trust_bundle"] for site in sites]


def test_only_the_pairs_of_clusters_that_leave_and_trust_end() -> None:
    """A mesh of three and a fourth that nobody trusts."""
    first, second, third, fourth = (Site(f"cluster-{letter}") for letter in "abcd")
    for pair in ((first, second), (first, third), (second, third)):
        run(*pair)
    names, said = [f"cluster-{letter}" for letter in "abcd"], found(first, second, third, fourth)

    def ending(*leaving: str, silent: tuple[str, ...] = ()) -> list[list[str]]:
        answered = [each for each in said if each["cluster"] not in silent]
        return trust_pairs(names, bundles=answered, leaving=leaving, silent=silent)

    assert ending("cluster-c") == [["cluster-a", "cluster-c"], ["cluster-b", "cluster-c"]]
    assert ending("cluster-d") == []
    assert ending("cluster-c", silent=("cluster-a",)) == [["cluster-b", "cluster-c"]]
    assert len(ending(*names)) == 3
    run(first, third, state="absent")
    run(second, third, state="absent")
    said = found(first, second, third, fourth)
    assert ending("cluster-c") == []


def test_trust_that_nobody_noted_or_that_is_left_on_one_side_ends_too(source: Site, target: Site) -> None:
    """Handed over by hand, on one side only."""
    source.edit(CONFIG_MAP, "kubevirt-ca", {"data": {"ca-bundle": source.text() + target.ca}})
    said = found(source, target)
    assert trust_pairs(["cluster-a", "cluster-b"], bundles=said, leaving=["cluster-b"]) == [["cluster-a", "cluster-b"]]


def test_what_is_trusted_is_what_answers_and_stays(source: Site, target: Site) -> None:
    run(source, target)
    names = ["cluster-a", "cluster-b", "cluster-c"]
    pairs = trust_pairs(names, bundles=found(source, target), silent=["cluster-c"])
    assert pairs == [["cluster-a", "cluster-b"]]


def test_one_that_begins_before_the_write_is_seen_when_a_cluster_is_forgotten(source: Site, target: Site) -> None:
    run(source, target)
    before = source.text()

    def meanwhile() -> None:
        source.edit(CONFIG_MAP, "kubevirt-ca", {"metadata": {"labels": {"touched": "again"}}})
        source.migration("new", "Pending")

    source.cluster.before_write = meanwhile
    with pytest.raises(Busy, match="default/new"):
        look(source, "cluster-b")
    assert source.text() == before
