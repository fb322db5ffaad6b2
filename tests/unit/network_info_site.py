# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with its migration network, what migration_network_info finds on it, and ways to break it."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _network_info as info
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import IP_POOL, NAD, POD
from unit.kubevirt_site import NAMESPACE, Site, pod
from unit.memory_cluster import Ticking, job

GATE = "DecentralizedLiveMigration"
ON = {"developerConfiguration": {"featureGates": [GATE]}, "migrations": {"network": "migration-evpn"}}
PLAN = {"range": "192.170.10.0/24", "max_clusters": 2, "slot": 0, "gateway": "192.170.10.1"}
STATUS = "k8s.v1.cni.cncf.io/network-status"
POOL = "192.170.10.0-24"


def prepared() -> Site:
    """A cluster with its migration network in force."""
    site = Site()
    site.nad(exclude=["192.170.10.128/25", "192.170.10.1/32"])
    site.edit(NAD, "migration-evpn", {"spec": {"config": json.dumps(config(site) | {"mtu": 1400})}})
    site.configure(ON)
    return site


def config(site: Site) -> dict[str, Any]:
    """The configuration inside of the NAD."""
    nad = site.cluster.get(NAD, "migration-evpn", NAMESPACE) or {}
    found: dict[str, Any] = json.loads(nad["spec"]["config"])
    return found


def run(site: Site, **params: Any) -> dict[str, Any]:
    """What the module finds; it writes nothing."""
    options = ("namespace", "name", "network", "range", "second_range", "max_clusters", "slot", "weights")
    defaults = dict.fromkeys((*options, "range_start", "range_end", "gateway", "reserved")) | {"moves": False}
    result = info.work(job({"cluster": site.cluster}, Ticking(), defaults | params))
    assert (result["changed"], site.cluster.writes) == (False, [])
    json.dumps(result)
    found: dict[str, Any] = result["migration_network_info"]
    return found


def ids(found: dict[str, Any]) -> list[str]:
    """The checks that found something."""
    assert found["ready"] == ("error" not in [finding["severity"] for finding in found["findings"]])
    return [finding["id"] for finding in found["findings"]]


def network_status(site: Site, name: str, entry: dict[str, Any] | None, text: str = "") -> None:
    """Let multus report this of a pod."""
    entries = [{"name": "k8s-pod-network", "ips": ["10.1.0.9"]}, *([entry] if entry else [])]
    site.edit(POD, name, {"metadata": {"annotations": {STATUS: text or json.dumps(entries)}}})


def migration0(ip: str | None, mac: str = "02:00:00:00:00:ff") -> dict[str, Any]:
    """What multus reports of the migration network."""
    name = "kubevirt/migration-evpn"
    return {"name": name, "interface": "migration0", "ips": [ip] if ip else [], "mac": mac}


def allocate(site: Site, offset: int, podref: str) -> None:
    """Let whereabouts have given out an address."""
    pool = site.cluster.get(IP_POOL, POOL, "kube-system") or {}
    pool["spec"]["allocations"][str(offset)] = {"podref": podref, "ifname": "migration0"}
    site.cluster.put(IP_POOL, pool)


def share(site: Site, offset: int, name: str) -> None:
    """Give an address to a pod of a user's namespace."""
    body = pod("", name, "node", None, 9)
    site.cluster.put(POD, body | {"metadata": body["metadata"] | {"namespace": "default"}})
    allocate(site, offset, f"default/{name}")
