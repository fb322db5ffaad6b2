# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""l2vni with another number: a new L2VNI beside the old one where two can be there, otherwise a change in place."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy
from unit.l2vni_call import ready, refused, run
from unit.openperouter import NAMESPACE_NAME, Site

SHAPES = ("a", "b1", "b", "c")


@pytest.fixture(params=SHAPES)
def site(request: pytest.FixtureRequest) -> Site:
    made = ready(request.param)
    run(made, beside=True)
    return made


def numbers(site: Site) -> dict[str, int]:
    return {item["metadata"]["name"]: item["spec"]["vni"] for item in site.list(site.shape.l2vni, NAMESPACE_NAME)}


def beside(site: Site, vni: int, **options: Any) -> Object:
    found: Object = run(site, vni=vni, beside=True, **options)
    return found


def test_the_old_one_stays_until_it_is_removed_by_its_name(site: Site) -> None:
    site.attach("br-hs-666", "virt-handler-1")
    told = beside(site, 777, check_mode=True)
    made = beside(site, 777)
    assert (made["actions"], made["diff"]) == (told["actions"], told["diff"])
    assert numbers(site) == {"migration": 666, "migration-777": 777}
    assert made["l2vni"]["object"]["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "livemigration.kubevirt",
        "livemigration.kubevirt/network": "migration",
    }
    assert (made["l2vni"]["superseded"], made["l2vni"]["pods_on_bridge"]) == (["migration"], [])
    again = beside(site, 777)
    assert (again["changed"], again["l2vni"]["superseded"]) == (False, ["migration"])
    error = refused(site, state="absent")
    assert isinstance(error, Busy)
    for key in [key for key in site.objects if key[0] == "network-attachment-definitions"]:
        del site.objects[key]
    run(site, state="absent")
    assert numbers(site) == {"migration-777": 777}
    assert beside(site, 777)["l2vni"]["superseded"] == []
    assert not beside(site, 777)["changed"]


def test_the_plain_name_is_used_again(site: Site) -> None:
    beside(site, 777)
    run(site, state="absent")
    assert beside(site, 888)["l2vni"]["superseded"] == ["migration-777"]
    assert numbers(site) == {"migration": 888, "migration-777": 777}


def test_back_to_the_old_number_before_anything_was_removed(site: Site) -> None:
    beside(site, 777)
    found = beside(site, 666)
    assert (found["changed"], found["l2vni"]["superseded"]) == (False, ["migration-777"])


def test_the_port_that_the_other_clusters_listen_on_is_kept(site: Site) -> None:
    run(site, vxlan_port=4790)
    beside(site, 777)
    run(site, state="absent")
    beside(site, 888)
    specs = [item["spec"] for item in site.list(site.shape.l2vni, NAMESPACE_NAME)]
    ports = [value for spec in specs for key, value in spec.items() if key.lower() == "vxlanport"]
    assert (len(specs), ports) == (2, [4790, 4790])


def test_all_of_them_go_together(site: Site) -> None:
    beside(site, 777)
    run(site, state="absent", beside=True)
    assert numbers(site) == {}


def test_a_long_name_and_a_long_number_still_name_an_interface(site: Site) -> None:
    run(site, name="a-longer-name", vni=5, beside=True)
    run(site, name="a-longer-name", vni=16777215, beside=True)
    assert numbers(site)["a-long-16777215"] == 16777215


def test_somebody_elses_l2vni_of_that_name_is_left_alone(site: Site) -> None:
    run(site, name="migration-777", vni=5)
    beside(site, 777)
    assert numbers(site) == {"migration": 777, "migration-777": 5}


def test_without_being_told_to_it_is_changed_in_place(site: Site) -> None:
    found = run(site, vni=777)
    assert (numbers(site), found["l2vni"]["superseded"]) == ({"migration": 777}, [])


@pytest.mark.parametrize(
    ("folder", "options"),
    [
        ("a", {"vrf": "rouge"}),
        ("a", {"vrf": "rouge", "gateways": ["192.170.10.1/24"]}),
        ("b1", {"gateways": ["192.170.10.1/24"]}),
        ("c", {"bridge_name": "br-mine", "bridge_managed": False}),
    ],
)
def test_where_two_cannot_be_there_it_is_changed_in_place(folder: str, options: dict[str, Any]) -> None:
    site = ready(folder)
    run(site, **options)
    found = beside(site, 777, **options)
    assert (numbers(site), found["l2vni"]["superseded"]) == ({"migration": 777}, [])


def test_one_vrf_for_both_where_the_release_has_it() -> None:
    site = ready("b")
    site.add("l3vnis", "L3VNI", "red", {"vrf": "rouge", "vni": 110})
    run(site, vrf="rouge")
    beside(site, 777, vrf="rouge")
    assert numbers(site) == {"migration": 666, "migration-777": 777}


def test_an_old_one_with_a_gateway_keeps_what_cannot_be_changed() -> None:
    """Its address would be in the range that the new one has, too."""
    site = ready("b1")
    run(site, gateways=["192.170.10.1/24"])
    assert refused(site, vni=777, beside=True).reason == "gateway_immutable"
