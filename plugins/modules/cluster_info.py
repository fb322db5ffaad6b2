#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: Look at what a cluster is, as far as a fleet has to agree
version_added: 0.1.0
description:
  - Reads who owns KubeVirt's settings, what OpenPERouter has, and every network that the cluster names. It judges
    nothing and changes nothing.
author:
  - The livemigration.kubevirt authors (@livemigration)
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.kubevirt_cr
options:
  guests:
    description:
      - UIDs of VMs whose guests other clusters wait for; RV(cluster_info.guests) tells what became of them here. It
        reads every VM.
    type: list
    elements: str
seealso:
  - module: livemigration.kubevirt.migration_network_info
"""

EXAMPLES = r"""
- name: Look at the cluster
  livemigration.kubevirt.cluster_info:
    kubeconfig: "{{ cluster_kubeconfig }}"
  register: cluster

- name: Say who owns KubeVirt's settings
  ansible.builtin.debug:
    var: cluster.cluster_info.flavour
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
cluster_info:
  description: What was found.
  returned: success
  type: dict
  contains:
    name: {description: What messages call the cluster., type: str, returned: always}
    uid: {description: UID of the namespace kube-system; it tells clusters apart., type: str, returned: always}
    flavour:
      description: >-
        Through what KubeVirt's settings are changed - V(kubevirt), the CR itself; V(hco), the HyperConverged resource;
        V(harvester), Harvester's settings. Null without KubeVirt.
      type: str
      returned: always
      sample: kubevirt
    kubevirt:
      description: The KubeVirt CR; null without one.
      type: dict
      returned: always
      contains:
        namespace: {description: Its namespace., type: str, returned: always}
        name: {description: Its name., type: str, returned: always}
        version: {description: The KubeVirt that runs; empty while none does., type: str, returned: always}
        gate: {description: Whether moves between clusters are enabled., type: bool, returned: always}
        network: {description: The NAD that it names; null for the pod network., type: str, returned: always}
        synchronization_addresses:
          description: What KubeVirt reports to other clusters.
          type: list
          elements: str
          returned: always
    openperouter:
      description: OpenPERouter, of the API group that is in force.
      type: dict
      returned: always
      contains:
        shape:
          description: V(A) for v0.0.x, V(B) for v0.1.0 and v0.2.0, V(C) for later ones; null when not installed.
          type: str
          returned: always
        group: {description: Its API group., type: str, returned: always}
        namespace: {description: Where its objects are; null without any., type: str, returned: always}
        address_family:
          description: What the tunnels are counted as - V(ipv6) where an Underlay has a range of it, otherwise V(ipv4).
          type: str
          returned: always
        vnis:
          description: Every L2VNI and L3VNI.
          type: list
          elements: dict
          returned: always
          contains:
            kind: {description: V(L2VNI) or V(L3VNI)., type: str, returned: always}
            name: {description: Namespace and name., type: str, returned: always}
            family: {description: Name of the one it was made beside; empty without one., type: str, returned: always}
            vni: {description: The VXLAN network identifier., type: int, returned: always}
            vxlan_port: {description: The UDP port., type: int, returned: always}
            vrf: {description: The VRF or routing domain; null without one., type: str, returned: always}
            bridge: {description: The bridge of an L2VNI., type: str, returned: always}
            gateways: {description: Gateways of an L2VNI., type: list, elements: str, returned: always}
            import_rts: {description: Route targets that are imported., type: list, elements: str, returned: always}
            export_rts: {description: Route targets that are exported., type: list, elements: str, returned: always}
        underlays:
          description: Every Underlay.
          type: list
          elements: dict
          returned: always
          contains:
            name: {description: Namespace and name., type: str, returned: always}
            asn: {description: The number of the autonomous system., type: int, returned: always}
            vtep_cidrs: {description: Networks of the tunnel endpoints., type: list, elements: str, returned: always}
            router_id_cidr: {description: Network of the router ids., type: str, returned: always}
    networks:
      description: Every network that the cluster names.
      type: list
      elements: dict
      returned: always
      contains:
        kind:
          description: >-
            V(node) (an address), V(node-network) (its network, where nmstate tells), V(pod), V(service), V(vtep),
            V(router-id), V(l2vni) (subnet of a gateway), V(nad) (addresses that an attachment gives out), V(pool)
            (addresses that whereabouts has given out, but not those of KubeVirt's migration interface).
          type: str
          returned: always
        what: {description: In words., type: str, returned: always, sample: the service network}
        cidr: {description: The network., type: str, returned: always}
        object: {description: The object that names it., type: str, returned: always}
        bridge: {description: Of an L2VNI the bridge; otherwise empty., type: str, returned: always}
        ipam: {description: Of an attachment what gives out its addresses; or empty., type: str, returned: always}
        family: {description: Of an attachment of a migration network the network's name., type: str, returned: always}
    unreadable:
      description: Kinds that might name more networks and may not be read.
      type: list
      elements: str
      returned: always
    nodes: {description: How many nodes the cluster has., type: int, returned: always}
    nmstate: {description: Whether nmstate can configure the nodes., type: bool, returned: always}
    harvester_version: {description: The Harvester that runs; null where none does., type: str, returned: always}
    marked:
      description: Segments, VRFs, attachments and policies for nodes that carry the mark of this collection's making.
      type: list
      elements: dict
      returned: always
      contains:
        kind: {description: The kind., type: str, returned: always, sample: L2VNI}
        name: {description: Namespace and name., type: str, returned: always}
        network: {description: The plain name of the network that it is one of; or empty., type: str, returned: always}
    guests:
      description: The VMs that O(guests) asks for.
      type: list
      elements: dict
      returned: always
      contains:
        uid: {description: The UID that was asked for., type: str, returned: always}
        vm: {description: Namespace and name; empty where there is no such VM (any more)., type: str, returned: always}
        run_strategy: {description: Its run strategy., type: str, returned: always}
        phase: {description: The phase of its VMI; empty without one., type: str, returned: always}
        attempt: {description: The attempt of a move that is open; empty without one., type: str, returned: always}
        moved_to:
          description: Where a move has taken its guest, UID of the cluster, namespace, name and UID of the VM in one.
          type: str
          returned: always
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

from ..module_utils import _cluster_info
from ..module_utils._argspec import ArgumentSpec, cluster_options
from ..module_utils._runner import Module, run_module

MODULE = Module(
    name="cluster_info",
    spec=cluster_options().merge(
        ArgumentSpec(
            {
                "namespace": {"type": "str"},
                "name": {"type": "str"},
                "guests": {"type": "list", "elements": "str"},
            }
        )
    ),
    work=_cluster_info.work,
)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
