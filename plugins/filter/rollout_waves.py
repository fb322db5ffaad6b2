# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils import _waves
from ..module_utils._errors import MigrationError

DOCUMENTATION = r"""
name: rollout_waves
short_description: In which order, and how many at a time, the clusters of a fleet are changed
version_added: 0.1.0
description:
  - Puts the clusters in batches. Those that change come first, and of them the canary alone.
  - A cluster that takes addresses which another one holds comes in a later batch than that one. Where clusters would
    have to wait for each other the change is refused.
positional: _input
options:
  _input:
    description:
      - By cluster a dictionary with C(changes), whether anything will change, and C(new) and C(claims) as
        M(livemigration.kubevirt.migration_addresses_info) returns them.
    type: dict
    required: true
  batch:
    description: How many clusters are changed at a time, a number or a percentage.
    type: str
    default: 100%
  canary:
    description: How many of those that change go first; V(0) for none.
    type: int
    default: 1
author:
  - The livemigration.kubevirt authors (@livemigration)
"""

EXAMPLES = r"""
- name: Slots of half the size, so zurich comes after munich
  ansible.builtin.debug:
    msg: "{{ fleet | livemigration.kubevirt.rollout_waves }}"
  vars:
    fleet:
      munich:
        changes: true
        claims:
          - {first: 192.168.100.1, last: 192.168.100.127, by: the old slice}
      zurich:
        changes: true
        new:
          - {first: 192.168.100.64, last: 192.168.100.127}
"""

RETURN = r"""
_value:
  description: The names of the clusters, a list for each batch.
  type: list
  elements: list
  sample: [["munich"], ["zurich"]]
"""


def rollout_waves(fleet: Mapping[str, Mapping[str, Any]], batch: str = "100%", canary: int = 1) -> list[list[str]]:
    """See DOCUMENTATION."""
    try:
        return _waves.waves({name: _waves.turn_of(entry) for name, entry in fleet.items()}, batch, int(canary))
    except MigrationError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """By name."""
        return {"rollout_waves": rollout_waves}
