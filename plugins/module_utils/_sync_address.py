# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses under which KubeVirt's synchronization controller listens, as KubeVirt's status spells them."""

from __future__ import annotations

import dataclasses
import ipaddress
import re

from ._whereabouts import Address

DEFAULT_PORT = 9185
"""What KubeVirt uses unless ``spec.synchronizationPort`` says otherwise."""

_BRACKETED = re.compile(r"\[(?P<ip>[^\[\]]+)\](?::(?P<port>\d{1,5}))?")
_WITH_PORT = re.compile(r"(?P<ip>.+):(?P<port>\d{1,5})")


@dataclasses.dataclass(frozen=True, slots=True)
class SyncAddress:
    """An address that can be dialled.

    :param text: as KubeVirt wrote it; that is what a migration has to carry.
    :param unbracketed: IPv6 joined with its port without brackets (KubeVirt before 1.6.6, 1.7.4 and 1.8.3),
        which KubeVirt itself cannot dial.
    """

    text: str
    ip: Address
    port: int
    unbracketed: bool = False

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip.version == 6 else f"{self.ip}:{self.port}"


def parse(text: str, port: int = DEFAULT_PORT) -> SyncAddress | None:
    """The address that ``text`` means, ``None`` when it means none.

    Accepted, in this order: ``[v6]:port``, ``v4:port``, ``v6:port`` without brackets (everything after the last
    colon is the port: KubeVirt always writes one), and an address alone, which gets ``port``.
    """
    for pattern in (_BRACKETED, _WITH_PORT):
        match = pattern.fullmatch(text)
        address = _ip(match["ip"]) if match else None
        if match is None or address is None or (pattern is _BRACKETED and address.version == 4):
            continue
        number = int(match["port"] or port)
        if 0 < number < 65536:
            unbracketed = pattern is _WITH_PORT and address.version == 6
            return SyncAddress(text, address, number, unbracketed)
    alone = _ip(text)
    return SyncAddress(text, alone, port) if alone else None


def _ip(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
