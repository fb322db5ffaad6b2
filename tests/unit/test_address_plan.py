# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that shows who has which addresses."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.livemigration.kubevirt.plugins.filter.address_plan import FilterModule

address_plan = FilterModule().filters()["address_plan"]


def row(slot: int, cluster: str | None, first: str | None, last: str | None, size: int, **more: Any) -> dict[str, Any]:
    return {"slot": slot, "cluster": cluster, "first": first, "last": last, "size": size, **more}


def test_every_slot_with_its_owner_and_the_free_ones() -> None:
    shown = address_plan({"b": 2, "a": "0"}, "10.77.0.0/24", 3, gateway="10.77.0.1", reserved=["10.77.0.64/26"])
    assert shown == [
        row(0, "a", "10.77.0.2", "10.77.0.63", 62),
        row(1, None, None, None, 0),
        row(2, "b", "10.77.0.128", "10.77.0.191", 64),
    ]


def test_a_second_range_beside_the_first() -> None:
    reserved = ["10.77.0.2", "fd00:77::1"]
    shown = address_plan({"a": 0}, "10.77.0.0/24", 2, gateway="", reserved=reserved, second_range="fd00:77::/120")
    second = {"first": "fd00:77::2", "last": "fd00:77::7f", "size": 126}
    assert shown[0] == row(0, "a", "10.77.0.1", "10.77.0.127", 126, second=second)
    assert shown[1]["second"]["first"] == "fd00:77::80"


@pytest.mark.parametrize(
    ("slots", "options", "told"),
    [
        ({"a": 0, "b": 0}, {}, "a and b both have slot 0"),
        ({"a": 2}, {}, "slot 2"),
        ({"a": 0}, {"second_range": "10.78.0.0/24"}, "second_range of IPv6"),
        ({"a": 0}, {"second_range": "fd00::/127"}, "second_range with a prefix length of at most 126"),
        ({"a": 1}, {"reserved": ["10.77.0.128/25"]}, "is reserved"),
    ],
)
def test_what_is_no_plan(slots: dict[str, int], options: dict[str, Any], told: str) -> None:
    with pytest.raises(AnsibleFilterError, match=told):
        address_plan(slots, "10.77.0.0/24", 2, **options)
