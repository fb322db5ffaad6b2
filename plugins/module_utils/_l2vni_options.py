# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the l2vni module, and those that the l3vni module has, too."""

from __future__ import annotations

from . import _node_selector as node_selector
from ._argspec import ArgumentSpec, cluster_options

OVERLAY = ArgumentSpec(
    {
        "name": {"type": "str", "required": True},
        "namespace": {"type": "str", "default": "openperouter-system"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "allow_gitops": {"type": "bool", "default": False},
        "vni": {"type": "int"},
        "vxlan_port": {"type": "int"},
        "vrf": {"type": "str"},
        "node_selector": {"type": "dict", "options": node_selector.OPTIONS},
        "underlay_address_family": {"type": "str", "choices": ["ipv4", "ipv6"]},
        "wait_timeout": {"type": "int", "default": 300},
    }
)
"""What every object of OpenPERouter's overlay has."""

SPEC = cluster_options().merge(
    OVERLAY,
    ArgumentSpec(
        {
            "l3vni": {"type": "str"},
            "gateways": {"type": "list", "elements": "str"},
            "bridge_type": {"type": "str", "choices": ["linux", "ovs"], "default": "linux"},
            "bridge_name": {"type": "str"},
            "bridge_managed": {"type": "bool", "default": True},
            "allow_bare_nodes": {"type": "bool", "default": False},
            "beside": {"type": "bool", "default": False},
            "recreate": {"type": "bool", "default": False},
            "expect_gone": {"type": "list", "elements": "str"},
            "wait_for_migrations": {"type": "int", "default": 0},
        },
        required_if=(("state", "present", ("vni",)),),
    ),
)
