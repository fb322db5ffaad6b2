# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_nad: what is written in which situation, and what is refused aloud."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _nad
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Busy,
    Conflict,
    Forbidden,
    MigrationError,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._nad_options import SPEC
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    DAEMON_SET,
    DEPLOYMENT,
    IP_POOL,
    KUBEVIRT,
    NAD,
    NAMESPACE,
    NODE,
    POD,
)
from unit.memory_cluster import MemoryCluster, Ticking, job

DEFAULTS = {name: option.get("default") for name, option in SPEC.options.items()}
DEMO: Object = {
    "name": "migration-evpn",
    "vni": 666,
    "mtu": 1400,
    "range": "192.170.10.0/24",
    "gateway": "192.170.10.1",
    "slot": 0,
    "max_clusters": 2,
}


class Site(MemoryCluster):
    """A cluster with Multus, KubeVirt's namespace and three nodes, one of them tainted and one cordoned."""

    def __init__(self) -> None:
        super().__init__()
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
        name = network.replace("/", "-")
        body = {"metadata": {"name": name, "namespace": "kube-system"}}
        self.put(IP_POOL, body | {"spec": {"range": network, "allocations": given}})

    def pod(self, name: str, namespace: str = "kubevirt", **annotations: str) -> None:
        """A pod with the annotations of multus."""
        full = {f"k8s.v1.cni.cncf.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.put(POD, {"metadata": {"name": name, "namespace": namespace, "annotations": full}})

    def kubevirt(self, network: str = "", **spec: Any) -> None:
        """The KubeVirt CR."""
        settings = {"configuration": {"migrations": {"network": network}}} if network else {}
        self.put(KUBEVIRT, {"metadata": {"name": "kubevirt", "namespace": "kubevirt"}, "spec": settings | spec})

    @property
    def config(self) -> Object:
        """The configuration that is stored."""
        found = self.get(NAD, "migration-evpn", "kubevirt")
        assert found is not None
        parsed: Object = json.loads(found["spec"]["config"])
        return parsed


def _taint(key: str) -> Object:
    return {"key": key, "effect": "NoSchedule"}


@pytest.fixture
def site() -> Site:
    return Site()


def run(site: MemoryCluster, *, check_mode: bool = False, **options: Any) -> Object:
    return _nad.work(job({"cluster": site}, Ticking(), DEFAULTS | DEMO | options, check_mode=check_mode))


def absent(site: MemoryCluster, *, check_mode: bool = False) -> Object:
    return run(site, check_mode=check_mode, state="absent")


def refused(site: MemoryCluster, **options: Any) -> MigrationError:
    before = list(site.writes)
    with pytest.raises(MigrationError) as caught:
        run(site, **options)
    assert site.writes == before
    assert (caught.value.cluster, caught.value.object) == (
        "cluster-a",
        f"NetworkAttachmentDefinition kubevirt/{options.get('name', 'migration-evpn')}",
    )
    return caught.value


def test_creates_then_finds_nothing_to_do(site: Site) -> None:
    told = run(site, check_mode=True)
    assert site.writes == []
    made = run(site)
    assert (made["changed"], made["diff"]) == (True, told["diff"])
    assert made["migration_nad"] == told["migration_nad"]
    assert (
        site.config
        == made["migration_nad"]["config"]
        == {
            "cniVersion": "0.3.1",
            "name": "migration-evpn",
            "type": "bridge",
            "bridge": "br-hs-666",
            "mtu": 1400,
            "ipam": {
                "type": "whereabouts",
                "range": "192.170.10.0/24",
                "range_start": "192.170.10.2",
                "range_end": "192.170.10.127",
                "exclude": ["192.170.10.1/32"],
            },
        }
    )
    assert made["migration_nad"]["slice"] == {"first": "192.170.10.2", "last": "192.170.10.127", "size": 126}
    assert made["migration_nad"]["pool"] == "192.170.10.0-24"
    again = run(site)
    assert (again["changed"], again["diff"], again["actions"]) == (False, [], [])
    assert site.writes == ["create NetworkAttachmentDefinition migration-evpn"]


def test_the_published_configuration_is_taken_over_as_it_stands(site: Site) -> None:
    site.nad(
        """{"cniVersion": "0.3.1", "name": "migration-evpn", "type": "bridge", "bridge": "br-hs-666", "mtu": 1400,
            "ipam": {"type": "whereabouts", "range": "192.170.10.0/24",
                     "exclude": ["192.170.10.128/25", "192.170.10.1/32"]}}"""
    )
    assert not run(site, style="exclude")["changed"]
    switched = run(site, style="bounds")
    assert switched["changed"]
    assert not switched["migration_nad"]["changed_allocation"]


def test_unknown_keys_of_an_existing_configuration_stay(site: Site) -> None:
    config = {
        "type": "bridge",
        "name": "mine",
        "hairpinMode": True,
        "ipam": {"type": "whereabouts", "log_level": "debug"},
    }
    site.nad({"cniVersion": "0.3.1", "plugins": [config, {"type": "tuning"}]})
    run(site)
    first, second = site.config["plugins"]
    assert (first["hairpinMode"], first["ipam"]["log_level"]) == (True, "debug")
    assert first["ipam"]["range_start"] == "192.170.10.2"
    assert second == {"type": "tuning"}
    assert not run(site)["changed"]


def test_a_change_says_whose_restart_it_needs_and_whether_addresses_move(site: Site) -> None:
    run(site)
    status = json.dumps([{"name": "kubevirt/migration-evpn", "interface": "migration0", "ips": ["192.170.10.2"]}])
    site.pod("virt-handler-1", network_status=status)
    site.pod("virt-sync-1", networks="migration-evpn@migration0")
    site.pod("other-1", networks=json.dumps([{"name": "migration-evpn", "namespace": "default"}]))
    site.pod("odd-1", networks="[rubbish", network_status="rubbish")
    larger = run(site, mtu=1410)["migration_nad"]
    assert (larger["migration_pods_restart_required"], larger["changed_allocation"]) == (True, False)
    assert larger["pods"] == ["kubevirt/virt-handler-1", "kubevirt/virt-sync-1"]
    moved = run(site, mtu=1410, slot=1)["migration_nad"]
    assert moved["changed_allocation"]
    assert run(site, mtu=1410, slot=1)["migration_nad"]["pods"] == []


def test_addresses_outside_of_the_slice_are_named(site: Site) -> None:
    site.pool(2, 200)
    done = run(site)
    assert done["migration_nad"]["out_of_slice"] == [{"address": "192.170.10.200", "pod": "kubevirt/pod-200"}]
    assert "192.170.10.200 (kubevirt/pod-200)" in " ".join(done["warnings"])


def test_pools_that_may_not_be_read_are_unknown(site: Site) -> None:
    site.unknown.add(IP_POOL.plural)
    assert run(site)["migration_nad"]["out_of_slice"] is None


class Closed(Site):
    """The credentials may not read pools."""

    def list(self, resource: Resource, *args: Any, **more: Any) -> list[Object]:
        if resource == IP_POOL:
            raise Forbidden("to read", "no", self.name)
        return super().list(resource, *args, **more)


def test_pools_that_are_forbidden_are_unknown() -> None:
    assert run(Closed())["migration_nad"]["out_of_slice"] is None


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
        ("ipam", "ipRanges", [{"range": "fd00::/64"}]),
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


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "migration.evpn"}, "name_invalid"),
        ({"name": "Migration"}, "name_invalid"),
        ({"name": "m" * 64}, "name_invalid"),
        ({"cni_version": "2"}, "cni_version"),
        ({"vni": 0}, "vni_out_of_range"),
        ({"vni": None, "bridge": "a bridge"}, "bridge_invalid"),
        ({"vni": None, "bridge": "b" * 16}, "bridge_invalid"),
        ({"mtu": 100}, "mtu_too_small"),
        ({"mtu": 70000}, "mtu_too_large"),
        ({"mtu": 1451, "underlay_mtu": 1500}, "mtu_above_underlay"),
        ({"mtu": 1431, "underlay_mtu": 1500, "underlay_address_family": "ipv6"}, "mtu_above_underlay"),
        ({"vni": None, "bridge": "br-mine", "mtu": 1501, "underlay_mtu": 1500}, "mtu_above_underlay"),
        ({"range": "fd00::/64", "gateway": None, "mtu": 1279}, "mtu_too_small"),
        ({"range": "192.170.10.1/24"}, "range_invalid"),
        ({"gateway": "10.0.0.1"}, "gateway_outside_range"),
        ({"slot": 2}, "slot_outside_plan"),
        ({"slot": -1}, "slot_outside_plan"),
        ({"weights": [1]}, "weights"),
        ({"reserved": ["10.0.0.1"]}, "reserved_outside_range"),
        ({"slot": None, "range_start": "192.170.10.9", "range_end": "192.170.11.1"}, "range_end_outside_range"),
    ],
)
def test_what_cannot_work_anywhere(site: Site, options: Object, reason: str) -> None:
    error = refused(site, **options)
    assert isinstance(error, BadInput)
    assert error.reason == reason


def test_what_can_work_but_only_just(site: Site) -> None:
    assert "warnings" not in run(site, range="10.9.0.0/24", gateway=None, mtu=1450, underlay_mtu=1500)
    (warning,) = run(site, range="10.9.0.0/24", gateway=None, mtu=8950)["warnings"]
    assert "9000 or more" in warning
    ipv6 = run(site, range="fd00::/64", gateway=None, mtu=1280)["migration_nad"]
    assert (ipv6["slice"]["last"], ipv6["pool"]) == ("fd00::3fff:ffff:ffff:ffff", "fd00---64")
    assert run(site, vni=None, bridge="br0.100", mtu=9000)["migration_nad"]["bridge"] == "br0.100"


def test_public_ranges_are_warned_about(site: Site) -> None:
    assert "public address space" in run(site)["warnings"][0]


def test_weights_share_the_range_in_proportion(site: Site) -> None:
    sizes = [run(site, slot=slot, weights=[1, 3], gateway=None)["migration_nad"]["slice"]["size"] for slot in (0, 1)]
    assert sizes == [63, 191]


def test_a_cluster_without_multus_is_told_so(site: Site) -> None:
    site.unknown.add(NAD.plural)
    assert refused(site).reason == "multus_missing"
    assert not absent(site)["changed"]


def test_a_namespace_that_is_not_there(site: Site) -> None:
    del site.objects[NAMESPACE.plural, None, "kubevirt"]
    assert refused(site).reason == "namespace_missing"


class TestAbsent:
    """Removal only when nobody needs it any more."""

    def test_removes_then_finds_nothing_to_do(self, site: Site) -> None:
        run(site)
        done = absent(site)
        assert done["changed"]
        assert done["migration_nad"]["config"] is None
        assert not absent(site)["changed"]
        assert site.writes[-1] == "delete NetworkAttachmentDefinition migration-evpn"

    @pytest.mark.parametrize("network", ["migration-evpn", "kubevirt/migration-evpn"])
    def test_is_refused_while_kubevirt_names_it(self, site: Site, network: str) -> None:
        run(site)
        site.kubevirt(network)
        error = refused(site, state="absent")
        assert isinstance(error, Busy)
        assert error.found == "KubeVirt kubevirt/kubevirt"
        told = absent(site, check_mode=True)
        assert told["changed"]
        assert "KubeVirt kubevirt/kubevirt" in told["warnings"][0]

    def test_is_refused_while_pods_use_it(self, site: Site) -> None:
        run(site)
        site.kubevirt("another")
        site.pod("virt-handler-1", networks="other, kubevirt/migration-evpn@migration0")
        site.pod("vm-1", "default", networks=json.dumps([{"name": "migration-evpn", "namespace": "kubevirt"}]))
        site.pod("free-1")
        assert refused(site, state="absent").found == "pod default/vm-1, pod kubevirt/virt-handler-1"
