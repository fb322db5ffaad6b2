# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""l2vni: what is written in which situation, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Busy,
    DeadlineExceeded,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NAD, NAMESPACE
from unit.l2vni_call import ready, refused, run
from unit.memory_cluster import MemoryCluster
from unit.openperouter import NAMESPACE_NAME, Site

SHAPES = ("a", "b1", "b", "c")


@pytest.fixture(params=SHAPES)
def site(request: pytest.FixtureRequest) -> Site:
    return ready(request.param)


def port(site: Site) -> int:
    return int(site.l2vni["spec"][site.shape.spelled("vxlanport") or ""])


def test_a_port_that_nobody_asks_to_change_stays(site: Site) -> None:
    run(site)
    assert port(site) == 4789
    assert run(site, vxlan_port=4790)["changed"]
    assert not run(site)["changed"]
    assert port(site) == 4790
    assert run(site, vxlan_port=4789)["changed"]
    assert port(site) == 4789


def test_creates_then_finds_nothing_to_do(site: Site) -> None:
    told = run(site, check_mode=True)
    assert site.writes == []
    made = run(site)
    assert made["changed"]
    assert (made["actions"], made["diff"]) == (told["actions"], told["diff"])
    assert made["l2vni"]["bridge"] == "br-hs-666"
    assert made["l2vni"]["object"]["spec"] == told["l2vni"]["object"]["spec"] == site.l2vni["spec"]
    assert made["l2vni"]["readiness"] == ("reported" if site.shape.reports else "unknown")
    assert "traffic" in made["l2vni"]["readiness_meaning"]
    writes = list(site.writes)
    again = run(site)
    assert (again["changed"], again["diff"], again["actions"]) == (False, [], [])
    assert again["l2vni"]["object"]["metadata"]["name"] == "migration"
    assert site.writes == writes


def test_changes_only_what_differs_and_keeps_what_it_does_not_know(site: Site) -> None:
    run(site)
    changed = site.l2vni
    changed["spec"]["future"] = {"field": 1}
    site.put(site.shape.l2vni, changed)
    run(site, vni=667)
    assert site.writes[-1] == "patch L2VNI migration"
    assert site.l2vni["spec"]["vni"] == 667
    assert site.l2vni["spec"]["future"] == {"field": 1}


@pytest.mark.parametrize("folder", ["b1", "b", "c"])
def test_an_option_that_is_left_out_is_removed(folder: str) -> None:
    site = ready(folder)
    selector = {
        "match_labels": {"zone": 1},
        "match_expressions": [{"key": "zone", "operator": "Exists", "values": None}],
    }
    run(site, node_selector=selector, bridge_type="ovs")
    assert site.l2vni["spec"]["nodeSelector"] == {
        "matchLabels": {"zone": "1"},
        "matchExpressions": [{"key": "zone", "operator": "Exists"}],
    }
    run(site, node_selector={"match_labels": {"rack": "7"}, "match_expressions": None})
    assert site.l2vni["spec"]["nodeSelector"] == {"matchLabels": {"rack": "7"}}
    assert "ovsBridge" not in str(site.l2vni["spec"])
    run(site, node_selector={"match_labels": None, "match_expressions": None})
    assert "nodeSelector" not in site.l2vni["spec"]


def test_an_ovs_bridge_is_warned_about() -> None:
    assert "bridge CNI plugin" in run(ready("b"), bridge_type="ovs")["warnings"][0]


def test_without_an_underlay_a_warning_says_that_nothing_happens(site: Site) -> None:
    del site.objects["underlays", NAMESPACE_NAME, "underlay"]
    assert "no Underlay" in run(site)["warnings"][0]


class TestGateway:
    """OpenPERouter lets nobody change it."""

    def options(self, site: Site) -> Object:
        if site.shape.detached:
            site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 100})
        return {"vrf": "rouge", "gateways": ["192.170.10.1/24"]}

    @pytest.mark.parametrize("gateways", [["192.170.10.9/24"], [], None])
    def test_a_change_is_refused(self, site: Site, gateways: list[str] | None) -> None:
        options = self.options(site)
        run(site, **options)
        error = refused(site, **options | {"gateways": gateways})
        assert error.reason == "gateway_immutable"
        assert "recreate" in error.hint

    def test_adding_one_is_refused_too(self, site: Site) -> None:
        options = self.options(site)
        run(site, **options | {"gateways": None})
        assert refused(site, **options).reason == "gateway_immutable"

    def test_with_recreate_it_is_deleted_and_created_anew(self, site: Site) -> None:
        options = self.options(site)
        run(site, **options)
        site.attach("br-hs-666", "virt-handler-1", "virt-handler-2")
        site.put(NAD, {"metadata": {"name": "odd", "namespace": "kubevirt"}, "spec": {"config": "[]"}})
        site.put(NAD, {"metadata": {"name": "odder", "namespace": "kubevirt"}, "spec": {"config": "rubbish"}})
        first = site.l2vni["metadata"]["resourceVersion"]
        told = run(site, check_mode=True, recreate=True, **options | {"gateways": ["192.170.10.9/24"]})
        done = run(site, recreate=True, **options | {"gateways": ["192.170.10.9/24"]})
        assert told["actions"] == done["actions"]
        assert site.writes[-2:] == ["delete L2VNI migration", "create L2VNI migration"]
        assert site.l2vni["metadata"]["resourceVersion"] != first
        assert done["l2vni"]["migration_pods_restart_required"] is True
        assert done["l2vni"]["pods_on_bridge"] == ["kubevirt/virt-handler-1", "kubevirt/virt-handler-2"]

    def test_the_same_address_spelled_otherwise_is_no_change(self, site: Site) -> None:
        options = self.options(site) | {"gateways": ["fd00::1/64"]}
        run(site, **options)
        assert not run(site, **options | {"gateways": ["fd00:0:0::1/64"]})["changed"]

    def test_a_deletion_that_does_not_end_is_told(self) -> None:
        site = Lingering()
        run(site, gateways=["192.170.10.1/24"])
        with pytest.raises(DeadlineExceeded, match="still exists"):
            run(site, gateways=["192.170.10.2/24"], recreate=True)


class Lingering(Site):
    """A finalizer keeps what is deleted."""

    def delete(self, resource: Resource, name: str, **_more: Any) -> bool:
        return True


def test_pods_on_a_bridge_that_is_made_anew_are_named(site: Site) -> None:
    site.attach("br-hs-666", "virt-handler-1")
    created = run(site)["l2vni"]
    assert (created["migration_pods_restart_required"], created["pods_on_bridge"]) == (
        True,
        ["kubevirt/virt-handler-1"],
    )
    assert run(site)["l2vni"]["pods_on_bridge"] == []
    renumbered = run(site, vni=700)["l2vni"]
    assert (renumbered["bridge"], renumbered["pods_on_bridge"]) == ("br-hs-700", ["kubevirt/virt-handler-1"])
    assert run(site, vni=700, vxlan_port=4790)["l2vni"]["pods_on_bridge"] == []


def test_without_multus_nothing_hangs_on_a_bridge(site: Site) -> None:
    site.unknown.add(NAD.plural)
    assert run(site)["l2vni"]["pods_on_bridge"] == []


class TestAbsent:
    """Removal, with what hangs on the bridge in mind."""

    def test_removes_then_finds_nothing_to_do(self, site: Site) -> None:
        run(site)
        done = run(site, state="absent")
        assert done["changed"]
        assert done["l2vni"]["object"] is None
        assert site.writes[-1] == "delete L2VNI migration"
        again = run(site, state="absent")
        assert (again["changed"], again["l2vni"]["readiness"]) == (False, "absent")

    def test_is_refused_while_a_nad_uses_the_bridge(self, site: Site) -> None:
        run(site)
        site.attach("br-hs-666")
        error = refused(site, state="absent")
        assert isinstance(error, Busy)
        assert "kubevirt/net" in error.found
        told = run(site, state="absent", check_mode=True)
        assert told["changed"]
        assert "kubevirt/net" in told["warnings"][0]

    def test_without_openperouter_there_is_nothing_to_remove(self) -> None:
        assert not run(MemoryCluster(), state="absent")["changed"]


def test_a_cluster_without_openperouter_is_told_so() -> None:
    error = refused(MemoryCluster())
    assert error.reason == "openperouter_not_installed"
    assert "install it first" in error.hint


def test_a_namespace_that_is_not_there(site: Site) -> None:
    del site.objects[NAMESPACE.plural, None, NAMESPACE_NAME]
    assert refused(site).reason == "namespace_missing"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"vni": 0}, "vni_out_of_range"),
        ({"vni": 16777216}, "vni_out_of_range"),
        ({"vxlan_port": 0}, "vxlan_port"),
        ({"vrf": "far-too-long-a-name"}, "vrf_name"),
        ({"vrf": "ro uge"}, "vrf_name"),
        ({"bridge_managed": False}, "bridge_name"),
        ({"bridge_name": "br-mine"}, "bridge_name"),
        ({"bridge_managed": False, "bridge_name": "1-bridge"}, "bridge_name_name"),
        ({"gateways": ["192.170.10.1"]}, "gateway_invalid"),
        ({"gateways": ["192.170.10.1/33"]}, "gateway_invalid"),
        ({"gateways": ["192.170.10.1/24", "10.0.0.1/24"]}, "gateway_families"),
    ],
)
def test_what_no_shape_accepts(site: Site, options: Object, reason: str) -> None:
    error = refused(site, **options)
    assert isinstance(error, BadInput)
    assert error.reason == reason
