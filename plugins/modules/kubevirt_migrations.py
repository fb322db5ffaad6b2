#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubevirt_migrations
short_description: Set the migration settings of a cluster's KubeVirt and wait until they are in force
version_added: 0.1.0
description:
  - Sets the feature gate, the migration network and the limits of live migrations in the KubeVirt CR, and nothing
    else of it. Options that are left out stay as they are in the CR.
  - Writes only when something differs in meaning, because every change of the CR makes KubeVirt renew its CA, after
    which trust has to be exchanged again (M(livemigration.kubevirt.migration_trust)).
  - Waits until virt-operator has carried out the CR, C(virt-handler) and C(virt-synchronization-controller) run
    their current template on every node, each pod has its address on the network, and the synchronization
    addresses that KubeVirt reports are those of its pods. It also waits when it wrote nothing.
  - Where HyperConverged (HCO) owns the KubeVirt CR, the settings are written into HCO's own resource and nowhere
    else, and the module waits until HCO has carried them over. What this release of HCO has no field for is refused
    by name, unless the KubeVirt CR has that value already.
  - A CR that belongs to Harvester or to another controller is not edited; the owner is named instead. So is the
    GitOps tool that applies the object, see O(allow_gitops).
author:
  - The livemigration.kubevirt authors (@livemigration)
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.kubevirt_limits
  - livemigration.kubevirt.kubevirt_limits.limits
  - livemigration.kubevirt.kubevirt_cr
options:
  state:
    description:
      - With V(present) the CR gets what the other options say.
      - With V(absent) the migration network is removed, then, once every pod is back on the pod network, the feature
        gate. Limits stay unless O(reset) names them.
    type: str
    choices: [present, absent]
    default: present
  flavour:
    description:
      - Where the settings are written.
      - V(auto) goes by the owner of the KubeVirt CR. V(kubevirt) is the KubeVirt CR itself, V(hco) the HyperConverged
        resource of HCO.
    type: str
    choices: [auto, kubevirt, hco]
    default: auto
  decentralized:
    description:
      - Whether the feature gate C(DecentralizedLiveMigration) is enabled, which moves between clusters need.
      - Other gates are left alone. It is refused when the CR disables the gate explicitly.
      - KubeVirt 1.10 and later have the gate on by default; V(false) then only removes an explicit entry, with a
        warning.
      - HCO 1.18 and later have it on by default, and V(false) does switch it off there.
    type: bool
  network:
    description:
      - Name of the NetworkAttachmentDefinition of the migration network.
      - It must exist in KubeVirt's own namespace and give every pod an address.
      - To go back to the pod network name C(network) in O(reset), or use O(state=absent). An empty name is refused,
        because KubeVirt would not take it as "off".
    type: str
  reset:
    description:
      - Settings whose field is removed from the CR, so that KubeVirt's own default holds again.
    type: list
    elements: str
    choices:
      - network
      - bandwidth_per_migration
      - completion_timeout_per_gib
      - progress_timeout
      - utility_volumes_timeout
      - max_downtime_ms
      - parallel_migrations_per_cluster
      - parallel_outbound_migrations_per_node
      - allow_auto_converge
      - allow_post_copy
      - allow_workload_disruption
      - disable_tls
      - match_selinux_level_on_migration
      - node_drain_taint_key
      - unsafe_migration_override
      - ca_duration
      - ca_renew_before
  allow_during_migrations:
    description:
      - Whether to write while migrations are unfinished on the cluster. They may be lost.
    type: bool
    default: false
  allow_gitops:
    description:
      - Whether to write an object that a GitOps tool (Argo CD, Flux) applies. The tool may undo the write.
      - Without it the module fails when something differs, and says what to change in the tool's repository.
    type: bool
    default: false
  wait_for_migrations:
    description:
      - Seconds to wait, before something is written, until the migrations that are unfinished on the cluster have
        ended. With V(0) the change is refused while there are any.
      - They are looked for again right before each write.
    type: int
    default: 0
  wait_timeout:
    description:
      - Seconds to wait, as a whole, until the settings are in force everywhere. A virt-handler may take up to 330 s
        to stop while migrations run through it.
      - When they have passed the module fails and says what was expected, what was seen and what to do.
    type: int
    default: 900
seealso:
  - module: livemigration.kubevirt.migration_nad
  - module: livemigration.kubevirt.migration_network_info
  - module: livemigration.kubevirt.migration_trust
"""

EXAMPLES = r"""
- name: Let VMs move between clusters over the migration network
  livemigration.kubevirt.kubevirt_migrations:
    kubeconfig: "{{ cluster_kubeconfig }}"
    decentralized: true
    network: migration-evpn

- name: Limit the bandwidth, and keep imported CAs for as long as KubeVirt's own lives
  livemigration.kubevirt.kubevirt_migrations:
    kubeconfig: "{{ cluster_kubeconfig }}"
    bandwidth_per_migration: 512Mi
    ca_duration: 168h
    ca_renew_before: 84h

- name: Set up KubeVirt for other clusters, whoever owns its settings
  livemigration.kubevirt.kubevirt_migrations:
    kubeconfig: "{{ cluster_kubeconfig }}"
    flavour: auto
    decentralized: true
    keep_peers: true

- name: Migrate over the pod network again, with KubeVirt's own bandwidth limit
  livemigration.kubevirt.kubevirt_migrations:
    kubeconfig: "{{ cluster_kubeconfig }}"
    reset:
      - network
      - bandwidth_per_migration

- name: Take everything back before the cluster leaves the fleet
  livemigration.kubevirt.kubevirt_migrations:
    kubeconfig: "{{ cluster_kubeconfig }}"
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or in check mode would be done, one sentence a write.
  returned: always
  type: list
  elements: str
  sample:
    - "cluster-a: patch KubeVirt kubevirt/kubevirt: configuration.migrations.network becomes migration-evpn"
diff:
  description: The CR before and after each write, without its status.
  returned: always
  type: list
  elements: dict
  contains:
    before_header: {description: Cluster and object., type: str, returned: always}
    after_header: {description: Cluster and object., type: str, returned: always}
    before: {description: The object as it was., type: dict, returned: always}
    after: {description: The object as it is now., type: dict, returned: always}
kubevirt_migrations:
  description: The settings as they are now, in check mode as they would be.
  returned: success
  type: dict
  contains:
    namespace:
      description: KubeVirt's namespace.
      type: str
      returned: always
      sample: kubevirt
    name:
      description: Name of the KubeVirt CR.
      type: str
      returned: always
      sample: kubevirt
    version:
      description: The KubeVirt that runs.
      type: str
      returned: always
      sample: v1.9.0
    flavour:
      description: Who owns the CR, one of V(kubevirt) (nobody), V(hco), V(harvester), V(controller).
      type: str
      returned: always
      sample: kubevirt
    object:
      description: The object that carries the settings.
      type: str
      returned: always
      sample: KubeVirt kubevirt/kubevirt
    decentralized:
      description: Whether the feature gate is enabled.
      type: bool
      returned: always
    network:
      description: The NAD of the migration network; empty for the pod network.
      type: str
      returned: always
      sample: migration-evpn
    migrations:
      description: The whole C(spec.configuration.migrations).
      type: dict
      returned: always
    certificate_rotation:
      description: The whole C(spec.certificateRotateStrategy).
      type: dict
      returned: always
    synchronization_addresses:
      description: Where peers reach the synchronization controller, as KubeVirt spells it.
      type: list
      elements: str
      returned: always
      sample: ["192.170.10.2:9185"]
    settled:
      description: Whether all of it is in force on every pod. Only check mode can end with V(false).
      type: bool
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

from typing import Any

from ..module_utils import _kubevirt_migrations
from ..module_utils._argspec import ArgumentSpec, cluster_options
from ..module_utils._kubevirt_settings import BY_OPTION
from ..module_utils._runner import Module, run_module

_TYPES = {"int": "int", "bool": "bool"}


def _option(kind: str) -> dict[str, Any]:
    """None of them is a secret, though one has "key" in its name."""
    return {"type": _TYPES.get(kind, "str"), "no_log": False}


MODULE = Module(
    name="kubevirt_migrations",
    spec=cluster_options().merge(
        ArgumentSpec(
            {
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                "namespace": {"type": "str"},
                "name": {"type": "str"},
                "flavour": {"type": "str", "choices": ["auto", "kubevirt", "hco"], "default": "auto"},
                "decentralized": {"type": "bool"},
                "reset": {"type": "list", "elements": "str", "choices": list(BY_OPTION)},
                "keep_peers": {"type": "bool", "default": False},
                "allow_during_migrations": {"type": "bool", "default": False},
                "allow_gitops": {"type": "bool", "default": False},
                "wait_for_migrations": {"type": "int", "default": 0},
                "wait_timeout": {"type": "int", "default": 900},
                **{name: _option(setting.kind) for name, setting in BY_OPTION.items()},
            }
        )
    ),
    work=_kubevirt_migrations.work,
)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
