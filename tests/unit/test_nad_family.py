# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_nad: a changed network is a new NAD beside the old one, which goes once KubeVirt has left it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _nad
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _nad_family as family
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy, DeadlineExceeded
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NAD, POD, VM
from hypothesis import given
from hypothesis import strategies as st
from unit.memory_cluster import Ticking, job
from unit.nad_site import DEFAULTS, DEMO, Site, absent, pruned, refused, run

PLAIN = "migration-evpn"
PODS = ("virt-handler-1", "virt-synchronization-controller-1")


@pytest.fixture
def site() -> Site:
    """The network is in use as the first run left it."""
    site = Site()
    run(site)
    site.kubevirt(PLAIN)
    site.on(PLAIN, *PODS)
    site.writes.clear()
    return site


def switch(site: Site, name: str, **options: Any) -> None:
    """What the role does between the two calls: KubeVirt names the new NAD, its pods are new."""
    site.kubevirt(name)
    site.gone(POD, *PODS)
    site.on(name, *PODS, **options)


@pytest.mark.parametrize(
    "change",
    [
        {"mtu": 1300},
        {"vni": 667},
        {"vni": None, "bridge": "br-migration"},
        {"slot": 1},
        {"max_clusters": 4},
        {"range": "192.170.20.0/24", "gateway": None},
        {"reserved": ["192.170.10.5/32"]},
    ],
    ids=str,
)
def test_a_change_is_a_new_nad_beside_the_old_one(site: Site, change: dict[str, Any]) -> None:
    before = site.config
    told = run(site, check_mode=True, **change)
    made = run(site, **change)
    assert (made["diff"], made["migration_nad"]) == (told["diff"], told["migration_nad"])
    name = made["migration_nad"]["name"]
    assert family.belongs(name, PLAIN)
    assert site.writes == [f"create NetworkAttachmentDefinition {name}"]
    assert site.config == before
    assert made["migration_nad"]["superseded"] == [PLAIN]
    assert made["migration_nad"]["migration_pods_restart_required"]
    assert made["migration_nad"]["pods"] == [f"kubevirt/{pod}" for pod in PODS]
    assert run(site, **change)["migration_nad"]["name"] == name, "a repeat takes the one that is there"
    switch(site, name)
    pruned(site)
    assert site.nads == [name]
    again = run(site, **change)
    assert (again["changed"], again["migration_nad"]["superseded"]) == (False, [])
    assert not pruned(site)["changed"]


def test_another_style_is_written_where_it_is(site: Site) -> None:
    done = run(site, style="exclude")
    assert done["changed"]
    assert (site.nads, done["migration_nad"]["name"]) == ([PLAIN], PLAIN)
    assert not done["migration_nad"]["changed_allocation"]


def test_keys_of_the_users_go_along(site: Site) -> None:
    config = site.config | {"hairpinMode": True}
    site.nad(config)
    made = run(site, mtu=1300)["migration_nad"]
    assert (made["config"]["hairpinMode"], made["config"]["name"]) == (True, made["name"])


def test_a_nad_that_nobody_uses_yet_is_edited(site: Site) -> None:
    name = run(site, mtu=1300)["migration_nad"]["name"]
    assert run(site, mtu=1310)["migration_nad"]["name"] == name
    assert site.nads == sorted([PLAIN, name])


def test_back_to_what_it_was_before_kubevirt_was_switched(site: Site) -> None:
    name = run(site, mtu=1300)["migration_nad"]["name"]
    assert run(site)["migration_nad"]["name"] == PLAIN
    pruned(site)
    assert site.nads == [PLAIN]
    assert site.writes[-1] == f"delete NetworkAttachmentDefinition {name}"


def test_a_second_change_and_back_again(site: Site) -> None:
    for mtu in (1300, 1350, 1400):
        name = run(site, mtu=mtu)["migration_nad"]["name"]
        switch(site, name)
        pruned(site)
        assert site.nads == [name]


def test_one_that_was_edited_by_hand_is_replaced_under_another_name(site: Site) -> None:
    name = run(site, mtu=1300)["migration_nad"]["name"]
    switch(site, name)
    pruned(site)
    config = run(site, mtu=1300)["migration_nad"]["config"] | {"mtu": 9000}
    body = {"metadata": {"name": name, "namespace": "kubevirt", "labels": {family.LABEL: PLAIN}}}
    site.put(NAD, body | {"spec": {"config": json.dumps(config)}})
    other = run(site, mtu=1300)["migration_nad"]["name"]
    assert other not in (name, PLAIN)
    switch(site, other)
    pruned(site)
    assert site.nads == [other]


class TestLost:
    """A NAD that was removed under KubeVirt comes back, under its name if its pods have what it gives."""

    @pytest.mark.parametrize("mtu", [1400, 1300])
    def test_comes_back_under_its_name(self, site: Site, mtu: int) -> None:
        name = run(site, mtu=mtu)["migration_nad"]["name"]
        switch(site, name, mtu=mtu)
        pruned(site)
        site.gone(NAD, name)
        made = run(site, mtu=mtu)
        assert (made["migration_nad"]["name"], site.nads) == (name, [name])
        assert not made["migration_nad"]["migration_pods_restart_required"]

    @pytest.mark.parametrize("entry", [{"mtu": 1300}, {"ips": ["192.170.10.200"]}], ids=str)
    def test_is_replaced_where_the_pods_have_something_else(self, site: Site, entry: dict[str, Any]) -> None:
        switch(site, PLAIN, **entry)
        site.gone(NAD, PLAIN)
        assert run(site)["migration_nad"]["name"] != PLAIN


class TestStrangers:
    """Others on the network would be left behind, and are named before anything is written."""

    def test_a_pod(self, site: Site) -> None:
        site.on(PLAIN, "probe-1")
        error = refused(site, mtu=1300)
        assert (error.reason, error.found) == ("nad_shared", "pod kubevirt/probe-1")

    def test_a_vm_that_is_stopped(self, site: Site) -> None:
        networks = [{"name": "red", "multus": {"networkName": f"kubevirt/{PLAIN}"}}, {"name": "pod", "pod": {}}]
        spec = {"template": {"spec": {"networks": networks}}}
        site.put(VM, {"metadata": {"name": "vm-1", "namespace": "default"}, "spec": spec})
        assert refused(site, mtu=1300).found == "VirtualMachine default/vm-1"
        site.kubevirt()
        site.gone(POD, *PODS)
        for check_mode in (True, False):
            with pytest.raises(Busy) as caught:
                absent(site, check_mode=check_mode)
            assert caught.value.found == "VirtualMachine default/vm-1"


class TestPruned:
    """The old one goes only when nobody has it any more."""

    def test_nothing_goes_before_kubevirt_is_switched(self, site: Site) -> None:
        name = run(site, mtu=1300)["migration_nad"]["name"]
        site.kubevirt("another")
        assert not pruned(site)["changed"]
        assert site.nads == sorted([PLAIN, name])

    def test_waits_for_pods_that_are_leaving(self, site: Site) -> None:
        name = run(site, mtu=1300)["migration_nad"]["name"]
        site.kubevirt(name)
        clock = Ticking(lambda: site.gone(POD, *PODS) if site.get(POD, PODS[0], "kubevirt") else None)
        family_work(site, clock)
        assert site.nads == [name]

    def test_says_who_stays(self, site: Site) -> None:
        name = run(site, mtu=1300)["migration_nad"]["name"]
        site.kubevirt(name)
        with pytest.raises(DeadlineExceeded, match="virt-handler-1"):
            family_work(site, Ticking())
        assert site.nads == sorted([PLAIN, name])

    def test_names_of_others_are_left_alone(self, site: Site) -> None:
        site.nad({"type": "macvlan"}, "migration-evpn-deadbeef")
        site.nad({"type": "macvlan"}, "migration-evpn-2")
        assert not pruned(site)["changed"]
        site.kubevirt()
        site.gone(POD, *PODS)
        absent(site)
        assert site.nads == ["migration-evpn-2", "migration-evpn-deadbeef"]


def family_work(site: Site, clock: Ticking) -> None:
    _nad.work(job({"cluster": site}, clock, DEFAULTS | DEMO | {"state": "pruned"}))


@given(st.lists(st.sampled_from([1300, 1310, 1320, 1400]), min_size=1, max_size=6), st.data())
def test_interrupted_anywhere_the_last_wish_is_reached(mtus: list[int], data: st.DataObject) -> None:
    """However far each run came, the next one brings the network there, and only one NAD is left."""
    site = Site()
    for mtu in mtus:
        name = run(site, mtu=mtu)["migration_nad"]["name"]
        if data.draw(st.booleans()):
            site.kubevirt(name)
            for each in list(site.list(POD, "kubevirt")):
                site.gone(POD, each["metadata"]["name"])
            site.on(name, *PODS, mtu=mtu)
    name = run(site, mtu=mtus[-1])["migration_nad"]["name"]
    site.kubevirt(name)
    for each in list(site.list(POD, "kubevirt")):
        site.gone(POD, each["metadata"]["name"])
    pruned(site)
    assert site.nads == [name]
    assert not run(site, mtu=mtus[-1])["changed"]


def test_another_kind_is_a_new_nad_without_the_keys_of_the_old_plugin(site: Site) -> None:
    site.nad(site.config | {"hairpinMode": True})
    options: dict[str, Any] = {"vni": None, "kind": "macvlan", "master": "eth1"}
    made = run(site, check_mode=False, **options)["migration_nad"]
    assert made["config"].keys() == {"cniVersion", "name", "type", "master", "mode", "mtu", "ipam"}
    switch(site, made["name"])
    pruned(site)
    assert (site.nads, run(site, check_mode=False, **options)["changed"]) == ([made["name"]], False)


def test_another_device_is_another_nad(site: Site) -> None:
    options: dict[str, Any] = {"vni": None, "kind": "sriov", "resource_name": "example.com/one"}
    one = run(site, **options)["migration_nad"]["name"]
    switch(site, one)
    pruned(site)
    two = run(site, **options | {"resource_name": "example.com/two"})["migration_nad"]["name"]
    assert site.nads == sorted([one, two])
