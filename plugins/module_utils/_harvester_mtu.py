# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTU of a Harvester cluster's migration network, from the uplinks over the NAD to the pods. Pure.

Harvester's network controller writes the MTU of the uplinks into the NAD, under the pods that have it. These keep what
they were started with, and nobody restarts them.
"""

from __future__ import annotations

from . import _harvester_plan as planning
from . import _kubevirt_pods as pods
from ._cluster import Object, namespaced_name
from ._harvester import Seen, annotations_of
from ._harvester_options import Wanted
from ._network_info_room import mtu_of_network

MTU = "network.harvesterhci.io/uplink-mtu"
WHY = "it has the MTU that the uplinks had when it was started"

_KERNEL_MTU = 1500


def of_uplinks(cluster_network: Object) -> int:
    """What Harvester takes for the MTU of a cluster network."""
    text = annotations_of(cluster_network).get(MTU, "")
    return int(text) if text.isdigit() and int(text) else _KERNEL_MTU


def of_nad(nad: Object) -> int:
    """What pods get that start now."""
    return mtu_of_network(nad) or _KERNEL_MTU


def stale(wanted: Wanted, seen: Seen) -> list[Object]:
    """The pods that have another MTU than the NAD; none while a new NAD, and with it new pods, are still to come."""
    if wanted.network is None or seen.nad is None or planning.network(wanted, seen) is not None:
        return []
    mtu, name = of_nad(seen.nad), namespaced_name(seen.nad)
    found = []
    for body in seen.pods:
        pod = pods.of(body)
        leaving = body["metadata"].get("deletionTimestamp")
        # An older multus does not tell the MTU.
        if not leaving and pod.attached == name and pod.mtu not in (None, mtu):
            found.append(body)
    return sorted(found, key=lambda body: (body["metadata"]["labels"]["kubevirt.io"], body["metadata"]["name"]))
