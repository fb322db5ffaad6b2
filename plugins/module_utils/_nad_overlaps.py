# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other networks of a cluster that the range of the migration network must not touch."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from . import _networks as networks
from ._addresses import collide
from ._checks import Finding
from ._cluster import Cluster
from ._nad_config import Wanted
from ._resources import IP_POOL, NAD
from ._whereabouts import Network

Named = tuple[str, Network]


def observe(cluster: Cluster, bridges: Collection[str]) -> tuple[list[Named], list[str]]:
    """The networks that the cluster itself names, and what it does not let us read.

    :param bridges: the migration network's own, as it is and as it was, whose L2VNI may have a gateway in the range.
    """
    own = {bridge for bridge in bridges if bridge}
    # Whether another attachment does harm depends on its bounds, not on its range alone: it is judged apart.
    found = networks.read(cluster, without=(NAD, IP_POOL))
    return [(net.what, net.network) for net in found.nets if net.bridge not in own], found.closed


def check(wanted: Wanted, named: Iterable[Named], cluster: str) -> list[Finding]:
    """Which of the networks share addresses with the range, those within a reserved part excepted."""
    return [
        Finding(
            "range-overlaps-network",
            "error",
            cluster,
            wanted.title,
            f"range {piece.network} apart from every other network of the cluster",
            f"{name} is {other}",
            "Packets would go astray: choose another range, or reserve single addresses that others have.",
        )
        for piece in wanted.pieces
        for name, other in named
        if collide(piece.network, other, piece.reserved)
    ]
