# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the harvester_migration_network module, and what they mean before any cluster is asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from . import _addresses as addresses
from . import _harvester_config as config
from . import _kubevirt_settings as settings
from ._address_slice import avoided
from ._addresses import AddressPlan, Slice
from ._argspec import ArgumentSpec, cluster_options
from ._errors import BadInput
from ._harvester_config import LAST_VLAN, MGMT, SHORTEST, Network
from ._whereabouts import Network as Addresses

LIMITS = (
    "bandwidth_per_migration",
    "completion_timeout_per_gib",
    "progress_timeout",
    "parallel_migrations_per_cluster",
    "parallel_outbound_migrations_per_node",
    "allow_auto_converge",
    "allow_post_copy",
    "allow_workload_disruption",
    "disable_tls",
    "match_selinux_level_on_migration",
    "unsafe_migration_override",
)
"""What Harvester's setting kubevirt-migration takes, by our names; the fields are those of the KubeVirt CR."""

_TYPES = {"int": "int", "bool": "bool"}
_LONGEST_NAME = 12

SPEC = cluster_options().merge(
    ArgumentSpec(
        {
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "cluster_network": {"type": "str"},
            "vlan": {"type": "int"},
            "range": {"type": "str"},
            "slot": {"type": "int"},
            "max_clusters": {"type": "int"},
            "weights": {"type": "list", "elements": "int"},
            "gateway": {"type": "str"},
            "reserved": {"type": "list", "elements": "str"},
            "avoid": {"type": "list", "elements": "str"},
            "mtu": {"type": "int"},
            "required_addresses": {"type": "int"},
            "growth": {"type": "int", "default": 0},
            "allow_decentralized": {"type": "bool", "default": False},
            "allow_gitops": {"type": "bool", "default": False},
            "allow_during_migrations": {"type": "bool", "default": False},
            "wait_for_migrations": {"type": "int", "default": 0},
            "retries": {"type": "int", "default": 2},
            "wait_timeout": {"type": "int", "default": 900},
            **{name: {"type": _TYPES.get(settings.BY_OPTION[name].kind, "str"), "no_log": False} for name in LIMITS},
        },
        required_together=(("slot", "max_clusters"),),
        required_by={"weights": ("slot",)},
        required_if=(("state", "present", ("cluster_network", "vlan", "range")),),
    )
)


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What one call asks of a Harvester cluster.

    :param network: ``None``: migrations go over the pod network.
    :param slice: the addresses of this cluster within the range of the fleet.
    :param settings: limits, and whether the gate for moves between clusters is to be on (``None``: as it is).
    :param mtu: what the fleet agreed on; ``None`` is not compared.
    """

    network: Network | None
    slice: Slice | None
    settings: settings.Wanted
    mtu: int | None = None
    avoid: tuple[tuple[str, Addresses], ...] = ()
    required: int | None = None
    growth: int = 0


def wanted_of(params: Mapping[str, Any], cluster: str) -> Wanted:
    """What the options ask for. :raises BadInput: for what no Harvester accepts, or what would hang it."""
    limits = {name: params[name] for name in LIMITS if params[name] is not None}
    asked = settings.Wanted(limits)
    settings.validate(asked, cluster)
    if params["state"] == "absent":
        if limits:
            hint = "Leave them out, or use state: present."
            raise BadInput("no limits together with state: absent", ", ".join(sorted(limits)), cluster, hint=hint)
        return Wanted(None, None, dataclasses.replace(asked, gate=False))
    asked = dataclasses.replace(asked, gate=True if params["allow_decentralized"] else None)
    piece = _slice(params)
    network = Network(_cluster_network(params), params["vlan"], str(piece.network), config.excludes(piece))
    _vlan(network)
    return Wanted(
        network, piece, asked, params["mtu"], avoided(params["avoid"]), params["required_addresses"], params["growth"]
    )


def _slice(params: Mapping[str, Any]) -> Slice:
    """The slot's part of the range; without a slot all of it."""
    network = addresses.network(params["range"])
    if network.version == 6:
        hint = "Give an IPv4 range. Releases up to v1.8.2 would not refuse it but hang, and their webhook with them."
        raise BadInput(
            "an IPv4 range: Harvester up to v1.9 has no other", params["range"], hint=hint, reason="range_ipv6"
        )
    if network.prefixlen < SHORTEST:
        hint = "Take a smaller range."
        raise BadInput(f"a range of at most a /{SHORTEST}", params["range"], hint=hint, reason="range_too_large")
    kept = addresses.reserved(params["gateway"], params["reserved"] or [], network)
    if params["slot"] is None:
        return AddressPlan(network, 1, kept).slice(0)
    return AddressPlan(network, params["max_clusters"], kept, tuple(params["weights"] or ())).slice(params["slot"])


def _cluster_network(params: Mapping[str, Any]) -> str:
    name = str(params["cluster_network"])
    if not name or len(name) > _LONGEST_NAME:
        hint = "Its bridge is named NAME-br, and the kernel takes 15 characters: make a ClusterNetwork with another."
        wanted = f"a cluster network with a name of 1 to {_LONGEST_NAME} characters"
        raise BadInput(wanted, repr(name), hint=hint, reason="cluster_network_invalid")
    return name


def _vlan(network: Network) -> None:
    first = 2 if network.cluster_network == MGMT else 0
    if not first <= network.vlan <= LAST_VLAN:
        hint = "On mgmt the untagged network is that of the nodes." if first else "VLANs have 12 bits."
        wanted = f"a VLAN from {first} to {LAST_VLAN} on cluster network {network.cluster_network}"
        raise BadInput(wanted, str(network.vlan), hint=hint, reason="vlan_out_of_range")
