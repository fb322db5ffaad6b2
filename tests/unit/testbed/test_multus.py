# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods' network annotations as multus reads and writes them."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.sim import cni, multus
from testbed.sim.multus import MultusError, Request


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        ("", []),
        ("net", [Request("ns", "net", "net1")]),
        ("net@migration0", [Request("ns", "net", "migration0")]),
        ("other/net@if0, second", [Request("other", "net", "if0"), Request("ns", "second", "net2")]),
        (
            '[{"name": "net", "namespace": "other", "interface": "if0", "mac": "02:00:00:00:00:01"}]',
            [Request("other", "net", "if0", "02:00:00:00:00:01")],
        ),
        ('[{"name": "net", "ips": ["10.0.0.9/24"]}]', [Request("ns", "net", "net1", ips=("10.0.0.9/24",))]),
    ],
)
def test_both_forms(annotation: str, found: list[Request]) -> None:
    assert multus.requests(annotation, "ns") == found


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        ("@migration0", "did not match comma-delimited format"),
        ("a.dotted.name", "did not match comma-delimited format"),
        ("with/two/slashes", "failed at '/'"),
        ("net@", "Invalid interface name"),
        ("net@sixteen-letters-", "Invalid interface name"),
        ("[{", "failed to parse pod Network Attachment Selection"),
        ("[{}]", "missing the name"),
    ],
)
def test_refused(annotation: str, text: str) -> None:
    with pytest.raises(MultusError, match=text):
        multus.requests(annotation, "ns")


def nad(config: str) -> dict[str, Any]:
    return {"metadata": {"name": "net"}, "spec": {"config": config}}


def test_one_plugin_or_the_first_of_a_chain() -> None:
    assert multus.plugin(nad('{"type": "bridge"}'))["type"] == "bridge"
    assert multus.plugin(nad('{"plugins": [{"type": "bridge"}, {"type": "tuning"}]}'))["type"] == "bridge"


@pytest.mark.parametrize("config", ["", "{", "{}", '{"plugins": []}', '{"plugins": ["text"]}'])
def test_no_plugin(config: str) -> None:
    with pytest.raises(MultusError):
        multus.plugin(nad(config))


def test_what_is_written_is_read_again() -> None:
    entry = multus.status_entry(Request("ns", "net", "migration0"), ["10.0.0.1"], "02:00:00:00:00:01", 1400)
    marks = cni.annotation(multus.default_entry(["10.64.0.1"], "02:00:00:00:00:02"), [entry])
    pod = {"metadata": {"annotations": marks}}
    assert multus.addresses(pod, "migration0") == ["10.0.0.1"]
    assert [each.get("default", False) for each in multus.reported(pod)] == [True, False]
    assert multus.reported({"metadata": {"annotations": {multus.STATUS: "no JSON"}}}) == []


def test_hardware_addresses_are_stable_and_local() -> None:
    address = cni.hardware_address("seed")
    assert address == cni.hardware_address("seed") != cni.hardware_address("other")
    assert int(address[:2], 16) & 0b11 == 0b10
