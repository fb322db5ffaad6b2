#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_network_info
short_description: Look at what the migration network of a cluster really is
version_added: 0.1.0
description:
  - Reads what each C(virt-handler) and C(virt-synchronization-controller) pod really has of the migration network, the
    addresses KubeVirt reports to other clusters, and what whereabouts has given out; it judges all of that and changes
    nothing.
  - KubeVirt falls back to the pod network in silence when a pod lacks C(migration0), so the settings alone prove
    nothing.
author:
  - The livemigration.kubevirt authors (@livemigration)
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.kubevirt_cr
  - livemigration.kubevirt.address_slice
options:
  network:
    description:
      - Name of the NetworkAttachmentDefinition that should be the migration network. One that
        M(livemigration.kubevirt.migration_nad) has made to take its place will do.
      - Defaults to the one that the KubeVirt CR names.
    type: str
  range:
    description:
      - The address range of the whole fleet as a CIDR.
      - Without it the addresses that the NetworkAttachmentDefinition can give out are this cluster's slice.
    type: str
  moves:
    description:
      - Also look for what moves have left behind on the cluster, and for migrations that have not ended for more than
        ten minutes, whoever made them. It reads every VM.
    type: bool
    default: false
seealso:
  - module: livemigration.kubevirt.migration_nad
  - module: livemigration.kubevirt.kubevirt_migrations
"""

EXAMPLES = r"""
- name: Look at the migration network
  livemigration.kubevirt.migration_network_info:
    kubeconfig: "{{ cluster_kubeconfig }}"
    network: migration-evpn
    range: 192.170.10.0/24
    max_clusters: 2
    slot: 0
    gateway: 192.170.10.1
  register: network

- name: Stop unless every pod is on it
  ansible.builtin.assert:
    that: network.migration_network_info.ready
    fail_msg: "{{ network.migration_network_info.findings }}"
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
migration_network_info:
  description: What was found.
  returned: success
  type: dict
  contains:
    ready:
      description: Whether no finding is an error.
      type: bool
      returned: always
    findings:
      description: What is wrong, causes before consequences.
      type: list
      elements: dict
      returned: always
      contains:
        id: {description: "Which check, a stable word.", type: str, returned: always, sample: interface-missing}
        severity: {description: V(error) or V(warning)., type: str, returned: always}
        cluster: {description: The cluster., type: str, returned: always}
        object: {description: The object., type: str, returned: always}
        wanted: {description: What should be the case., type: str, returned: always}
        found: {description: What is the case., type: str, returned: always}
        hint: {description: What to do., type: str, returned: always}
    kubevirt:
      description: The KubeVirt CR.
      type: dict
      returned: always
      contains:
        namespace: {description: Its namespace., type: str, returned: always}
        name: {description: Its name., type: str, returned: always}
        version: {description: The KubeVirt that runs., type: str, returned: always}
        decentralized: {description: Whether moves between clusters are enabled., type: bool, returned: always}
        network: {description: The NAD that it names; empty for the pod network., type: str, returned: always}
        settled: {description: Whether virt-operator has carried it out., type: bool, returned: always}
        reason: {description: Why it has not., type: str, returned: always}
    network:
      description: The NAD that was looked for; empty without one.
      type: str
      returned: always
    slice:
      description: The addresses of this cluster, of O(range) where there are two; null when nobody says.
      type: dict
      returned: always
      contains:
        first: {description: The first one., type: str, returned: always}
        last: {description: The last one., type: str, returned: always}
        size: {description: How many can be given out., type: int, returned: always}
    rollout:
      description: Whether the settings are in force on every pod.
      type: dict
      returned: always
      contains:
        current: {description: Whether they are., type: bool, returned: always}
        reason: {description: What is missing., type: str, returned: always}
    pods:
      description: Every virt-handler and synchronization pod.
      type: list
      elements: dict
      returned: always
      contains:
        name: {description: Name of the pod., type: str, returned: always}
        component:
          description: V(virt-handler) or V(virt-synchronization-controller).
          type: str
          returned: always
        node: {description: The node it runs on., type: str, returned: always}
        ready: {description: Whether it is ready., type: bool, returned: always}
        trouble: {description: Why it is not ready., type: str, returned: always}
        interface: {description: Whether it has C(migration0)., type: bool, returned: always}
        network: {description: The NAD behind C(migration0)., type: str, returned: always}
        addresses: {description: Its addresses on C(migration0)., type: list, elements: str, returned: always}
        mac: {description: The MAC address of C(migration0)., type: str, returned: always}
        mtu: {description: The MTU of C(migration0); null where multus does not say it., type: int, returned: always}
        in_slice:
          description: Whether its addresses lie in the slice; null without address or slice.
          type: bool
          returned: always
    nodes_without_handler:
      description: Nodes that virt-handler should run on and does not.
      type: list
      elements: str
      returned: always
    leader:
      description: The synchronization pod that listens.
      type: str
      returned: always
    synchronization_addresses:
      description: What KubeVirt reports to other clusters.
      type: list
      elements: dict
      returned: always
      contains:
        text: {description: As KubeVirt spells it., type: str, returned: always, sample: "192.170.10.2:9185"}
        address: {description: The address; empty when it is none., type: str, returned: always}
        port: {description: The port., type: int, returned: always}
        in_slice: {description: Whether it lies in the slice; null without one., type: bool, returned: always}
        pod: {description: The synchronization pod that has it., type: str, returned: always}
    pools:
      description: The address pools of whereabouts behind the NAD.
      type: list
      elements: dict
      returned: always
      contains:
        name: {description: Namespace and name of the IPPool., type: str, returned: always}
        exists: {description: Whereabouts makes it with the first address., type: bool, returned: always}
        used: {description: Addresses of the slice that are given out., type: int, returned: always}
        free: {description: Addresses of the slice that are left; null without one., type: int, returned: always}
        allocations:
          description: What is given out.
          type: list
          elements: dict
          returned: always
          contains:
            address: {description: The address., type: str, returned: always}
            pod: {description: Namespace and name of the pod., type: str, returned: always}
            interface: {description: The interface in the pod., type: str, returned: always}
            exists: {description: Whether that pod is there; null when nobody may say., type: bool, returned: always}
    room_for_nodes:
      description: >-
        For how many more nodes the free addresses suffice, less those for a rollout and for restarted nodes; null when
        nobody says which they are.
      type: int
      returned: always
    mtu:
      description: What is known of the MTU.
      type: dict
      returned: always
      contains:
        network: {description: What the NAD asks for; null when it does not say., type: int, returned: always}
        pods: {description: The smallest in a pod; null where multus does not say it., type: int, returned: always}
    moves:
      description: What moves have left behind or are working with; null without O(moves).
      type: list
      elements: dict
      returned: always
      contains:
        what:
          description: V(source), a VM with an open attempt, V(migration), or V(receiver), a VM that waits for a guest.
          type: str
          returned: always
        object: {description: The object., type: str, returned: always}
        vm: {description: The VM it belongs to., type: str, returned: always}
        attempt:
          description: The attempt; empty for a receiver, and for a migration that somebody else made.
          type: str
          returned: always
        phase: {description: The phase of a migration or the run strategy of a VM., type: str, returned: always}
        deleting: {description: Whether a migration is being deleted., type: bool, returned: always}
        minutes: {description: How long it has been so or has not ended., type: int, returned: always}
        uid: {description: UID of a receiver., type: str, returned: always}
        guest: {description: "Phase of a receiver's VMI; empty without one.", type: str, returned: always}
        source_cluster: {description: UID of the cluster that a receiver waits for., type: str, returned: always}
        source_vm: {description: UID of the VM whose guest it waits for., type: str, returned: always}
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

from ..module_utils import _network_info
from ..module_utils._address_slice import SLICE
from ..module_utils._argspec import ArgumentSpec, cluster_options
from ..module_utils._runner import Module, run_module

MODULE = Module(
    name="migration_network_info",
    spec=cluster_options().merge(
        SLICE,
        ArgumentSpec(
            {
                "namespace": {"type": "str"},
                "name": {"type": "str"},
                "network": {"type": "str"},
                "moves": {"type": "bool", "default": False},
            },
            required_by=dict.fromkeys(("slot", "range_start", "gateway", "reserved"), ("range",)),
        ),
    ),
    work=_network_info.work,
)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
