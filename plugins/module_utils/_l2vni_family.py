# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A changed VNI as another L2VNI beside the old one, so that no pod loses its bridge before it has left it.

An L2VNI has one number, and its bridge is made of that number. All L2VNIs of one network are its family: the one of the
plain name, and those that were made beside another one, named after both and known by a label.
"""

from __future__ import annotations

import dataclasses

from . import _mark as mark
from ._cluster import Object
from ._l2vni_shape import gateways_of
from ._l2vni_spec import L2vni
from ._openperouter import Installed

LABEL = mark.NETWORK
"""On every L2VNI that was made beside another one: the plain name."""

_LONGEST = 15
"""Releases that make a VRF of the name take it for the name of an interface."""


def members(found: Installed, base: str, namespace: str) -> list[Object]:
    """The family on a cluster, the plain name first."""
    here = [item for item in found.peers.l2vnis if item["metadata"].get("namespace") == namespace]
    plain = [item for item in here if item["metadata"]["name"] == base]
    return plain + [item for item in here if (item["metadata"].get("labels") or {}).get(LABEL) == base]


def placed(network: L2vni, found: Installed) -> L2vni:
    """The network under the name that it has, or is to get."""
    base = network.name
    mine = members(found, base, network.namespace)
    names = [item["metadata"]["name"] for item in mine]
    for name, item in zip(names, mine, strict=True):
        if item["spec"].get("vni") == network.vni:
            return _named(network, base, name)
    if mine and network.vxlan_port is None:
        # The other clusters listen on the port that the old one has.
        network = dataclasses.replace(network, vxlan_port=_port(mine[0]))
    if base not in names or not _room(network, mine, found):
        return network
    number = f"-{network.vni}"
    name = base[: _LONGEST - len(number)].rstrip("-") + number
    # A name that somebody else has given away is not ours to change.
    return network if found.own(found.shape.l2vni, name, network.namespace) else _named(network, base, name)


def _named(network: L2vni, base: str, name: str) -> L2vni:
    return network if name == base else dataclasses.replace(network, name=name, family=base)


def _port(item: Object) -> int | None:
    return next((value for key, value in item["spec"].items() if key.lower() == "vxlanport"), None)


def _room(network: L2vni, mine: list[Object], found: Installed) -> bool:
    """Whether two can be there at a time: not with one gateway, one bridge of the user's own, or one VRF of shape A."""
    gateways = network.gateways or any(gateways_of(item["spec"]) for item in mine)
    shared = found.shape.letter == "A" and bool(network.vrf)
    return not (gateways or network.bridge_name or shared)


def superseded(network: L2vni, found: Installed) -> list[str]:
    """The others of the family, which go once nobody is on their bridges any more."""
    base = network.family or network.name
    names = [str(item["metadata"]["name"]) for item in members(found, base, network.namespace)]
    return [name for name in names if name != network.name]
