# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another MTU of the uplinks: Harvester writes it into the NAD under the pods, and the module restarts them."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _harvester_mtu as mtu
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput, Busy
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CLUSTER_NETWORK, NAD, POD
from unit.harvester_site import NAMESPACE, NETWORK, Site, run
from unit.kubevirt_site import pod

STATUS = "k8s.v1.cni.cncf.io/network-status"
HANDLERS = ["virt-handler-1", "virt-handler-2"]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two nodes on the network with an MTU of 1500, whose uplinks have 9000 now; ``step`` replaces pods that went."""
    site = Site(monkeypatch)
    run(site)
    for name in HANDLERS:
        tell(site, name, 1500)
    uplinks(site, 9000)
    site.cluster.writes.clear()
    step, names = site.step, itertools.count(3)

    def replacing() -> None:
        step()
        nodes = {body["spec"]["nodeName"] for body in site.cluster.list(POD)}
        for number in (1, 2):
            if f"cluster-a-node-{number}" not in nodes:
                name = f"virt-handler-{next(names)}"
                made = pod("virt-handler", name, f"cluster-a-node-{number}", site.nads[0], 20 + number)
                site.cluster.put(POD, made)
                tell(site, name, nad_mtu(site))

    monkeypatch.setattr(site, "step", replacing)
    return site


def uplinks(site: Site, number: int) -> None:
    """What a VlanConfig's MTU becomes: a mark of the ClusterNetwork, then a key of the NAD."""
    site.put(CLUSTER_NETWORK, "migration", {"annotations": {mtu.MTU: str(number)}})
    name = site.nads[0]
    found = site.cluster.get(NAD, name, NAMESPACE)
    assert found is not None
    config = json.loads(found["spec"]["config"]) | {"mtu": number}
    site.edit(NAD, name, {"spec": {"config": json.dumps(config)}})


def nad_mtu(site: Site) -> int:
    found = site.cluster.get(NAD, site.nads[0], NAMESPACE)
    assert found is not None
    return mtu.of_nad(found)


def tell(site: Site, name: str, number: int) -> None:
    """What multus says of a pod's migration0."""
    found = site.cluster.get(POD, name, NAMESPACE)
    assert found is not None
    entries: list[dict[str, Any]] = json.loads(found["metadata"]["annotations"][STATUS])
    entries[-1]["mtu"] = number
    found["metadata"]["annotations"][STATUS] = json.dumps(entries)
    site.cluster.put(POD, found)


def test_the_pods_are_restarted_one_after_the_other_and_the_setting_stays(site: Site) -> None:
    foreseen = run(site, mtu=9000, check_mode=True)
    assert site.cluster.writes == []
    assert not foreseen["harvester_migration_network"]["settled"]
    done = run(site, mtu=9000)
    assert (done["actions"], done["diff"]) == (foreseen["actions"], foreseen["diff"])
    assert site.cluster.writes == [f"delete Pod {name}" for name in HANDLERS]
    assert done["harvester_migration_network"]["settled"]
    assert not run(site, mtu=9000)["changed"]


def test_without_an_agreed_mtu_it_is_that_of_the_uplinks(site: Site) -> None:
    assert run(site)["changed"]
    uplinks(site, 1500)
    assert len(run(site)["actions"]) == 2
    assert not run(site)["changed"]


def test_pods_that_do_not_tell_their_mtu_are_left_alone(site: Site) -> None:
    for number, name in enumerate(HANDLERS, 1):
        site.cluster.put(POD, pod("virt-handler", name, f"cluster-a-node-{number}", site.nads[0], 1 + number))
    assert not run(site, mtu=9000)["changed"]


def test_an_mtu_that_the_fleet_has_not_agreed_on_restarts_nobody(site: Site) -> None:
    with pytest.raises(BadInput, match="an MTU of 1500"):
        run(site, mtu=1500)
    assert site.cluster.writes == []


def test_not_while_migrations_run(site: Site) -> None:
    site.migration("move", "Running")
    with pytest.raises(Busy):
        run(site, mtu=9000)
    assert run(site, mtu=9000, allow_during_migrations=True)["changed"]


def test_a_change_of_the_network_brings_new_pods_anyway(site: Site) -> None:
    assert [each.split(":")[1] for each in run(site, vlan=101, check_mode=True)["actions"]] == [
        f" patch Setting {NETWORK}"
    ]


def test_a_nad_that_does_not_have_it_yet_is_warned_about(site: Site) -> None:
    site.put(CLUSTER_NETWORK, "migration", {"annotations": {mtu.MTU: "1500"}})
    called = run(site, mtu=1500, check_mode=True)
    assert [each["id"] for each in called["harvester_migration_network"]["findings"]] == ["harvester-mtu-not-in-nad"]
