# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster in memory that gets a migration NAD, and calls of the module."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _nad
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    MigrationError,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._nad_options import SPEC
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    IP_POOL,
    KUBEVIRT,
    NAD,
    NAMESPACE,
    NODE,
    POD,
)
from unit.memory_cluster import MemoryCluster, Ticking, job, refusal

OWN = ("virt-handler", "virt-synchronization-controller")
DEFAULTS = {name: option.get("default") for name, option in SPEC.options.items()}
PLAN: Object = {"range": "192.170.10.0/24", "gateway": "192.170.10.1", "slot": 0, "max_clusters": 2}
DEMO: Object = PLAN | {"name": "migration-evpn", "vni": 666, "mtu": 1400}


class Site(MemoryCluster):
    """A cluster with Multus, KubeVirt's namespace and three nodes, one of them tainted and one cordoned."""

    def __init__(self, name: str = "cluster-a") -> None:
        super().__init__(name)
        self.put(NAMESPACE, {"metadata": {"name": "kubevirt"}})
        cordoned = {"unschedulable": True, "taints": [_taint("node.kubernetes.io/unschedulable")]}
        for name, spec in {
            "node-1": {},
            "node-2": cordoned,
            "control-plane": {"taints": [_taint("node-role.kubernetes.io/control-plane")]},
        }.items():
            self.put(NODE, {"metadata": {"name": name}, "spec": spec})

    def nad(self, config: Any, name: str = "migration-evpn", namespace: str = "kubevirt") -> None:
        """A NAD as somebody wrote it."""
        text = config if isinstance(config, str) or config is None else json.dumps(config)
        spec = {} if text is None else {"config": text}
        self.put(NAD, {"metadata": {"name": name, "namespace": namespace}, "spec": spec})

    def pool(self, *offsets: int, network: str = "192.170.10.0/24") -> None:
        """What whereabouts has given out."""
        given = {str(offset): {"podref": f"kubevirt/pod-{offset}", "ifname": "migration0"} for offset in offsets}
        name = network.replace("/", "-").replace(":", "-")
        body = {"metadata": {"name": name, "namespace": "kube-system"}}
        self.put(IP_POOL, body | {"spec": {"range": network, "allocations": given}})

    def pod(self, name: str, namespace: str = "kubevirt", **annotations: str) -> None:
        """A pod with the annotations of multus; KubeVirt's own are known by their names."""
        component = next((each for each in OWN if name.startswith(each)), "")
        full = {f"k8s.v1.cni.cncf.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
        metadata = {"name": name, "namespace": namespace, "annotations": full, "labels": {"kubevirt.io": component}}
        self.put(POD, {"metadata": metadata})

    def kubevirt(self, network: str = "", **spec: Any) -> None:
        """The KubeVirt CR."""
        settings = {"configuration": {"migrations": {"network": network}}} if network else {}
        self.put(KUBEVIRT, {"metadata": {"name": "kubevirt", "namespace": "kubevirt"}, "spec": settings | spec})

    def on(self, nad: str, *names: str, **entry: Any) -> None:
        """Pods that multus has attached to a NAD."""
        for index, name in enumerate(names):
            status = {"name": f"kubevirt/{nad}", "interface": "migration0", "ips": [f"192.170.10.{2 + index}"]}
            self.pod(name, networks=f"{nad}@migration0", network_status=json.dumps([status | entry]))

    def gone(self, resource: Any, *names: str) -> None:
        """Objects of KubeVirt's namespace that somebody removed."""
        for name in names:
            del self.objects[(resource.plural, "kubevirt", name)]

    @property
    def nads(self) -> list[str]:
        """The names of all NADs of KubeVirt's namespace."""
        return sorted(item["metadata"]["name"] for item in self.list(NAD, "kubevirt"))

    @property
    def config(self) -> Object:
        """The configuration that is stored."""
        found = self.get(NAD, "migration-evpn", "kubevirt")
        assert found is not None
        parsed: Object = json.loads(found["spec"]["config"])
        return parsed


def _taint(key: str) -> Object:
    return {"key": key, "effect": "NoSchedule"}


def run(site: MemoryCluster, *, check_mode: bool = False, **options: Any) -> Object:
    return _nad.work(job({"cluster": site}, Ticking(), DEFAULTS | DEMO | options, check_mode=check_mode))


def absent(site: MemoryCluster, *, check_mode: bool = False) -> Object:
    return run(site, check_mode=check_mode, state="absent")


def pruned(site: MemoryCluster, *, check_mode: bool = False) -> Object:
    return run(site, check_mode=check_mode, state="pruned")


def refused(site: MemoryCluster, **options: Any) -> MigrationError:
    error = refusal(site, lambda: run(site, **options))
    assert error.object == f"NetworkAttachmentDefinition kubevirt/{options.get('name', 'migration-evpn')}"
    return error
