# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_network_info: what is found, and that a sound network has no finding."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from ansible_collections.livemigration.kubevirt.plugins.module_utils._handler_nodes import fits
from ansible_collections.livemigration.kubevirt.plugins.module_utils._network_info_pool import ranges, spans
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    DAEMON_SET,
    IP_POOL,
    KUBEVIRT,
    LEASE,
    NAD,
    NODE,
    POD,
)
from unit.kubevirt_site import NAMESPACE, Site, pod
from unit.network_info_site import PLAN, allocate, ids, migration0, network_status, prepared, run, share


@pytest.mark.parametrize(
    "params",
    [
        PLAN,
        {},
        {"range": "192.170.10.0/24"},
        {"range": "192.170.10.0/24", "range_start": "192.170.10.2", "range_end": "192.170.10.127"},
        PLAN | {"weights": [1, 1]},
    ],
)
def test_a_sound_network(site: Site, params: dict[str, Any]) -> None:
    found = run(site, **params)
    assert found["ready"]
    assert found["findings"] == []
    assert [each["addresses"] for each in found["pods"]] == [[f"192.170.10.{last}"] for last in (2, 3, 4, 5)]
    assert all(each["in_slice"] and each["interface"] for each in found["pods"])
    assert found["leader"] == f"{SYNC}-1"
    assert found["synchronization_addresses"] == [
        {
            "text": "192.170.10.4:9185",
            "address": "192.170.10.4",
            "port": 9185,
            "in_slice": True,
            "pod": f"{SYNC}-1",
        }
    ]
    assert found["pools"][0]["used"] == 4
    assert found["pools"][0]["free"] == found["slice"]["size"] - 4
    assert found["kubevirt"]["settled"]


def test_the_slice_of_the_published_procedure(site: Site) -> None:
    assert run(site, **PLAN)["slice"] == {"first": "192.170.10.2", "last": "192.170.10.127", "size": 126}
    assert run(site)["slice"] == {"first": "192.170.10.2", "last": "192.170.10.127", "size": 126}


def test_options_that_contradict_the_range(site: Site) -> None:
    with pytest.raises(BadInput):
        run(site, **PLAN | {"slot": 2})


@pytest.fixture
def site() -> Site:
    return prepared()


Break = Callable[[Site], object]
H1 = "virt-handler-1"
SYNC = "virt-synchronization-controller"


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (lambda site: site.edit(KUBEVIRT, "kubevirt", {"status": {"phase": "Deploying"}}), ["kubevirt-unsettled"]),
        (
            lambda site: site.cluster.objects.pop((NAD.plural, NAMESPACE, "migration-evpn")),
            ["nad-unusable"],
        ),
        (lambda site: site.edit(NAD, "migration-evpn", {"spec": {"config": "{"}}), ["nad-unusable"]),
        (lambda site: network_status(site, H1, None), ["interface-missing"]),
        (lambda site: network_status(site, H1, None, "no json"), ["interface-missing"]),
        (lambda site: network_status(site, H1, None, '{"not": "a list"}'), ["interface-missing"]),
        (lambda site: network_status(site, H1, migration0(None)), ["address-missing"]),
        (lambda site: network_status(site, H1, migration0("no address")), ["address-missing"]),
        (
            lambda site: network_status(site, H1, migration0("192.170.10.200")),
            ["address-outside-slice", "pool-mismatch"],
        ),
        (lambda site: network_status(site, H1, migration0("192.170.10.3")), ["address-duplicate"]),
        (lambda site: network_status(site, H1, migration0("192.170.10.2", "02:00:00:00:00:03")), ["mac-duplicate"]),
        (lambda site: network_status(site, H1, migration0("192.170.10.99")), ["pool-mismatch"]),
        (
            lambda site: site.edit(POD, H1, {"metadata": {"annotations": {"k8s.v1.cni.cncf.io/networks": None}}}),
            ["pod-outdated"],
        ),
        (
            lambda site: site.edit(POD, H1, {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
            ["pod-not-ready"],
        ),
        (lambda site: site.cluster.objects.pop(("pods", NAMESPACE, H1)), ["node-without-handler", "pool-leak"]),
        (lambda site: allocate(site, 77, "default/vm-1"), ["pool-leak"]),
        (lambda site: share(site, 77, "vm-1"), ["pool-shared"]),
        (lambda site: allocate(site, 77, "kubevirt/gone"), ["pool-leak"]),
        (lambda site: network_status(site, H1, migration0("192.170.10.2") | {"mtu": 1500}), ["mtu-mismatch"]),
        (
            lambda site: network_status(site, H1, migration0("192.170.10.2") | {"name": "default/migration-evpn"}),
            ["network-mismatch"],
        ),
        (
            lambda site: site.edit(DAEMON_SET, "virt-handler", {"status": {"updatedNumberScheduled": 1}}),
            ["rollout-pending"],
        ),
        (
            lambda site: site.edit(KUBEVIRT, "kubevirt", {"status": {"synchronizationAddresses": []}}),
            ["sync-address-missing"],
        ),
        (
            lambda site: site.edit(KUBEVIRT, "kubevirt", {"status": {"synchronizationAddresses": ["x"]}}),
            ["sync-address-unreadable"],
        ),
        (
            lambda site: site.edit(KUBEVIRT, "kubevirt", {"status": {"synchronizationAddresses": ["10.1.0.4:9185"]}}),
            ["sync-address-outside-slice"],
        ),
        (
            lambda site: site.edit(KUBEVIRT, "kubevirt", {"status": {"synchronizationAddresses": ["fd00::4:9185"]}}),
            ["sync-address-unbracketed", "sync-address-outside-slice", "sync-address-stale"],
        ),
        (
            lambda site: site.edit(
                LEASE, "virt-synchronization-controller", {"spec": {"holderIdentity": "other_uuid"}}
            ),
            ["sync-address-follower"],
        ),
    ],
)
def test_finds_what_is_wrong(site: Site, what: Break, expected: list[str]) -> None:
    what(site)
    assert ids(run(site, **PLAN)) == expected


def test_finds_a_fresh_install() -> None:
    assert ids(run(Site())) == ["gate-off", "network-unset"]
    assert ids(run(Site(), network="migration-evpn")) == ["gate-off", "network-unset", "nad-unusable"]


def test_finds_missing_pods(site: Site) -> None:
    for key in [key for key in site.cluster.objects if key[0] == "pods"]:
        del site.cluster.objects[key]
    site.cluster.objects.pop(("daemonsets", NAMESPACE, "virt-handler"))
    found = run(site, **PLAN)
    assert ids(found)[:2] == ["pods-missing", "pods-missing"]
    assert found["nodes_without_handler"] == []


def test_finds_a_full_pool(site: Site) -> None:
    tight = {"range": "192.170.10.0/24", "range_start": "192.170.10.2", "range_end": "192.170.10.5"}
    found = run(site, **tight)
    assert ids(found) == ["pool-full"]
    assert found["pools"][0]["free"] == 0


def test_a_pod_that_leaves_or_has_ended_does_not_count(site: Site) -> None:
    for name, change in {
        "leaving": {"metadata": {"deletionTimestamp": "2026-11-22T12:00:00Z"}},
        "ended": {"status": {"phase": "Failed"}},
    }.items():
        site.cluster.put(POD, pod("virt-handler", name, "node", None, 9))
        site.edit(POD, name, change)
    assert run(site, **PLAN)["findings"] == []


def test_another_ipam_has_no_pool_and_no_slice(site: Site) -> None:
    site.nad(type="host-local")
    found = run(site)
    assert (found["pools"], found["slice"], found["findings"]) == ([], None, [])
    assert found["pods"][0]["in_slice"] is None


def test_whereabouts_without_its_pools(site: Site) -> None:
    site.cluster.unknown.add(IP_POOL.plural)
    found = run(site)
    assert found["pools"][0]["exists"] is False
    assert found["findings"] == []


def test_a_pool_without_slice_has_no_free_count(site: Site) -> None:
    site.nad(range="192.170.10.0/31")
    found = run(site)
    assert (found["slice"], found["pools"][0]["free"]) == (None, None)


@pytest.mark.parametrize("config", ["", "[]", '{"plugins": 3}', '{"plugins": [1]}', '{"ipam": []}'])
def test_a_nad_that_cannot_be_read_has_no_ranges(config: str) -> None:
    assert ranges({"spec": {"config": config}}) == ()


def test_a_range_that_whereabouts_refuses_has_no_addresses() -> None:
    config = json.dumps(
        {"type": "bridge", "ipam": {"type": "whereabouts", "range": "192.170.10.0/24", "exclude": ["x"]}}
    )
    assert spans({"spec": {"config": config}}) == ()


@pytest.mark.parametrize(
    ("taints", "tolerations", "expected"),
    [
        ([], [], True),
        ([{"key": "a", "effect": "NoSchedule"}], [], False),
        ([{"key": "a", "effect": "PreferNoSchedule"}], [], True),
        ([{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}], [], True),
        ([{"key": "a", "effect": "NoSchedule"}], [{"operator": "Exists"}], True),
        ([{"key": "a", "effect": "NoSchedule"}], [{"key": "a", "operator": "Exists"}], True),
        ([{"key": "a", "effect": "NoSchedule"}], [{"key": "b", "operator": "Exists"}], False),
        ([{"key": "a", "effect": "NoSchedule"}], [{"key": "a", "effect": "NoExecute", "operator": "Exists"}], False),
        ([{"key": "a", "value": "1", "effect": "NoSchedule"}], [{"key": "a", "value": "1"}], True),
        ([{"key": "a", "value": "1", "effect": "NoSchedule"}], [{"key": "a", "value": "2"}], False),
    ],
)
def test_which_nodes_virt_handler_should_run_on(
    taints: list[dict[str, str]], tolerations: list[dict[str, str]], expected: bool
) -> None:
    node = {"metadata": {"name": "n", "labels": {"os": "linux"}}, "spec": {"taints": taints}}
    assert fits(node, {"tolerations": tolerations, "nodeSelector": {"os": "linux"}}) == expected
    assert not fits(node, {"tolerations": tolerations, "nodeSelector": {"os": "windows"}})


def test_a_node_that_virt_handler_avoids_is_no_finding(site: Site) -> None:
    site.cluster.put(
        NODE, {"metadata": {"name": "tainted"}, "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
    )
    assert run(site, **PLAN)["nodes_without_handler"] == []
    site.edit(DAEMON_SET, "virt-handler", {"spec": {"template": {"spec": {"tolerations": [{"operator": "Exists"}]}}}})
    assert run(site, **PLAN)["nodes_without_handler"] == ["tainted"]
