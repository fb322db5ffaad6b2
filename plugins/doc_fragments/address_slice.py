# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses of the fleet's range a cluster should have, for modules that only look."""

from __future__ import annotations


class ModuleDocFragment:
    """Options that describe a slice without making one."""

    DOCUMENTATION = r"""
options:
  second_range:
    description:
      - A range of the other address family, from which pods get a second address.
    type: str
  max_clusters:
    description:
      - How many clusters share O(range).
    type: int
  slot:
    description:
      - The slot of this cluster in the address plan, from 0.
    type: int
  weights:
    description:
      - One weight a slot, for slices in proportion instead of equal ones.
    type: list
    elements: int
  range_start:
    description:
      - The first address of this cluster, instead of O(slot).
    type: str
  range_end:
    description:
      - The last address of this cluster.
    type: str
  gateway:
    description:
      - An address of O(range) that no pod may have.
    type: str
  reserved:
    description:
      - Further addresses or CIDRs of O(range) that no pod may have.
    type: list
    elements: str
"""
