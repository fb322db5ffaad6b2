# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an L2VNI collides with, on create and on update alike."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _openperouter
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._node_selector import selects
from unit.l2vni_call import ready, refused, run
from unit.openperouter import Site


@pytest.fixture(params=["a", "b1", "b", "c"])
def site(request: pytest.FixtureRequest) -> Site:
    return ready(request.param)


def other(site: Site, name: str = "other", namespace: str = "openperouter-system", **spec: Any) -> None:
    site.add("l2vnis", "L2VNI", name, spec, namespace)


def test_a_vni_that_another_l2vni_has(site: Site) -> None:
    other(site, vni=666, vrf="bleu")
    error = refused(site)
    assert error.reason == "vni_taken"
    assert "L2VNI openperouter-system/other" in error.found


def test_also_on_update_where_some_webhooks_look_at_the_old_object(site: Site) -> None:
    run(site)
    other(site, vni=667, vrf="bleu")
    assert refused(site, vni=667).reason == "vni_taken"


def test_a_vni_that_an_l3vni_has_which_early_releases_admit(site: Site) -> None:
    site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 666})
    assert "L3VNI openperouter-system/red" in refused(site).found


def test_a_number_that_an_l3vpn_has() -> None:
    site = ready("c")
    site.add("l3vpns", "L3VPN", "blue", {"vrf": "bleu", "rdAssignedNumber": 666})
    assert "L3VPN openperouter-system/blue" in refused(site).found


def test_a_release_without_l3vpns_is_fine() -> None:
    site = ready("b")
    site.unknown.add("l3vpns")
    assert run(site)["changed"]


@pytest.mark.parametrize(("zone", "taken"), [("1", True), ("2", False)])
def test_the_same_vni_on_other_nodes_is_no_collision(zone: str, taken: bool) -> None:
    site = ready("b")
    other(site, vni=666, nodeSelector={"matchLabels": {"zone": "1"}})
    options: Object = {"node_selector": {"match_labels": {"zone": zone}, "match_expressions": None}}
    if taken:
        assert refused(site, **options).reason == "vni_taken"
    else:
        assert run(site, **options)["changed"]


def test_without_nodes_any_of_the_future_ones_may_get_both() -> None:
    site = ready("b")
    other(site, vni=666, nodeSelector={"matchLabels": {"zone": "1"}})
    for key in [key for key in site.objects if key[0] == "nodes"]:
        del site.objects[key]
    error = refused(site, node_selector={"match_labels": {"zone": "2"}, "match_expressions": None})
    assert error.reason == "vni_taken"


def test_the_same_name_in_another_namespace(site: Site) -> None:
    other(site, "migration", "default", vni=1, vrf="bleu")
    error = refused(site)
    assert error.reason == "l2vni_elsewhere"
    assert "default/migration" in error.found


@pytest.mark.parametrize("options", [{"vrf": "rouge"}, {}])
def test_a_vrf_that_another_l2vni_has_matters_only_to_the_first_shape(site: Site, options: Object) -> None:
    if site.shape.detached:
        site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 100})
    other(site, vni=1, vrf=options.get("vrf", "migration"))
    if site.folder == "a":
        assert refused(site, **options).reason == "vrf_taken"
    else:
        assert run(site, **options)["changed"]


def test_several_collisions_are_all_named(site: Site) -> None:
    other(site, vni=666, vrf="bleu")
    other(site, "migration", "default", vni=666, vrf="vert")
    error = refused(site)
    assert "Also:" in error.hint


class TestSubnets:
    """Gateways of one VRF must not overlap."""

    def with_l3vni(self, site: Site, **session: Any) -> Object:
        spec: Object = {"vrf": "rouge", "vni": 100}
        if session:
            spec["hostSession" if site.folder == "c" else "hostsession"] = session
        site.add("l3vnis", "L3VNI", "red", spec)
        return {"vrf": "rouge", "gateways": ["192.170.10.1/24"]}

    def test_with_an_l3vnis_session(self, site: Site) -> None:
        name = "localCIDR" if site.folder == "c" else "localcidr"
        options = self.with_l3vni(site, **{name: {"ipv4": "192.170.0.0/16", "ipv6": "rubbish"}})
        error = refused(site, **options)
        assert error.reason == "gateway_overlaps"
        assert "L3VNI openperouter-system/red has 192.170.0.0/16" in error.found

    @pytest.mark.parametrize("folder", ["b1", "b", "c"])
    def test_with_another_l2vni(self, folder: str) -> None:
        site = ready(folder)
        options = self.with_l3vni(site)
        domain: Object = (
            {"routingDomain": {"type": "L3VNI", "l3vni": {"name": "red"}}} if folder == "c" else {"vrf": "rouge"}
        )
        other(site, vni=1, **(domain | {site.shape.gateway: ["192.170.10.9/25", "fd00::1/64"]}))
        assert refused(site, **options).reason == "gateway_overlaps"

    def test_another_vrf_has_subnets_of_its_own(self, site: Site) -> None:
        options = self.with_l3vni(site)
        value = "192.170.10.9/25" if site.folder == "a" else ["192.170.10.9/25"]
        domain: Object = (
            {"routingDomain": {"type": "L3VNI", "l3vni": {"name": "gone"}}} if site.folder == "c" else {"vrf": "vert"}
        )
        other(site, vni=1, **(domain | {site.shape.gateway: value}))
        site.add("l3vnis", "L3VNI", "green", {"vrf": "vert", "vni": 101})
        assert run(site, **options)["changed"]

    def test_early_releases_make_a_vrf_of_the_name(self) -> None:
        site = ready("b1")
        other(site, vni=1, vrf="migration", l2gatewayips=["192.170.10.9/25"])
        assert refused(site, gateways=["192.170.10.1/24"]).reason == "gateway_overlaps"


@pytest.mark.parametrize(
    ("operator", "values", "matches"),
    [
        ("In", ["1", "2"], True),
        ("In", ["2"], False),
        ("NotIn", ["2"], True),
        ("NotIn", ["1"], False),
        ("Exists", None, True),
        ("DoesNotExist", None, False),
    ],
)
def test_selectors(operator: str, values: list[str] | None, matches: bool) -> None:
    entry = {"key": "zone", "operator": operator} | ({"values": values} if values else {})
    assert selects({"matchExpressions": [entry]}, {"zone": "1"}) is matches
    assert selects(None, {})
    assert not selects({"matchLabels": {"zone": "2"}}, {"zone": "1"})


def test_an_observed_object_may_have_no_spec() -> None:
    site = ready("a")
    site.put(site.shape.l2vni, {"metadata": {"name": "empty", "namespace": "openperouter-system"}})
    assert run(site)["changed"]
    assert _openperouter.observe(site) is not None
