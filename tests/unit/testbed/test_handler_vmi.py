# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which MAC a guest has: the one it came with, else the one it has, else the spec's, else any."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.sim.handler_vmi import interfaces


def vmi(*, spec: str = "", has: str = "", uid: str = "u") -> dict[str, Any]:
    interface = {"name": "evpn", "bridge": {}} | ({"macAddress": spec} if spec else {})
    return {
        "metadata": {"name": "v", "namespace": "n", "uid": uid},
        "spec": {
            "domain": {"devices": {"interfaces": [interface]}},
            "networks": [{"name": "evpn", "multus": {"networkName": "evpn"}}],
        },
        "status": {"interfaces": [{"name": "evpn", "mac": has}]} if has else {},
    }


@pytest.mark.parametrize(
    ("instance", "brought", "mac"),
    [
        (vmi(spec="02:00:00:00:00:01"), {}, "02:00:00:00:00:01"),
        (vmi(spec="02:00:00:00:00:01", has="02:00:00:00:00:02"), {}, "02:00:00:00:00:02"),
        (vmi(spec="02:00:00:00:00:01"), {"evpn": "02:00:00:00:00:03"}, "02:00:00:00:00:03"),
        (vmi(has="02:00:00:00:00:02"), {"evpn": "02:00:00:00:00:03"}, "02:00:00:00:00:03"),
    ],
)
def test_whose_mac_counts(instance: dict[str, Any], brought: dict[str, str], mac: str) -> None:
    assert [one["mac"] for one in interfaces(instance, brought)] == [mac]


def test_a_made_up_mac_changes_with_the_next_start() -> None:
    (first,), (again,), (other,) = (interfaces(vmi(uid=uid), {}) for uid in ("u", "u", "w"))
    assert first == again
    assert first["mac"] != other["mac"]
    assert first["podInterfaceName"] == "poda0f8fa23df1"
