# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a NAD plugs pods into a network of the nodes: the CNI plugins that KubeVirt's pods can have. Pure.

KubeVirt takes any NAD that gives its pods an address. What differs is what a plugin can do: each option is either
written in the plugin's own words or refused by name, because a plugin ignores what it does not know.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ._cluster import Object
from ._errors import BadInput

Kind = Literal["bridge", "macvlan", "ipvlan", "ovs", "sriov"]

KINDS: tuple[Kind, ...] = ("bridge", "macvlan", "ipvlan", "ovs", "sriov")
MACVLAN_MODES = ("bridge", "private", "vepa")
RESOURCE = "k8s.v1.cni.cncf.io/resourceName"
"""The annotation of a NAD whose pods need something that a device plugin counts on every node."""

OWNED = ("type", "bridge", "master", "mode", "vlan", "mtu")
"""The keys of a plugin that say where the network is."""

_INTERFACE = re.compile(r"[^\s/:]{1,15}")
_QUALIFIED = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

_LACKS: dict[str, dict[Kind, str]] = {
    "bridge": {
        "macvlan": "Name the interface of the nodes with master.",
        "ipvlan": "Name the interface of the nodes with master.",
        "sriov": "The device plugin chooses the card: name its resource with resource_name.",
    },
    "vni": {
        "macvlan": "The bridge of an L2VNI is joined with kind bridge.",
        "ipvlan": "The bridge of an L2VNI is joined with kind bridge.",
        "ovs": "Name the Open vSwitch bridge of the L2VNI with bridge.",
        "sriov": "The bridge of an L2VNI is joined with kind bridge.",
    },
    "vlan": {
        "macvlan": "It has no VLAN of its own: make the VLAN's interface on the nodes and name it, master: eth1.100.",
        "ipvlan": "It has no VLAN of its own: make the VLAN's interface on the nodes and name it, master: eth1.100.",
    },
    "master": {
        "bridge": "Name the bridge; which interface it leads to is the nodes' business.",
        "ovs": "Name the bridge; which interface it leads to is the nodes' business.",
        "sriov": "The device plugin chooses the card: name its resource with resource_name.",
    },
    "mode": {
        "bridge": "Leave it out.",
        "ipvlan": "It is always l2 here: the other modes answer no ARP, so that peers never find each other.",
        "ovs": "Leave it out.",
        "sriov": "Leave it out.",
    },
    "resource_name": {
        "macvlan": "No device plugin counts it: leave it out.",
        "ipvlan": "No device plugin counts it: leave it out.",
    },
}
"""Options that a kind has no place for, with what to do instead."""

_NEEDS: dict[Kind, tuple[str, ...]] = {
    "bridge": ("bridge", "vni"),
    "macvlan": ("master",),
    "ipvlan": ("master",),
    "ovs": ("bridge",),
    "sriov": ("resource_name",),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Attachment:
    """The nodes' side of a network.

    :param bridge: the bridge of the nodes, for those kinds that have one.
    :param master: their interface, for macvlan and ipvlan.
    :param vlan: the 802.1Q number that the plugin tags with, 0 for none.
    :param resource: what a device plugin counts, empty for none.
    """

    kind: Kind
    bridge: str = ""
    master: str = ""
    mode: str = ""
    vlan: int = 0
    resource: str = ""

    def plugin(self, mtu: int) -> Object:
        """The keys of the plugin; SR-IOV has none for the MTU, the device plugin's policy sets it."""
        keys: Object = {"type": self.kind}
        for key in ("bridge", "master", "mode", "vlan"):
            if value := getattr(self, key):
                keys[key] = value
        return keys if self.kind == "sriov" else keys | {"mtu": mtu}

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations that the NAD must have."""
        return {RESOURCE: self.resource} if self.resource else {}

    def __str__(self) -> str:
        where = self.resource if self.kind == "sriov" else self.bridge or self.master
        tag = f", VLAN {self.vlan}" if self.vlan else ""
        return f"{self.kind} {where}{tag}"


def attachment_of(params: Mapping[str, Any]) -> Attachment:
    """The attachment that the options describe. :raises BadInput: for what the kind cannot do, or lacks."""
    kind: Kind = params["kind"]
    for option, kinds in _LACKS.items():
        if params[option] is not None and kind in kinds:
            found = f"{option}: {params[option]}"
            raise BadInput(f"no {option} with kind {kind}", found, hint=kinds[kind], reason="kind_lacks")
    if not any(params[option] is not None for option in _NEEDS[kind]):
        wanted = f"{' or '.join(_NEEDS[kind])} for kind {kind}"
        hint = "It says which network of the nodes the pods join."
        raise BadInput(wanted, "neither" if len(_NEEDS[kind]) > 1 else "none", hint=hint, reason="kind_needs")
    return Attachment(
        kind,
        _bridge(params),
        _interface(params["master"], "master") if params["master"] is not None else "",
        "l2" if kind == "ipvlan" else (params["mode"] or "bridge") if kind == "macvlan" else "",
        _vlan(params),
        _resource(params["resource_name"]),
    )


def _bridge(params: Mapping[str, Any]) -> str:
    vni, bridge = params["vni"], params["bridge"]
    if vni is None:
        return "" if bridge is None else _interface(bridge, "bridge")
    if not 1 <= vni <= 16777215:
        hint = "VXLAN numbers have 24 bits."
        raise BadInput("vni from 1 to 16777215", str(vni), hint=hint, reason="vni_out_of_range")
    return f"br-hs-{vni}"


def _interface(name: str, option: str) -> str:
    if not _INTERFACE.fullmatch(name):
        wanted = f"{option} of at most 15 characters without spaces, '/' and ':'"
        raise BadInput(wanted, repr(name), hint="The kernel refuses other names.", reason=f"{option}_invalid")
    return name


def _vlan(params: Mapping[str, Any]) -> int:
    vlan = params["vlan"]
    if vlan is None:
        return 0
    if not 1 <= vlan <= 4094:
        hint = "Leave it out for untagged frames."
        raise BadInput("vlan from 1 to 4094", str(vlan), hint=hint, reason="vlan_out_of_range")
    if params["vni"] is not None:
        hint = "OpenPERouter's bridge does not filter VLANs; an L2VNI is a segment of its own and needs none."
        raise BadInput("no vlan on the bridge of an L2VNI", f"vlan: {vlan}", hint=hint, reason="kind_lacks")
    return int(vlan)


def _resource(name: str | None) -> str:
    if name is None:
        return ""
    if not _QUALIFIED.fullmatch(name):
        wanted = "resource_name as prefix/name, such as openshift.io/migration"
        hint = "It is what the device plugin reports among the nodes' allocatable resources."
        raise BadInput(wanted, repr(name), hint=hint, reason="resource_name_invalid")
    return name


def clashes(mine: Attachment, plugins: Mapping[str, Object]) -> Iterator[str]:
    """NADs whose pods cannot be on one node with ours: the kernel gives an interface to macvlan or to ipvlan.

    :param plugins: the first plugin of every other NAD by its name.
    """
    other = {"macvlan": "ipvlan", "ipvlan": "macvlan"}.get(mine.kind)
    for name, plugin in plugins.items():
        if other and plugin.get("type") == other and plugin.get("master") == mine.master:
            yield f"NetworkAttachmentDefinition {name} is {other} on {mine.master}"
