# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan of a fleet as a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._address_plans import plans
from ..module_utils._addresses import AddressPlan
from ..module_utils._errors import BadInput

DOCUMENTATION = r"""
name: address_plan
short_description: Who has which addresses of a migration network
version_added: 0.1.0
author:
  - The livemigration.kubevirt authors (@livemigration)
description:
  - From the slots of a fleet's clusters to the slice of each slot, those that are still free included. A slot that two
    clusters claim, one outside the plan, and a range that does not suffice are refused.
positional: _input, range, max_clusters
options:
  _input:
    description: The slot of each cluster by its name.
    type: dict
    required: true
  range:
    description: The address range of the whole fleet as a CIDR.
    type: str
    required: true
  max_clusters:
    description: How many clusters will ever share the range.
    type: int
    required: true
  second_range:
    description: A range of the other address family, for dual stack.
    type: str
  gateway:
    description: An address of the range that no pod may have.
    type: str
  reserved:
    description: Further addresses or CIDRs of either range that no pod may have.
    type: list
    elements: str
    default: []
  weights:
    description: One weight a slot, for slices in proportion instead of equal ones.
    type: list
    elements: int
    default: []
"""

EXAMPLES = r"""
- name: Show who has what
  ansible.builtin.debug:
    msg: "{{ {'cluster-a': 0, 'cluster-b': 1} | livemigration.kubevirt.address_plan('192.170.10.0/24', 2) }}"
"""

RETURN = r"""
_value:
  description:
    - For each slot in order its C(slot), the C(cluster) (V(null) where it is free), and C(first), C(last) and
      C(size) of its slice (V(null) and V(0) where all of it is reserved); with O(second_range) the same of that as
      C(second).
  type: list
  elements: dict
"""


def address_plan(
    slots: Mapping[str, Any],
    range: str,  # noqa: A002  # the option's name
    max_clusters: int,
    gateway: str | None = None,
    reserved: Sequence[str] = (),
    weights: Sequence[int] = (),
    second_range: str | None = None,
) -> list[dict[str, Any]]:
    """The slice of each slot. :raises AnsibleFilterError: when the plan cannot work."""
    try:
        both = plans(
            range,
            second_range,
            max_clusters=int(max_clusters),
            gateway=gateway or None,
            reserved=list(reserved or ()),
            weights=[int(weight) for weight in weights or ()],
        )
        claimed = {cluster: int(slot) for cluster, slot in slots.items()}
        for plan in both:
            plan.slices(claimed)
    except BadInput as error:
        raise AnsibleFilterError(str(error)) from error
    owners = {slot: cluster for cluster, slot in claimed.items()}
    return [_row(slot, owners.get(slot), *both) for slot in both[0].slots]


def _row(slot: int, cluster: str | None, first: AddressPlan, *others: AddressPlan) -> dict[str, Any]:
    second = [_slice(other, slot) for other in others]
    row = {"slot": slot, "cluster": cluster, **_slice(first, slot)}
    return row | ({"second": second[0]} if second else {})


def _slice(plan: AddressPlan, slot: int) -> dict[str, Any]:
    """What a slot has, which may be nothing as long as nobody claims it."""
    try:
        return plan.slice(slot).as_dict()
    except BadInput:
        return {"first": None, "last": None, "size": 0}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"address_plan": address_plan}
