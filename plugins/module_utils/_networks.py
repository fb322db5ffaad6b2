# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks that a cluster itself names: of pods, services, nodes, tunnels, other segments and attachments."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from . import _given_out as given_out
from ._cluster import Cluster, Object, Resource, namespaced_name
from ._errors import Forbidden, Missing
from ._kubevirt import INTERFACE
from ._l2vni_shape import GROUPS, bridge_of, gateways_of
from ._nad_family import LABEL
from ._resources import CONFIG_MAP, IP_POOL, NAD, NMSTATE_STATE, NODE
from ._whereabouts import Network

SERVICE_CIDR = Resource("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", namespaced=False)

# Where network plugins keep what the nodes do not say: OpenShift's own, Calico's, Cilium's.
OPENSHIFT = Resource("config.openshift.io", "v1", "networks", "Network", namespaced=False)
CALICO = Resource("crd.projectcalico.org", "v1", "ippools", "IPPool", namespaced=False)
CILIUM = Resource("cilium.io", "v2", "ciliumnodes", "CiliumNode", namespaced=False)

_KUBEADM = "kubeadm-config"
_SUBNETS = re.compile(r"""^\s*(podSubnet|serviceSubnet):\s*["']?([^"'\s#]+)""", re.MULTILINE)

Kind = Literal["node", "pod", "service", "node-network", "vtep", "router-id", "l2vni", "nad", "pool"]


class Net(NamedTuple):
    """One network of a cluster.

    :param what: in words, for messages.
    :param object: namespace and name of the object that names it.
    :param bridge: of an L2VNI, the bridge it makes.
    :param ipam: of an attachment, what gives out the addresses.
    :param family: of an attachment that this collection made, the plain name of its network.
    """

    kind: Kind
    what: str
    network: Network
    object: str
    bridge: str = ""
    ipam: str = ""
    family: str = ""

    def as_dict(self) -> dict[str, str]:
        """The network as results carry it."""
        return {
            "kind": self.kind,
            "what": self.what,
            "cidr": str(self.network),
            "object": self.object,
            "bridge": self.bridge,
            "ipam": self.ipam,
            "family": self.family,
        }

    @classmethod
    def of_result(cls, told: Mapping[str, Any]) -> Net:
        """The network that a result carries; a cache of facts may hold one of an earlier release, which said less."""
        more = {name: told.get(name) or "" for name in ("bridge", "ipam", "family")}
        return cls(told["kind"], told["what"], ipaddress.ip_network(told["cidr"]), told["object"], **more)


class Read(NamedTuple):
    """What a cluster said.

    :param objects: what was listed, by kind; kinds that the cluster does not know are missing.
    :param closed: kinds that may not be read.
    """

    nets: list[Net]
    objects: dict[Resource, list[Object]]
    closed: list[str]


def read(cluster: Cluster, *, without: tuple[Resource, ...] = ()) -> Read:
    """Every network that the cluster names, but for the kinds ``without``; each kind is listed once."""
    found = Read([], {}, [])
    for resource, nets in _SOURCES.items():
        if resource in without:
            continue
        try:
            items = cluster.list(resource)
        except Missing:
            # Older API servers have no ServiceCIDR, and not every cluster has OpenPERouter or Multus.
            continue
        except Forbidden:
            # Of a kind that is not there one is refused just the same.
            if cluster.serves(resource):
                found.closed.append(resource.full_name)
            continue
        found.objects[resource] = items
        for item in items:
            found.nets.extend(nets(item))
    _add_kubeadm(cluster, found)
    return found


def _add_kubeadm(cluster: Cluster, found: Read) -> None:
    """What kubeadm was told: nodes to come get their part of it, and older API servers say nothing of services."""
    try:
        item = cluster.get(CONFIG_MAP, _KUBEADM, "kube-system")
    except Forbidden:
        found.closed.append(f"{CONFIG_MAP.full_name} (kube-system/{_KUBEADM})")
        return
    known = {(net.kind, net.network) for net in found.nets}
    for key, texts in _SUBNETS.findall(((item or {}).get("data") or {}).get("ClusterConfiguration") or ""):
        kind: Kind = "pod" if key == "podSubnet" else "service"
        for text in texts.split(","):
            nets = _net(kind, f"the {kind} network that kubeadm was told", text, f"kube-system/{_KUBEADM}")
            found.nets.extend(net for net in nets if (kind, net.network) not in known)


def of_nodes(cluster: Cluster, found: Read) -> Iterator[Net]:
    """The networks that the nodes' addresses are of, where nmstate tells."""
    addresses = {str(net.network.network_address) for net in found.nets if net.kind == "node"}
    try:
        states = cluster.list(NMSTATE_STATE)
    except Missing:
        return
    except Forbidden:
        if cluster.serves(NMSTATE_STATE):
            found.closed.append(NMSTATE_STATE.full_name)
        return
    known: set[Network] = set()
    for item in states:
        for interface, text in _assigned(item):
            what = f"the network of interface {interface} of node {item['metadata']['name']}"
            for net in _net("node-network", what, text, item["metadata"]["name"]):
                if text.partition("/")[0] in addresses and net.network not in known:
                    known.add(net.network)
                    yield net


def _assigned(state: Object) -> Iterator[tuple[str, str]]:
    for interface in ((state.get("status") or {}).get("currentState") or {}).get("interfaces") or []:
        for family in ("ipv4", "ipv6"):
            for each in (interface.get(family) or {}).get("address") or []:
                yield str(interface.get("name")), f"{each.get('ip')}/{each.get('prefix-length')}"


def _of_node(node: Object) -> Iterator[Net]:
    name = node["metadata"]["name"]
    for text in (node.get("spec") or {}).get("podCIDRs") or []:
        yield from _net("pod", f"the pod network of node {name}", text, name)
    for address in (node.get("status") or {}).get("addresses") or []:
        if address.get("type") in ("InternalIP", "ExternalIP"):
            yield from _net("node", f"the address of node {name}", address.get("address"), name)


def _of_services(item: Object) -> Iterator[Net]:
    for text in (item.get("spec") or {}).get("cidrs") or []:
        yield from _net("service", "the service network", text, item["metadata"]["name"])


def _of_openshift(item: Object) -> Iterator[Net]:
    name, told = item["metadata"]["name"], item.get("status") or item.get("spec") or {}
    for entry in told.get("clusterNetwork") or []:
        yield from _net("pod", "the pod network", entry.get("cidr"), name)
    for text in told.get("serviceNetwork") or []:
        yield from _net("service", "the service network", text, name)


def _of_calico(item: Object) -> Iterator[Net]:
    name = item["metadata"]["name"]
    yield from _net("pod", f"the pod network of Calico's IPPool {name}", (item.get("spec") or {}).get("cidr"), name)


def _of_cilium(item: Object) -> Iterator[Net]:
    name = item["metadata"]["name"]
    for text in ((item.get("spec") or {}).get("ipam") or {}).get("podCIDRs") or []:
        yield from _net("pod", f"the pod network of node {name}", text, name)


def _of_underlay(item: Object) -> Iterator[Net]:
    name = namespaced_name(item)
    for text in tunnels_of(item):
        yield from _net("vtep", f"the tunnel endpoints of Underlay {name}", text, name)
    yield from _net("router-id", f"the router ids of Underlay {name}", router_ids_of(item), name)


def tunnels_of(underlay: Object) -> list[str]:
    """The CIDRs of an Underlay's tunnel endpoints, wherever the release keeps them."""
    spec: Mapping[str, Any] = underlay.get("spec") or {}
    single = [spec.get("vtepcidr"), (spec.get("evpn") or {}).get("vtepcidr")]
    return [str(text) for text in (*single, *((spec.get("tunnelEndpoint") or {}).get("cidrs") or [])) if text]


def family_of(tunnels: Iterable[str]) -> str | None:
    """What tunnels have to be counted as: IPv6, whose header is longer, wherever it may be used."""
    versions = {net.network.version for text in tunnels for net in _net("vtep", "", text, "")}
    return f"ipv{max(versions)}" if versions else None


def router_ids_of(underlay: Object) -> str | None:
    """The CIDR of an Underlay's router ids."""
    spec: Mapping[str, Any] = underlay.get("spec") or {}
    return spec.get("routerIDCIDR") or spec.get("routeridcidr")


def _of_l2vni(item: Object) -> Iterator[Net]:
    """The subnets of the gateways of a segment."""
    spec: Mapping[str, Any] = item.get("spec") or {}
    name = namespaced_name(item)
    for text in gateways_of(spec):
        for net in _net("l2vni", f"the subnet of L2VNI {name}", text, name):
            yield net._replace(bridge=bridge_of(spec))


def _of_nad(item: Object) -> Iterator[Net]:
    """What an attachment gives out."""
    name = namespaced_name(item)
    network = str((item["metadata"].get("labels") or {}).get(LABEL) or "")
    for text, ipam in _given_out((item.get("spec") or {}).get("config")):
        for net in _net("nad", f"the addresses of NetworkAttachmentDefinition {name}", text, name):
            yield net._replace(ipam=ipam, family=network)


def _given_out(config: str | None) -> list[tuple[Any, str]]:
    try:
        whole = json.loads(config or "{}")
        ipams = [plugin.get("ipam") or {} for plugin in whole.get("plugins") or [whole]]
        found = [
            (str(entry.get("range") or "").rpartition("-")[2], "whereabouts")  # it also takes first-last/prefix
            for ipam in ipams
            for entry in (ipam, *(ipam.get("ipRanges") or []))
        ]
        others = [(net, str(ipam["type"])) for ipam in ipams for net in given_out.networks(ipam)]
    except (ValueError, AttributeError, TypeError):
        # Not a CNI configuration: multus cannot attach anything with it.
        return []
    return [*found, *others]


def _of_pool(item: Object) -> Iterator[Net]:
    """A pool that has given out addresses counts also where no attachment names it any more.

    Those of KubeVirt's own interface are no strangers: they are what the migration network has, or had before a change.
    """
    spec, name = item.get("spec") or {}, namespaced_name(item)
    if any((given or {}).get("ifname") != INTERFACE for given in (spec.get("allocations") or {}).values()):
        yield from _net("pool", f"the addresses given out of IPPool {name}", spec.get("range"), name)


def _net(kind: Kind, what: str, text: Any, name: str) -> Iterator[Net]:
    try:
        if text:
            yield Net(kind, what, ipaddress.ip_network(text, strict=False), name)
    except ValueError:
        # Not for us to judge; it occupies nothing that could be compared.
        return


_SOURCES: dict[Resource, Callable[[Object], Iterator[Net]]] = {
    NODE: _of_node,
    SERVICE_CIDR: _of_services,
    OPENSHIFT: _of_openshift,
    CALICO: _of_calico,
    CILIUM: _of_cilium,
    **{Resource(group, "v1alpha1", "underlays", "Underlay"): _of_underlay for group in GROUPS},
    **{Resource(group, "v1alpha1", "l2vnis", "L2VNI"): _of_l2vni for group in GROUPS},
    NAD: _of_nad,
    IP_POOL: _of_pool,
}
