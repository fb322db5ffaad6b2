# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade left behind, which nodes are left out, and what nodes report for good."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Forbidden, Rejected
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import DAEMON_SET, KUBEVIRT, NODE
from unit.l2vni_call import ready, refused, run
from unit.memory_cluster import Ticking
from unit.openperouter import NAMESPACE_NAME, Site, Upgraded

FAILED = {"kind": "L2VNI", "name": "migration", "reason": "DependencyFailed", "message": 'no valid L3 for "rouge"'}


@pytest.fixture
def upgraded() -> Upgraded:
    site = Upgraded()
    site.old.add("l2vnis", "L2VNI", "migration", {"vni": 666})
    return site


class TestUpgrade:
    """After OpenPERouter renamed its API group, objects of the old one are dead data."""

    def test_the_object_is_made_anew_and_the_old_one_removed_once_the_nodes_have_the_new(
        self, upgraded: Upgraded
    ) -> None:
        told = run(upgraded, check_mode=True)
        assert upgraded.writes == []
        done = run(upgraded)
        assert (done["actions"], done["diff"]) == (told["actions"], told["diff"])
        assert upgraded.writes == ["create L2VNI migration", "delete L2VNI migration"]
        assert upgraded.l2vni["spec"]["vni"] == 666
        assert done["l2vni"]["object"]["apiVersion"] == "network.openperouter.io/v1alpha1"
        assert not run(upgraded)["changed"]

    def test_an_interrupted_run_is_finished(self, upgraded: Upgraded) -> None:
        upgraded.report("node-2", FAILED)
        with pytest.raises(Rejected):
            run(upgraded, wait_timeout=60)
        assert upgraded.writes == ["create L2VNI migration"]
        upgraded.report("node-2")
        assert run(upgraded)["changed"]
        assert upgraded.writes[1:] == ["delete L2VNI migration"]

    def test_while_no_new_router_runs_the_old_one_stays(self, upgraded: Upgraded) -> None:
        for node in ("node-1", "node-2"):
            del upgraded.objects["pods", NAMESPACE_NAME, f"router-{node}"]
        assert run(upgraded)["l2vni"]["readiness"] == "unknown"
        assert upgraded.writes == ["create L2VNI migration"]

    def test_the_port_that_the_other_clusters_listen_on_goes_along(self, upgraded: Upgraded) -> None:
        upgraded.old.add("l2vnis", "L2VNI", "migration", {"vni": 666, "vxlanport": 4790})
        run(upgraded)
        assert upgraded.l2vni["spec"]["vxlanPort"] == 4790

    def test_what_is_not_ours_is_named(self, upgraded: Upgraded) -> None:
        upgraded.old.add("l3vnis", "L3VNI", "red", {"vrf": "red", "vni": 100})
        (warning,) = run(upgraded)["warnings"]
        for name in ("Underlay openperouter-system/underlay", "L3VNI openperouter-system/red"):
            assert f"{name} of openpe.openperouter.github.io" in warning
        assert "L2VNI" not in warning

    def test_removal_takes_both(self, upgraded: Upgraded) -> None:
        upgraded.add("l2vnis", "L2VNI", "migration", {"vni": 666})
        run(upgraded, state="absent")
        assert upgraded.writes == ["delete L2VNI migration", "delete L2VNI migration"]
        assert not run(upgraded, state="absent")["changed"]


def affinity(*terms: Object) -> Object:
    """A required node affinity."""
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


class TestNodes:
    """A segment that does not reach a node is told of."""

    ZONE_1: Object = {"node_selector": {"match_labels": {"zone": "1"}, "match_expressions": None}}

    def site(self, placement: Object | None = None, handler: Object | None = None) -> Site:
        """A cluster with KubeVirt, before the rollout of virt-handler or after it."""
        site = ready("c")
        metadata = {"name": "kubevirt", "namespace": "kubevirt"}
        site.put(KUBEVIRT, {"metadata": metadata, "spec": {"workloads": {"nodePlacement": placement or {}}}})
        if handler is not None:
            spec = {"template": {"spec": handler}}
            site.put(DAEMON_SET, {"metadata": {"name": "virt-handler", "namespace": "kubevirt"}, "spec": spec})
        return site

    def test_a_node_of_virt_handler_that_the_selector_leaves_out_is_refused(self) -> None:
        error = refused(self.site(), **self.ZONE_1)
        assert (error.reason, error.found) == ("segment_uncovered", "node_selector leaves out node-2")
        assert "nodePlacement" in error.hint

    def test_check_mode_refuses_it_too(self) -> None:
        assert refused(self.site(), check_mode=True, **self.ZONE_1).reason == "segment_uncovered"

    def test_it_is_refused_where_the_segment_is_already(self) -> None:
        site = self.site()
        run(site)
        assert refused(site, **self.ZONE_1).reason == "segment_uncovered"

    def test_all_nodes_are_never_too_few(self) -> None:
        assert run(self.site())["l2vni"]["bare_nodes"] == []

    @pytest.mark.parametrize(
        "placement",
        [
            {"nodeSelector": {"zone": "1"}},
            {"affinity": affinity({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["2"]}]})},
            {"affinity": affinity({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]})},
            {"affinity": affinity({"matchExpressions": [{"key": "zone", "operator": "Lt", "values": ["2"]}]})},
            {"affinity": affinity({}, {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["1"]}]})},
        ],
    )
    def test_a_node_that_virt_handler_leaves_out_too_is_no_matter(self, placement: Object) -> None:
        assert run(self.site(placement), **self.ZONE_1)["changed"]
        assert run(self.site(handler=placement), **self.ZONE_1)["changed"]

    @pytest.mark.parametrize(
        "placement",
        [
            {"nodeSelector": {"zone": "2"}},
            {"affinity": affinity({"matchExpressions": [{"key": "zone", "operator": "Gt", "values": ["1"]}]})},
            {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}},
        ],
    )
    def test_a_node_that_virt_handler_runs_on_is_named(self, placement: Object) -> None:
        assert "node-2" in refused(self.site(placement), **self.ZONE_1).found

    def test_what_is_rolled_out_counts_before_what_is_said(self) -> None:
        assert "node-2" in refused(self.site({"nodeSelector": {"zone": "1"}}, {}), **self.ZONE_1).found

    def test_a_taint_keeps_virt_handler_off_a_node(self) -> None:
        site = self.site(handler={})
        taint = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
        site.put(NODE, {"metadata": {"name": "node-2", "labels": {"zone": "2"}}, "spec": {"taints": [taint]}})
        assert run(site, **self.ZONE_1)["changed"]

    def test_without_kubevirt_no_node_matters(self) -> None:
        assert run(ready("c"), **self.ZONE_1)["changed"]

    def test_where_kubevirt_may_not_be_read_the_marks_of_virt_handler_count(self) -> None:
        class Closed(Site):
            def list(self, resource: Resource, *args: Any, **more: Any) -> list[Object]:
                if resource == KUBEVIRT:
                    raise Forbidden("to read", "no", self.name)
                return super().list(resource, *args, **more)

        site = Closed("b")
        site.put(NODE, {"metadata": {"name": "node-2", "labels": {"zone": "2", "kubevirt.io/schedulable": "true"}}})
        assert "node-2" in refused(site, **self.ZONE_1).found

    def test_a_segment_for_vms_may_leave_nodes_out_and_says_so(self) -> None:
        found = run(self.site(), allow_bare_nodes=True, **self.ZONE_1)
        (warning,) = found["warnings"]
        assert "node_selector leaves out node-2" in warning
        assert found["l2vni"]["bare_nodes"] == ["node-2"]

    @pytest.mark.parametrize("folder", ["b", "c"])
    def test_a_routing_domain_has_to_reach_every_node_of_the_segment(self, folder: str) -> None:
        site = ready(folder)
        site.add("l3vnis", "L3VNI", "red", {"vrf": "red", "vni": 100, "nodeSelector": {"matchLabels": {"zone": "1"}}})
        error = refused(site, vrf="red")
        assert (error.reason, error.found) == ("routing_domain_uncovered", "none on node-2")
        assert run(site, vrf="red", node_selector={"match_labels": {"zone": "1"}, "match_expressions": None})["changed"]

    def test_without_the_right_to_read_nodes_it_says_so(self) -> None:
        class Blind(Site):
            def list(self, resource: Resource, *args: Any, **more: Any) -> list[Object]:
                if resource == NODE:
                    raise Forbidden("to read", "no", self.name)
                return super().list(resource, *args, **more)

        (warning,) = run(Blind("a"))["warnings"]
        assert "may not be read" in warning


class TestReports:
    """A failure that a node keeps reporting ends the wait."""

    @pytest.mark.parametrize("folder", ["b", "c"])
    def test_a_dependency_that_is_not_provisioned_is_said_long_before_the_deadline(self, folder: str) -> None:
        site = ready(folder)
        site.report("node-2", FAILED)
        clock = Ticking()
        with pytest.raises(Rejected) as caught:
            run(site, wait_timeout=300, clock=clock)
        assert caught.value.reason == "not_provisioned"
        assert caught.value.found == 'node-2: DependencyFailed: no valid L3 for "rouge"'
        assert "livemigration.kubevirt.l3vni" in caught.value.hint
        assert 15 <= clock.now() < 20

    def test_a_failure_of_before_the_write_is_waited_out(self) -> None:
        site = ready("b")
        site.report("node-2", FAILED)
        clock = Ticking()
        clock.steps = (lambda: site.report("node-2") if clock.now() > 10 else None,)
        assert run(site, wait_timeout=300, clock=clock)["l2vni"]["readiness"] == "reported"
