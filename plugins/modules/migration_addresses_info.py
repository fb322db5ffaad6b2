#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_addresses_info
short_description: Look at which addresses of the migration network a cluster holds, and who holds its new ones
version_added: 0.1.0
description:
  - Reads what the NADs of the migration network can give out on a cluster and what their pools have given out, and
    which addresses the cluster would take in addition with the slice that the options describe.
  - With O(others) these clusters are asked whether they hold any of them. So a fleet can be renumbered one cluster
    after the other without two pods ever getting one address.
  - Changes nothing. It does not fail when addresses are held elsewhere; see RV(migration_addresses_info.findings).
author:
  - The livemigration.kubevirt authors (@livemigration)
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.address_slice
options:
  range:
    description:
      - The address range of the whole fleet as a CIDR. Without it only what the cluster holds is read.
    type: str
  others:
    description:
      - The other clusters of the fleet, each the options of its connection by its name. They are asked only when this
        cluster would take addresses that it does not have. This cluster itself may be among them.
    type: dict
    default: {}
seealso:
  - module: livemigration.kubevirt.migration_nad
  - plugin: livemigration.kubevirt.rollout_waves
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at what the cluster holds
  livemigration.kubevirt.migration_addresses_info:
    kubeconfig: "{{ cluster_kubeconfig }}"
  register: addresses

- name: Say it
  ansible.builtin.debug:
    var: addresses.migration_addresses_info.claims
"""

RETURN = r"""
actions:
  description: Always empty, the module writes nothing.
  returned: always
  type: list
  elements: str
diff:
  description: Always empty, the module writes nothing.
  returned: always
  type: list
  elements: dict
migration_addresses_info:
  description: What was found.
  returned: success
  type: dict
  contains:
    claims:
      description: Addresses that the cluster holds.
      returned: always
      type: list
      elements: dict
      contains:
        first: {description: The first., type: str, returned: always, sample: 192.170.10.2}
        last: {description: The last., type: str, returned: always, sample: 192.170.10.127}
        by: {description: The NAD that gives them out or the pod that has it., type: str, returned: always}
    new:
      description: Addresses that the options describe and that no NAD of the cluster gives out.
      returned: always
      type: list
      elements: dict
      contains:
        first: {description: The first., type: str, returned: always}
        last: {description: The last., type: str, returned: always}
    findings:
      description: What O(others) hold of the new addresses, as checks report it.
      returned: always
      type: list
      elements: dict
      contains:
        id: {description: Always V(addresses-held-elsewhere)., type: str, returned: always}
        severity: {description: Always V(error)., type: str, returned: always}
        cluster: {description: Name of this cluster., type: str, returned: always}
        object: {description: The object concerned., type: str, returned: always}
        wanted: {description: What should be the case., type: str, returned: always}
        found: {description: What is the case., type: str, returned: always}
        hint: {description: What to do., type: str, returned: always}
failure:
  description: Why the module failed.
  returned: failure
  type: dict
  contains:
    reason: {description: One word for programs., type: str, returned: always}
    wanted: {description: What should have been the case., type: str, returned: always}
    found: {description: What was the case., type: str, returned: always}
    cluster: {description: The cluster., type: str, returned: always}
    object: {description: The object., type: str, returned: always}
    hint: {description: What to do., type: str, returned: always}
"""

from ..module_utils import _claims
from ..module_utils._runner import Module, run_module

MODULE = Module(name="migration_addresses_info", spec=_claims.SPEC, work=_claims.work)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
