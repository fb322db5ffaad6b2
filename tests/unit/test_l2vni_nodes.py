# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routing domain of an L2VNI, and what its nodes report."""

from __future__ import annotations

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    DeadlineExceeded,
    Missing,
)
from unit.l2vni_call import ready, refused, run
from unit.memory_cluster import Ticking
from unit.openperouter import NAMESPACE_NAME, Site

SHAPES = ("a", "b1", "b", "c")


@pytest.fixture(params=SHAPES)
def site(request: pytest.FixtureRequest) -> Site:
    return ready(request.param)


class TestRoutingDomain:
    """A VRF is made by early releases, and must be provided by an L3VNI or L3VPN in later ones."""

    @pytest.mark.parametrize("folder", ["a", "b1"])
    def test_early_releases_make_it(self, folder: str) -> None:
        site = ready(folder)
        run(site, vrf="rouge")
        assert site.l2vni["spec"]["vrf"] == "rouge"

    @pytest.mark.parametrize("folder", ["b", "c"])
    def test_later_releases_need_it_to_exist(self, folder: str) -> None:
        error = refused(ready(folder), vrf="rouge")
        assert isinstance(error, Missing)
        assert error.reason == "routing_domain_missing"
        assert "never provisions" in error.hint

    @pytest.mark.parametrize("folder", ["b", "c"])
    def test_in_check_mode_an_earlier_task_may_still_make_it(self, folder: str) -> None:
        site = ready(folder)
        wish: Object = {"vrf": "rouge", "l3vni": "red", "gateways": ["192.170.10.1/24"]}
        told = run(site, check_mode=True, **wish)
        assert "L3VNI openperouter-system/red for the routing domain" in told["warnings"][0]
        site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 100})
        assert run(site, **wish)["diff"] == told["diff"]
        by_vrf = run(ready(folder), check_mode=True, vrf="rouge")
        assert "provides VRF rouge" in by_vrf["warnings"][0]

    @pytest.mark.parametrize("by", [{"vrf": "rouge"}, {"l3vni": "red"}, {"vrf": "rouge", "l3vni": "red"}])
    def test_by_vrf_or_by_l3vni(self, site: Site, by: Object) -> None:
        site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 100})
        run(site, **by)
        if site.folder == "c":
            assert site.l2vni["spec"]["routingDomain"] == {"type": "L3VNI", "l3vni": {"name": "red"}}
        else:
            assert site.l2vni["spec"]["vrf"] == "rouge"

    def test_an_l3vpn_provides_one_too(self) -> None:
        site = ready("c")
        site.add("l3vpns", "L3VPN", "blue", {"vrf": "bleu", "rdAssignedNumber": 5})
        run(site, vrf="bleu")
        assert site.l2vni["spec"]["routingDomain"] == {"type": "L3VPN", "l3vpn": {"name": "blue"}}

    def test_a_reference_to_nothing(self, site: Site) -> None:
        site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 100}, namespace="elsewhere")
        assert refused(site, l3vni="red").reason == "routing_domain_missing"

    def test_a_reference_does_not_reach_into_another_namespace(self) -> None:
        site = ready("c")
        site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 100}, namespace="elsewhere")
        assert refused(site, vrf="rouge").reason == "routing_domain_missing"

    def test_a_reference_that_contradicts_the_vrf(self, site: Site) -> None:
        site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 100})
        assert refused(site, l3vni="red", vrf="bleu").reason == "vrf"


class TestWaiting:
    """Later releases report per node."""

    @pytest.mark.parametrize("folder", ["b", "c"])
    def test_until_every_node_with_a_router_reports(self, folder: str) -> None:
        site = Site(folder)
        site.report("node-1")
        clock = Ticking(lambda: site.report("node-2"))
        assert run(site, clock=clock)["l2vni"]["readiness"] == "reported"

    def test_a_failure_of_ours_is_told_at_the_deadline(self) -> None:
        site = ready("b")
        site.report("node-2", {"kind": "L2VNI", "name": "migration", "reason": "DependencyFailed", "message": "no L3"})
        with pytest.raises(DeadlineExceeded) as caught:
            run(site)
        assert "node-2: DependencyFailed: no L3" in caught.value.found

    @pytest.mark.parametrize("kind", ["L2VNI", "L3VNI"])
    def test_a_failure_of_another_is_told_with_its_name(self, kind: str) -> None:
        site = ready("b")
        site.report("node-2", {"kind": kind, "name": "red", "reason": "ValidationFailed", "message": "x"})
        with pytest.raises(DeadlineExceeded, match=rf"node-2: not ready .* failed: {kind} red"):
            run(site)

    def test_a_node_that_says_nothing_of_ready(self) -> None:
        site = ready("b")
        site.report("node-2", ready=False)
        with pytest.raises(DeadlineExceeded, match="node-2: not ready"):
            run(site)

    def test_a_node_without_a_report(self) -> None:
        site = Site("c")
        with pytest.raises(DeadlineExceeded, match="node-1: no report yet; node-2: no report yet"):
            run(site)

    def test_only_the_selected_nodes_count(self) -> None:
        site = Site("c")
        site.report("node-1")
        selector = {"match_labels": {"zone": "1"}, "match_expressions": None}
        assert run(site, node_selector=selector)["l2vni"]["readiness"] == "reported"

    def test_without_routers_nothing_is_known(self) -> None:
        site = Site("c")
        for node in ("node-1", "node-2"):
            del site.objects["pods", NAMESPACE_NAME, f"router-{node}"]
        found = run(site)["l2vni"]
        assert found["readiness"] == "unknown"
        assert "No selected node runs a router" in found["readiness_meaning"]

    def test_each_node_by_itself(self) -> None:
        site = ready("b")
        quiet = {"node": "node-1", "ready": True, "trouble": ""}
        assert run(site)["l2vni"]["nodes"] == [quiet, quiet | {"node": "node-2"}]

    def test_check_mode_looks_once(self) -> None:
        site = ready("b")
        run(site)
        site.report("node-2", {"kind": "L2VNI", "name": "migration", "reason": "DependencyFailed", "message": "no L3"})
        clock = Ticking()
        found = run(site, clock=clock, check_mode=True)["l2vni"]
        assert (found["readiness"], clock.seconds) == ("failing", 0)
        assert [each["trouble"] for each in found["nodes"]] == ["", "DependencyFailed: no L3"]
        assert "reports a failure" in found["readiness_meaning"]

    @pytest.mark.parametrize("folder", ["a", "b1"])
    def test_early_releases_report_nothing(self, folder: str) -> None:
        assert run(ready(folder))["l2vni"]["nodes"] is None

    def test_check_mode_does_not_wait_for_what_it_did_not_write(self) -> None:
        found = run(Site("c"), check_mode=True)["l2vni"]
        assert found["readiness"] == "not_waited"
        assert "Nothing was written" in found["readiness_meaning"]
