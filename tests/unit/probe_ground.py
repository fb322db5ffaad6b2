# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters in memory on which probes run, and runs of migration_probe on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _migration_probe as core
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _probe_pod as probe
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import POD
from unit.kubevirt_site import NAMESPACE, Site
from unit.memory_cluster import Ticking, job

CONFIGURATION = {
    "migrations": {"network": "migration-evpn"},
    "developerConfiguration": {"featureGates": ["DecentralizedLiveMigration"]},
}
PARAMS: dict[str, Any] = {
    "image": probe.IMAGE,
    "image_pull_secrets": None,
    "mtu": 1400,
    "duration": 5,
    "wait_timeout": 20,
    "allow_raw_sockets": False,
}


class Ground:
    """A cluster whose kubelet runs probes as it is told."""

    def __init__(self, name: str, number: int) -> None:
        self.site = Site(name, slice_start=2 + 60 * number)
        self.site.nad()
        self.site.configure(CONFIGURATION)
        self.number, self.cluster = number, self.site.cluster
        self.address = f"192.170.10.{50 + 60 * number}"
        self.starts, self.ends = True, True
        self.orders: Object = {}
        self.report: Object = {"mtu": 1400, "taken": [], "bad": [], "notes": [], "listened": False}

    @property
    def pod(self) -> Object | None:
        return self.cluster.get(POD, probe.NAME, NAMESPACE)

    def step(self) -> None:
        """What a kubelet does next."""
        pod = self.pod
        if pod is None or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            return
        if not self.starts:
            waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
            self.cluster.put(POD, pod | {"status": {"phase": "Pending", "containerStatuses": [{"state": waiting}]}})
            return
        text = pod["metadata"]["annotations"]["livemigration.kubevirt/probe-orders"]
        if "status" not in pod:
            status = [{"interface": "migration0", "ips": [self.address], "mac": f"0A:00:00:00:00:0{self.number}"}]
            pod["metadata"]["annotations"]["k8s.v1.cni.cncf.io/network-status"] = json.dumps(status)
            ready = [{"type": "Ready", "status": "True"}]
            self.cluster.put(POD, pod | {"status": {"phase": "Running", "conditions": ready}})
        elif text and self.ends:
            self.orders = json.loads(text)
            peers = [[index, 1400, 1400, 1] for index, _address, _mac in self.orders["peers"]]
            message = json.dumps(self.report | {"me": self.number, "peers": peers, "doors": [], "pings": []})
            self.end("Succeeded", {"exitCode": 0, "message": message})

    def end(self, phase: str, terminated: Object) -> None:
        pod = self.pod
        assert pod is not None
        status = pod["status"] | {"phase": phase, "containerStatuses": [{"state": {"terminated": terminated}}]}
        self.cluster.put(POD, pod | {"status": status})


def grounds(count: int = 2) -> list[Ground]:
    return [Ground(f"cluster-{number}", number) for number in range(count)]


def run(all_: list[Ground], *extra: Callable[[], None], check_mode: bool = False, **params: Any) -> dict[str, Any]:
    clock = Ticking(*(each.step for each in all_), *extra)
    clusters = {each.cluster.name: each.cluster for each in all_}
    return core.work(job(clusters, clock, PARAMS | params, check_mode=check_mode))
