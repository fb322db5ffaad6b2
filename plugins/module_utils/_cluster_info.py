# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster is, as far as a fleet has to agree: read, nothing judged, nothing changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from . import _guests as guests
from . import _kubevirt as kv
from . import _mark as mark
from . import _networks as networks
from ._cluster import Cluster, Object, Resource, namespaced_name
from ._errors import Forbidden, Missing
from ._job import Job, Result
from ._l2vni_family import LABEL
from ._l2vni_shape import GROUPS, Shape, bridge_of, gateways_of, shape_of
from ._networks import Read
from ._plan import Plan
from ._resources import CRD, NAD, NMSTATE_POLICY, NODE, SETTING


def work(job: Job) -> Result:
    """Read everything once."""
    cluster, params = job.cluster, job.params
    kubevirt = _found(cluster, params["namespace"], params["name"])
    read = networks.read(cluster)
    nodes, nmstate = [*networks.of_nodes(cluster, read)], cluster.serves(NMSTATE_POLICY)
    overlay = _overlay(cluster, read)
    policies = _listed(cluster, NMSTATE_POLICY) if nmstate else []
    facts: dict[str, Any] = {
        "name": cluster.name,
        "uid": cluster.uid(),
        "flavour": flavour(kubevirt),
        "kubevirt": _kubevirt(kubevirt),
        "openperouter": _openperouter(overlay, read),
        "networks": [net.as_dict() for net in (*read.nets, *nodes)],
        "unreadable": read.closed,
        "nodes": len(read.objects.get(NODE, [])),
        "nmstate": nmstate,
        "harvester_version": _harvester_version(cluster),
        "guests": guests.read(cluster, params["guests"] or ()),
        "marked": _marked((*overlay.l2vnis, *overlay.l3vnis, *read.objects.get(NAD, []), *policies)),
    }
    return job.finish(Plan(), cluster_info=facts)


def _found(cluster: Cluster, namespace: str | None, name: str | None) -> Object | None:
    """The KubeVirt CR; a cluster without KubeVirt is told as such, not refused."""
    try:
        return kv.find(cluster, namespace, name)
    except Missing:
        return None


def flavour(kubevirt: Object | None) -> str | None:
    """Who owns the KubeVirt CR, so through whom its settings are changed; ``None`` without KubeVirt."""
    if kubevirt is None:
        return None
    owner = kv.owner(kubevirt)
    return owner.flavour if owner and owner.flavour in ("hco", "harvester") else "kubevirt"


def _kubevirt(kubevirt: Object | None) -> dict[str, Any] | None:
    if kubevirt is None:
        return None
    return {
        "namespace": kv.namespace_of(kubevirt),
        "name": kubevirt["metadata"]["name"],
        "version": kv.version_text(kubevirt),
        "gate": kv.gate_on(kubevirt),
        "network": kv.network(kubevirt),
        "synchronization_addresses": kv.sync_addresses(kubevirt),
    }


class _Overlay(NamedTuple):
    """What the OpenPERouter that is in force has: after an upgrade, objects of its old group are dead data."""

    shape: Shape | None = None
    l2vnis: Sequence[Object] = ()
    l3vnis: Sequence[Object] = ()


def _overlay(cluster: Cluster, read: Read) -> _Overlay:
    crds = [crd for crd in (cluster.get(CRD, f"l2vnis.{group}") for group in GROUPS) if crd]
    if not crds:
        return _Overlay()
    shape = shape_of(crds[0], cluster.name)
    return _Overlay(shape, read.objects.get(shape.l2vni, []), _listed(cluster, shape.l3vni))


def _marked(items: Iterable[Object]) -> list[dict[str, Any]]:
    return [mark.told(item) for item in items if mark.marked(item)]


def _openperouter(overlay: _Overlay, read: Read) -> dict[str, Any]:
    shape, l2vnis, l3vnis = overlay
    if shape is None:
        nothing: dict[str, Any] = dict.fromkeys(("shape", "group", "namespace", "address_family"))
        return nothing | {"vnis": [], "underlays": []}
    underlays = read.objects.get(shape.kind("underlays", "Underlay"), [])
    homes = sorted({str(item["metadata"].get("namespace")) for item in (*underlays, *l2vnis, *l3vnis)})
    return {
        "shape": shape.letter,
        "group": shape.group,
        "namespace": homes[0] if homes else None,
        "address_family": networks.family_of(text for item in underlays for text in networks.tunnels_of(item)),
        "vnis": [_vni(item, shape) for item in (*l2vnis, *l3vnis)],
        "underlays": [_underlay(item) for item in underlays],
    }


def _vni(item: Object, shape: Shape) -> dict[str, Any]:
    spec = item.get("spec") or {}
    segment = item["kind"] == "L2VNI"
    return {
        "kind": item["kind"],
        "name": namespaced_name(item),
        "family": str((item["metadata"].get("labels") or {}).get(LABEL) or ""),
        "vni": spec.get("vni"),
        "vxlan_port": spec.get("vxlanPort") or spec.get("vxlanport") or 4789,
        "vrf": _vrf(spec),
        "bridge": bridge_of(spec) if segment else None,
        "gateways": list(gateways_of(spec)) if segment else [],
        "import_rts": sorted(spec.get("importRTs") or []),
        "export_rts": sorted(spec.get("exportRTs") or []),
    }


def _vrf(spec: Object) -> str | None:
    """The VRF, or in the newest shape the routing domain that stands for it."""
    domain = spec.get("routingDomain") or {}
    named = domain.get("l3vni") or domain.get("l3vpn") or {}
    return spec.get("vrf") or named.get("name")


def _underlay(item: Object) -> dict[str, Any]:
    return {
        "name": namespaced_name(item),
        "asn": (item.get("spec") or {}).get("asn"),
        "vtep_cidrs": networks.tunnels_of(item),
        "router_id_cidr": networks.router_ids_of(item),
    }


def _harvester_version(cluster: Cluster) -> str | None:
    try:
        setting = cluster.get(SETTING, "server-version")
    except (Missing, Forbidden):
        return None
    return str(setting.get("value") or setting.get("default") or "") or None if setting else None


def _listed(cluster: Cluster, resource: Resource) -> list[Object]:
    try:
        return cluster.list(resource)
    except (Missing, Forbidden):
        return []
