#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration NAD of one cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_nad
short_description: Manage the NetworkAttachmentDefinition of the migration network on one cluster
version_added: 0.1.0
description:
  - Creates, changes or removes the NAD that gives KubeVirt's pods an interface on the migration network, by the CNI
    plugin of O(kind) and addresses from whereabouts.
  - All clusters of a fleet share one O(range). Every cluster has a slot in it, and with it a slice of addresses that
    nobody else gives out. A slice depends on O(range), O(max_clusters), O(weights) and O(slot) alone, so that adding
    a cluster moves nobody.
  - What whereabouts and the bridge plugin ignore in silence is refused aloud, such as bounds outside of the range.
  - Keys of an existing configuration that this module has no option for are kept, except those with which the
    network cannot work; these are named and refused.
  - What a NAD gives its pods is never edited while somebody uses it. A change of bridge, MTU, range or slice makes
    a new NAD beside the old one, named after O(name) and a hash of what it gives. Point KubeVirt at
    RV(migration_nad.name) with M(livemigration.kubevirt.kubevirt_migrations), then call this module with
    O(state=pruned). A NAD of the plain name that somebody else made is taken over as it stands.
  - A NAD that was removed under its pods is made again, under its name where they have what it gives.
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.gitops
  - livemigration.kubevirt.nad_kinds
  - livemigration.kubevirt.nad_slice
  - livemigration.kubevirt.nad
options:
  name:
    description:
      - Name of the network, and of its first NAD; lower-case letters, digits and C(-), no dots.
      - The NAD that is to be used is returned as RV(migration_nad.name).
    type: str
    required: true
  namespace:
    description:
      - The namespace KubeVirt is installed in.
    type: str
    default: kubevirt
  state:
    description:
      - Whether the NAD is there.
      - With V(pruned) the NADs of the network go that KubeVirt has left for another one of it. It needs none of the
        options that describe the network.
      - With V(absent) all NADs of the network go.
      - Both are refused while a KubeVirt CR names one that is to go, or a pod or VM that is not KubeVirt's own uses it,
        and wait until KubeVirt's own pods have left it; without the NAD whereabouts cannot free the addresses of
        those pods.
    type: str
    choices: [present, pruned, absent]
    default: present
  mtu:
    description:
      - MTU of the interface in bytes, the same on all clusters; at least 1280 with an IPv6 range.
      - Too large a value lets connections open and every copy stall, because larger frames are dropped in silence.
      - With O(kind=sriov) it is only checked; the policy of the device plugin sets it on the cards.
      - Required with O(state=present).
    type: int
  required_addresses:
    description:
      - How many addresses the cluster needs. Left out, they are counted on the cluster - one for every node that runs
        virt-handler, the replicas of virt-synchronization-controller, one quarter of these for rolling updates, and
        two for addresses that rebooted nodes keep for a day.
    type: int
  growth:
    description:
      - Addresses to have in addition, for nodes to come.
    type: int
    default: 0
  free_leftovers:
    description:
      - Whether, with O(state=pruned) and O(state=absent), addresses are given back that whereabouts keeps for pods of
        virt-handler and virt-synchronization-controller that are no more. Otherwise they are only named.
    type: bool
    default: false
  wait_timeout:
    description:
      - Seconds to wait with O(state=pruned) and O(state=absent) until KubeVirt's pods have left the NAD. A virt-handler
        takes up to 330 s to stop.
    type: int
    default: 400
seealso:
  - module: livemigration.kubevirt.l2vni
  - module: livemigration.kubevirt.kubevirt_migrations
  - module: livemigration.kubevirt.migration_network_info
author:
  - The livemigration.kubevirt authors (@livemigration)
"""

EXAMPLES = r"""
- name: The migration network of the published procedure on its first cluster
  livemigration.kubevirt.migration_nad:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration-evpn
    vni: 666
    mtu: 1400
    range: 192.170.10.0/24
    gateway: 192.170.10.1
    slot: 0
    max_clusters: 2

- name: The NAD that KubeVirt has left
  livemigration.kubevirt.migration_nad:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration-evpn
    state: pruned

- name: Remove it again
  livemigration.kubevirt.migration_nad:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration-evpn
    state: absent

- name: VLAN 100 on a bridge that all nodes have, for clusters without an overlay
  livemigration.kubevirt.migration_nad:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration-vlan
    bridge: br1
    vlan: 100
    mtu: 9000
    range: 10.77.0.0/24
    slot: 0
    max_clusters: 2

- name: Directly on an interface of the nodes
  livemigration.kubevirt.migration_nad:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration-macvlan
    kind: macvlan
    master: eth1.101
    mtu: 9000
    range: 10.77.1.0/24
    slot: 0
    max_clusters: 2
"""

RETURN = r"""
actions:
  description: What was written, or would be in check mode, one sentence each.
  returned: always
  type: list
  elements: str
diff:
  description: The NAD before and after each write.
  returned: always
  type: list
  elements: dict
migration_nad:
  description: The network as it is now, or would be in check mode. With O(state=absent) all but the names is empty.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the NAD that KubeVirt is to use, O(name) or that with a hash.
      returned: always
      type: str
      sample: migration-evpn
    namespace: {description: Its namespace., type: str, returned: always, sample: kubevirt}
    removed: {description: "The NADs that were removed, or will be.", type: list, elements: str, returned: always}
    leftovers:
      description: Addresses that whereabouts kept for pods of KubeVirt that are no more, with O(state=pruned) and
        O(state=absent).
      returned: always
      type: list
      elements: dict
      contains:
        address: {description: The address., type: str, returned: always}
        pod: {description: The pod that had it., type: str, returned: always}
        pool: {description: The IPPool that keeps it., type: str, returned: always}
    superseded:
      description: Other NADs of the network, which O(state=pruned) removes once KubeVirt has left them.
      returned: always
      type: list
      elements: str
    kind: {description: CNI plugin., type: str, returned: always, sample: bridge}
    bridge: {description: Bridge on the nodes., type: str, returned: always, sample: br-hs-666}
    master: {description: Interface of the nodes., type: str, returned: always, sample: eth1.100}
    vlan: {description: Number of the tag., type: int, returned: always, sample: 100}
    resource_name: {description: Resource of the nodes., type: str, returned: always, sample: openshift.io/migration}
    mtu: {description: MTU in bytes., type: int, returned: always, sample: 1400}
    range: {description: Range of the fleet., type: str, returned: always, sample: 192.170.10.0/24}
    slice:
      description: What this cluster gives out.
      returned: always
      type: dict
      contains:
        first: {description: Lowest address., type: str, returned: always, sample: 192.170.10.2}
        last: {description: Highest address., type: str, returned: always, sample: 192.170.10.127}
        size: {description: "Number of addresses, reserved ones not counted.", type: int, returned: always, sample: 126}
    pool:
      description: Name of the IPPool that whereabouts keeps for the range.
      returned: always
      type: str
      sample: 192.170.10.0-24
    second:
      description: The same of O(second_range); V(null) without one.
      returned: always
      type: dict
      contains:
        range: {description: The range., type: str, returned: always}
        slice: {description: What this cluster gives out of it., type: dict, returned: always}
        pool: {description: Name of its IPPool., type: str, returned: always}
    config: {description: The CNI configuration., type: dict, returned: always}
    changed_allocation:
      description: Whether pods that start from now on get other addresses than the NAD gave out before.
      returned: always
      type: bool
    out_of_slice:
      description: Addresses in use that lie outside of the slice; V(null) where the pools cannot be read.
      returned: always
      type: list
      elements: dict
      contains:
        address: {description: The address., type: str, returned: always}
        pod: {description: The pod as C(namespace/name)., type: str, returned: always}
    capacity:
      description: How many addresses are needed, and why.
      returned: always
      type: dict
      contains:
        nodes: {description: "Nodes that run, or will run, virt-handler.", type: int, returned: always}
        sync_replicas: {description: Replicas of virt-synchronization-controller., type: int, returned: always}
        surge: {description: Pods that a rolling update runs in addition., type: int, returned: always}
        growth: {description: The option., type: int, returned: always}
        spare: {description: Addresses that rebooted nodes keep for a day., type: int, returned: always}
        required: {description: The option O(required_addresses)., type: int, returned: always}
        needed: {description: The sum., type: int, returned: always}
        taken:
          description: Addresses of the slice that others than KubeVirt's pods have, or that nobody has given back.
          type: int
          returned: always
        available: {description: Addresses of the slice without those., type: int, returned: always}
    migration_pods_restart_required:
      description: Whether pods use a NAD of the network that another one takes the place of.
      returned: always
      type: bool
    pods:
      description: Those pods as C(namespace/name).
      returned: always
      type: list
      elements: str
failure:
  description: Why the module failed.
  returned: failure
  type: dict
  contains:
    reason:
      description: One word for programs, such as V(slice_too_small), V(nad_shared) or V(nad_in_use).
      returned: always
      type: str
    wanted: {description: What should have been the case., type: str, returned: always}
    found: {description: What was the case., type: str, returned: always}
    cluster: {description: Name of the cluster., type: str, returned: always}
    object: {description: The object concerned., type: str, returned: always}
    hint: {description: What to do., type: str, returned: always}
"""

from ..module_utils import _nad
from ..module_utils._nad_options import SPEC
from ..module_utils._runner import Module, run_module

MODULE = Module(name="migration_nad", spec=SPEC, work=_nad.work)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
