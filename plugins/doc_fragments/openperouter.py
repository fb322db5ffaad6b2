# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every object of OpenPERouter's overlay has."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules for an L2VNI and an L3VNI alike."""

    DOCUMENTATION = r"""
options:
  namespace:
    description:
      - The namespace OpenPERouter runs in.
    type: str
    default: openperouter-system
  vxlan_port:
    description:
      - UDP port of the VXLAN traffic. Without this option it stays as it is; that of a new one is 4789.
    type: int
  underlay_address_family:
    description:
      - Address family of the tunnel endpoints to use. Left out, OpenPERouter prefers IPv4.
      - Releases before v0.2.0 cannot express it.
    type: str
    choices: [ipv4, ipv6]
  # What the nodes are selected for, each module says itself.
  node_selector:
    type: dict
    suboptions:
      match_labels:
        description:
          - Labels with the values that a node must have.
        type: dict
      match_expressions:
        description:
          - Requirements on labels, all of which must hold.
        type: list
        elements: dict
        suboptions:
          key:
            description:
              - The label.
            type: str
            required: true
          operator:
            description:
              - How the label's value relates to O(node_selector.match_expressions[].values).
            type: str
            required: true
            choices: [In, NotIn, Exists, DoesNotExist]
          values:
            description:
              - Values, for V(In) and V(NotIn).
            type: list
            elements: str
"""
