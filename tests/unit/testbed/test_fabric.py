# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches whom between the sites."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from testbed.fabric import DialError, Fabric

ADDRESS = "192.170.10.5:9185"


def site(name: str) -> Any:
    return SimpleNamespace(name=name)


@pytest.fixture
def sites() -> tuple[Any, Any]:
    return site("a"), site("b")


def dial(fabric: Fabric, origin: Any, address: str = ADDRESS) -> Any:
    return asyncio.run(fabric.dial(origin, address))


def test_a_listener_is_found_with_its_site(sites: tuple[Any, Any]) -> None:
    a, b = sites
    fabric = Fabric()
    fabric.listen(b, ADDRESS, "endpoint")
    assert dial(fabric, a) == ("endpoint", b)


def test_nobody_there_is_told_as_grpc_tells_it(sites: tuple[Any, Any]) -> None:
    a, b = sites
    fabric = Fabric()
    with pytest.raises(DialError) as nobody:
        dial(fabric, a)
    assert str(nobody.value) == (
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
        f'dial tcp {ADDRESS}: connect: no route to host"'
    )
    fabric.listen(b, "192.170.10.5:1", "other port")
    with pytest.raises(DialError, match="connection refused"):
        dial(fabric, a)


def test_a_closed_listener_is_gone(sites: tuple[Any, Any]) -> None:
    a, b = sites
    fabric = Fabric()
    fabric.listen(b, ADDRESS, "endpoint")
    fabric.close(b, ADDRESS)
    with pytest.raises(DialError):
        dial(fabric, a)


def test_of_equal_addresses_ones_own_site_comes_first(sites: tuple[Any, Any]) -> None:
    a, b = sites
    fabric = Fabric()
    fabric.listen(b, ADDRESS, "theirs")
    fabric.listen(a, ADDRESS, "mine")
    assert dial(fabric, a) == ("mine", a)
    assert dial(fabric, b) == ("theirs", b)


@pytest.mark.parametrize("blocked", [("a", "b"), ("b", "a")])
def test_one_blocked_way_is_enough_to_connect_neither_way(sites: tuple[Any, Any], blocked: tuple[str, str]) -> None:
    a, b = sites
    fabric = Fabric()
    fabric.listen(a, "1.1.1.1:1", "a")
    fabric.listen(b, "2.2.2.2:2", "b")
    fabric.partition(*blocked, one_way=True)
    for origin, address in ((a, "2.2.2.2:2"), (b, "1.1.1.1:1")):
        with pytest.raises(DialError, match="i/o timeout"):
            dial(fabric, origin, address)
    assert [fabric.passes(a, b), fabric.passes(b, a)] == [blocked != ("a", "b"), blocked != ("b", "a")]


def test_a_partition_heals(sites: tuple[Any, Any]) -> None:
    a, b = sites
    fabric = Fabric()
    fabric.listen(b, ADDRESS, "endpoint")
    fabric.partition("a", "b")
    fabric.partition("a", "c")
    fabric.heal("b", "a")
    assert dial(fabric, a) == ("endpoint", b)
    assert fabric.partitions() == [("a", "c"), ("c", "a")]
    fabric.heal()
    assert fabric.partitions() == []


def test_rules_of_the_networks_count(sites: tuple[Any, Any]) -> None:
    a, b = sites
    fabric = Fabric()
    fabric.listen(b, ADDRESS, "endpoint")
    fabric.rules.append(lambda origin, peer, address: f"{origin.name} has no way to {peer.name} at {address}")
    with pytest.raises(DialError, match=f"a has no way to b at {ADDRESS}"):
        dial(fabric, a)


def test_changes_are_told(sites: tuple[Any, Any]) -> None:
    a, _b = sites
    fabric = Fabric()
    told: list[int] = []
    fabric.subscribe(lambda: told.append(1))
    fabric.listen(a, ADDRESS, "x")
    fabric.close(a, ADDRESS)
    fabric.close(a, ADDRESS)
    fabric.partition("a", "b")
    fabric.heal()
    assert len(told) == 4
