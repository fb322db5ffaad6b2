#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One L2VNI of OpenPERouter on one cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: l2vni
short_description: Manage an L2VNI of OpenPERouter on one cluster
version_added: 0.1.0
description:
  - Creates, changes or removes one L2VNI, the layer-2 overlay segment that can carry live migrations between clusters.
  - OpenPERouter has three incompatible shapes of the L2VNI under one kind and version. The shape is read from the
    installed CRD, and the same options are expressed in each. What a shape cannot express is refused by name.
  - All options together describe the network. An option that is left out is removed from an existing L2VNI; fields
    that this module has no option for are left alone.
  - Everything that OpenPERouter's webhook checks, and what it misses, is checked before the first write, also on
    update, where some of its releases check the old object instead of the new one. So are the Underlays, one on every
    node with ranges that are large enough for all of them.
  - A node that keeps reporting the L2VNI as failed ends the wait with what it says.
  - After an upgrade that renamed OpenPERouter's API group, the L2VNI is made anew in the new group, and the old one,
    which has no effect any more, is removed once the nodes report the new one.
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.wait
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.gitops
  - livemigration.kubevirt.openperouter
options:
  name:
    description:
      - Name of the L2VNI; see O(beside).
      - Releases up to v0.1.0 make a VRF of this name when O(vrf) is left out; the name then has at most 15 letters,
        digits, C(_) and C(-), beginning with a letter.
    type: str
    required: true
  state:
    description:
      - Whether the L2VNI is there.
      - V(absent) is refused while a NetworkAttachmentDefinition uses the bridge, which goes with the L2VNI.
    type: str
    choices: [present, absent]
    default: present
  vni:
    description:
      - Number of the VXLAN segment, from 1 to 16777215, free on every cluster and the same on all of them.
      - Required with O(state=present).
    type: int
  vrf:
    description:
      - VRF of the segment, at most 15 letters, digits, C(_) and C(-), beginning with a letter.
      - A migration network needs none. From release v0.2.0 on an L3VNI or L3VPN with this VRF has to exist; later
        releases are given a reference to it, which is looked up here.
    type: str
  l3vni:
    description:
      - Name of the L3VNI, in the same namespace, that provides the routing domain. Another way to say O(vrf).
    type: str
  gateways:
    description:
      - Addresses with prefix length that every node puts on the segment, at most one of each address family.
      - A migration network needs none. Shape A takes one.
      - OpenPERouter does not let gateways be changed, added or removed; see O(recreate).
    type: list
    elements: str
  bridge_type:
    description:
      - Kind of bridge on the nodes.
      - The bridge CNI plugin cannot attach pods to V(ovs); M(livemigration.kubevirt.migration_nad) of kind V(ovs) can.
        Shape A has no V(ovs).
    type: str
    choices: [linux, ovs]
    default: linux
  bridge_name:
    description:
      - Name of a bridge of your own on every node, with O(bridge_managed=false).
    type: str
  bridge_managed:
    description:
      - Whether OpenPERouter makes the bridge; it names it C(br-hs-) followed by the VNI.
    type: bool
    default: true
  node_selector:
    description:
      - The nodes the segment is for; all of them when left out. Shape A has no selector.
      - Leaving out a node of virt-handler is refused, see O(allow_bare_nodes). Which nodes these are, KubeVirt's node
        placement says.
  allow_bare_nodes:
    description:
      - Whether nodes of virt-handler may be left out, with a warning, for a segment that is not for migrations. A pod
        there gets a bridge that leads nowhere, or does not start.
    type: bool
    default: false
  beside:
    description:
      - Whether a changed O(vni) is another L2VNI beside the one with the old number, named after both, such as
        C(migration-777), so that pods keep their bridge until they have left it. RV(l2vni.superseded) then names the
        old one, which goes with O(state=absent) and its own name.
      - It is changed in place all the same where two cannot be there at a time, with gateways, a bridge of your own, or
        one VRF on OpenPERouter v0.0.5.
      - With O(state=absent), whether all of them go.
    type: bool
    default: false
  recreate:
    description:
      - Whether an L2VNI may be deleted and created anew where its gateways differ.
      - Pods on its bridge lose the network until they are restarted; see RV(l2vni.migration_pods_restart_required) and
        M(livemigration.kubevirt.kubevirt_restart).
    type: bool
    default: false
  expect_gone:
    description:
      - NADs as C(namespace/name) that an earlier task of the same run removes. With it check mode, where they are still
        there, refuses O(state=absent) for all others that use the bridge, and otherwise only warns.
    type: list
    elements: str
  wait_for_migrations:
    description:
      - Seconds to wait, before a bridge with pods on it is made anew, until the migrations that are unfinished on the
        cluster have ended. With V(0) it is refused while there are any.
    type: int
    default: 0
seealso:
  - module: livemigration.kubevirt.l3vni
  - module: livemigration.kubevirt.migration_nad
author:
  - The livemigration.kubevirt authors (@livemigration)
"""

EXAMPLES = r"""
- name: The migration segment of the published procedure
  livemigration.kubevirt.l2vni:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration
    vni: 666
    vrf: rouge

- name: Remove it again
  livemigration.kubevirt.l2vni:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration
    state: absent
"""

RETURN = r"""
actions:
  description: What was written, or would be in check mode, one sentence each.
  returned: always
  type: list
  elements: str
  sample: ["cluster-a: create L2VNI openperouter-system/migration: VNI 666 on bridge br-hs-666"]
diff:
  description: The L2VNI before and after each write.
  returned: always
  type: list
  elements: dict
l2vni:
  description: The network as it is now, or would be in check mode.
  returned: success
  type: dict
  contains:
    api_group:
      description: API group of the L2VNI; V(null) when OpenPERouter is not installed.
      returned: always
      type: str
      sample: openpe.openperouter.github.io
    shape:
      description: Shape of the API, V(A), V(B) or V(C); V(null) when OpenPERouter is not installed.
      returned: always
      type: str
      sample: A
    bridge:
      description: Bridge on the nodes that pods attach to; V(null) when absent.
      returned: always
      type: str
      sample: br-hs-666
    host_veth:
      description: Port of that bridge that leads to the router; V(null) when absent.
      returned: always
      type: str
      sample: host-666
    readiness:
      description:
        - V(reported) when every node concerned reports that it is ready and names no failure of this L2VNI. The
          reports carry no generation, so the data plane has the last word.
        - V(unknown) where OpenPERouter reports nothing (releases before v0.2.0, or no router pods); only the data
          plane proves that the network works.
        - V(failing) in check mode, which does not wait, when a node reports a failure or nothing yet.
        - V(not_waited) in check mode with a change pending, V(absent) after removal.
      returned: always
      type: str
      sample: unknown
    readiness_meaning: {description: That word in a sentence., type: str, returned: always}
    nodes:
      description: What each selected node with a router reports; null where nothing reports.
      returned: always
      type: list
      elements: dict
      contains:
        node: {description: The node., type: str, returned: always}
        ready: {description: Whether it is ready and names no failure of this L2VNI., type: bool, returned: always}
        trouble: {description: Why it is not; otherwise empty., type: str, returned: always}
    migration_pods_restart_required:
      description: Whether the bridge is made anew under running pods, which then have to be restarted.
      returned: always
      type: bool
    pods_on_bridge:
      description: Those pods as C(namespace/name).
      returned: always
      type: list
      elements: str
    bare_nodes:
      description: Nodes of virt-handler that the segment is not for.
      returned: always
      type: list
      elements: str
    superseded:
      description: The other L2VNIs of the network, which go once no pod is on their bridges; only with O(beside).
      returned: always
      type: list
      elements: str
    object: {description: The L2VNI object; V(null) when absent., type: dict, returned: always}
failure:
  description: Why the module failed.
  returned: failure
  type: dict
  contains:
    reason:
      description: One word for programs, such as V(vni_taken), V(not_provisioned) or V(shape_lacks).
      returned: always
      type: str
    wanted: {description: What should have been the case., type: str, returned: always}
    found: {description: What was the case., type: str, returned: always}
    cluster: {description: Name of the cluster., type: str, returned: always}
    object: {description: The object concerned., type: str, returned: always}
    hint: {description: What to do., type: str, returned: always}
"""

from ..module_utils import _l2vni
from ..module_utils._l2vni_options import SPEC
from ..module_utils._runner import Module, run_module

MODULE = Module(name="l2vni", spec=SPEC, work=_l2vni.work)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
