# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the synchronization controller."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._sync_address import parse
from hypothesis import given
from hypothesis import strategies as st

PORTS = st.integers(1, 65535)


@given(st.ip_addresses(v=4), PORTS)
def test_ipv4_with_port(ip: ipaddress.IPv4Address, port: int) -> None:
    found = parse(f"{ip}:{port}")
    assert found is not None
    assert (found.ip, found.port, str(found), found.unbracketed) == (ip, port, f"{ip}:{port}", False)


@given(st.ip_addresses(v=6), PORTS)
def test_ipv6_with_and_without_brackets(ip: ipaddress.IPv6Address, port: int) -> None:
    bracketed, legacy = parse(f"[{ip}]:{port}"), parse(f"{ip}:{port}")
    assert bracketed is not None
    assert legacy is not None
    assert (bracketed.ip, bracketed.port, bracketed.unbracketed) == (ip, port, False)
    assert (legacy.ip, legacy.port, legacy.unbracketed) == (ip, port, True)
    assert legacy.text == f"{ip}:{port}"
    assert str(legacy) == str(bracketed)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("192.170.10.2", "192.170.10.2:9999"),
        ("fd00:10::8", "[fd00:10::8]:9999"),
        ("[fd00:10::8]", "[fd00:10::8]:9999"),
    ],
)
def test_an_address_alone_gets_the_port(text: str, result: str) -> None:
    assert str(parse(text, 9999)) == result


@pytest.mark.parametrize(
    "text",
    ["", ":9185", "host:9185", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:9185:9185", "[10.0.0.1]:9185", "[::1", "x"],
)
def test_what_is_no_address(text: str) -> None:
    assert parse(text) is None


@given(st.text(max_size=40))
def test_total(text: str) -> None:
    found = parse(text)
    assert found is None or 0 < found.port < 65536
