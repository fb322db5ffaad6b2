#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: harvester_migration_network
short_description: Give a Harvester cluster its migration network through Harvester's own settings
version_added: 0.1.0
description:
  - Sets Harvester's setting C(vm-migration-network), and nothing that Harvester makes of it. Harvester then makes the
    NetworkAttachmentDefinition and points KubeVirt at it. Needs Harvester v1.6 or later.
  - A value that means the same is left as it stands, because Harvester takes every other text, spaces included, for
    another network and restarts every C(virt-handler).
  - Checks everything that Harvester's validator checks before it is asked, and what it does not, such as running
    migrations, reserved networks and VMs on the old network.
  - Waits until Harvester has carried it out, KubeVirt has rolled out, and every pod has an address of this cluster's
    slice. Harvester gives up for good where a step fails; it is then made to try again.
  - Mends what was changed by hand and Harvester never looks at again, its NetworkAttachmentDefinition and the
    network in the KubeVirt CR.
  - After a change of the uplinks' MTU Harvester edits the NetworkAttachmentDefinition under the pods. Those that still
    have the old MTU are restarted, the first alone, then a tenth of them at a time.
author:
  - The livemigration.kubevirt authors (@livemigration)
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.kubevirt_limits.limits
options:
  state:
    description:
      - With V(present) migrations go over the network that the other options say.
      - With V(absent) they go over the pod network again, then the feature gate for moves between clusters is
        removed. Limits stay.
    type: str
    choices: [present, absent]
    default: present
  cluster_network:
    description:
      - Name of the ClusterNetwork, of at most 12 characters. Its VlanConfigs must cover every node but witnesses.
      - Required with O(state=present).
    type: str
  vlan:
    description:
      - VLAN of the migration network, from 0 to 4094; on V(mgmt) from 2. Harvester makes 0 the same as 1.
      - Required with O(state=present).
    type: int
  range:
    description:
      - The address range of the whole fleet as an IPv4 CIDR of at most a /16. Harvester up to v1.9 has no IPv6.
      - Required with O(state=present).
    type: str
  slot:
    description:
      - The slot of this cluster in O(range), from 0. All other slots are excluded.
      - Without it the cluster has the whole range.
    type: int
  max_clusters:
    description:
      - How many clusters will ever share O(range).
    type: int
  weights:
    description:
      - One weight a slot for slices in proportion instead of equal ones.
    type: list
    elements: int
  gateway:
    description:
      - An address of the range that no pod may have.
    type: str
  reserved:
    description:
      - Further addresses or CIDRs of the range that no pod may have.
    type: list
    elements: str
  avoid:
    description:
      - CIDRs that the range must not touch and that the cluster itself does not name.
    type: list
    elements: str
  mtu:
    description:
      - MTU that the fleet agreed on. Harvester takes the MTU from the uplinks of the cluster network; another one is
        refused.
    type: int
  required_addresses:
    description:
      - How many addresses the cluster needs, in place of what the module counts.
    type: int
  growth:
    description:
      - Addresses to keep for nodes to come.
    type: int
    default: 0
  allow_decentralized:
    description:
      - Whether the feature gate C(DecentralizedLiveMigration), which moves between clusters need, is added to the
        KubeVirt CR. Harvester does not support such moves.
      - Harvester has no setting for it and its chart owns the list of gates, so an upgrade of Harvester may take it
        away again.
      - V(false) leaves the gate as it is.
    type: bool
    default: false
  allow_gitops:
    description:
      - Whether to write to a setting, or a KubeVirt CR, that a GitOps tool (Argo CD, Flux) applies. Unless the same
        change is made in its repository, the tool takes it back.
    type: bool
    default: false
  allow_during_migrations:
    description:
      - Whether to write while migrations are unfinished on the cluster. They may be lost. Harvester itself refuses
        new limits even then.
    type: bool
    default: false
  wait_for_migrations:
    description:
      - Seconds to wait, before something is written, until the migrations that are unfinished on the cluster have
        ended. With V(0) the change is refused while there are any.
    type: int
    default: 0
  retries:
    description:
      - How often Harvester is made to try again what it gave up.
    type: int
    default: 2
  wait_timeout:
    description:
      - Seconds to wait, as a whole, until the network is in force everywhere.
    type: int
    default: 900
seealso:
  - module: livemigration.kubevirt.kubevirt_migrations
  - module: livemigration.kubevirt.migration_network_info
"""

EXAMPLES = r"""
- name: Migrate over VLAN 100 of the cluster network "mgmt", with this cluster's share of the fleet's range
  livemigration.kubevirt.harvester_migration_network:
    kubeconfig: "{{ harvester_kubeconfig }}"
    cluster_network: mgmt
    vlan: 100
    range: 172.30.0.0/24
    slot: 0
    max_clusters: 4

- name: Limit the bandwidth, too, and let VMs move to other clusters at one's own risk
  livemigration.kubevirt.harvester_migration_network:
    kubeconfig: "{{ harvester_kubeconfig }}"
    cluster_network: mgmt
    vlan: 100
    range: 172.30.0.0/24
    slot: 0
    max_clusters: 4
    bandwidth_per_migration: 512Mi
    allow_decentralized: true

- name: Migrate over the pod network again
  livemigration.kubevirt.harvester_migration_network:
    kubeconfig: "{{ harvester_kubeconfig }}"
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, one sentence a write.
  returned: always
  type: list
  elements: str
diff:
  description: The objects before and after each write, without their status.
  returned: always
  type: list
  elements: dict
harvester_migration_network:
  description: The network as it is now, in check mode as it would be.
  returned: success
  type: dict
  contains:
    version: {description: The Harvester that runs., type: str, returned: always, sample: v1.8.2}
    namespace: {description: Namespace of KubeVirt and of the NAD., type: str, returned: always}
    nad:
      description: The NAD that Harvester made; empty without a network, and in check mode before there is one.
      type: str
      returned: always
      sample: vm-migration-network-x7k2p
    value: {description: The text of the setting; empty without a network., type: str, returned: always}
    cluster_network: {description: Name of the ClusterNetwork; null without a network., type: str, returned: always}
    vlan: {description: Its VLAN; null without a network., type: int, returned: always}
    range: {description: The range of the fleet; null without a network., type: str, returned: always}
    exclude: {description: What of the range is excluded., type: list, elements: str, returned: always}
    slice:
      description: The addresses of this cluster; null without a network.
      type: dict
      returned: always
      contains:
        first: {description: The first address., type: str, returned: always}
        last: {description: The last address., type: str, returned: always}
        size: {description: How many there are., type: int, returned: always}
    capacity:
      description: Why so many addresses are needed, and how many there are; null without a network.
      type: dict
      returned: always
      contains:
        nodes: {description: Nodes but witnesses., type: int, returned: always}
        sync_replicas: {description: Replicas of virt-synchronization-controller., type: int, returned: always}
        surge: {description: Pods that a rolling update runs in addition., type: int, returned: always}
        growth: {description: The option., type: int, returned: always}
        spare: {description: Addresses that rebooted nodes keep for a day., type: int, returned: always}
        required: {description: The option O(required_addresses)., type: int, returned: always}
        needed: {description: The sum., type: int, returned: always}
        taken: {description: "Addresses that others have, or that nobody gave back.", type: int, returned: always}
        available: {description: Addresses of the slice without those., type: int, returned: always}
    kubevirt_version: {description: The KubeVirt that runs., type: str, returned: always}
    network: {description: The NAD that the KubeVirt CR names; empty for the pod network., type: str, returned: always}
    decentralized: {description: Whether the feature gate is enabled., type: bool, returned: always}
    migrations: {description: The whole C(spec.configuration.migrations)., type: dict, returned: always}
    synchronization_addresses:
      description: Where peers reach the synchronization controller.
      type: list
      elements: str
      returned: always
    findings:
      description: What the checks found; errors among them only where nothing had to be written.
      type: list
      elements: dict
      returned: always
      contains:
        id: {description: Identifier of the check., type: str, returned: always}
        severity: {description: V(error) or V(warning)., type: str, returned: always}
        cluster: {description: The cluster., type: str, returned: always}
        object: {description: The object., type: str, returned: always}
        wanted: {description: What should have been the case., type: str, returned: always}
        found: {description: What was the case., type: str, returned: always}
        hint: {description: What to do., type: str, returned: always}
    settled: {description: Whether it is in force on every pod., type: bool, returned: always}
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

from ..module_utils import _harvester_migration_network
from ..module_utils._harvester_options import SPEC
from ..module_utils._runner import Module, run_module

MODULE = Module(name="harvester_migration_network", spec=SPEC, work=_harvester_migration_network.work)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
