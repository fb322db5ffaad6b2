#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: migration_trust
short_description: Make two clusters trust each other's KubeVirt CA
version_added: 0.1.0
description:
  - Both sides of a move authenticate each other with certificates of their own KubeVirt CA. This module makes sure
    that the CA that each cluster uses B(now) is in the other's bundle, compared by fingerprint.
  - A missing CA is written into the ConfigMap C(kubevirt-external-ca), from which KubeVirt takes it into the ConfigMap
    C(kubevirt-ca). The module waits until it is there and writes again if KubeVirt swallowed it.
  - Only a cluster's own current CA is ever handed on, never one that it was given, and never a private key.
  - Whose a CA is, is noted in the ConfigMap C(livemigration-trust) beside the bundle, as the CA itself does not say it.
  - A bundle that would grow past the 50 CAs that KubeVirt keeps is refused, as the oldest would be lost.
  - Every change of the KubeVirt CR renews the CA. The module therefore waits until KubeVirt has settled on both sides;
    configure KubeVirt first (M(livemigration.kubevirt.kubevirt_migrations)), exchange trust last, and check again
    right before a move.
author:
  - The livemigration.kubevirt authors (@livemigration)
requirements:
  - cryptography >= 44
extends_documentation_fragment:
  - livemigration.kubevirt.cluster.source_and_target
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.wait
options:
  state:
    description:
      - With V(present) each side trusts the other's current CA.
      - With V(absent) the other's CAs are cut out of the bundle and out of C(kubevirt-external-ca) on both sides, the
        current one and the former ones that were exchanged by this module.
      - Where the other side cannot be reached any more use M(livemigration.kubevirt.trust_bundle).
    type: str
    choices: [present, absent]
    default: present
  source_namespace:
    description:
      - Namespace of KubeVirt on the source.
      - Needed only when the cluster has several KubeVirt CRs.
    type: str
  target_namespace:
    description:
      - Namespace of KubeVirt on the target.
      - Needed only when the cluster has several KubeVirt CRs.
    type: str
  allow_during_migrations:
    description:
      - Whether O(state=absent) goes ahead while migrations are unfinished on a cluster. They may be lost.
    type: bool
    default: false
  wait_for_migrations:
    description:
      - Seconds that O(state=absent) waits for migrations that are unfinished on either cluster; V(0) refuses at once.
    type: int
    default: 0
seealso:
  - module: livemigration.kubevirt.kubevirt_migrations
  - module: livemigration.kubevirt.trust_bundle
"""

EXAMPLES = r"""
- name: Let two clusters trust each other
  livemigration.kubevirt.migration_trust:
    source:
      cluster_name: cluster-a
      kubeconfig: "{{ source_kubeconfig }}"
    target:
      cluster_name: cluster-b
      kubeconfig: "{{ target_kubeconfig }}"

- name: End the trust when a cluster leaves the fleet
  livemigration.kubevirt.migration_trust:
    source:
      cluster_name: cluster-a
      kubeconfig: "{{ source_kubeconfig }}"
    target:
      cluster_name: cluster-b
      kubeconfig: "{{ target_kubeconfig }}"
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, one sentence an object.
  returned: always
  type: list
  elements: str
  sample:
    - "cluster-a: patch ConfigMap kubevirt/kubevirt-external-ca: cluster-a does not trust the CA of cluster-b (2f1a90)"
diff:
  description: The ConfigMaps before and after each write.
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
migration_trust:
  description: The trust as it is now, in check mode as it was found.
  returned: success
  type: dict
  contains:
    trusted:
      description: Whether both sides trust each other's current CA.
      type: bool
      returned: always
    repeats:
      description: How often a write had to be repeated because KubeVirt swallowed it.
      type: int
      returned: always
    source:
      description: The source's side.
      type: dict
      returned: always
      contains: &side
        cluster:
          description: Name of the cluster.
          type: str
          returned: always
        ca:
          description: The CA that the cluster uses now.
          type: dict
          returned: always
          contains: &ca
            fingerprint:
              description: SHA-256 of the certificate, lower-case hexadecimal.
              type: str
              returned: always
            subject:
              description: Its subject.
              type: str
              returned: always
            not_before:
              description: Since when it is valid.
              type: str
              returned: always
            not_after:
              description: Until when it is valid.
              type: str
              returned: always
            expires_in_days:
              description: Days until it expires.
              type: float
              returned: always
        trusts_peer:
          description: Whether the current CA of the other side is in the bundle.
          type: bool
          returned: always
        pending:
          description: Whether the CA of the other side waits to be taken in.
          type: bool
          returned: always
        dropped_in_hours:
          description:
            - Hours until KubeVirt will drop the CA of the other side although it is still in use.
            - Null when it will not.
          type: float
          returned: always
        others:
          description: Further CAs in the bundle, former ones of either side and those of other clusters.
          type: list
          elements: dict
          returned: always
          contains: *ca
    target:
      description: The target's side.
      type: dict
      returned: always
      contains: *side
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

from ..module_utils import _trust
from ..module_utils._argspec import ArgumentSpec, source_and_target
from ..module_utils._runner import Module, run_module

MODULE = Module(
    name="migration_trust",
    spec=source_and_target().merge(
        ArgumentSpec(
            {
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "source_namespace": {"type": "str"},
                "target_namespace": {"type": "str"},
                "allow_during_migrations": {"type": "bool", "default": False},
                "wait_for_migrations": {"type": "int", "default": 0},
                "wait_timeout": {"type": "int", "default": 300},
            }
        )
    ),
    work=_trust.work,
)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
