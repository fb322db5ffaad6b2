# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves a running VM from one cluster to another."""

from __future__ import annotations

DOCUMENTATION = r"""
module: vmim_crosscluster
short_description: Move a running VM from one cluster to another
version_added: 0.1.0
description:
  - Drives both sides of KubeVirt's decentralized live migration and watches both until it is proven where the guest is.
  - The receiver VM must exist on the target, see M(livemigration.kubevirt.vm_receiver), and each cluster must trust the
    other, see M(livemigration.kubevirt.migration_trust).
  - First everything that can be known beforehand is checked; what is wrong is refused before the first write. Then the
    source VM is guarded (run strategy C(Manual), the old one remembered), the receiving side is started, the target's
    synchronization address is read again and checked, and the sending side is started with exactly that address.
  - The guest counts as moved only when the migration on the target has succeeded, the guest runs there in a running
    launcher pod, and nothing is left on the source in which it could run. Then the source VM is halted and kept, the
    target VM gets the run strategy that the source had, and both migration objects are removed.
  - A right to write that the move will need and the credentials do not have is named before the first write.
  - A move that fails is cancelled from the source and ends as C(rolled_back) once the guest is proven to be on the
    source and nowhere else. Whatever is not certain ends as C(indeterminate); nothing is touched any more then.
  - A call that is interrupted anywhere can be repeated and carries on where it stood.
  - Nothing that may hold the guest is ever deleted, started or stopped. While a cluster does not answer, nothing is
    written on the other one either.
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
      - Namespace of the receiver VM.
      - Defaults to O(namespace).
    type: str
  state:
    description:
      - V(migrated) moves the guest.
      - V(prepared) stops before anything of the source changes but a mark; the receiver listens, and V(migrated)
        carries on from there.
      - V(absent) cancels an open move and removes what belongs to it. A guest that has arrived meanwhile is not moved
        back; the move is finished instead.
      - V(checked) only looks, as a first task before anything is made for the move. It fails when V(migrated) would be
        refused, takes a receiver that is not there yet as one that will be made, and shows no change and no warning.
    type: str
    choices: [migrated, prepared, absent, checked]
    default: migrated
  range:
    description:
      - The address range of the migration network, in CIDR form.
      - With O(max_clusters) and O(target_slot) it gives the slice in which the target's addresses must lie.
    type: str
  max_clusters:
    description: For how many clusters the range is divided.
    type: int
  weights: {description: "One weight for each slot, where the slices are in proportion.", type: list, elements: int}
  source_slot:
    description: The source cluster's slot; no address of its slice is ever connected to.
    type: int
  target_slot:
    description: The target cluster's slot.
    type: int
  source_slice:
    description: The source cluster's slice, instead of O(source_slot).
    type: dict
    suboptions:
      first:
        description: The first address.
        type: str
        required: true
      last:
        description: The last address.
        type: str
        required: true
  target_slice:
    description: The target cluster's slice, instead of O(range), O(max_clusters) and O(target_slot).
    type: dict
    suboptions:
      first:
        description: The first address.
        type: str
        required: true
      last:
        description: The last address.
        type: str
        required: true
  allow_outside_slice:
    description:
      - Accept an address of the target that lies outside its slice. Unsafe. KubeVirt falls back to the pod network
        without a word, and the copy then takes another way than planned.
      - An address that belongs to the source is refused all the same.
    type: bool
    default: false
  keep_source:
    description:
      - Whether the halted VM stays on the source, so that a move in the other direction can use it again.
      - With V(false) it is deleted, with the disks that belong to it, after the guest is proven to run on the target.
    type: bool
    default: true
  clean:
    description: Whether both migration objects are removed in the end.
    type: bool
    default: true
  receive_timeout:
    description: Seconds until the receiver has to listen.
    type: int
    default: 120
  sync_timeout:
    description: Seconds until both clusters have to know each other's part.
    type: int
    default: 60
  schedule_timeout:
    description: Seconds until the target's launcher pod has to run, its images pulled and its disks attached.
    type: int
    default: 300
  prepare_timeout:
    description: Seconds until the copy has to begin after that.
    type: int
    default: 120
  copy_timeout:
    description:
      - Seconds until the copy has to end.
      - Defaults to what KubeVirt itself allows, from the target's C(completionTimeoutPerGiB) and C(progressTimeout) and
        from the size of memory and disks.
    type: int
  finish_timeout:
    description: Seconds until it has to be proven where the guest is, and everything has to be cleaned up.
    type: int
    default: 120
  trouble_grace:
    description:
      - Seconds for which a trouble that KubeVirt alone cannot get over may last (no node fits, quota exceeded, peer not
        trusted) before the move is given up ahead of the stage's deadline.
    type: int
    default: 10
attributes:
  idempotent:
    details: A guest that has moved is no change; nothing is written then.
seealso:
  - module: livemigration.kubevirt.vm_receiver
  - module: livemigration.kubevirt.migration_trust
  - module: livemigration.kubevirt.migration_network_info
notes:
  - KubeVirt has no deadline of its own for most stages of such a move; the deadlines here are the only ones.
  - Inside the Ansible worker the progress is printed as it goes, one line a change.
extends_documentation_fragment:
  - livemigration.kubevirt.cluster.source_and_target
  - livemigration.kubevirt.attributes
author:
  - The livemigration.kubevirt authors (@livemigration)
"""

EXAMPLES = r"""
- name: Move vm-1 to cluster-b
  livemigration.kubevirt.vmim_crosscluster:
    source:
      cluster_name: cluster-a
      kubeconfig: "{{ kubeconfigs['cluster-a'] }}"
    target:
      cluster_name: cluster-b
      kubeconfig: "{{ kubeconfigs['cluster-b'] }}"
    name: vm-1
    namespace: default
    range: 192.170.10.0/24
    max_clusters: 2
    source_slot: 0
    target_slot: 1

- name: Give the move of vm-1 up
  livemigration.kubevirt.vmim_crosscluster:
    source: "{{ cluster_a }}"
    target: "{{ cluster_b }}"
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
  sample: ["cluster-a: patch VirtualMachine default/vm-1: the guest runs on cluster-b now, and only there"]
diff:
  description: Before and after of every object concerned.
  returned: always
  type: list
  elements: dict
vmim_crosscluster:
  description: How the move went; empty when no cluster could be opened.
  returned: always
  type: dict
  contains:
    outcome:
      description:
        - V(migrated), V(already_migrated), V(prepared) and V(cancelled) are success.
        - V(refused) wrote nothing, V(rolled_back) left the guest on the source, V(indeterminate) does not know,
          V(split_brain) has seen the guest run on both sides. In check mode and with O(state=checked) it is what is
          expected.
      type: str
      sample: migrated
    stage:
      description:
        - The last stage reached, one of V(receive), V(sync), V(schedule), V(prepare), V(copy), V(finish) and V(undo).
      type: str
      sample: finish
    attempt:
      description: The id of the attempt, which is also the C(migrationID) of both migration objects.
      type: str
      sample: 2c5ea4c0-4067-5a3f-9a4b-6f1f6d3a2b1c
    proof:
      description: What was seen on both sides that makes the outcome certain; empty in check mode.
      type: list
      elements: str
      sample: ["cluster-b: its migrationState says completed and not failed"]
    timeline:
      description:
        - What happened when, in the order in which it was seen.
        - Each has C(cluster), C(what) (the migration objects C(send) and C(receive), C(stage) or C(write)), C(event),
          C(at) (the object's time, or else this machine's) and C(seconds) since the beginning of the call.
      type: list
      elements: dict
    durations:
      description: Whose time it was.
      type: dict
      contains:
        total_seconds:
          description: The whole call.
          type: float
        kubevirt_seconds:
          description: The part in which there was only KubeVirt to wait for.
          type: float
        overhead_seconds:
          description: The rest, which the module adds.
          type: float
        copy_seconds:
          description: The copy, in whole seconds as KubeVirt tells them.
          type: float
    source:
      description:
        - The source side at the end, C(cluster), C(name), C(namespace), whether it answered (C(known)), C(vm), C(vmi),
          C(migrations) and C(pods), each with names, phases and run strategies.
      type: dict
    target:
      description: The target side at the end, with the same keys.
      type: dict
    findings:
      description: What was found wrong before the first write.
      type: list
      elements: dict
failure:
  description: Why the guest is not where it was wanted.
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
      description: What to do about it.
      type: str
"""

from ..module_utils import _move_options, _vmim
from ..module_utils._argspec import source_and_target
from ..module_utils._runner import Module, run_module

MODULE = Module(
    name="vmim_crosscluster",
    spec=source_and_target().merge(_move_options.options()),
    work=_vmim.work,
)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
