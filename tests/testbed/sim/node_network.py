# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces of every node, and what the CNI plugins make of them, in the plugins' own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from ..resources import Object
from ..site import Site
from .multus import MultusError

KERNEL_MTU = 1500
_TYPES = ("bridge", "cnv-bridge", "macvlan", "ipvlan", "host-device", "ovs", "sriov", "tap", "ptp")
_MACVLAN_MODES = ("", "bridge", "private", "vepa", "passthru")
_IPVLAN_MODES = ("", "l2", "l3", "l3s")


@dataclass(slots=True)
class Link:
    """One interface of a node, its type as nmstate calls it."""

    type: str = "ethernet"
    mtu: int = KERNEL_MTU
    base: str = ""
    vlan: int = 0
    ports: tuple[str, ...] = ()
    filtering: bool = False
    tags: tuple[int, ...] = ()


@dataclass(slots=True)
class NodeNetwork:
    """The interfaces of one node by name."""

    links: dict[str, Link] = field(default_factory=dict)

    def master_of(self, name: str) -> str:
        """The bridge that an interface is a port of, empty for none."""
        return next((bridge for bridge, link in self.links.items() if name in link.ports), "")

    def attach(self, config: Object, pod: Object) -> int:
        """Plug a pod in; the MTU of its interface. MultusError says in the plugin's words why it cannot be."""
        kind = config["type"]
        if kind not in _TYPES:
            raise MultusError(f'failed to find plugin "{kind}" in path [/opt/cni/bin]')
        plugin = {"bridge": self._bridge, "macvlan": self._child, "ipvlan": self._child, "ovs": self._ovs}.get(kind)
        if kind == "sriov":
            return _virtual_function(config, pod)
        return plugin(config) if plugin else int(config.get("mtu") or KERNEL_MTU)

    def _bridge(self, config: Object) -> int:
        """A missing bridge is made, with nothing but pods on it."""
        if config.get("disableContainerInterface") and (config.get("ipam") or {}).get("type"):
            raise MultusError("cannot use IPAM when DisableContainerInterface flag is set")
        vlan = config.get("vlan") or 0
        if not isinstance(vlan, int) or not 0 <= vlan <= 4094:
            raise MultusError(f"invalid VLAN ID {vlan} (must be between 0 and 4094)")
        name, mtu = str(config.get("bridge") or "cni0"), int(config.get("mtu") or KERNEL_MTU)
        found = self.links.setdefault(name, Link("linux-bridge", mtu, filtering=bool(vlan)))
        if found.type != "linux-bridge":
            raise MultusError(f'"{name}" already exists but is not a bridge')
        return mtu

    def _child(self, config: Object) -> int:
        kind, mode = config["type"], str(config.get("mode") or "")
        master = str(config.get("master") or "eth0")
        link = self.links.get(master)
        if link is None:
            raise MultusError("Link not found")
        if mode not in (_MACVLAN_MODES if kind == "macvlan" else _IPVLAN_MODES):
            raise MultusError(f'unknown {kind} mode: "{mode}"')
        mtu = int(config.get("mtu") or 0)
        if not 0 <= mtu <= link.mtu:
            raise MultusError(f"invalid MTU {mtu}, must be [0, master MTU({link.mtu})]")
        if self.master_of(master):
            raise MultusError(f"failed to create {kind}: device or resource busy")
        return mtu or link.mtu

    def _ovs(self, config: Object) -> int:
        name = str(config.get("bridge") or "")
        if name not in self.links or self.links[name].type != "ovs-bridge":
            raise MultusError(f"failed to find bridge {name}")
        return int(config.get("mtu") or KERNEL_MTU)


def _virtual_function(config: Object, pod: Object) -> int:
    """Multus passes on the function that the kubelet gave a container, and only such a one."""
    containers = pod["spec"].get("containers") or []
    asked = {name for each in containers for name in (each.get("resources") or {}).get("limits") or {}}
    if not any("/" in name for name in asked):
        raise MultusError("SRIOV-CNI failed to load netconf: LoadConf(): VF pci addr is required")
    vlan = config.get("vlan") or 0
    if not isinstance(vlan, int) or not 0 <= vlan <= 4094:
        raise MultusError(
            f"SRIOV-CNI failed to load netconf: LoadConf(): vlan id {vlan} invalid: value must be in the range 0-4094"
        )
    return KERNEL_MTU


_NETWORKS: WeakKeyDictionary[Site, dict[str, NodeNetwork]] = WeakKeyDictionary()


def networks(site: Site) -> dict[str, NodeNetwork]:
    """The nodes of a site by name, as one and the same for every simulator."""
    if site not in _NETWORKS:
        _NETWORKS[site] = {node: NodeNetwork(_initial(site)) for node in site.nodes}
    return _NETWORKS[site]


def on(site: Site, node: str) -> NodeNetwork:
    """One node's; one that joined later has the same cards."""
    return networks(site).setdefault(node, NodeNetwork(_initial(site)))


def _initial(site: Site) -> dict[str, Link]:
    """The cards of the setting, `name:mtu` and an Open vSwitch bridge as `name:mtu:ovs-bridge`."""
    found = {}
    for text in filter(None, site.settings.node_interfaces.split(",")):
        name, _, rest = text.partition(":")
        mtu, _, kind = rest.partition(":")
        found[name] = Link(kind or "ethernet", int(mtu or KERNEL_MTU))
    return found
