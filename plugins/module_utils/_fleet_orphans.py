# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects that this collection made on a cluster and that no variable of the inventory names any more. Pure.

The modules find their objects by name: one that was renamed in the inventory, or taken out of it, is not theirs to
remove. Warnings only, because another inventory, or somebody who calls the modules alone, may still want it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._checks import Finding
from ._fleet_member import Member
from ._mark import MANAGED_BY, NETWORK

_POLICY = "NodeNetworkConfigurationPolicy"
_NAD = "NetworkAttachmentDefinition"
_ON_NODES = ("bridge", "vlan", "macvlan", "ipvlan")
_MODULES = {"L2VNI": "l2vni", "L3VNI": "l3vni", _POLICY: "node_uplink"}


def check(members: Sequence[Member]) -> Iterator[Finding]:
    """One finding for each such object."""
    for member in members:
        named = set(_named(member))
        for each in member.info.get("marked") or []:
            if not named & {(each["kind"], each["name"]), (each["kind"], _base(each))}:
                yield _orphan(member.name, each)


def _base(item: Mapping[str, Any]) -> str:
    """What the object is called by the variable: of several of one network the plain name."""
    namespace, slash, name = str(item["name"]).rpartition("/")
    return f"{namespace}{slash}{item['network'] or name}"


def _named(member: Member) -> Iterator[tuple[str, str]]:
    yield "L2VNI", f"{member.routers}/{member.called('l2vni')}"
    # Without a number the role leaves the L3VNI alone, also one that it made.
    if member.number("l3vni_vni"):
        yield "L3VNI", f"{member.routers}/{member.called('l3vni')}"
    yield _NAD, f"{member.home}/{member.called('nad')}"
    if member.option("uplink") or member.option("type") not in _ON_NODES:
        yield _POLICY, str(member.option("uplink_policy") or "migration-uplink")
    place = str(member.variables.get("vm_network_openperouter_namespace") or "openperouter-system")
    for app in member.declared:
        if app.vni:
            yield "L2VNI", f"{place}/{app.name}"
        if app.l3vni_vni:
            yield "L3VNI", f"{place}/{app.l3vni}"
        yield from ((_NAD, nad) for nad in app.nads)


def _orphan(cluster: str, item: Mapping[str, Any]) -> Finding:
    """With the command that takes it away; each module refuses while something uses it."""
    namespace, _slash, name = str(item["name"]).rpartition("/")
    own = item["kind"] == _NAD and item["network"]
    module = _MODULES.get(item["kind"]) or ("migration_nad" if own else "vm_nad")
    place = f" namespace={namespace}" if namespace else ""
    options = f"kubeconfig=FILE name={item['network'] if own else name}{place} state=absent"
    labels = " and ".join(([] if own else [MANAGED_BY]) + ([NETWORK] if item["network"] else []))
    command = f"ansible localhost -m livemigration.kubevirt.{module} -a '{options}'"
    hint = (
        f"If nothing needs it: {command}, which refuses while it is used. If it is to stay, name it in the inventory,"
        f" or take {labels} off its labels."
    )
    wanted, found = "a variable of the inventory that names it", "none does, and this collection has made it"
    return Finding("object-orphaned", "warning", cluster, f"{item['kind']} {item['name']}", wanted, found, hint)
