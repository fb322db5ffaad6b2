# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the clusters of a fleet are reached, as a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: fleet_connections
short_description: How the clusters of a fleet are reached, by their names
version_added: 0.1.0
author:
  - The livemigration.kubevirt authors (@livemigration)
description:
  - From the names of clusters and their variables to their connections, in the order of the names, without the clusters
    that the inventory leaves out of what is to be done.
extends_documentation_fragment:
  - livemigration.kubevirt.fleet
  - livemigration.kubevirt.fleet.variables
positional: _input, hostvars
options:
  of:
    description:
      - V(all) takes every cluster that has a connection; hosts without one are none.
      - V(staying) leaves out clusters with C(migration_network_state=absent).
      - V(network) leaves out clusters with C(migration_network_type=none), too.
    type: str
    choices: [all, staying, network]
    default: staying
  variable:
    description: The variable with the connection.
    type: str
    default: cluster_connection
"""

EXAMPLES = r"""
- name: Show the clusters that are to be on the migration network
  ansible.builtin.debug:
    msg: "{{ (groups['all'] | livemigration.kubevirt.fleet_connections(hostvars, of='network')).keys() }}"
"""

RETURN = r"""
_value:
  description: The connection of each cluster by its name.
  type: dict
"""


def fleet_connections(
    names: Iterable[str],
    hostvars: Mapping[str, Mapping[str, Any]],
    of: str = "staying",
    variable: str = "cluster_connection",
) -> dict[str, Any]:
    """The connections by name."""
    if of not in ("all", "staying", "network"):
        raise AnsibleFilterError(f"option of: wanted all, staying or network; found {of}")
    if of == "all":
        return {name: hostvars[name][variable] for name in names if variable in hostvars[name]}
    return {name: hostvars[name][variable] for name in names if _wanted(hostvars[name], of)}


def _wanted(variables: Mapping[str, Any], of: str) -> bool:
    if variables.get("migration_network_state", "present") == "absent":
        return False
    return of == "staying" or variables.get("migration_network_type", "evpn") != "none"


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"fleet_connections": fleet_connections}
