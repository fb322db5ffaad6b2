#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NAD through which VMs of one namespace join a network."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_nad
short_description: Manage the NetworkAttachmentDefinition of an application network in one namespace
version_added: 0.2.0
description:
  - Creates, changes or removes the NAD through which the VMs of a namespace join a layer-2 network that all clusters of
    a fleet have, so that a VM keeps its addresses when it moves to another cluster.
  - It names a bridge of the nodes, by itself or by the number of its L2VNI (M(livemigration.kubevirt.l2vni)), and gives
    out no addresses. The guest has them.
  - Keys of an existing configuration that this module has no option for are kept.
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.gitops
  - livemigration.kubevirt.nad
options:
  name:
    description:
      - Name of the NAD, the same on all clusters; lower-case letters, digits and C(-), no dots.
    type: str
    required: true
  namespace:
    description:
      - The namespace of the VMs.
    type: str
    required: true
  state:
    description:
      - Whether the NAD is there.
      - V(absent) is refused while a VM or a pod uses it. So is a change of what it leads to.
    type: str
    choices: [present, absent]
    default: present
  bridge:
    description:
      - The bridge on the nodes. This or O(vni) is required with O(state=present).
    type: str
  vni:
    description:
      - Number of the L2VNI whose bridge, C(br-hs-) followed by the number, is to be used.
    type: int
  vlan:
    description:
      - 802.1Q number, from 1 to 4094, that the VMs' frames are tagged with on O(bridge), which has to filter VLANs.
      - The bridge of an L2VNI does not filter VLANs, so it is refused together with O(vni).
    type: int
  mtu:
    description:
      - MTU in bytes, which KubeVirt hands on to the guest; the same on all clusters. The kernel's own, 1500, when left
        out, which is too large for an overlay on an underlay of 1500.
    type: int
  macspoofchk:
    description:
      - Whether the nodes drop frames of another MAC than the VM's own. It needs nftables on them.
    type: bool
    default: false
seealso:
  - module: livemigration.kubevirt.l2vni
  - module: livemigration.kubevirt.migration_nad
author:
  - The livemigration.kubevirt authors (@livemigration)
"""

EXAMPLES = r"""
- name: The application network of the published procedure
  livemigration.kubevirt.vm_nad:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: layer2
    namespace: default
    vni: 110

- name: Remove it again
  livemigration.kubevirt.vm_nad:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: layer2
    namespace: default
    state: absent
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
vm_nad:
  description: The network as it is now, or would be in check mode. With O(state=absent) all but the names is empty.
  returned: success
  type: dict
  contains:
    name: {description: Name of the NAD., type: str, returned: always, sample: layer2}
    namespace: {description: Its namespace., type: str, returned: always, sample: default}
    bridge: {description: Bridge on the nodes., type: str, returned: always, sample: br-hs-110}
    vlan: {description: Number of the tag., type: int, returned: always, sample: 100}
    mtu: {description: MTU in bytes., type: int, returned: always, sample: 1450}
    config: {description: The CNI configuration., type: dict, returned: always}
failure:
  description: Why the module failed.
  returned: failure
  type: dict
  contains:
    reason:
      description: One word for programs, such as V(nad_in_use), V(foreign_nad) or V(kind_lacks).
      returned: always
      type: str
    wanted: {description: What should have been the case., type: str, returned: always}
    found: {description: What was the case., type: str, returned: always}
    cluster: {description: Name of the cluster., type: str, returned: always}
    object: {description: The object concerned., type: str, returned: always}
    hint: {description: What to do., type: str, returned: always}
"""

from ..module_utils import _vm_nad
from ..module_utils._runner import Module, run_module

MODULE = Module(name="vm_nad", spec=_vm_nad.SPEC, work=_vm_nad.work)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
