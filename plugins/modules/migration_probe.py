#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_probe
short_description: Prove that packets get from every cluster to every other one over the migration network
version_added: 0.1.0
description:
  - Starts one pod on the migration network of each cluster, lets all of them test the network at the same time, reads
    what they found from their termination messages and removes them. Nothing is executed in any other pod.
  - Between every two clusters, in each direction, it proves that packets arrive, and finds the largest that does. They
    are of full size (the MTU of C(migration0)) and may not be fragmented. The side that receives counts them, so a
    direction that is dead or too small is named even if the other one works.
  - Every virt-handler and synchronization pod of all clusters is sent ICMP echo requests of full size, and TCP
    connections are opened to the synchronization addresses that KubeVirt reports.
  - Addresses for which another MAC answers than the one that multus reports, and addresses that two clusters have
    handed out, are found, too.
  - The pod needs no privileges and satisfies the restricted Pod Security Standard. It uses the sysctl
    C(net.ipv4.ping_group_range), one of those that restricted pods may set. Its program comes along in its annotations
    and needs nothing but Python 3.9 or later in its image.
  - The pods are in KubeVirt's namespace, because the NAD is. Each takes one address of the cluster's slice while it
    runs. Those that an interrupted run has left end by themselves and are removed by the next run.
author:
  - The livemigration.kubevirt authors (@livemigration)
extends_documentation_fragment:
  - livemigration.kubevirt.cluster.several
  - livemigration.kubevirt.attributes
attributes:
  idempotent:
    support: none
    details: Every run makes pods and removes them again; C(changed) tells only what stays different afterwards.
options:
  image:
    description:
      - The image of the pods; it must have C(python3), 3.9 or later, in its path, and nothing else.
      - Name a mirror of your own where the clusters cannot reach the registry.
    type: str
    default: docker.io/library/python:3.13-alpine
  image_pull_secrets:
    description:
      - Names of Secrets in KubeVirt's namespace that the image is pulled with.
    type: list
    elements: str
  mtu:
    description:
      - The MTU that C(migration0) should have.
      - Without it the probes compare nothing and test with what they have.
    type: int
  duration:
    description:
      - Seconds that the probes test at most. They end as soon as everything is known, which takes a few seconds where
        all is well.
    type: int
    default: 60
  wait_timeout:
    description:
      - Seconds to wait until the pods run. A pod that does not run by then is a finding, and the others test without
        it.
    type: int
    default: 300
  allow_raw_sockets:
    description:
      - Whether the pods run as root with the capability C(NET_RAW) and no other. That is more than the restricted and
        the baseline Pod Security Standard allow.
      - They then hear B(every) answer to the question who has an address, their own included. Without it the kernel's
        table of neighbours tells who was believed on each cluster, so a second owner of an address is found only where
        it was the first to answer.
    type: bool
    default: false
seealso:
  - module: livemigration.kubevirt.migration_network_info
"""

EXAMPLES = r"""
- name: Probe the migration network between all clusters
  livemigration.kubevirt.migration_probe:
    clusters:
      - cluster_name: cluster-a
        kubeconfig: "{{ source_kubeconfig }}"
      - cluster_name: cluster-b
        kubeconfig: "{{ target_kubeconfig }}"
    mtu: 1400
  register: probe

- name: Stop unless everything passes
  ansible.builtin.assert:
    that: probe.migration_probe.passed
    fail_msg: "{{ probe.migration_probe.messages }}"
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, one sentence a write.
  returned: always
  type: list
  elements: str
  sample:
    - "cluster-a: create Pod kubevirt/livemigration-probe: to probe migration"
diff:
  description: The pods of an interrupted run that were removed; those of this run leave nothing that differs.
  returned: always
  type: list
  elements: dict
  contains:
    before_header:
      description: Cluster and object.
      type: str
      returned: always
    after_header:
      description: Cluster and object.
      type: str
      returned: always
    before:
      description: The object as it was.
      type: dict
      returned: always
    after:
      description: The object as it was written.
      type: dict
      returned: always
migration_probe:
  description: What the probes found. In check mode there is nothing in it and C(passed) is false.
  returned: success
  type: dict
  contains:
    passed:
      description: Whether nothing was found that is an error.
      type: bool
      returned: always
    findings:
      description: What is wrong, causes before what follows from them.
      type: list
      elements: dict
      returned: always
      contains:
        id:
          description:
            - C(link-dead), C(link-mtu), C(port-closed), C(pod-unreachable), C(pod-mtu), C(address-duplicate),
              C(address-taken), C(interface-mtu), C(no-network), C(no-nad), C(probe-failed), C(probe-limited) or
              C(result-cut).
          type: str
          returned: always
        severity: {description: C(error) or C(warning)., type: str, returned: always}
        cluster: {description: The cluster that has it., type: str, returned: always}
        object: {description: The link or object or address., type: str, returned: always}
        wanted: {description: What should have been the case., type: str, returned: always}
        found: {description: What was the case., type: str, returned: always}
        hint: {description: What to do., type: str, returned: always}
    messages:
      description: The findings in words, one sentence or two each.
      type: list
      elements: str
      returned: always
    links:
      description: Every direction between two clusters.
      type: list
      elements: dict
      returned: always
      contains:
        source: {description: The cluster that sends., type: str, returned: always}
        target: {description: The cluster that receives., type: str, returned: always}
        status:
          description:
            - V(passes) when packets of full size arrive, V(too_small) when only smaller ones do, V(nothing) when none
              does.
            - V(unproven) when the opposite direction is dead, without which nothing can be sent in this one.
            - V(unknown) when a probe has no result.
          type: str
          returned: always
        full_size: {description: "Bytes of a packet of full size, IP header included.", type: int, returned: always}
        passed_size: {description: "Bytes of the largest packet that arrived, 0 for none.", type: int, returned: always}
        pods: {description: How many pods of KubeVirt's the target has there., type: int, returned: always}
        pods_full_size: {description: How many of them answered at full size., type: int, returned: always}
        ports:
          description: The synchronization addresses of the target.
          type: list
          elements: dict
          returned: always
          contains:
            address: {description: The address., type: str, returned: always}
            port: {description: The port., type: int, returned: always}
            state: {description: "V(open), V(refused) or V(unreachable).", type: str, returned: always}
    probes:
      description: The probe of each cluster.
      type: list
      elements: dict
      returned: always
      contains:
        cluster: {description: The cluster., type: str, returned: always}
        node: {description: Where the pod ran., type: str, returned: always}
        address: {description: Its address on the migration network., type: str, returned: always}
        mtu: {description: The MTU of its C(migration0)., type: int, returned: always}
        heard_every_claim:
          description: Whether it heard every answer about the owner of an address (O(allow_raw_sockets)).
          type: bool
          returned: always
        error: {description: "Why it has no result, empty when it has one.", type: str, returned: always}
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

from ..module_utils import _migration_probe
from ..module_utils._argspec import ArgumentSpec, several_clusters
from ..module_utils._probe_pod import IMAGE
from ..module_utils._runner import Module, run_module

MODULE = Module(
    name="migration_probe",
    spec=several_clusters().merge(
        ArgumentSpec(
            {
                "image": {"type": "str", "default": IMAGE},
                # Names, which have to be seen to be corrected.
                "image_pull_secrets": {"type": "list", "elements": "str", "no_log": False},
                "mtu": {"type": "int"},
                "duration": {"type": "int", "default": 60},
                "wait_timeout": {"type": "int", "default": 300},
                "allow_raw_sockets": {"type": "bool", "default": False},
            }
        )
    ),
    work=_migration_probe.work,
)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
