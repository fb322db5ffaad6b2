# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""l3vni: what is written in which shape, what is refused, and who still needs it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _l3vni
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy, MigrationError, Rejected
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l3vni_spec import SPEC
from ansible_collections.livemigration.kubevirt.plugins.module_utils._mark import marked
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CRD, NAMESPACE
from hypothesis import given, settings
from hypothesis import strategies as st
from unit import l2vni_call
from unit.memory_cluster import MemoryCluster, Ticking, job, refusal
from unit.openperouter import NAMESPACE_NAME, Site, Upgraded, crd

SHAPES = ("a", "b1", "b", "c")
DEFAULTS = {name: option.get("default") for name, option in SPEC.options.items()}
ZONE_1 = {"match_labels": {"zone": "1"}, "match_expressions": None}


def ready(folder: str) -> Site:
    site = l2vni_call.ready(folder)
    site.put(CRD, crd(folder, "l3vnis"))
    return site


@pytest.fixture(params=SHAPES)
def site(request: pytest.FixtureRequest) -> Site:
    return ready(request.param)


def run(site: MemoryCluster, *, check_mode: bool = False, clock: Ticking | None = None, **options: Any) -> Object:
    params = DEFAULTS | {"name": "red", "vrf": "red", "vni": 100, "wait_timeout": 30} | options
    return _l3vni.work(job({"cluster": site}, clock or Ticking(), params, check_mode=check_mode))


def refused(site: MemoryCluster, **options: Any) -> MigrationError:
    return refusal(site, lambda: run(site, **options))


def spec(site: Site) -> Object:
    found = site.get(site.shape.l3vni, "red", NAMESPACE_NAME)
    assert found is not None
    return dict(found["spec"])


def test_a_port_that_nobody_asks_to_change_stays(site: Site) -> None:
    run(site, vxlan_port=4790)
    assert not run(site)["changed"]
    assert spec(site)[site.shape.spelled("vxlanport") or ""] == 4790
    assert run(site, vxlan_port=4789)["changed"]


def test_creates_then_finds_nothing_to_do_then_removes(site: Site) -> None:
    told = run(site, check_mode=True)
    assert site.writes == []
    made = run(site)
    assert marked(made["l3vni"]["object"])
    assert (made["actions"], made["diff"]) == (told["actions"], told["diff"])
    assert spec(site) == {"vrf": "red", "vni": 100, "vxlanPort" if site.folder == "c" else "vxlanport": 4789}
    assert made["l3vni"]["readiness"] == ("reported" if site.shape.reports else "unknown")
    assert not run(site)["changed"]
    assert run(site, state="absent")["changed"]
    assert not run(site, state="absent")["changed"]
    assert site.writes == ["create L3VNI red", "delete L3VNI red"]


def test_a_session_of_somebody_else_stays(site: Site) -> None:
    session = {"asn": 64514, "hostasn": 64515, "localcidr": {"ipv4": "192.169.10.0/24"}}
    site.add("l3vnis", "L3VNI", "red", {"vrf": "red", "vni": 100, "hostsession": session})
    run(site, vni=101)
    assert spec(site)["hostsession"] == session


@pytest.mark.parametrize("folder", ["b", "c"])
def test_every_option_in_the_words_of_the_shape_and_gone_when_left_out(folder: str) -> None:
    site = ready(folder)
    family = "ipv4" if folder == "b" else "IPv4"
    options: Object = {"node_selector": ZONE_1, "underlay_address_family": "ipv4", "import_rts": ["2:2", "1:1", "2:2"]}
    run(site, **options, export_rts=["64514:100"])
    found = spec(site)
    assert (found["nodeSelector"], found["underlayAddressFamily"]) == ({"matchLabels": {"zone": "1"}}, family)
    assert (found["importRTs"], found["exportRTs"]) == (["1:1", "2:2"], ["64514:100"])
    # The order of targets means nothing.
    site.add("l3vnis", "L3VNI", "red", found | {"importRTs": ["2:2", "1:1"]})
    assert not run(site, **options, export_rts=["64514:100"])["changed"]
    run(site)
    assert spec(site).keys() == {"vrf", "vni", site.shape.spelled("vxlanport")}


@pytest.mark.parametrize(
    ("folder", "options"),
    [
        ("a", {"node_selector": ZONE_1}),
        ("a", {"underlay_address_family": "ipv4"}),
        ("b1", {"import_rts": ["1:1"]}),
        ("b1", {"export_rts": ["1:1"]}),
    ],
)
def test_what_a_shape_cannot_express(folder: str, options: Object) -> None:
    assert refused(ready(folder), **options).reason == "shape_lacks"


def test_the_first_release_had_no_vrf_without_a_session() -> None:
    site = ready("a")
    old = crd("a", "l3vnis")
    fields = old["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    fields["asn"] = {"type": "integer"}
    site.put(CRD, old)
    assert refused(site).reason == "shape_lacks"
    del site.objects[CRD.plural, None, old["metadata"]["name"]]
    assert refused(site).reason == "shape_lacks"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "Red"}, "name_invalid"),
        ({"vrf": "far-too-long-a-name"}, "vrf_name"),
        ({"vni": 0}, "vni_out_of_range"),
        ({"vni": 16777216}, "vni_out_of_range"),
        ({"vxlan_port": 0}, "vxlan_port"),
        ({"import_rts": ["red"]}, "route_target_invalid"),
        ({"export_rts": ["4294967295:42949672950"]}, "route_target_invalid"),
    ],
)
def test_what_no_shape_accepts(site: Site, options: Object, reason: str) -> None:
    assert refused(site, **options).reason == reason


class TestCollisions:
    """Numbers and VRFs are shared with the other kinds."""

    def test_with_an_l2vni_or_another_l3vni(self, site: Site) -> None:
        site.add("l2vnis", "L2VNI", "layer2", {"vni": 100, "vrf": "red"})
        assert refused(site).reason == "vni_taken"
        site.add("l3vnis", "L3VNI", "rot", {"vni": 101, "vrf": "red"})
        assert refused(site, vni=102).reason == "vrf_taken"
        assert refused(site, name="rot", namespace="elsewhere", vni=9, vrf="x").reason == "l3vni_elsewhere"

    def test_nodes_that_share_nothing_may_share_numbers(self) -> None:
        site = ready("c")
        site.add("l3vnis", "L3VNI", "rot", {"vni": 100, "vrf": "red", "nodeSelector": {"matchLabels": {"zone": "2"}}})
        assert refused(site).reason == "vni_taken"
        assert run(site, node_selector=ZONE_1)["changed"]

    def test_with_an_l3vpn(self) -> None:
        site = ready("b")
        site.add("l3vpns", "L3VPN", "blue", {"vrf": "bleu", "rdAssignedNumber": 5})
        assert refused(site).reason == "l3vpn_present"

    def test_an_underlay_that_cannot_carry_it(self, site: Site) -> None:
        site.add("underlays", "Underlay", "underlay", {"asn": 1})
        assert refused(site).reason == "underlay_without_vtep"


class TestUse:
    """An L2VNI in the VRF holds it."""

    def user(self, site: Site) -> None:
        run(site)
        l2vni_call.run(site, name="layer2", vni=110, vrf="red", gateways=["192.170.1.1/24"])

    def test_is_not_removed_under_an_l2vni(self, site: Site) -> None:
        self.user(site)
        error = refused(site, state="absent")
        assert isinstance(error, Busy)
        assert (error.reason, error.found) == ("vrf_in_use", "L2VNI openperouter-system/layer2")
        told = run(site, state="absent", check_mode=True)
        assert told["changed"]
        assert "layer2" in told["warnings"][0]

    def test_is_not_renamed_under_an_l2vni_that_names_it(self, site: Site) -> None:
        self.user(site)
        if site.folder == "c":
            # The reference is to the L3VNI, whatever its VRF.
            assert run(site, vrf="rot")["changed"]
        else:
            assert refused(site, vrf="rot").reason == "vrf_in_use"


def test_a_node_that_cannot_have_it_says_so() -> None:
    site = ready("b")
    site.report("node-1", {"kind": "L3VNI", "name": "red", "reason": "ValidationFailed", "message": "no"})
    with pytest.raises(Rejected) as caught:
        run(site)
    assert (caught.value.reason, caught.value.found) == ("not_provisioned", "node-1: ValidationFailed: no")


def test_after_an_upgrade_it_is_made_anew_and_the_old_one_removed() -> None:
    site = Upgraded()
    site.put(CRD, crd("c", "l3vnis"))
    site.old.add("l3vnis", "L3VNI", "red", {"vrf": "red", "vni": 100})
    assert run(site)["changed"]
    assert site.writes == ["create L3VNI red", "delete L3VNI red"]
    assert not run(site)["changed"]


def test_a_cluster_without_openperouter() -> None:
    assert refused(MemoryCluster()).reason == "openperouter_not_installed"
    assert not run(MemoryCluster(), state="absent")["changed"]


def test_a_namespace_that_is_not_there(site: Site) -> None:
    del site.objects[NAMESPACE.plural, None, NAMESPACE_NAME]
    assert refused(site).reason == "namespace_missing"


wishes = st.fixed_dictionaries(
    {
        "vrf": st.sampled_from(["red", "blue"]),
        "vni": st.integers(1, 16777215),
        "vxlan_port": st.sampled_from([4789, 8472]),
        "import_rts": st.sampled_from([None, [], ["1:1", "10.0.0.1:2"]]),
        "export_rts": st.sampled_from([None, ["2:2"]]),
        "node_selector": st.sampled_from([None, ZONE_1]),
        "underlay_address_family": st.sampled_from([None, "ipv4"]),
    }
)


@settings(max_examples=40)
@given(st.sampled_from(["b", "c"]), wishes, wishes)
def test_from_any_to_any_other_the_end_is_as_from_nothing(folder: str, first: Object, second: Object) -> None:
    site, fresh = ready(folder), ready(folder)
    run(site, **first)
    run(site, **second)
    run(fresh, **second)
    assert spec(site) == spec(fresh)
    assert not run(site, **second)["changed"]
