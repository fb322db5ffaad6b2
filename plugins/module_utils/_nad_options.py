# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the migration_nad module, and what they mean before any cluster is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ._address_slice import SLICE, avoided, slices
from ._argspec import ArgumentSpec, cluster_options
from ._errors import BadInput
from ._nad_config import Wanted, check_mtu
from ._nad_kinds import KINDS, MACVLAN_MODES, attachment_of

SPEC = cluster_options().merge(
    SLICE,
    ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "kubevirt"},
            "state": {"type": "str", "choices": ["present", "pruned", "absent"], "default": "present"},
            "allow_gitops": {"type": "bool", "default": False},
            "kind": {"type": "str", "choices": [*KINDS], "default": "bridge"},
            "bridge": {"type": "str"},
            "vni": {"type": "int"},
            "vlan": {"type": "int"},
            "master": {"type": "str"},
            "mode": {"type": "str", "choices": [*MACVLAN_MODES]},
            "resource_name": {"type": "str"},
            "mtu": {"type": "int"},
            "underlay_mtu": {"type": "int"},
            "underlay_address_family": {"type": "str", "choices": ["ipv4", "ipv6"], "default": "ipv4"},
            "avoid": {"type": "list", "elements": "str"},
            "style": {"type": "str", "choices": ["bounds", "exclude"], "default": "bounds"},
            "cni_version": {"type": "str", "default": "0.3.1"},
            "required_addresses": {"type": "int"},
            "growth": {"type": "int", "default": 0},
            "free_leftovers": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 400},
        },
        mutually_exclusive=(("bridge", "vni"),),
        required_if=(
            ("state", "present", ("mtu", "range")),
            ("state", "present", ("slot", "range_start"), True),
        ),
    ),
)

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_CNI_VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")


def label(name: str, option: str) -> None:
    """:raises BadInput: for a name that KubeVirt's annotation on its pods cannot carry."""
    if not _LABEL.fullmatch(name):
        wanted = f"{option} of at most 63 lower-case letters, digits and '-', not beginning or ending with '-'"
        hint = "Multus reads it from an annotation and takes no dots there."
        raise BadInput(wanted, repr(name), hint=hint, reason=f"{option}_invalid")


def wanted_of(params: Mapping[str, Any]) -> tuple[Wanted, list[str]]:
    """The network that the options describe, and warnings. :raises BadInput: for what cannot work anywhere."""
    label(params["name"], "name")
    label(params["namespace"], "namespace")
    if params["cni_version"] not in _CNI_VERSIONS:
        known = f"cni_version among {', '.join(_CNI_VERSIONS)}"
        hint = "0.3.1 suits every release of multus and whereabouts."
        raise BadInput(known, params["cni_version"], hint=hint, reason="cni_version")
    link = attachment_of(params)
    piece, *others = slices(params)
    warnings = check_mtu(
        params["mtu"],
        overlay=params["vni"] is not None,
        version=max(each.network.version for each in (piece, *others)),
        underlay_mtu=params["underlay_mtu"],
        family=params["underlay_address_family"],
    )
    for each in (piece, *others):
        if each.network.is_global:
            warnings.append(f"range {each.network} is public address space; hosts of its owner become unreachable.")
    wanted = Wanted(
        params["name"],
        params["namespace"],
        link,
        params["mtu"],
        piece,
        params["style"],
        params["cni_version"],
        avoided(params["avoid"]),
        *others,
    )
    return wanted, warnings
