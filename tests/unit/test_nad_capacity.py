# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slice has to hold every pod of both workloads; nobody else may give out its addresses."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    Conflict,
    Forbidden,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    DAEMON_SET,
    DEPLOYMENT,
    KUBEVIRT,
    NODE,
    POD,
)
from unit.nad_site import Site, refused, run


@pytest.fixture
def site() -> Site:
    return Site()


class TestCapacity:
    """A slice has to hold every pod of both workloads, also while they roll."""

    def small(self, size: int) -> Object:
        return {
            "slot": None,
            "max_clusters": None,
            "range_start": "192.170.10.10",
            "range_end": f"192.170.10.{10 + size - 1}",
        }

    def test_counts_nodes_and_the_usual_replicas(self, site: Site) -> None:
        # Two nodes (a cordoned one runs virt-handler too, a tainted one does not), 2 replicas, 1 surge, 2 spare.
        assert run(site, **self.small(7))["migration_nad"]["capacity"] == {
            "nodes": 2,
            "sync_replicas": 2,
            "surge": 1,
            "growth": 0,
            "spare": 2,
            "required": None,
            "needed": 7,
            "taken": 0,
            "available": 7,
        }

    def test_one_address_less_is_refused_with_the_arithmetic(self, site: Site) -> None:
        error = refused(site, **self.small(6))
        assert error.reason == "slice_too_small"
        assert "at least 7 addresses: 2 for virt-handler on the nodes, 2 for virt-synch" in error.wanted
        assert "6 from 192.170.10.10 to 192.170.10.15" in error.found

    def test_growth_counts(self, site: Site) -> None:
        assert refused(site, growth=1, **self.small(7)).reason == "slice_too_small"

    def test_the_workloads_themselves_count_where_they_are(self, site: Site) -> None:
        workload = {"namespace": "kubevirt"}
        site.put(
            DAEMON_SET, {"metadata": {"name": "virt-handler", **workload}, "status": {"desiredNumberScheduled": 5}}
        )
        site.put(
            DEPLOYMENT, {"metadata": {"name": "virt-synchronization-controller", **workload}, "spec": {"replicas": 5}}
        )
        assert run(site)["migration_nad"]["capacity"]["needed"] == 5 + 5 + 2 + 2

    @pytest.mark.parametrize(
        ("placement", "nodes"),
        [
            ({}, 3),
            ({"nodeSelector": {"kvm": "yes"}}, 1),
            ({"tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]}, 4),
            ({"nodeSelector": {"kvm": "yes"}, "tolerations": [{"operator": "Exists"}]}, 1),
        ],
    )
    def test_before_the_rollout_the_node_placement_decides(self, site: Site, placement: Object, nodes: int) -> None:
        lost = [{"key": f"node.kubernetes.io/{key}", "effect": "NoExecute"} for key in ("not-ready", "unreachable")]
        labels = {"kvm": "yes", "kubernetes.io/os": "linux"}
        site.put(NODE, {"metadata": {"name": "lost", "labels": labels}, "spec": {"taints": lost}})
        site.put(NODE, {"metadata": {"name": "windows", "labels": {"kubernetes.io/os": "windows"}}})
        site.kubevirt(workloads={"nodePlacement": placement})
        assert run(site)["migration_nad"]["capacity"]["nodes"] == nodes

    def held(self, site: Site, *offsets: int) -> None:
        """Addresses that pods have: every second is KubeVirt's own, the others are nobody's any more."""
        site.pool(*offsets)
        for offset in offsets[::2]:
            metadata = {"name": f"pod-{offset}", "namespace": "kubevirt", "labels": {"kubevirt.io": "virt-handler"}}
            site.put(POD, {"metadata": metadata})

    def test_what_others_hold_is_not_available(self, site: Site) -> None:
        self.held(site, 10, 11, 12, 200)
        assert run(site, **self.small(8))["migration_nad"]["capacity"] | {"required": 0} == {
            "nodes": 2,
            "sync_replicas": 2,
            "surge": 1,
            "growth": 0,
            "spare": 2,
            "required": 0,
            "needed": 7,
            "taken": 1,
            "available": 7,
        }

    def test_a_slice_that_others_have_used_up_is_refused(self, site: Site) -> None:
        self.held(site, 10, 11)
        error = refused(site, **self.small(7))
        assert error.reason == "slice_too_small"
        assert error.found == "7 from 192.170.10.10 to 192.170.10.16, 1 of them held by others or not given back"

    def test_a_network_that_runs_is_only_warned_about(self, site: Site) -> None:
        run(site, **self.small(7))
        self.held(site, 10, 11)
        result = run(site, **self.small(7))
        assert not result["changed"]
        assert "1 of them held by others or not given back; needed are 7" in " ".join(result["warnings"])

    def test_pods_that_may_not_be_read_are_taken_for_kubevirts(self, site: Site, monkeypatch: Any) -> None:
        self.held(site, 10, 11)
        whole = site.list

        def closed(resource: Resource, *args: Any, **more: Any) -> list[Object]:
            if resource == POD and more.get("labels"):
                raise Forbidden("to read", "no", site.name)
            return whole(resource, *args, **more)

        monkeypatch.setattr(site, "list", closed)
        assert run(site, **self.small(7))["migration_nad"]["capacity"]["taken"] == 0

    def test_replicas_that_kubevirt_will_have(self, site: Site) -> None:
        site.kubevirt(infra={"replicas": 4})
        site.put(KUBEVIRT, {"metadata": {"name": "other", "namespace": "other"}, "spec": {"infra": {"replicas": 9}}})
        assert run(site)["migration_nad"]["capacity"]["sync_replicas"] == 4

    def test_without_kubevirt_the_usual_number(self, site: Site) -> None:
        site.unknown.add(KUBEVIRT.plural)
        assert run(site)["migration_nad"]["capacity"]["sync_replicas"] == 2

    def test_the_users_own_number(self, site: Site) -> None:
        error = refused(site, required_addresses=7, growth=1, **self.small(7))
        assert error.wanted == "at least 8 addresses: 7 as required_addresses says, 1 for growth"
        assert run(site, required_addresses=7, **self.small(7))["changed"]


class TestRivals:
    """Other NADs that would give out the same addresses."""

    IPAM = {"type": "whereabouts", "range": "192.170.10.0/24"}

    @pytest.mark.parametrize(
        "ipam",
        [
            {"range": "192.170.10.0/24"},
            {"range": "192.170.0.0/16"},
            {
                "range": "192.170.10.0/24",
                "network_name": "own",
                "range_start": "192.170.10.2",
                "range_end": "192.170.10.9",
            },
            {"ipRanges": [{"range": "fd00::/64"}, {"range": "192.170.10.0/28"}]},
        ],
    )
    @pytest.mark.parametrize("kind", ["bridge", "macvlan"])
    def test_are_refused_by_name(self, site: Site, ipam: Object, kind: str) -> None:
        site.nad({"type": kind, "ipam": {"type": "whereabouts", **ipam}}, "rival", "default")
        error = refused(site)
        assert error.reason == "range_overlaps_nad"
        assert "default/rival" in error.found

    @pytest.mark.parametrize(
        "config",
        [
            {"type": "bridge", "ipam": {**IPAM, "range_start": "192.170.10.2", "range_end": "192.170.10.127"}},
            {"plugins": [{"type": "bridge", "ipam": {"type": "whereabouts", "range": "10.0.0.0/24"}}]},
            {"type": "macvlan", "ipam": {"type": "static"}},
            {"type": "bridge", "ipam": {"type": "whereabouts", "range": "10.0.0.0/31"}},
            {"type": "ovs"},
            "rubbish",
            [1],
            None,
        ],
    )
    def test_who_stays_in_the_slice_or_elsewhere_is_none(self, site: Site, config: Any) -> None:
        site.nad(config, "other", "default")
        assert run(site, gateway=None, reserved=["192.170.10.1"])["changed"]


@pytest.mark.parametrize(
    ("place", "key", "value"),
    [
        ("plugin", "isGateway", True),
        ("plugin", "isDefaultGateway", True),
        ("plugin", "disableContainerInterface", True),
        ("ipam", "node_slice_size", "/28"),
    ],
)
def test_keys_with_which_the_network_cannot_work_are_refused(site: Site, place: str, key: str, value: Any) -> None:
    run(site)
    config = site.config
    (config if place == "plugin" else config["ipam"])[key] = value
    site.nad(config)
    error = refused(site)
    assert error.reason == "nad_key_refused"
    assert key in error.found


@pytest.mark.parametrize(
    "config",
    [
        "rubbish",
        None,
        [1],
        {"type": "macvlan", "ipam": {"type": "whereabouts"}},
        {"type": "bridge", "ipam": {"type": "dhcp"}},
    ],
)
def test_somebody_elses_network_is_left_alone(site: Site, config: Any) -> None:
    site.nad(config)
    error = refused(site)
    assert isinstance(error, Conflict)
    assert error.reason == "foreign_nad"
