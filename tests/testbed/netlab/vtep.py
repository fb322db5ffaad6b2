# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VXLAN (RFC 7348) in user space: a bridge port on one side, UDP on the underlay on the other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

PORT = 4789
_MTU_DISCOVER, _DO_NOT_FRAGMENT = 10, 2
_EVERY_PROTOCOL = 3


class Vtep:
    """The end of one VNI on one node; it learns who is where, and sends to all where it does not know.

    :param interface: whose frames are carried: the peer of a port of the bridge.
    :param others: the other ends by their underlay address.
    """

    def __init__(self, vni: int, interface: str, address: str, others: set[str]) -> None:
        self.vni, self.others = vni, others
        self.refused: set[str] = set()
        """Underlay addresses whose packets are lost on their way here."""
        self._places: dict[bytes, str] = {}
        self._frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERY_PROTOCOL))
        self._frames.bind((interface, _EVERY_PROTOCOL))
        self._underlay = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._underlay.setsockopt(socket.IPPROTO_IP, _MTU_DISCOVER, _DO_NOT_FRAGMENT)
        self._underlay.bind((address, PORT))
        loop = asyncio.get_running_loop()
        for each, handle in ((self._frames, self._send), (self._underlay, self._receive)):
            each.setblocking(False)
            loop.add_reader(each, handle)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for each in (self._frames, self._underlay):
            loop.remove_reader(each)
            each.close()

    def _send(self) -> None:
        frame, origin = self._frames.recvfrom(65536)
        if origin[2] == socket.PACKET_OUTGOING:
            return
        place = self._places.get(frame[:6])
        packet = struct.pack("!II", 0x08 << 24, self.vni << 8) + frame
        for other in (place,) if place in self.others else sorted(self.others):
            # A packet that the underlay does not take is lost without a word, as with the kernel's driver.
            with contextlib.suppress(OSError):
                self._underlay.sendto(packet, (other, PORT))

    def _receive(self) -> None:
        packet, (sender, _port) = self._underlay.recvfrom(65536)
        flags, vni = struct.unpack_from("!II", packet)
        if flags != 0x08 << 24 or vni >> 8 != self.vni or sender in self.refused:
            return
        frame = packet[8:]
        self._places[frame[6:12]] = sender
        with contextlib.suppress(OSError):
            self._frames.send(frame)
