# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of this collection that no variable names any more: told with the command that takes them away."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _cluster_info, _fleet, _fleet_orphans
from ansible_collections.livemigration.kubevirt.plugins.module_utils._fleet_member import Member
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NAD, NMSTATE_POLICY
from unit.l2vni_call import ready, run
from unit.memory_cluster import MemoryCluster, Ticking, job

ROUTERS = "openperouter-system"
VM_NETWORK = {
    "name": "red",
    "vni": 110,
    "vrf": "rouge",
    "l3vni_vni": 100,
    "nad": "lan",
    "namespaces": ["shop", "bank"],
}


def marked(kind: str, name: str, network: str = "") -> dict[str, str]:
    return {"kind": kind, "name": name, "network": network}


def found(*items: dict[str, str], **variables: Any) -> list[Any]:
    told = {name if name.startswith("vm_") else f"migration_network_{name}": each for name, each in variables.items()}
    return list(_fleet_orphans.check([Member("munich", told, {"marked": list(items)})]))


@pytest.mark.parametrize(
    ("item", "variables", "changed"),
    [
        (marked("L2VNI", f"{ROUTERS}/migration"), {}, {"l2vni": "other"}),
        (marked("L2VNI", f"{ROUTERS}/migration-777", "migration"), {}, {"l2vni": "other"}),
        (marked("L2VNI", "mine/migration"), {"openperouter_namespace": "mine"}, {}),
        (marked("L3VNI", f"{ROUTERS}/migration"), {"l3vni_vni": 100}, {"l3vni_vni": 0}),
        (marked("L3VNI", f"{ROUTERS}/x"), {"l3vni_vni": "100", "l3vni": "x"}, {"l3vni_vni": 100}),
        (marked("NetworkAttachmentDefinition", "kubevirt/migration", "migration"), {}, {"nad": "other"}),
        (marked("NetworkAttachmentDefinition", "kubevirt/migration-0a1b2c3d", "migration"), {}, {"nad": "other"}),
        (marked("NodeNetworkConfigurationPolicy", "migration-uplink"), {}, {"uplink_policy": "other"}),
        (
            marked("NodeNetworkConfigurationPolicy", "migration-uplink"),
            {"type": "vlan", "uplink": "eth1"},
            {"type": "vlan", "uplink": ""},
        ),
        (marked("L2VNI", f"{ROUTERS}/red"), {"vm_network_networks": [VM_NETWORK]}, {"vm_network_networks": []}),
        (marked("L3VNI", f"{ROUTERS}/rouge"), {"vm_network_networks": [VM_NETWORK]}, {"vm_network_networks": []}),
        (
            marked("NetworkAttachmentDefinition", "bank/lan"),
            {"vm_network_networks": [VM_NETWORK]},
            {"vm_network_networks": [VM_NETWORK | {"namespaces": ["shop"]}]},
        ),
    ],
)
def test_a_name_that_changed_leaves_an_orphan(
    item: dict[str, str], variables: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert found(item, **variables) == []
    (told,) = found(item, **changed)
    assert (told.id, told.severity, told.cluster) == ("object-orphaned", "warning", "munich")
    assert told.object == f"{item['kind']} {item['name']}"
    assert "state=absent" in told.hint


@pytest.mark.parametrize(
    ("item", "command", "label"),
    [
        (marked("L2VNI", "a/b-777", "b"), "l2vni -a 'kubeconfig=FILE name=b-777 namespace=a", "managed-by and "),
        (marked("L3VNI", "a/b"), "l3vni -a 'kubeconfig=FILE name=b namespace=a", "managed-by off"),
        (
            marked("NetworkAttachmentDefinition", "a/b-0a1b2c3d", "b"),
            "migration_nad -a 'kubeconfig=FILE name=b namespace=a",
            "take livemigration.kubevirt/network off",
        ),
        (marked("NetworkAttachmentDefinition", "a/b"), "vm_nad -a 'kubeconfig=FILE name=b namespace=a", "managed-by"),
        (marked("NodeNetworkConfigurationPolicy", "b"), "node_uplink -a 'kubeconfig=FILE name=b state", "managed-by"),
    ],
)
def test_the_way_to_take_it_away_or_keep_it_is_told(item: dict[str, str], command: str, label: str) -> None:
    (told,) = found(item)
    assert f"livemigration.kubevirt.{command}" in told.hint
    assert label in told.hint


def test_networks_of_vms_that_are_to_go_are_still_named() -> None:
    item = marked("L2VNI", f"{ROUTERS}/red")
    assert found(item, vm_network_networks=[VM_NETWORK], vm_network_state="absent") == []


def test_it_is_told_with_the_rest_of_the_fleet_and_stops_nothing() -> None:
    info = {"uid": "1", "marked": [marked("L3VNI", "a/b")]}
    (told,) = _fleet.findings([Member("a", {"migration_network_type": "none"}, info)])
    assert (told.id, told.severity) == ("object-orphaned", "warning")
    assert _fleet.findings([Member("a", {"migration_network_type": "none"}, {"uid": "1"})]) == []


def look(cluster: MemoryCluster) -> Any:
    options = {"namespace": None, "name": None, "guests": None}
    return _cluster_info.work(job({"cluster": cluster}, Ticking(), options))["cluster_info"]["marked"]


@pytest.mark.parametrize("folder", ["a", "b", "c"])
def test_what_is_made_is_marked_and_what_was_there_is_not(folder: str) -> None:
    site = ready(folder)
    site.add("l2vnis", "L2VNI", "theirs", {"vni": 7})
    run(site, name="theirs", vni=8)
    run(site, vni=666)
    assert look(site) == [marked("L2VNI", f"{ROUTERS}/migration")]
    run(site, vni=667, beside=True)
    assert look(site)[1:] == [marked("L2VNI", f"{ROUTERS}/migration-667", "migration")]


def test_attachments_and_policies_are_seen_too() -> None:
    cluster = MemoryCluster()
    ours = {"app.kubernetes.io/managed-by": "livemigration.kubevirt"}
    for name, labels in (("lan", ours), ("mine", {"app.kubernetes.io/managed-by": "Helm"}), ("bare", {})):
        cluster.put(NAD, {"metadata": {"name": name, "namespace": "shop", "labels": labels}, "spec": {}})
        cluster.put(NMSTATE_POLICY, {"metadata": {"name": name, "labels": labels}})
    of = {"livemigration.kubevirt/network": "migration"}
    cluster.put(NAD, {"metadata": {"name": "migration-1", "namespace": "kubevirt", "labels": of}, "spec": {}})
    assert look(cluster) == [
        marked("NetworkAttachmentDefinition", "shop/lan"),
        marked("NetworkAttachmentDefinition", "kubevirt/migration-1", "migration"),
        marked("NodeNetworkConfigurationPolicy", "lan"),
    ]
