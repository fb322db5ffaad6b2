#!/usr/bin/python
# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One L3VNI of OpenPERouter on one cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: l3vni
short_description: Manage an L3VNI of OpenPERouter on one cluster
version_added: 0.2.0
description:
  - Creates, changes or removes one L3VNI, which provides the VRF that an L2VNI with gateways stands in
    (M(livemigration.kubevirt.l2vni)). From release v0.2.0 of OpenPERouter on such an L2VNI is admitted without it, and
    never provisioned. A migration network without gateways needs none.
  - It has no host session of its own; one that somebody else has configured is left alone.
  - The shape of the API is read from the installed CRD. What it cannot express is refused by name.
  - All options together describe the L3VNI. An option that is left out is removed from an existing one; fields that
    this module has no option for are left alone.
  - After an upgrade that renamed OpenPERouter's API group, the object is made anew in the new group, and the old one,
    which has no effect any more, is removed once the nodes report the new one.
extends_documentation_fragment:
  - livemigration.kubevirt.cluster
  - livemigration.kubevirt.wait
  - livemigration.kubevirt.attributes
  - livemigration.kubevirt.attributes.action_group
  - livemigration.kubevirt.gitops
  - livemigration.kubevirt.openperouter
options:
  name:
    description:
      - Name of the L3VNI.
    type: str
    required: true
  state:
    description:
      - Whether the L3VNI is there.
      - V(absent) is refused while an L2VNI stands in its VRF.
    type: str
    choices: [present, absent]
    default: present
  vrf:
    description:
      - The VRF on the nodes, at most 15 letters, digits, C(_) and C(-), beginning with a letter.
      - Required with O(state=present).
    type: str
  vni:
    description:
      - Number of the VXLAN network that joins the VRF of all nodes, from 1 to 16777215, free on every cluster and the
        same on all of them. It cannot be that of an L2VNI.
      - Required with O(state=present).
    type: int
  import_rts:
    description:
      - Route targets to import, such as V(64514:100), where FRR's own are not wanted. Releases before v0.2.0 have none.
    type: list
    elements: str
  export_rts:
    description:
      - Route targets to export.
    type: list
    elements: str
  node_selector:
    description:
      - The nodes the VRF is for; all of them when left out. They must include those of the L2VNIs in it.
        Shape A has no selector.
seealso:
  - module: livemigration.kubevirt.l2vni
author:
  - The livemigration.kubevirt authors (@livemigration)
"""

EXAMPLES = r"""
- name: The VRF of the published procedure's application network
  livemigration.kubevirt.l3vni:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: red
    vrf: red
    vni: 100

- name: Remove it again
  livemigration.kubevirt.l3vni:
    kubeconfig: "{{ kubeconfig }}"
    cluster_name: cluster-a
    name: red
    state: absent
"""

RETURN = r"""
actions:
  description: What was written, or would be in check mode, one sentence each.
  returned: always
  type: list
  elements: str
  sample: ["cluster-a: create L3VNI openperouter-system/red: VRF red with VNI 100"]
diff:
  description: The L3VNI before and after each write.
  returned: always
  type: list
  elements: dict
l3vni:
  description: The VRF as it is now, or would be in check mode.
  returned: success
  type: dict
  contains:
    api_group:
      description: API group of the L3VNI; V(null) when OpenPERouter is not installed.
      returned: always
      type: str
      sample: openpe.openperouter.github.io
    shape:
      description: Shape of the API, V(A), V(B) or V(C); V(null) when OpenPERouter is not installed.
      returned: always
      type: str
      sample: A
    vrf: {description: The VRF; V(null) when absent., type: str, returned: always, sample: red}
    vni: {description: Its number; V(null) when absent., type: int, returned: always, sample: 100}
    readiness:
      description:
        - V(reported) when every node concerned reports that it is ready and names no failure of this L3VNI. The
          reports carry no generation, so the data plane has the last word.
        - V(unknown) where OpenPERouter reports nothing (releases before v0.2.0, or no router pods); only the data
          plane proves that the network works.
        - V(failing) in check mode, which does not wait, when a node reports a failure or nothing yet.
        - V(not_waited) in check mode with a change pending, V(absent) after removal.
      returned: always
      type: str
      sample: unknown
    readiness_meaning: {description: That word in a sentence., type: str, returned: always}
    object: {description: The L3VNI object; V(null) when absent., type: dict, returned: always}
failure:
  description: Why the module failed.
  returned: failure
  type: dict
  contains:
    reason:
      description: One word for programs, such as V(vni_taken), V(vrf_in_use) or V(shape_lacks).
      returned: always
      type: str
    wanted: {description: What should have been the case., type: str, returned: always}
    found: {description: What was the case., type: str, returned: always}
    cluster: {description: Name of the cluster., type: str, returned: always}
    object: {description: The object concerned., type: str, returned: always}
    hint: {description: What to do., type: str, returned: always}
"""

from ..module_utils import _l3vni
from ..module_utils._l3vni_spec import SPEC
from ..module_utils._runner import Module, run_module

MODULE = Module(name="l3vni", spec=SPEC, work=_l3vni.work)


def main() -> None:
    """Run as a module."""
    run_module(MODULE)


if __name__ == "__main__":
    main()
