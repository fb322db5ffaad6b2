# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a NAD joins a network of the nodes: the option kind and those that go with it."""

from __future__ import annotations


class ModuleDocFragment:
    """Options described once; the specification stands beside the module that takes them."""

    DOCUMENTATION = r"""
options:
  kind:
    description:
      - The CNI plugin, and with it what the pods join on the nodes.
      - V(bridge) joins a Linux bridge, O(bridge) or that of O(vni), with or without O(vlan). The plugin makes a bridge
        that is missing, which then leads nowhere.
      - V(macvlan) and V(ipvlan) join an interface of the nodes, O(master). Pods do not start where it is missing. One
        interface cannot be used for both kinds at once.
      - V(ovs) joins an Open vSwitch bridge, O(bridge), with or without O(vlan). Pods do not start where it is missing.
      - V(sriov) gives every pod a virtual function of a card, O(resource_name), with or without O(vlan). KubeVirt
        does not ask for the resource itself, so the network resources injector has to be installed.
      - An option that the kind has no place for is refused. The kind of an existing NAD cannot be changed.
    type: str
    choices: [bridge, macvlan, ipvlan, ovs, sriov]
    default: bridge
  bridge:
    description:
      - The bridge on the nodes, for O(kind=bridge) and O(kind=ovs).
      - This or O(vni) is required with O(kind=bridge).
    type: str
  vni:
    description:
      - Number of the L2VNI whose bridge, C(br-hs-) followed by the number, is to be used with O(kind=bridge).
    type: int
  vlan:
    description:
      - 802.1Q number, from 1 to 4094, that the plugin tags the pods' frames with, for O(kind=bridge), O(kind=ovs) and
        O(kind=sriov). Left out, frames are untagged.
      - A Linux bridge has to filter VLANs on every node, else the tag has no effect. The bridge of an L2VNI does not,
        so O(vlan) is refused together with O(vni).
      - For O(kind=macvlan) and O(kind=ipvlan) make the VLAN's interface on the nodes and name it in O(master).
    type: int
  master:
    description:
      - The interface of the nodes for O(kind=macvlan) and O(kind=ipvlan), such as V(eth1) or, with VLAN 100,
        V(eth1.100).
    type: str
  mode:
    description:
      - How the pods of one node reach each other with O(kind=macvlan); V(bridge) when left out.
      - V(vepa) needs a switch that sends frames back to where they came from, V(private) never lets them.
      - O(kind=ipvlan) always works in its mode C(l2); the others answer no ARP.
    type: str
    choices: [bridge, private, vepa]
  resource_name:
    description:
      - The resource of the nodes that a device plugin counts, such as V(openshift.io/migration). It becomes the
        annotation C(k8s.v1.cni.cncf.io/resourceName) of the NAD.
      - Required with O(kind=sriov); O(kind=bridge) and O(kind=ovs) take it where a marker counts the bridges of nodes.
    type: str
"""
