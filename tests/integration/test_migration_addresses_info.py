# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_addresses_info against real API servers: what one cluster holds another one may not take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from integration.calls import connection, on
from testbed.resources import Object
from testbed.testing import TestBed

NADS = "network-attachment-definitions"
PLAN: dict[str, Any] = {"range": "10.201.0.0/24", "max_clusters": 2}


@pytest.fixture
def holding(bed: TestBed, namespace: str) -> Iterator[TestBed]:
    """The second cluster has a network of half the range."""
    _one, two = list(bed.clusters.values())[:2]
    own: dict[str, Any] = {
        "name": "net",
        "namespace": namespace,
        "vni": 2001,
        "mtu": 1400,
        "slot": 0,
        "required_addresses": 3,
    }
    assert on(two, "migration_nad", **own, **PLAN).changed
    yield bed
    two.client.delete(NADS, "net", namespace)


def look(bed: TestBed, slot: int) -> Object:
    one, two = list(bed.clusters.values())[:2]
    mark = one.mark()
    others = {two.name: connection(two), one.name: connection(one)}
    called = on(one, "migration_addresses_info", slot=slot, others=others, **PLAN)
    assert (called.changed, one.writes(mark)) == (False, [])
    found: Object = called["migration_addresses_info"]
    return found


def test_addresses_that_another_cluster_holds_are_named(holding: TestBed, namespace: str) -> None:
    two = list(holding.clusters.values())[1]
    found = look(holding, 0)
    assert found["new"] == [{"first": "10.201.0.1", "last": "10.201.0.127"}]
    (finding,) = found["findings"]
    assert finding["found"].startswith(f"{two.name} still holds 10.201.0.1 to 10.201.0.127")
    assert f"{namespace}/net" in finding["found"]


def test_the_other_half_is_free(holding: TestBed) -> None:
    assert look(holding, 1)["findings"] == []


def test_a_cluster_that_cannot_be_asked_is_a_failure(holding: TestBed) -> None:
    one = next(iter(holding.clusters.values()))
    nowhere = {"host": "https://127.0.0.1:1"}
    failure = on(one, "migration_addresses_info", slot=1, others={"gone": nowhere}, **PLAN).failure
    assert failure["cluster"] == "gone"
