# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_nad: the application network of a namespace, and the VMs that hold it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _vm_nad
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy, MigrationError
from ansible_collections.livemigration.kubevirt.plugins.module_utils._mark import marked
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NAD, NAMESPACE, POD, VM
from unit.memory_cluster import MemoryCluster, Ticking, job, refusal

DEFAULTS = {name: option.get("default") for name, option in _vm_nad.SPEC.options.items()}
RED: Object = {"name": "layer2", "namespace": "shop", "vni": 110}


@pytest.fixture
def site() -> MemoryCluster:
    cluster = MemoryCluster()
    cluster.put(NAMESPACE, {"metadata": {"name": "shop"}})
    return cluster


def run(site: MemoryCluster, *, check_mode: bool = False, **options: Any) -> Object:
    return _vm_nad.work(job({"cluster": site}, Ticking(), DEFAULTS | RED | options, check_mode=check_mode))


def refused(site: MemoryCluster, **options: Any) -> MigrationError:
    error = refusal(site, lambda: run(site, **options))
    assert error.object == "NetworkAttachmentDefinition shop/layer2"
    return error


def config(site: MemoryCluster) -> Object:
    found = site.get(NAD, "layer2", "shop")
    assert found is not None
    parsed: Object = json.loads(found["spec"]["config"])
    return parsed


def vm(site: MemoryCluster, network: str, namespace: str = "shop") -> None:
    networks = [{"name": "pod", "pod": {}}, {"name": "red", "multus": {"networkName": network}}]
    spec = {"template": {"spec": {"networks": networks}}}
    site.put(VM, {"metadata": {"name": "vm-1", "namespace": namespace}, "spec": spec})


def test_creates_what_the_published_procedure_has_then_finds_nothing_to_do(site: MemoryCluster) -> None:
    told = run(site, check_mode=True)
    assert site.writes == []
    made = run(site)
    assert (made["diff"], made["vm_nad"]) == (told["diff"], told["vm_nad"])
    assert [marked(item) for item in site.list(NAD)] == [True]
    assert (
        config(site)
        == made["vm_nad"]["config"]
        == {
            "cniVersion": "0.3.1",
            "name": "layer2",
            "type": "bridge",
            "bridge": "br-hs-110",
            "macspoofchk": False,
            "disableContainerInterface": True,
        }
    )
    again = run(site)
    assert (again["changed"], again["vm_nad"]) == (False, made["vm_nad"])
    assert run(site, state="absent")["changed"]
    assert not run(site, state="absent")["changed"]


def test_a_vlan_on_a_bridge_with_its_mtu(site: MemoryCluster) -> None:
    run(site, vni=None, bridge="br1", vlan=100, mtu=9000, macspoofchk=True)
    found = config(site)
    assert (found["bridge"], found["vlan"], found["mtu"], found["macspoofchk"]) == ("br1", 100, 9000, True)
    assert run(site, vni=None, bridge="br1")["changed"]
    assert not {"vlan", "mtu"} & config(site).keys()


def test_what_is_not_ours_in_it_stays(site: MemoryCluster) -> None:
    chain = {"plugins": [{"type": "bridge", "hairpinMode": True}, {"type": "tuning"}]}
    body = {"metadata": {"name": "layer2", "namespace": "shop"}, "spec": {"config": json.dumps(chain)}}
    site.put(NAD, body)
    run(site)
    first, second = config(site)["plugins"]
    assert (first["hairpinMode"], first["bridge"], second) == (True, "br-hs-110", {"type": "tuning"})
    assert not run(site)["changed"]


@pytest.mark.parametrize("network", ["layer2", "shop/layer2"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_neither_goes_nor_changes_under_a_vm(site: MemoryCluster, network: str, check_mode: bool) -> None:
    run(site)
    vm(site, network)
    for options in ({"state": "absent"}, {"vni": 111}):
        error = refused(site, check_mode=check_mode, **options)
        assert isinstance(error, Busy)
        assert (error.reason, error.found) == ("nad_in_use", "VirtualMachine shop/vm-1")
    assert not run(site)["changed"]


def test_a_pod_that_has_it_holds_it_a_vm_elsewhere_does_not(site: MemoryCluster) -> None:
    run(site)
    vm(site, "layer2", "default")
    assert run(site, state="absent", check_mode=True)["changed"]
    marks = {"k8s.v1.cni.cncf.io/networks": "shop/layer2"}
    site.put(POD, {"metadata": {"name": "probe", "namespace": "default", "annotations": marks}})
    assert refused(site, state="absent").found == "pod default/probe"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "layer.2", "namespace": "shop"}, "name_invalid"),
        ({"vni": 0}, "vni_out_of_range"),
        ({"vlan": 100}, "kind_lacks"),
        ({"vni": None, "bridge": "a bridge"}, "bridge_invalid"),
        ({"mtu": 1451, "underlay_mtu": 1500}, "mtu_above_underlay"),
        ({"mtu": 100}, "mtu_too_small"),
        ({"namespace": "nowhere"}, "namespace_missing"),
    ],
)
def test_what_cannot_work(site: MemoryCluster, options: Object, reason: str) -> None:
    with pytest.raises(MigrationError) as caught:
        run(site, **options)
    assert caught.value.reason == reason
    assert site.writes == []


def test_an_mtu_that_only_some_underlays_carry_is_warned_about(site: MemoryCluster) -> None:
    assert "9000 or more" in run(site, mtu=8950)["warnings"][0]


@pytest.mark.parametrize("text", ["rubbish", '{"type": "macvlan"}', '{"type": "bridge", "ipam": {"type": "dhcp"}}'])
def test_somebody_elses_network_of_the_name(site: MemoryCluster, text: str) -> None:
    site.put(NAD, {"metadata": {"name": "layer2", "namespace": "shop"}, "spec": {"config": text}})
    assert refused(site).reason == "foreign_nad"


def test_a_cluster_without_multus(site: MemoryCluster) -> None:
    site.unknown.add(NAD.plural)
    assert refused(site).reason == "multus_missing"
    assert not run(site, state="absent")["changed"]
