# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Harvester cluster in memory: what its controllers make of its settings, and calls of the module."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import (
    _harvester_migration_network as work,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import MigrationError
from ansible_collections.livemigration.kubevirt.plugins.module_utils._harvester_options import SPEC
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    CLUSTER_NETWORK,
    KUBEVIRT,
    NAD,
    NODE,
    SETTING,
    VLAN_CONFIG,
    VLAN_STATUS,
)
from unit import kubevirt_site
from unit.memory_cluster import Ticking, job, refusal

NAMESPACE = "harvester-system"
NETWORK, LIMITS = "vm-migration-network", "kubevirt-migration"
PREFIX = f"{NETWORK}.settings.harvesterhci.io"
HASH, ATTACHED = f"{PREFIX}/hash", f"{PREFIX}/net-attach-def"
LABEL = "network.harvesterhci.io/clusternetwork"

DEFAULTS = {name: option.get("default") for name, option in SPEC.options.items()}
WISH: Object = {
    "cluster_network": "migration",
    "vlan": 100,
    "range": "192.170.10.0/24",
    "gateway": "192.170.10.1",
    "slot": 0,
    "max_clusters": 2,
    "wait_timeout": 60,
}
TEXT = (
    '{"clusterNetwork":"migration","vlan":100,"range":"192.170.10.0/24",'
    '"exclude":["192.170.10.1/32","192.170.10.128/25"]}'
)


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


class Site(kubevirt_site.Site):
    """Two nodes and a cluster network that covers them; ``step`` is Harvester, then virt-operator."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, version: str = "v1.8.2") -> None:
        monkeypatch.setattr(kubevirt_site, "NAMESPACE", NAMESPACE)
        super().__init__()
        self.failures: list[str] = []
        self.asleep = False
        self.applied = ""
        for name, value in {"server-version": version, NETWORK: "", LIMITS: "", "storage-network": ""}.items():
            self.setting(name, value)
        self.put(CLUSTER_NETWORK, "mgmt")
        self.put(CLUSTER_NETWORK, "migration")
        self.cover("cluster-a-node-1", "cluster-a-node-2")

    def put(self, kind: Any, name: str, metadata: Object | None = None, **rest: Any) -> None:
        self.cluster.put(kind, {"metadata": {"name": name} | (metadata or {}), **rest})

    def setting(self, name: str, value: str, **metadata: Any) -> None:
        self.put(SETTING, name, metadata, value=value, default="")

    def cover(self, *nodes: str, ready: str = "True") -> None:
        """The VlanConfig of the cluster network, and its status on these nodes."""
        labels = {LABEL: "migration"}
        matched = {"network.harvesterhci.io/matched-nodes": json.dumps(nodes)}
        self.put(VLAN_CONFIG, "vc", {"labels": labels, "annotations": matched})
        for node in nodes:
            status = {"node": node, "conditions": [{"type": "ready", "status": ready}]}
            self.put(VLAN_STATUS, f"migration-{node}", {"labels": labels}, status=status)

    def node(self, name: str, **labels: str) -> None:
        self.put(NODE, name, {"labels": labels})

    @property
    def value(self) -> str:
        return str(self.read(NETWORK)["value"])

    def read(self, name: str) -> Object:
        found = self.cluster.get(SETTING, name)
        assert found is not None
        return found

    @property
    def nads(self) -> list[str]:
        return [each["metadata"]["name"] for each in self.cluster.list(NAD)]

    def step(self) -> None:
        if not self.asleep:
            self._network()
            self._limits()
        super().step()

    def _network(self) -> None:
        setting = self.read(NETWORK)
        value, notes = str(setting["value"]), setting["metadata"].get("annotations") or {}
        if (not value and not notes) or notes.get(HASH) == sha1(value):
            return
        reason = self.failures.pop(0) if self.failures else ""
        before, after = notes.get(ATTACHED, ""), ""
        if not reason:
            name = self._attach(value) if value else ""
            after = f"{NAMESPACE}/{name}" if name else ""
            self._configure(network=name or None)
            if before and before != after:
                self.cluster.objects.pop((NAD.plural, NAMESPACE, before.partition("/")[2]), None)
        setting["metadata"]["annotations"] = notes | {HASH: sha1(value), ATTACHED: before if reason else after}
        condition = {"type": "configured", "status": "False" if reason else "True", "reason": reason, "message": "why"}
        self.cluster.put(SETTING, setting | {"status": {"conditions": [condition]}})

    def _attach(self, value: str) -> str:
        name = f"{NETWORK}-{sha1(value)[:5]}"
        if self.cluster.get(NAD, name, NAMESPACE) is None:
            keys = json.loads(value)
            ipam = {"type": "whereabouts", "range": keys["range"], "exclude": keys.get("exclude", [])}
            bridge = f"{keys['clusterNetwork']}-br"
            config = {"type": "bridge", "bridge": bridge, "vlan": keys["vlan"] or 1, "ipam": ipam}
            self.put(NAD, name, {"namespace": NAMESPACE}, spec={"config": json.dumps(config)})
        return name

    def _limits(self) -> None:
        value = self.read(LIMITS)["value"]
        if value != self.applied:
            self.applied = value
            self._configure(**json.loads(value))

    def _configure(self, **migrations: Any) -> None:
        body = self.kubevirt
        before = body["spec"]["configuration"].setdefault("migrations", {})
        after = {key: each for key, each in (before | migrations).items() if each is not None}
        if after != before:
            body["spec"]["configuration"]["migrations"] = after
            self.cluster.put(KUBEVIRT, body)


def run(site: Site, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    call = job({"cluster": site.cluster}, Ticking(site.step), DEFAULTS | WISH | options, check_mode=check_mode)
    return {"told": call.tell, **work.work(call)}


def absent(site: Site, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    off = {**dict.fromkeys(WISH), "state": "absent", "wait_timeout": 60}
    return run(site, check_mode=check_mode, **off, **options)


def refused(site: Site, **options: Any) -> MigrationError:
    """The refusal of a call, which wrote nothing."""
    return refusal(site.cluster, lambda: run(site, **options))
