# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan of a fleet as a filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils import _addresses
from ..module_utils._errors import BadInput

DOCUMENTATION = r"""
name: address_plan
short_description: Who has which addresses of a migration network
version_added: 0.1.0
author:
  - The livemigration.kubevirt authors (@livemigration)
description:
  - From the slots of a fleet's clusters to the slice of each. A slot that two clusters claim, one outside the plan, and
    a range that does not suffice are refused.
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
  gateway:
    description: An address of the range that no pod may have.
    type: str
  reserved:
    description: Further addresses or CIDRs that no pod may have.
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
  description: For each cluster C(first), C(last) and C(size) of its slice.
  type: dict
"""


def address_plan(
    slots: Mapping[str, Any],
    range: str,  # noqa: A002  # the option's name
    max_clusters: int,
    gateway: str | None = None,
    reserved: Sequence[str] = (),
    weights: Sequence[int] = (),
) -> dict[str, dict[str, Any]]:
    """The slice of each cluster. :raises AnsibleFilterError: when the plan cannot work."""
    try:
        within = _addresses.network(range)
        kept = _addresses.reserved(gateway, reserved, within)
        plan = _addresses.AddressPlan(within, int(max_clusters), kept, tuple(map(int, weights)))
        slices = plan.slices({cluster: int(slot) for cluster, slot in slots.items()})
    except BadInput as error:
        raise AnsibleFilterError(str(error)) from error
    return {cluster: one.as_dict() for cluster, one in slices.items()}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"address_plan": address_plan}
