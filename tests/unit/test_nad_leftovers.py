# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of pods that are no more are named, and given back only when they are KubeVirt's beyond doubt."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _nad_leftovers as leftovers
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import IP_POOL, NAD
from unit.nad_site import Site, absent, pruned, run

GONE = "virt-handler-gone"
MINE = {"podref": f"kubevirt/{GONE}", "ifname": "migration0"}
OTHERS = {
    "3": {"podref": "kubevirt/virt-handler-1", "ifname": "migration0"},
    "4": {"podref": f"kubevirt/{GONE}", "ifname": "net1"},
    "5": {"podref": f"default/{GONE}", "ifname": "migration0"},
    "6": {"podref": "kubevirt/virt-launcher-gone", "ifname": "migration0"},
}


@pytest.fixture
def site() -> Site:
    """One address is KubeVirt's and left over, four are not."""
    site = Site()
    run(site)
    site.pod("virt-handler-1")
    metadata = {"name": "192.170.10.0-24", "namespace": "kube-system"}
    site.put(IP_POOL, {"metadata": metadata, "spec": {"range": "192.170.10.0/24", "allocations": {"2": MINE} | OTHERS}})
    for name, entry in (("192.170.10.2", MINE), ("192.170.10.3", OTHERS["3"])):
        body = {"metadata": {"name": name, "namespace": "kube-system"}, "spec": entry}
        site.put(leftovers._RESERVATION, body)
    site.writes.clear()
    return site


def left(site: Site) -> tuple[Any, list[str]]:
    pool = site.get(IP_POOL, "192.170.10.0-24", "kube-system")
    assert pool is not None
    return pool["spec"]["allocations"], [each["metadata"]["name"] for each in site.list(leftovers._RESERVATION)]


@pytest.mark.parametrize("state", ["pruned", "absent"])
def test_named(site: Site, state: str) -> None:
    done: Object = run(site, state=state, check_mode=False)
    told = [{"address": "192.170.10.2", "pod": f"kubevirt/{GONE}", "pool": "192.170.10.0-24"}]
    assert done["migration_nad"]["leftovers"] == told
    assert f"192.170.10.2 (kubevirt/{GONE})" in done["warnings"][0]
    assert left(site)[0] == {"2": MINE} | OTHERS


def test_a_pool_that_stays_behind_empty_is_named(site: Site) -> None:
    pool = site.get(IP_POOL, "192.170.10.0-24", "kube-system")
    assert pool is not None
    given = pool["spec"]["allocations"]
    pool["spec"]["allocations"] = {"2": MINE}
    site.put(IP_POOL, pool)
    text = "cluster-a: IPPool kube-system/192.170.10.0-24 stays behind empty"
    before = {key: value for key, value in site.objects.items() if key[0] == NAD.plural}
    done = run(site, state="absent", free_leftovers=True)
    assert text in str(done["warnings"])
    assert "warnings" not in run(site, state="absent")
    # Not where others have addresses of it, or another NAD serves from it.
    for nad in before.values():
        site.put(NAD, nad)
        twin = nad["metadata"] | {"name": "twin", "namespace": "default"}
        site.put(NAD, nad | {"metadata": twin})
    assert text not in str(run(site, state="absent"))
    del site.objects[NAD.plural, "default", "twin"]
    for nad in before.values():
        site.put(NAD, nad)
    site.put(IP_POOL, pool | {"spec": pool["spec"] | {"allocations": given}})
    assert text not in str(run(site, state="absent"))


def test_given_back_when_told_to(site: Site) -> None:
    for check_mode in (True, False):
        done = run(site, state="pruned", free_leftovers=True, check_mode=check_mode)
        assert done["changed"]
        assert "192.170.10.2 is given back, its pod is no more" in done["actions"][0]
    assert left(site) == (OTHERS, ["192.170.10.3"])
    again = run(site, state="pruned", free_leftovers=True)
    assert (again["changed"], again["migration_nad"]["leftovers"]) == (False, [])


def test_given_back_before_the_nad_goes(site: Site) -> None:
    run(site, state="absent", free_leftovers=True)
    assert [write.split()[0:2] for write in site.writes] == [
        ["replace", "IPPool"],
        ["delete", "OverlappingRangeIPReservation"],
        ["delete", "NetworkAttachmentDefinition"],
    ]


def test_nothing_is_left_where_nothing_is_kept() -> None:
    site = Site()
    assert pruned(site)["migration_nad"]["leftovers"] == []
    site.unknown.add(IP_POOL.plural)
    assert absent(site)["migration_nad"]["leftovers"] == []
