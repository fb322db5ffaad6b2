# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in memory with OpenPERouter in one of its shapes, its CRDs as the test bed has them."""

from __future__ import annotations

import builtins
import copy
import functools
import json
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_shape import Shape, shape_of
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CRD, NAD, NAMESPACE, NODE, POD
from unit.memory_cluster import MemoryCluster

CRDS = Path(__file__).parents[1] / "testbed" / "crds"
NAMESPACE_NAME = "openperouter-system"

UNDERLAYS: dict[str, Object] = {
    "a": {"asn": 64514, "evpn": {"vtepcidr": "100.65.0.0/24"}, "routeridcidr": "10.0.0.0/24"},
    "b1": {"asn": 64514, "evpn": {"vtepcidr": "100.65.0.0/24"}, "routeridcidr": "10.0.0.0/24"},
    "b": {"asn": 64514, "tunnelEndpoint": {"cidrs": ["100.65.0.0/24"]}, "routeridcidr": "10.0.0.0/24"},
    "c": {"asn": 64514, "tunnelEndpoint": {"cidrs": ["100.65.0.0/24", "fd00::/64"]}, "routerIDCIDR": "10.0.0.0/24"},
}


def crd(folder: str, plural: str = "l2vnis") -> Object:
    """A CRD of one shape: a, b1, b or c."""
    return copy.deepcopy(_loaded(folder, plural))


@functools.cache
def _loaded(folder: str, plural: str) -> Object:
    (path,) = (CRDS / f"openperouter-{folder}").glob(f"*_{plural}.yaml")
    found: Object = yaml.safe_load(path.read_text())
    return found


def shape(folder: str) -> Shape:
    """The shape of one folder."""
    return shape_of(crd(folder), "cluster-a")


class Site(MemoryCluster):
    """A cluster with OpenPERouter, an underlay and two nodes with routers."""

    def __init__(self, folder: str = "a") -> None:
        super().__init__()
        self.folder = folder
        self.shape = shape(folder)
        self.put(CRD, crd(folder))
        self.put(NAMESPACE, {"metadata": {"name": NAMESPACE_NAME}})
        self.add("underlays", "Underlay", "underlay", UNDERLAYS[folder])
        for node in ("node-1", "node-2"):
            self.put(NODE, {"metadata": {"name": node, "labels": {"zone": node[-1]}}})
            router = {"name": f"router-{node}", "namespace": NAMESPACE_NAME, "labels": {"app": "router"}}
            self.put(POD, {"metadata": router, "spec": {"nodeName": node}})

    def add(self, plural: str, kind: str, name: str, spec: Any, namespace: str = NAMESPACE_NAME) -> Object:
        """An object of OpenPERouter."""
        return self.put(
            self.shape.kind(plural, kind), {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
        )

    def report(self, node: str, *failed: Object, ready: bool = True) -> None:
        """What a node says about its configuration."""
        status: Object = {"conditions": [{"type": "Ready", "status": str(ready and not failed), "message": "so"}]}
        if failed:
            status["failedResources"] = list(failed)
        resource = self.shape.kind("routernodeconfigurationstatuses", "RouterNodeConfigurationStatus")
        self.put(resource, {"metadata": {"name": node, "namespace": NAMESPACE_NAME}, "status": status})

    def attach(self, bridge: str, *pods: str) -> None:
        """A NAD on a bridge, and pods that have it."""
        config = json.dumps({"type": "bridge", "bridge": bridge})
        self.put(NAD, {"metadata": {"name": "net", "namespace": "kubevirt"}, "spec": {"config": config}})
        for pod in pods:
            annotations = {"k8s.v1.cni.cncf.io/network-status": '[{"name": "kubevirt/net"}]'}
            self.put(POD, {"metadata": {"name": pod, "namespace": "kubevirt", "annotations": annotations}})

    @property
    def l2vni(self) -> Object:
        """The object of the tests."""
        found = self.get(self.shape.l2vni, "migration", NAMESPACE_NAME)
        assert found is not None
        return found


class Upgraded(Site):
    """The API group was renamed, and what stood in the old one is still there."""

    def __init__(self) -> None:
        super().__init__("c")
        self.old = Site("b")
        self.old.writes = self.writes
        self.objects[CRD.plural, None, "l2vnis.openpe.openperouter.github.io"] = crd("b")
        for node in ("node-1", "node-2"):
            self.report(node)

    def _place(self, resource: Resource) -> MemoryCluster | None:
        return self.old if resource.group.startswith("openpe.") else None

    def get(self, resource: Resource, *args: Any, **more: Any) -> Object | None:
        place = self._place(resource)
        return place.get(resource, *args, **more) if place else super().get(resource, *args, **more)

    def list(self, resource: Resource, *args: Any, **more: Any) -> builtins.list[Object]:
        place = self._place(resource)
        return place.list(resource, *args, **more) if place else super().list(resource, *args, **more)

    def delete(self, resource: Resource, *args: Any, **more: Any) -> bool:
        place = self._place(resource)
        return place.delete(resource, *args, **more) if place else super().delete(resource, *args, **more)
