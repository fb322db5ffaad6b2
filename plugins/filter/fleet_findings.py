# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In what the clusters of a fleet do not agree, as a filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..module_utils import _fleet
from ..module_utils._fleet_member import PREFIX, Member

DOCUMENTATION = r"""
name: fleet_findings
short_description: In what the clusters of a fleet do not agree
version_added: 0.1.0
author:
  - The livemigration.kubevirt authors (@livemigration)
description:
  - From what the inventory wants of every cluster, and from what the clusters say of themselves, to everything that
    cannot work together. It only looks; what to do about it is for the role P(livemigration.kubevirt.preflight#role).
  - Compared are slots, ranges, VNI, MTU, VXLAN ports and route targets; the tunnel endpoints and router ids of the
    Underlays with each other; and the ranges with every network that a cluster names.
  - So are the networks of the VMs (the role P(livemigration.kubevirt.vm_network#role)) - their numbers, gateways and
    MTU over the fleet, their names and numbers with those of the migration network, and their subnets with the range
    and with the networks that a cluster names.
  - Objects that carry the mark of this collection and that no variable names any more are warned about.
  - A cluster whose variables have no C(migration_network_cluster), which the role
    P(livemigration.kubevirt.migration_network#role) sets, is judged by the inventory alone.
extends_documentation_fragment:
  - livemigration.kubevirt.fleet
  - livemigration.kubevirt.fleet.variables
positional: _input, hostvars
seealso:
  - plugin: livemigration.kubevirt.address_plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show in what the fleet does not agree
  ansible.builtin.debug:
    msg: "{{ groups['all'] | livemigration.kubevirt.fleet_findings(hostvars) }}"
"""

RETURN = r"""
_value:
  description:
    - Findings, causes before consequences. Each has C(id), C(severity) (V(error) or V(warning)), C(cluster), C(object),
      C(wanted), C(found), C(hint), and all of it in one sentence as C(text).
  type: list
  elements: dict
"""

_NAMES = (
    "state",
    "flavour",
    "type",
    "range",
    "second_range",
    "max_clusters",
    "slot",
    "weights",
    "gateway",
    "reserved",
    "avoid",
    "vni",
    "vrf",
    "vxlan_port",
    "mtu",
    "underlay_mtu",
    "underlay_address_family",
    "nad",
    "kubevirt_namespace",
    "l2vni",
    "l3vni",
    "l3vni_vni",
    "openperouter_namespace",
    "uplink",
    "uplink_policy",
)
_OTHERS = (
    "preflight_underlay",
    "vm_network_networks",
    "vm_network_state",
    "vm_network_openperouter_namespace",
    "vm_network_underlay_mtu",
    "vm_network_underlay_address_family",
)


def fleet_findings(names: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Everything in which the fleet cannot work."""
    members = [_member(name, hostvars[name]) for name in names]
    return [finding.as_dict() | {"text": str(finding)} for finding in _fleet.findings(members)]


def _member(name: str, variables: Mapping[str, Any]) -> Member:
    """Only the variables that count: what else the inventory holds may not even be defined."""
    wanted = [*(f"{PREFIX}{option}" for option in _NAMES), *_OTHERS]
    told = {variable: variables[variable] for variable in wanted if variable in variables}
    return Member(name, told, variables.get(f"{PREFIX}cluster") or {})


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filters by name."""
        return {"fleet_findings": fleet_findings}
