# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role verify brings back of two clusters on which everything is right."""

from __future__ import annotations

from typing import Any

CLUSTERS = ("cluster-a", "cluster-b")
NAMESPACE = "kubevirt"


def fleet() -> dict[str, Any]:
    """Two clusters, one slot each."""
    return {name: cluster(name, slot) for slot, name in enumerate(CLUSTERS)}


def cluster(name: str, slot: int) -> dict[str, Any]:
    """One cluster of the procedure that KubeVirt has published."""
    first = 2 if slot == 0 else 128
    pods = [pod(name, number, first + number) for number in range(3)]
    settings: dict[str, Any] = {"changed": False, "actions": [], "diff": [], "kubevirt_migrations": {}}
    routers = [{"node": f"{name}-node-{number}", "ready": True, "trouble": ""} for number in (1, 2)]
    segment = {"changed": False, "actions": [], "diff": [], "l2vni": {"nodes": routers}}
    return {
        "slot": slot,
        "underlay_mtu": 0,
        "cluster": {"name": name, "uid": f"uid-of-{name}", "flavour": "kubevirt"},
        "look": {
            "ready": True,
            "findings": [],
            "kubevirt": {
                "namespace": NAMESPACE,
                "name": "kubevirt",
                "version": "v1.9.0",
                "decentralized": True,
                "network": "migration-evpn",
                "settled": True,
                "reason": "",
            },
            "network": "migration-evpn",
            "slice": {
                "first": f"192.170.10.{first}",
                "last": f"192.170.10.{127 if slot == 0 else 254}",
                "size": 126 if slot == 0 else 127,
            },
            "rollout": {"current": True, "reason": ""},
            "pods": pods,
            "nodes_without_handler": [],
            "leader": pods[-1]["name"],
            "synchronization_addresses": [
                {
                    "text": f"{pods[-1]['addresses'][0]}:9185",
                    "address": pods[-1]["addresses"][0],
                    "port": 9185,
                    "in_slice": True,
                    "pod": pods[-1]["name"],
                }
            ],
            "pools": [
                {
                    "name": "IPPool kube-system/192.170.10.0-24",
                    "exists": True,
                    "used": 3,
                    "free": 123,
                    "allocations": [
                        {
                            "address": each["addresses"][0],
                            "pod": f"{NAMESPACE}/{each['name']}",
                            "interface": "migration0",
                            "exists": True,
                        }
                        for each in pods
                    ],
                }
            ],
            "room_for_nodes": 119,
            "mtu": {"network": 1400, "pods": 1400},
            "moves": [],
        },
        "results": [settings, segment],
        "failures": {},
    }


def pod(cluster_name: str, number: int, address: int) -> dict[str, Any]:
    """A pod on the migration network; the last one synchronizes."""
    component = "virt-handler" if number < 2 else "virt-synchronization-controller"
    return {
        "name": f"{component}-{number}",
        "component": component,
        "node": f"{cluster_name}-node-{number % 2 + 1}",
        "ready": True,
        "trouble": "",
        "interface": True,
        "network": f"{NAMESPACE}/migration-evpn",
        "addresses": [f"192.170.10.{address}"],
        "mac": f"0a:58:c0:aa:0a:{address:02x}",
        "mtu": 1400,
        "in_slice": True,
    }


def action(where: str, before: dict[str, Any], after: dict[str, Any], name: str = "cluster-a") -> dict[str, Any]:
    """What a module in check mode returns that would write one object."""
    header = f"{name} {where}"
    diff = {"before_header": header, "after_header": header, "before": before, "after": after}
    return {"changed": True, "actions": [f"{name}: patch {where}: because"], "diff": [diff]}


def side(name: str) -> dict[str, Any]:
    """One side of a pair that trusts each other."""
    ca = {
        "fingerprint": "0" * 64,
        "subject": f"CN=kubevirt.io@{name}",
        "not_before": "2026-11-22T12:00:00+00:00",
        "not_after": "2026-11-29T12:00:00+00:00",
        "expires_in_days": 6.5,
    }
    return {
        "cluster": name,
        "ca": ca,
        "trusts_peer": True,
        "pending": False,
        "dropped_in_hours": None,
        "others": [],
    }


def pair(source: dict[str, Any] | None = None, target: dict[str, Any] | None = None) -> dict[str, Any]:
    """What module migration_trust returns in check mode."""
    both = {"source": side(CLUSTERS[0]) | (source or {}), "target": side(CLUSTERS[1]) | (target or {})}
    return {"changed": False, "actions": [], "diff": [], "migration_trust": both, **_invocation()}


def refused(reason: str, where: str) -> dict[str, Any]:
    """What it returns when it fails."""
    return {"failed": True, "migration_trust": {}, "failure": failure(reason) | {"cluster": where}, **_invocation()}


def _invocation() -> dict[str, Any]:
    sides = dict(zip(("source", "target"), ({"cluster_name": name} for name in CLUSTERS), strict=True))
    return {"invocation": {"module_args": sides}}


def failure(reason: str) -> dict[str, str]:
    """The ``failure`` of a module; without a reason that of another task."""
    if not reason:
        return {"found": "a template that has no value"}
    texts = {"wanted": "an answer", "found": "it does not answer", "hint": "Look."}
    return {"reason": reason, "cluster": "", "object": "", **texts}
