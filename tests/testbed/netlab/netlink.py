# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, addresses and bridges through rtnetlink: just what a lab needs."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import socket
import struct

_NEW_LINK, _DELETE_LINK, _NEW_ADDRESS = 16, 17, 20
_REQUEST, _ACK, _CREATE = 0x1, 0x4, 0x600
_UP = 1
_ADDRESS, _NAME, _MTU, _MASTER, _LINK_INFO, _NAMESPACE = 1, 3, 4, 10, 18, 28
_KIND, _DATA, _PEER = 1, 2, 1
_WITHOUT_DAD = 2


class Netlink:
    """Changes the namespace it was made in, wherever the process is later."""

    def __init__(self) -> None:
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._ioctl = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def close(self) -> None:
        self._netlink.close()
        self._ioctl.close()

    def bridge(self, name: str, mtu: int) -> None:
        """A bridge that is up."""
        kind = _attribute(_LINK_INFO, _attribute(_KIND, b"bridge"))
        self._ask(_NEW_LINK, _link() + _text(_NAME, name) + _number(_MTU, mtu) + kind, _CREATE)
        self.change(name, up=True)

    def veth(self, name: str, peer: str, namespace: int, *, mtu: int, mac: str = "") -> None:
        """A pair: ``name`` here, ``peer`` in the namespace of that file, with that MAC."""
        there = _link() + _text(_NAME, peer) + _number(_MTU, mtu) + _number(_NAMESPACE, namespace)
        if mac:
            there += _attribute(_ADDRESS, bytes.fromhex(mac.replace(":", "")))
        info = _attribute(_KIND, b"veth") + _attribute(_DATA, _attribute(_PEER, there))
        body = _link() + _text(_NAME, name) + _number(_MTU, mtu) + _attribute(_LINK_INFO, info)
        self._ask(_NEW_LINK, body, _CREATE)

    def change(self, name: str, *, up: bool = False, mtu: int = 0, master: str = "") -> None:
        body = _link(self._index(name), _UP if up else 0)
        if mtu:
            body += _number(_MTU, mtu)
        if master:
            body += _number(_MASTER, self._index(master))
        self._ask(_NEW_LINK, body)

    def delete(self, name: str) -> None:
        self._ask(_DELETE_LINK, _link(self._index(name)))

    def address(self, name: str, text: str) -> None:
        """Add an address with its prefix length; an IPv6 one is usable at once."""
        found = ipaddress.ip_interface(text)
        family = socket.AF_INET if found.version == 4 else socket.AF_INET6
        head = struct.pack("=BBBBi", family, found.network.prefixlen, _WITHOUT_DAD, 0, self._index(name))
        body = head + _attribute(2, found.ip.packed) + _attribute(1, found.ip.packed)
        self._ask(_NEW_ADDRESS, body, _CREATE)

    def complete_checksums(self, name: str) -> None:
        """Let the kernel fill checksums in before packets leave: a reader of raw frames passes them on as they are."""
        value = bytearray(struct.pack("=II", 0x17, 0))  # ETHTOOL_STXCSUM off
        import ctypes

        buffer = (ctypes.c_char * len(value)).from_buffer(value)
        request = struct.pack("16sP16x", name.encode(), ctypes.addressof(buffer))
        fcntl.ioctl(self._ioctl, 0x8946, request)

    def _index(self, name: str) -> int:
        answer = fcntl.ioctl(self._ioctl, 0x8933, struct.pack("16s16x", name.encode()))
        return int(struct.unpack_from("=i", answer, 16)[0])

    def _ask(self, kind: int, body: bytes, flags: int = 0) -> None:
        head = struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 1, 0)
        self._netlink.send(head + body)
        code = -int(struct.unpack_from("=i", self._netlink.recv(65536), 16)[0])
        if code:
            raise OSError(code, os.strerror(code))


def loopback_up(netlink: Netlink) -> None:
    """A new namespace has it down."""
    with contextlib.suppress(OSError):
        netlink.change("lo", up=True)


def _link(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, flags)


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _text(kind: int, text: str) -> bytes:
    return _attribute(kind, text.encode() + b"\0")


def _number(kind: int, number: int) -> bytes:
    return _attribute(kind, struct.pack("=I", number))
