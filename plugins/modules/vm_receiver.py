# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the receiver VM of a live migration between two clusters."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_receiver
short_description: Make the VM that receives a running guest from another cluster
version_added: 0.1.0
description:
  - Creates on the target cluster the VM that waits for a guest (run strategy C(WaitAsReceiver)), derived from the live
    VM on the source cluster, and waits until it waits.
  - The receiver has the same spec, labels and annotations. MAC addresses, firmware UUID and serial are taken from the
    running guest and pinned, so that the guest still has them after its next boot on the target.
  - Secrets and ConfigMaps that the VM uses are copied. One that exists on the target is compared by content. A copy
    follows the source, also for several VMs that share it, until somebody edits it or a guest that lives on the target
    uses it; that one, and an object that somebody else made or that comes from another cluster or namespace, is never
    overwritten.
  - Everything else the VM uses (PersistentVolumeClaims, NetworkAttachmentDefinitions, service accounts, instance types,
    preferences) must exist on the target.
  - The halted VM that a move in the other direction left behind becomes the receiver.
  - A VM that cannot be moved is refused before anything is written.
options:
  name:
    description: Name of the VM, on both clusters.
    type: str
    required: true
  namespace:
    description: Namespace of the VM on the source cluster.
    type: str
    required: true
  target_namespace:
    description:
      - Namespace of the receiver on the target cluster; it must exist.
      - Defaults to O(namespace).
    type: str
  state:
    description:
      - V(present) makes the receiver. While a move of this guest is under way, or after it, nothing is changed.
      - V(absent) removes it, if the collection made it and it is proven empty. One that was left behind by a move in
        the other direction is halted again and not deleted. The copies of Secrets and ConfigMaps stay.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: livemigration.kubevirt.vmim_crosscluster
extends_documentation_fragment:
  - livemigration.kubevirt.cluster.source_and_target
  - livemigration.kubevirt.wait
  - livemigration.kubevirt.attributes
author:
  - The livemigration.kubevirt authors (@livemigration)
"""

EXAMPLES = r"""
- name: Make the receiver of vm-1 on cluster-b
  livemigration.kubevirt.vm_receiver:
    source:
      cluster_name: cluster-a
      kubeconfig: "{{ kubeconfigs['cluster-a'] }}"
    target:
      cluster_name: cluster-b
      kubeconfig: "{{ kubeconfigs['cluster-b'] }}"
    name: vm-1
    namespace: default

- name: Take it away again
  livemigration.kubevirt.vm_receiver:
    source:
      cluster_name: cluster-a
      kubeconfig: "{{ kubeconfigs['cluster-a'] }}"
    target:
      cluster_name: cluster-b
      kubeconfig: "{{ kubeconfigs['cluster-b'] }}"
    name: vm-1
    namespace: default
    state: absent
"""

RETURN = r"""
actions:
  description: One sentence for each change that was made, or would be made in check mode.
  returned: always
  type: list
  elements: str
  sample: ["cluster-b: create VirtualMachine default/vm-1: it receives the guest from cluster-a"]
diff:
  description: Before and after of every object concerned; the content of Secrets is hidden.
  returned: always
  type: list
  elements: dict
vm_receiver:
  description: The receiver and what it was derived from; empty on failure.
  returned: always
  type: dict
  contains:
    name:
      description: Name of the VM.
      type: str
    namespace:
      description: Namespace of the receiver on the target.
      type: str
    relation:
      description: What the target had under that name before.
      type: str
      sample: absent
    remembered_run_strategy:
      description: What the guest's VM is to have again after the move; V(running) stands for C(running=true).
      type: str
      sample: Always
    macs:
      description: MAC address of each interface of the guest.
      type: dict
    firmware_uuid:
      description: Firmware UUID of the guest.
      type: str
    dependencies:
      description: The objects the VM uses, as they are called on the target.
      type: list
      elements: str
failure:
  description: Why the module failed.
  returned: failure
  type: dict
  contains:
    reason:
      description: One machine-readable word.
      type: str
    wanted:
      description: What should have been the case.
      type: str
    found:
      description: What was the case.
      type: str
    cluster:
      description: The cluster concerned.
      type: str
    object:
      description: The object concerned.
      type: str
    hint:
      description: What to do.
      type: str
"""

from ..module_utils._runner import Module, run_module
from ..module_utils._vm_receiver import SPEC, work

MODULE = Module("vm_receiver", SPEC, work)


def main() -> None:
    """Entry point of the module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
