# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs in a probe's pod: it tests the migration network together with the probes of its peers.

Standard library only, Python 3.9 or later, no privileges: datagrams with DF to the other probes, which count what
they get (so each direction is proven by the side that received), ICMP echo with DF to KubeVirt's own pods, TCP to
the peers' synchronization controllers. With the capability NET_RAW it also hears every answer to "who has this
address"; without, it reads whom the kernel believes.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from . import _probe_wire as wire
from ._probe_places import Door, Link, Peer, Target, known_neighbours
from ._probe_search import message

STEP = 0.02
"""Seconds between two batches; every place is in one of ROUND batches, so that nothing is sent in bursts."""

ROUND = 10
LINGER = 1.0  # seconds for which the others are still answered
CONNECT = 3.0  # seconds for one TCP connection


class Probe:
    """One run."""

    def __init__(self, orders: dict[str, Any], link: Link, inbox: socket.socket, port: int) -> None:
        self.run, self.me, self.port = orders["run"], orders["me"], port
        self.link, self.inbox = link, inbox
        self.peers = {index: Peer(index, address, link.mtu) for index, address, _mac in orders["peers"]}
        self.targets = [Target(index, address, link.mtu) for index, address, _mac in orders["targets"]]
        self.doors = [Door(*door) for door in orders["doors"]]
        self.macs = {address: mac.lower() for _index, address, mac in orders["peers"] + orders["targets"]}
        self.answers: dict[str, set[str]] = {}
        self.seen: set[str] = set()
        self.notes: list[str] = []
        self._sent: dict[int, tuple[Target, int]] = {}
        self._sequence = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(inbox, selectors.EVENT_READ, self._on_datagram)
        self._echo, self._raw = self._echo_socket(), self._raw_socket()

    def go(self, seconds: float) -> dict[str, Any]:
        """Test until everything is known or the time is over."""
        started = time.monotonic()
        end, batch, over = started + seconds, 0, 0.0
        while time.monotonic() < end:
            self._batch(batch % ROUND)
            batch += 1
            self._wait(started + batch * STEP)
            if over == 0.0 and self._knows_all():
                over = time.monotonic()
                end = min(end, over + LINGER)
        return self.report((over or time.monotonic()) - started)

    def _knows_all(self) -> bool:
        peers, targets, doors = self.peers.values(), self.targets, self.doors
        return all(p.over for p in peers) and all(t.over for t in targets) and all(d.over for d in doors)

    def report(self, seconds: float) -> dict[str, Any]:
        """What was found."""
        pings: dict[int, list[int]] = {}
        for target in self.targets:
            count = pings.setdefault(target.index, [0, 0])
            count[0] += target.search.low >= self.link.mtu
            count[1] += 1
        return {
            "me": self.me,
            "mtu": self.link.mtu,
            "seconds": round(seconds, 1),
            "peers": [[p.index, p.heard, p.search.low, int(p.address in self.seen)] for p in self.peers.values()],
            "doors": [[door.index, door.address, door.port, door.state] for door in self.doors],
            "pings": [[index, *count] for index, count in pings.items()] if self._echo else [],
            "bad": [[t.address, t.search.low] for t in self.targets if self._echo and t.search.low < self.link.mtu],
            "taken": self._taken(),
            "listened": self._raw is not None,
            "notes": self.notes,
        }

    def _batch(self, number: int) -> None:
        for peer in list(self.peers.values())[number::ROUND]:
            sizes = peer.search.sizes()
            if not sizes and not peer.over:
                sizes = (wire.LEAST,)
            for size in sizes:
                self._tell(peer, size, wire.WANTS_ANSWER)
        for target in self.targets[number::ROUND]:
            target.rounds += 1
            for size in () if target.over else target.search.sizes():
                self._ping(target, size)
        for door in self.doors:
            self._knock(door)
        if number == 0:
            self._ask_who()
            self._look_around()

    def _ask_who(self) -> None:
        if self._raw is None:
            return
        for address in (self.link.address, *self.macs):
            with contextlib.suppress(OSError):
                self._raw.send(wire.who_has(address, self.link.mac))

    def _tell(self, peer: Peer, size: int, flags: int) -> None:
        flags |= wire.FOUND_ALL if peer.search.done else 0
        datagram = wire.Datagram(self.run, self.me, peer.index, size, peer.heard, flags)
        with contextlib.suppress(OSError):  # no route, nobody there, buffer full: all the same as a lost packet
            self.inbox.sendto(wire.pack(datagram, self.link.version), (peer.address, self.port))

    def _on_datagram(self) -> None:
        payload, sender = self.inbox.recvfrom(65536)
        datagram = wire.unpack(payload)
        if datagram is None or datagram.run != self.run or datagram.receiver != self.me:
            return
        peer = self.peers.get(datagram.sender)
        # What another address says for a peer proves nothing about the peer's own.
        if peer is None or sender[0] != peer.address:
            return
        peer.heard = max(peer.heard, datagram.size)
        peer.finished = bool(datagram.flags & wire.FOUND_ALL)
        if datagram.heard:
            peer.search.confirm(datagram.heard)
        if datagram.flags & wire.WANTS_ANSWER:
            self._tell(peer, wire.LEAST, 0)

    def _ping(self, target: Target, size: int) -> None:
        if self._echo is None:
            return
        self._sequence = (self._sequence + 1) % 65536
        self._sent[self._sequence] = (target, size)
        packet = wire.echo(self.link.version, os.getpid() & 0xFFFF, self._sequence, size)
        with contextlib.suppress(OSError):
            self._echo.sendto(packet, (target.address, 0))

    def _on_echo(self) -> None:
        if self._echo is None:
            return
        data, sender = self._echo.recvfrom(65536)
        if self._echo.type == socket.SOCK_RAW and self.link.version == 4:
            data = data[(data[0] & 15) * 4 :]
        reply = wire.echo_reply(self.link.version, data)
        target, size = self._sent.get(reply[1], (None, 0)) if reply else (None, 0)
        if (
            target is not None
            and target.address == sender[0]
            and len(data) + wire.headers(self.link.version) - 8 == size
        ):
            target.search.confirm(size)

    def _knock(self, door: Door) -> None:
        if door.over:
            return
        if door.socket is None:
            door.socket, door.since, door.tries = self.link.socket(socket.SOCK_STREAM), time.monotonic(), door.tries + 1
            code = door.socket.connect_ex((door.address, door.port))
            if code not in (0, errno.EINPROGRESS):
                self._close(door, code)
                return
            self._selector.register(door.socket, selectors.EVENT_WRITE, lambda: self._on_connect(door))
        elif time.monotonic() - door.since > CONNECT:
            self._selector.unregister(door.socket)
            self._close(door, errno.ETIMEDOUT)

    def _on_connect(self, door: Door) -> None:
        if door.socket is None:
            return
        self._selector.unregister(door.socket)
        self._close(door, door.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _close(self, door: Door, code: int) -> None:
        if door.socket is not None:
            door.socket.close()
        door.socket, door.state = None, errno.errorcode.get(code, str(code)) if code else "open"

    def _wait(self, until: float) -> None:
        while (left := until - time.monotonic()) > 0:
            for key, _events in self._selector.select(left):
                with contextlib.suppress(OSError):
                    key.data()

    def _echo_socket(self) -> socket.socket | None:
        """Open to every group that the pod's sysctl ping_group_range allows; otherwise NET_RAW is needed."""
        protocol = socket.IPPROTO_ICMP if self.link.version == 4 else socket.IPPROTO_ICMPV6
        for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
            with contextlib.suppress(PermissionError):
                made = self.link.socket(kind, protocol)
                self._selector.register(made, selectors.EVENT_READ, self._on_echo)
                return made
        self.notes.append("may not send ICMP echo")
        return None

    def _raw_socket(self) -> socket.socket | None:
        try:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        except PermissionError:
            return None
        made.bind((self.link.name, 3))
        made.setblocking(False)
        self._selector.register(made, selectors.EVENT_READ, lambda: self._on_frame(made))
        return made

    def _on_frame(self, raw: socket.socket) -> None:
        frame, origin = raw.recvfrom(65536)
        said = wire.is_at(frame)
        if said and origin[2] != socket.PACKET_OUTGOING and (said[0] in self.macs or said[0] == self.link.address):
            self.answers.setdefault(said[0], set()).add(said[1])

    def _look_around(self) -> None:
        """Whom the kernel knows: also those whose question about our address came, though nothing else does."""
        for address, mac in known_neighbours(self.link.name):
            self.seen.add(address)
            if self._raw is None:
                self.answers.setdefault(address, set()).add(mac)

    def _taken(self) -> list[list[str]]:
        """Addresses that somebody else has, too, or instead, with the MACs that answer for them."""
        self._look_around()
        wrong = []
        for address, macs in sorted(self.answers.items()):
            expected = self.macs.get(address)
            if address == self.link.address or (expected and macs != {expected}):
                wrong.append([address, *sorted(macs)])
        return wrong


def wait_for_orders(path: str, seconds: float) -> dict[str, Any]:
    """The orders, once the annotation that the file shows has been written."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError):
            orders: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
            return orders
        time.sleep(0.1)
    raise TimeoutError(f"no orders within {seconds:g} s: the kubelet has not brought the annotation into {path}")


def _stop(_number: int, _frame: object) -> None:
    """The first process of a container ignores what it does not handle."""
    raise SystemExit(143)


def main(orders_file: str, interface: str, port: str, result_file: str, patience: str) -> int:
    """Run once; the exit code says whether the probe ran, not what it found."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        orders = wait_for_orders(orders_file, float(patience))
        link = Link(interface, orders["address"])
        inbox = link.socket(socket.SOCK_DGRAM, port=int(port))
        report = Probe(orders, link, inbox, int(port)).go(orders["seconds"])
    except Exception as error:  # whatever it is, the one who started the pod has to hear of it
        report = {"error": f"{type(error).__name__}: {error}"[:500]}
    Path(result_file).write_text(message(report), encoding="utf-8")
    return 1 if "error" in report else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
