# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's search for the largest packet, its report, and the packets it sends and reads."""

from __future__ import annotations

import ast
import inspect
import json
import random
import socket
import struct
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _probe_pod as pod
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _probe_wire as wire
from ansible_collections.livemigration.kubevirt.plugins.module_utils._probe_search import (
    LIMIT,
    SMALL,
    TRIES,
    Search,
    message,
)
from hypothesis import given
from hypothesis import strategies as st


def drive(search: Search, limit: int, *, loss: float = 0.0, seed: int = 0, rounds: int = 400) -> int:
    """Send what the search wants over a path that carries packets up to a limit; how many rounds it took."""
    dice = random.Random(seed)
    for number in range(rounds):
        for size in search.sizes():
            assert size <= search.full
            if size <= limit and dice.random() >= loss:
                search.confirm(size)
        if search.done:
            return number
    return rounds


@given(full=st.integers(SMALL + 1, 9500), share=st.floats(0, 1))
def test_the_largest_size_is_found_exactly(full: int, share: float) -> None:
    limit = SMALL + int((full - SMALL) * share)
    search = Search(full)
    rounds = drive(search, limit)
    assert search.low == min(limit, full)
    assert search.done
    assert rounds <= (TRIES + 1) * 15


@given(full=st.integers(1280, 9500), seed=st.integers(0, 1000))
def test_a_path_that_loses_every_fifth_packet_is_not_taken_for_a_small_one(full: int, seed: int) -> None:
    search = Search(full)
    drive(search, full, loss=0.2, seed=seed)
    assert search.low >= full * 0.9


def test_a_silent_path_is_tried_on_and_on_with_sizes_between() -> None:
    search = Search(1400)
    sent = {size for _round in range(20) for size in search.sizes()}
    assert {1400, SMALL, 1350, 1330, 1300, 1280} == sent
    assert not search.done
    assert not search.answered


def test_what_is_confirmed_late_counts() -> None:
    search = Search(1400)
    drive(search, 1000, rounds=8)
    search.confirm(1400)
    assert (search.low, search.done, search.sizes()) == (1400, True, ())


def report(clusters: int, targets: int) -> dict[str, Any]:
    return {
        "me": 0,
        "mtu": 8950,
        "peers": [[number, 8950, 8950, 1] for number in range(clusters)],
        "doors": [[number, "fd00:0:0:0:1::ffff", 9185, "ECONNREFUSED"] for number in range(clusters)],
        "pings": [[number, 100, 100] for number in range(clusters)],
        "bad": [[f"fd00::{number:x}", 0] for number in range(targets)],
        "taken": [],
    }


@given(clusters=st.integers(0, 300), targets=st.integers(0, 3000))
def test_a_report_fits_into_a_termination_message_and_says_what_it_lost(clusters: int, targets: int) -> None:
    whole = report(clusters, targets)
    text = message(whole)
    assert len(text.encode()) <= LIMIT
    kept = json.loads(text)
    lists = ("peers", "doors", "pings", "bad")
    assert kept["cut"] == sum(len(whole[name]) - len(kept[name]) for name in lists)
    assert all(whole[name][: len(kept[name])] == kept[name] for name in lists)


def test_a_fleet_of_twenty_with_a_failing_pod_each_is_told_in_full() -> None:
    assert json.loads(message(report(20, 20)))["cut"] == 0


def test_a_report_that_cannot_be_shortened_says_so() -> None:
    assert "error" in json.loads(message({"me": 1, "text": "x" * 5000}))


@given(
    st.integers(0, 999),
    st.integers(0, 999),
    st.integers(96, 9500),
    st.integers(0, 9500),
    st.integers(0, 3),
    st.sampled_from([4, 6]),
)
def test_a_datagram_comes_back_as_it_was_and_fills_its_packet(
    sender: int, receiver: int, size: int, heard: int, flags: int, version: int
) -> None:
    sent = wire.Datagram("0a1b2c3d", sender, receiver, size, heard, flags)
    payload = wire.pack(sent, version)
    assert wire.unpack(payload) == sent
    assert len(payload) + wire.headers(version) == size


@given(st.binary(max_size=200))
def test_foreign_packets_are_no_datagrams_and_break_nothing(data: bytes) -> None:
    assert wire.unpack(data) is None or data.startswith(b"LMP1")
    wire.echo_reply(4, data)
    wire.is_at(data)
    list(wire.neighbours(data, 1))
    wire.ends(data)


def test_an_echo_request_has_a_valid_checksum_and_the_size_asked_for() -> None:
    packet = wire.echo(4, 77, 5, 1400)
    assert len(packet) == 1380
    assert wire.checksum(packet) == 0
    assert wire.echo_reply(4, b"\0" + packet[1:]) == (77, 5)
    assert wire.echo_reply(4, packet) is None
    assert wire.echo_reply(6, b"\x81" + wire.echo(6, 77, 6, 1400)[1:]) == (77, 6)


MAC = bytes.fromhex("0a5800000001")


def test_an_arp_probe_claims_nothing_and_its_answer_is_understood() -> None:
    frame = wire.who_has("192.170.10.7", MAC)
    assert frame[:6] == b"\xff" * 6
    assert frame[28:32] == bytes(4), "the sender's address stays empty"
    owner = bytes.fromhex("0a58000000ff")
    arp = frame[14:20] + b"\0\2" + owner + socket.inet_aton("192.170.10.7") + MAC + bytes(4)
    assert wire.is_at(MAC + owner + b"\x08\x06" + arp) == ("192.170.10.7", "0a:58:00:00:00:ff")
    assert wire.is_at(frame) is None


def test_a_neighbour_solicitation_is_that_of_duplicate_address_detection() -> None:
    frame = wire.who_has("fd00::1:2", MAC)
    group = socket.inet_pton(socket.AF_INET6, "ff02::1:ff01:2")
    assert (frame[:6], frame[22:38], frame[38:54]) == (b"\x33\x33\xff\x01\x00\x02", bytes(16), group)
    body = frame[54:]
    assert wire.checksum(bytes(16) + group + struct.pack("!II", len(body), 58) + body) == 0
    owner = bytes.fromhex("0a58000000ff")
    advert = b"\x88\0\0\0" + bytes(4) + socket.inet_pton(socket.AF_INET6, "fd00::1:2")
    head = MAC + owner + b"\x86\xdd" + frame[14:54]
    assert wire.is_at(head + advert + b"\x02\x01" + owner) == ("fd00::1:2", "0a:58:00:00:00:ff")
    assert wire.is_at(head + advert) == ("fd00::1:2", "0a:58:00:00:00:ff")


def neighbour(address: str, mac: str, index: int, state: int) -> bytes:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    parts = ((1, socket.inet_pton(family, address)), (2, bytes.fromhex(mac)))
    body = struct.pack("=BBHiHBB", family, 0, 0, index, state, 0, 0)
    body += b"".join(struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4) for kind, data in parts)
    return struct.pack("=IHHII", 16 + len(body), 28, 2, 1, 0) + body


def test_of_the_kernels_neighbours_those_that_answered_on_the_interface_are_taken() -> None:
    table = [
        neighbour("192.170.10.2", "0a5800000002", 3, 0x02),
        neighbour("192.170.10.3", "0a5800000003", 2, 0x02),
        neighbour("192.170.10.4", "0a5800000004", 3, 0x20),
        neighbour("fd00::2", "0a5800000006", 3, 0x04),
    ]
    data = b"".join(table)
    found = [("192.170.10.2", "0a:58:00:00:00:02"), ("fd00::2", "0a:58:00:00:00:06")]
    assert list(wire.neighbours(data, 3)) == found
    assert not wire.ends(data)
    assert wire.ends(data + struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0))


@pytest.mark.parametrize("name", sorted(pod.files()))
def test_the_program_is_one_that_python_3_9_reads_and_imports_nothing_but_the_standard_library(name: str) -> None:
    tree = ast.parse(pod.files()[name], feature_version=(3, 9))
    taken = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    taken |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [module for module in taken if module and "ansible" in module]
    siblings = {
        alias.name if node.module is None else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    }
    brought = {
        inspect.getmodulename(item["path"])
        for item in pod.render(
            "kubevirt", "migration", "image", "run", patience=1, lifetime=1, raw=False, secrets=[], tolerations=[]
        )["spec"]["volumes"][0]["downwardAPI"]["items"]
    }
    assert siblings <= brought
