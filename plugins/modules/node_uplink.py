#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leads from the nodes of one cluster to the migration network."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_uplink
short_description: Make a bridge or a VLAN interface on the nodes of one cluster with nmstate
version_added: 0.2.0
description:
  - Makes the bridge, the VLAN interface, or both, that a migration network without an overlay needs on every node, by
    one NodeNetworkConfigurationPolicy of nmstate, and waits until every node has carried it out. What a node could not
    do is reported in its own words.
  - Before anything is written the nodes are looked at, as nmstate reports them. A card that is missing, has too small
    an MTU, or would cut its node off as a port of the bridge is refused by name.
  - What pods are plugged into is never taken from under them. An interface, a VLAN of the trunk or an MTU that a
    NetworkAttachmentDefinition uses is refused to go; with O(keep) it stays beside what is wanted, until
    O(state=pruned) removes what nobody uses any more. What cannot stand side by side is refused while it is used, such
    as another card under the same bridge, or the same card under two bridges.
  - What is there is not changed while migrations run.
  - With O(manage=false) the nodes are only looked at.
  - Where nmstate is not installed, or may not be read, nothing can be done or looked at, which a warning says.
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.wait
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.gitops
options:
  name:
    description:
      - Name of the NodeNetworkConfigurationPolicy.
      - One that this module has not made is refused.
    type: str
    required: true
  state:
    description:
      - Whether the uplink is there.
      - V(absent) takes the interfaces from the nodes, then the policy away. It is refused while a
        NetworkAttachmentDefinition names one of them.
      - V(pruned) takes from the nodes what the policy makes beyond what is wanted, unless a NetworkAttachmentDefinition
        uses it. Without O(interface) nothing is wanted, and once nothing is used the policy goes, too.
    type: str
    choices: [present, pruned, absent]
    default: present
  interface:
    description:
      - The card of the nodes, or bond, that leads to the network. It has to be there already.
      - Required with O(state=present), unless O(manage=false) and O(bridge) is given.
    type: str
  vlan:
    description:
      - 802.1Q number of an interface to be made on the card, named like V(eth1.100).
      - This or O(bridge) is required with O(state=present).
    type: int
  bridge:
    description:
      - Name of a Linux bridge to be made, with the VLAN interface, or the card itself, as its port.
    type: str
  trunk:
    description:
      - The 802.1Q numbers that pass the bridge with their tags, for NetworkAttachmentDefinitions with a C(vlan).
      - The bridge then filters VLANs.
    type: list
    elements: int
  mtu:
    description:
      - MTU in bytes of what is made; the card must have as much.
      - Required with O(state=present).
    type: int
  node_selector:
    description:
      - Labels with the values that a node must have; all nodes when left out.
    type: dict
  manage:
    description:
      - Whether the uplink is made. Otherwise the nodes must have it already, and the module says where they do not.
      - Without O(interface) it is looked whether O(bridge) leads out of every node, through any port but those of
        pods, with O(mtu) and O(trunk). The bridge CNI plugin makes a missing bridge, with nothing but pods on it.
    type: bool
    default: true
  keep:
    description:
      - Whether what the policy makes and is no longer wanted stays for now, with O(state=present).
    type: bool
    default: false
  expect_gone:
    description:
      - NetworkAttachmentDefinitions, as C(namespace/name), that an earlier task of the same run removes. Only in check
        mode are they still there.
    type: list
    elements: str
  wait_for_migrations:
    description:
      - Seconds to wait, before what is there is changed, until the migrations that are unfinished on the cluster have
        ended. With V(0) it is refused while there are any.
    type: int
    default: 0
seealso:
  - module: livemigration.kubevirt.migration_nad
author:
  - The livemigration.kubevirt authors (@livemigration)
"""

EXAMPLES = r"""
- name: A bridge on the second card for VLAN 100, which the NAD tags
  livemigration.kubevirt.node_uplink:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration-uplink
    interface: eth1
    bridge: br1
    trunk: [100]
    mtu: 9000

- name: Take it away again
  livemigration.kubevirt.node_uplink:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: migration-uplink
    state: absent
"""

RETURN = r"""
actions:
  description: What was written, or would be in check mode, one sentence each.
  returned: always
  type: list
  elements: str
diff:
  description: The policy before and after each write.
  returned: always
  type: list
  elements: dict
node_uplink:
  description: The uplink as it is now, or would be in check mode.
  returned: success
  type: dict
  contains:
    name: {description: Name of the policy., type: str, returned: always, sample: migration-uplink}
    interface: {description: The VLAN interface; V(null) without one., type: str, returned: always, sample: eth1.100}
    bridge: {description: The bridge; V(null) without one., type: str, returned: always, sample: br1}
    readiness:
      description:
        - V(available) when every node has carried out the policy as it is now, V(found) when O(manage=false) and every
          node has the uplink.
        - V(unchecked) where nmstate is not installed, V(not_waited) in check mode with a change pending, V(absent)
          after removal, or when there is nothing to prune.
      returned: always
      type: str
      sample: available
    nodes:
      description: The nodes concerned.
      returned: always
      type: list
      elements: str
failure:
  description: Why the module failed.
  returned: failure
  type: dict
  contains:
    reason:
      description: One word for programs, such as V(uplink_failed), V(uplink_in_use) or V(uplink_missing).
      returned: always
      type: str
    wanted: {description: What should have been the case., type: str, returned: always}
    found: {description: What was the case., type: str, returned: always}
    cluster: {description: Name of the cluster., type: str, returned: always}
    object: {description: The object concerned., type: str, returned: always}
    hint: {description: What to do., type: str, returned: always}
"""

from ..module_utils import _uplink
from ..module_utils._runner import Module, run_module
from ..module_utils._uplink_spec import SPEC

MODULE = Module(name="node_uplink", spec=SPEC, work=_uplink.work)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
