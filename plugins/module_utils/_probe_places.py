# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe tests through, and what it tests: the interface, other probes, pods of KubeVirt's, TCP ports.

Part of the program that runs in the probe's pod: standard library only, Python 3.9 or later.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct

from . import _probe_wire as wire
from ._probe_search import Search

PATIENCE = 25
"""Rounds without any answer after which a pod that runs counts as unreachable."""

CONNECTS = 3
"""How often a TCP connection is tried."""

_BIND_TO_DEVICE, _MTU_DISCOVER, _V6_MTU_DISCOVER, _V6_DONT_FRAGMENT, _PROBE = 25, 10, 23, 62, 3


class Link:
    """The interface under test, as the kernel has it."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        self.version = 6 if ":" in address else 4
        self.family = socket.AF_INET6 if self.version == 6 else socket.AF_INET
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("256s", name.encode()[:15])
            self.mtu: int = struct.unpack_from("=i", fcntl.ioctl(any_socket, 0x8921, request), 16)[0]
            self.mac = fcntl.ioctl(any_socket, 0x8927, request)[18:24]

    def socket(self, kind: int, protocol: int = 0, port: int = 0) -> socket.socket:
        """A socket that uses this interface only, never fragments and believes no router about sizes."""
        made = socket.socket(self.family, kind, protocol)
        with contextlib.suppress(PermissionError):  # allowed to everybody since Linux 5.7; the address binds, too
            made.setsockopt(socket.SOL_SOCKET, _BIND_TO_DEVICE, self.name.encode() + b"\0")
        if self.version == 4:
            made.setsockopt(socket.IPPROTO_IP, _MTU_DISCOVER, _PROBE)
        else:
            made.setsockopt(socket.IPPROTO_IPV6, _V6_MTU_DISCOVER, _PROBE)
            made.setsockopt(socket.IPPROTO_IPV6, _V6_DONT_FRAGMENT, 1)
        made.bind((self.address, port))
        made.setblocking(False)
        return made


class Peer:
    """Another probe."""

    def __init__(self, index: int, address: str, full: int) -> None:
        self.index, self.address, self.search = index, address, Search(full)
        self.heard = 0
        self.finished = False

    @property
    def over(self) -> bool:
        """Whether both directions are known."""
        return self.search.done and self.heard > 0 and self.finished


class Target:
    """A pod of KubeVirt's that answers ICMP echo."""

    def __init__(self, index: int, address: str, full: int) -> None:
        self.index, self.address, self.search, self.rounds = index, address, Search(full), 0

    @property
    def over(self) -> bool:
        """Whether it is known how much passes, or that nothing does."""
        return self.search.done or (self.rounds > PATIENCE and not self.search.answered)


class Door:
    """A synchronization controller that accepts TCP connections."""

    def __init__(self, index: int, address: str, port: int) -> None:
        self.index, self.address, self.port = index, address, port
        self.state, self.tries, self.since = "", 0, 0.0
        self.socket: socket.socket | None = None

    @property
    def over(self) -> bool:
        """Whether it answered, or was asked often enough."""
        return self.state == "open" or (self.tries >= CONNECTS and self.socket is None)


def known_neighbours(interface: str) -> list[tuple[str, str]]:
    """The kernel's table of neighbours."""
    found: list[tuple[str, str]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(wire.ask_neighbours())
        while True:
            data = netlink.recv(1 << 17)
            found += wire.neighbours(data, socket.if_nametoindex(interface))
            if wire.ends(data):
                return found
