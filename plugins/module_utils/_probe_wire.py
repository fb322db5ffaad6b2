# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packets that probes send and read. Pure.

Part of the program that runs in the probe's pod: standard library only, Python 3.9 or later.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

WANTS_ANSWER = 1
"""The datagram is a test: say what you have heard."""

FOUND_ALL = 2
"""The sender has found out what it can about its way to the receiver."""

LEAST = 96
"""The packet of an answer, and of whatever is only to say something."""

_MAGIC = b"LMP1"
_FORMAT = struct.Struct("!4s8sHHHHB")
_NEIGHBOUR = struct.Struct("=BBHiHBB")
_FAILED = 0x20 | 0x01  # NUD_FAILED, NUD_INCOMPLETE: nobody answered (yet)


class Datagram(NamedTuple):
    """One datagram between two probes.

    :param size: of the whole packet, so that the receiver need not know which headers it had.
    :param heard: the largest packet that the sender has got from the receiver.
    """

    run: str
    sender: int
    receiver: int
    size: int
    heard: int
    flags: int


def headers(version: int) -> int:
    """Bytes of an IP header and of the eight that UDP and ICMP echo have both."""
    return 28 if version == 4 else 48


def pack(datagram: Datagram, version: int) -> bytes:
    """The payload that makes a packet of the size."""
    head = _FORMAT.pack(_MAGIC, datagram.run.encode(), *datagram[1:])
    return head.ljust(datagram.size - headers(version), b"\0")


def unpack(payload: bytes) -> Datagram | None:
    """The datagram, ``None`` when it is none of ours."""
    if len(payload) < _FORMAT.size:
        return None
    magic, run, *rest = _FORMAT.unpack_from(payload)
    return Datagram(run.decode("ascii", "replace"), *rest) if magic == _MAGIC else None


def echo(version: int, identifier: int, sequence: int, size: int) -> bytes:
    """An ICMP echo request that makes a packet of the size; the kernel fills the checksum of IPv6 in."""
    kind = 8 if version == 4 else 128
    body = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence) + bytes(size - headers(version))
    if version == 6:
        return body
    return body[:2] + struct.pack("!H", checksum(body)) + body[4:]


def echo_reply(version: int, data: bytes) -> tuple[int, int] | None:
    """Identifier and sequence of an echo reply, ``None`` for anything else."""
    if len(data) < 8 or data[0] != (0 if version == 4 else 129):
        return None
    identifier, sequence = struct.unpack_from("!HH", data, 4)
    return identifier, sequence


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2))
    total: int = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def who_has(address: str, mac: bytes) -> bytes:
    """A frame that asks who has an address without claiming one: an ARP probe (RFC 5227), or the neighbour
    solicitation of duplicate address detection (RFC 4862), which everybody hears the answer of."""
    if ":" not in address:
        target = socket.inet_pton(socket.AF_INET, address)
        arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, b"\0" * 4, b"\0" * 6, target)
        return b"\xff" * 6 + mac + b"\x08\x06" + arp
    target = socket.inet_pton(socket.AF_INET6, address)
    group = bytes.fromhex("ff0200000000000000000001ff") + target[13:]
    icmp = struct.pack("!BBHI", 135, 0, 0, 0) + target
    pseudo = bytes(16) + group + struct.pack("!II", len(icmp), 58)
    icmp = icmp[:2] + struct.pack("!H", checksum(pseudo + icmp)) + icmp[4:]
    ip = struct.pack("!IHBB", 6 << 28, len(icmp), 58, 255) + bytes(16) + group
    return b"\x33\x33" + group[12:] + mac + b"\x86\xdd" + ip + icmp


def is_at(frame: bytes) -> tuple[str, str] | None:
    """Address and MAC that an ARP reply or a neighbour advertisement announces, ``None`` for other frames."""
    kind = frame[12:14]
    if kind == b"\x08\x06" and len(frame) >= 42 and frame[20:22] == b"\x00\x02":
        return socket.inet_ntop(socket.AF_INET, frame[28:32]), _mac(frame[22:28])
    if kind == b"\x86\xdd" and len(frame) >= 78 and frame[20] == 58 and frame[54] == 136:
        # The option with the link address may be missing; the frame has come from it anyway.
        option = frame[78:86]
        mac = option[2:8] if option[:2] == b"\x02\x01" else frame[6:12]
        return socket.inet_ntop(socket.AF_INET6, frame[62:78]), _mac(mac)
    return None


def ask_neighbours() -> bytes:
    """The netlink request for the kernel's table of neighbours."""
    return struct.pack("=IHHII", 28, 30, 0x301, 1, 0) + _NEIGHBOUR.pack(0, 0, 0, 0, 0, 0, 0)


def neighbours(data: bytes, interface: int) -> Iterator[tuple[str, str]]:
    """Address and MAC of those in one part of the kernel's answer that did answer on an interface."""
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        if kind == 28 and length >= 16 + _NEIGHBOUR.size:
            family, _pad, _pad, index, state, _flags, _type = _NEIGHBOUR.unpack_from(data, 16)
            attributes = dict(_attributes(data[16 + _NEIGHBOUR.size : length]))
            if index == interface and not state & _FAILED and len(attributes.get(2, b"")) == 6 and 1 in attributes:
                yield socket.inet_ntop(family, attributes[1]), _mac(attributes[2])
        data = data[max(16, (length + 3) & ~3) :]


def ends(data: bytes) -> bool:
    """Whether this part of the kernel's answer is the last one."""
    while len(data) >= 16:
        length, kind = struct.unpack_from("=IH", data)
        if kind in (2, 3):
            return True
        data = data[max(16, (length + 3) & ~3) :]
    return False


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            return
        yield kind, data[4:length]
        data = data[(length + 3) & ~3 :]


def _mac(raw: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in raw)
