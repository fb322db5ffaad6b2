# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses a cluster gives out."""

from __future__ import annotations


class ModuleDocFragment:
    """Which addresses a cluster gives out."""

    DOCUMENTATION = r"""
options:
  range:
    description:
      - The range of the whole fleet in CIDR notation without host bits, such as V(192.168.100.0/24).
      - Its prefix length is what every interface gets, so it must be the same on all clusters.
      - Of an IPv6 range of V(/64) or larger only the lower half of the first V(/64) is given out.
      - Required with O(state=present).
    type: str
  second_range:
    description:
      - A range of the other address family, cut by the same O(slot), O(max_clusters) and O(weights), so that every pod
        gets an address of each.
      - KubeVirt uses only the address of O(range); the second one is for whoever else looks at the network.
      - O(avoid) and O(reserved) hold for both.
    type: str
  slot:
    description:
      - The number of this cluster in the fleet, from 0 to O(max_clusters) minus 1. It must never change.
      - This or O(range_start) with O(range_end) is required with O(state=present).
    type: int
  max_clusters:
    description:
      - For how many clusters the range is divided. Changing it renumbers the fleet.
      - Without O(weights) the slices are equal blocks, as many as the next power of two.
    type: int
  weights:
    description:
      - One weight for each of the O(max_clusters) slots, for slices in proportion, such as the numbers of nodes.
    type: list
    elements: int
  range_start:
    description:
      - First address of this cluster, in place of O(slot).
    type: str
  range_end:
    description:
      - Last address of this cluster.
    type: str
  gateway:
    description:
      - Address of the range that a gateway has. It is kept free, which whereabouts does not do by itself.
    type: str
  reserved:
    description:
      - Further addresses or networks of the ranges that no pod may get.
    type: list
    elements: str
  avoid:
    description:
      - Networks in CIDR notation that the range must not touch, where the cluster itself does not name them.
      - Compared in any case are the addresses and pod networks of the nodes, the service networks, those of OpenShift,
        Calico and Cilium, and the tunnel endpoints, router ids and other L2VNIs of OpenPERouter.
    type: list
    elements: str
  style:
    description:
      - How the slice is written down. Both styles give out the same addresses.
      - V(bounds) sets C(range_start) and C(range_end), V(exclude) excludes the rest of the range.
    type: str
    choices: [bounds, exclude]
    default: bounds
"""
