#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubevirt_restart
short_description: Restart KubeVirt's pods that are older than the bridge of the migration network
version_added: 0.1.0
description:
  - An L2VNI that is deleted and created anew gets a new bridge. Pods that hung on the old one keep an interface that
    leads nowhere; they look healthy, and every migration through them fails.
  - Restarts the pods of C(virt-handler) and C(virt-synchronization-controller) that have an interface on the migration
    network and are older than O(older_than), the first alone, then a tenth of them at a time, and waits each time
    until all are ready and have their addresses. Does nothing when there are none.
author:
  - The livemigration.kubevirt authors (@livemigration)
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.kubevirt_cr
options:
  older_than:
    description:
      - The time at which the bridge was made, such as the C(creationTimestamp) of its L2VNI. Pods that were made before
        are restarted. Left out, all are.
    type: str
  wait_for_migrations:
    description:
      - Seconds to wait, before pods are restarted, until the migrations that are unfinished on the cluster have ended.
        With V(0) it is refused while there are any.
    type: int
    default: 0
  wait_timeout:
    description:
      - Seconds to wait, as a whole, until the restarted pods are ready.
    type: int
    default: 900
seealso:
  - module: livemigration.kubevirt.l2vni
  - module: livemigration.kubevirt.kubevirt_migrations
"""

EXAMPLES = r"""
- name: The overlay segment
  livemigration.kubevirt.l2vni:
    kubeconfig: "{{ cluster_kubeconfig }}"
    name: migration
    vni: 666
    recreate: true
  register: segment

- name: No pod on a bridge that is no more
  livemigration.kubevirt.kubevirt_restart:
    kubeconfig: "{{ cluster_kubeconfig }}"
    older_than: "{{ segment.l2vni.object.metadata.creationTimestamp | default(omit) }}"
"""

RETURN = r"""
actions:
  description: What was restarted, or would be in check mode, one sentence a pod.
  returned: always
  type: list
  elements: str
diff:
  description: The pods that went.
  returned: always
  type: list
  elements: dict
kubevirt_restart:
  description: What was found.
  returned: success
  type: dict
  contains:
    pods:
      description: The pods that were restarted as C(namespace/name).
      returned: always
      type: list
      elements: str
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

from ..module_utils import _kubevirt_restart
from ..module_utils._runner import Module, run_module

MODULE = Module(name="kubevirt_restart", spec=_kubevirt_restart.SPEC, work=_kubevirt_restart.work)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
