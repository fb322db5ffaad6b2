# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every NAD is checked against and written with."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules for the migration NAD and those of VMs alike."""

    DOCUMENTATION = r"""
options:
  underlay_mtu:
    description:
      - The smallest MTU in bytes of the network between the nodes of all clusters. When it is set, O(mtu) is checked
        against it.
    type: int
  underlay_address_family:
    description:
      - Address family of the VXLAN tunnels, which take 50 bytes over IPv4 and 70 over IPv6 when O(vni) is set.
    type: str
    choices: [ipv4, ipv6]
    default: ipv4
  cni_version:
    description:
      - Version of the CNI specification that the configuration names.
    type: str
    default: 0.3.1
"""
