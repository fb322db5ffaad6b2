#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trust_bundle
short_description: See whom a cluster trusts, and take out clusters that left
version_added: 0.1.0
description:
  - Reads the KubeVirt CA of a cluster and the CAs of others that it trusts, whose they are and when they expire.
  - With O(forget) the CAs of clusters that left are cut out of the bundle and out of C(kubevirt-external-ca). Those
    clusters are not asked and need not exist any more.
  - A KubeVirt CA does not say of which cluster it is. M(livemigration.kubevirt.migration_trust) therefore notes it in
    the ConfigMap C(livemigration-trust) beside the bundle, from which this module takes the names.
author:
  - The livemigration.kubevirt authors (@livemigration)
requirements:
  - cryptography >= 44
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.wait
options:
  namespace:
    description:
      - Namespace of KubeVirt.
      - Needed only when the cluster has several KubeVirt CRs.
    type: str
  forget:
    description:
      - Clusters that are to be trusted no longer, by the name under which they were in the inventory, or single CAs by
        their fingerprint (SHA-256 in hexadecimal).
      - A name that this cluster does not remember is a warning and changes nothing.
    type: list
    elements: str
    default: []
  expiry_warning_days:
    description:
      - Warn when the cluster's own CA expires in fewer days. KubeVirt renews it earlier by itself.
    type: float
    default: 1
  allow_during_migrations:
    description:
      - Whether O(forget) goes ahead while migrations are unfinished on the cluster. They may be lost.
    type: bool
    default: false
  wait_for_migrations:
    description:
      - Seconds that O(forget) waits for migrations that are unfinished on the cluster; V(0) refuses at once.
    type: int
    default: 0
  require_rights:
    description:
      - Whether to fail when these credentials may not write what an exchange of CAs writes on this cluster, also when
        nothing has to be written yet. The role C(preflight) asks so before a change that will renew CAs.
    type: bool
    default: false
seealso:
  - module: livemigration.kubevirt.migration_trust
"""

EXAMPLES = r"""
- name: See whom the cluster trusts
  livemigration.kubevirt.trust_bundle:
    kubeconfig: "{{ cluster_kubeconfig }}"

- name: End the trust in a cluster that is gone for good
  livemigration.kubevirt.trust_bundle:
    kubeconfig: "{{ cluster_kubeconfig }}"
    forget:
      - vienna
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, one sentence an object.
  returned: always
  type: list
  elements: str
diff:
  description: The ConfigMaps before and after each write.
  returned: always
  type: list
  elements: dict
  contains:
    before_header: {description: Cluster and object., type: str, returned: always}
    after_header: {description: Cluster and object., type: str, returned: always}
    before: {description: The object as it was., type: dict, returned: always}
    after: {description: The object as it was written., type: dict, returned: always}
trust_bundle:
  description: The trust of the cluster as it is now, in check mode as it was found.
  returned: success
  type: dict
  contains:
    cluster: {description: Name of the cluster., type: str, returned: always}
    uid: {description: UID of its namespace C(kube-system)., type: str, returned: always}
    ca:
      description: The CA that the cluster uses now.
      type: dict
      returned: always
      contains: &ca
        fingerprint: {description: 'SHA-256 of the certificate, lower-case hexadecimal.', type: str, returned: always}
        subject: {description: Its subject., type: str, returned: always}
        not_before: {description: Since when it is valid., type: str, returned: always}
        not_after: {description: Until when it is valid., type: str, returned: always}
        expires_in_days: {description: Days until it expires., type: float, returned: always}
    peers:
      description: The clusters whose CAs were taken in by this collection.
      type: list
      elements: dict
      returned: always
      contains:
        name: {description: Name of the cluster., type: str, returned: always}
        uid: {description: UID of its namespace C(kube-system)., type: str, returned: always}
        cas:
          description: Its CAs that are in the bundle now.
          type: list
          elements: dict
          returned: always
          contains: *ca
    others:
      description: Further CAs in the bundle, former ones of this cluster and those that were taken in otherwise.
      type: list
      elements: dict
      returned: always
      contains: *ca
    fingerprints:
      description: The CAs that count against the limit of the bundle, those that wait to be taken in included.
      type: list
      elements: str
      returned: always
    room: {description: How many more CAs KubeVirt will keep., type: int, returned: always}
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

from ..module_utils import _trust_bundle
from ..module_utils._argspec import ArgumentSpec, cluster_options
from ..module_utils._runner import Module, run_module

MODULE = Module(
    name="trust_bundle",
    spec=cluster_options().merge(
        ArgumentSpec(
            {
                "namespace": {"type": "str"},
                "forget": {"type": "list", "elements": "str", "default": []},
                "expiry_warning_days": {"type": "float", "default": 1},
                "allow_during_migrations": {"type": "bool", "default": False},
                "require_rights": {"type": "bool", "default": False},
                "wait_for_migrations": {"type": "int", "default": 0},
                "wait_timeout": {"type": "int", "default": 300},
            }
        )
    ),
    work=_trust_bundle.work,
)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
