# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From any NAD to any other: the end is the same as from nothing, and a repeat writes nothing."""

from __future__ import annotations

import ipaddress

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _nad_config as cni
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.nad_site import Site, run


@st.composite
def networks(draw: st.DrawFn) -> Object:
    """Options that are accepted."""
    text = draw(st.sampled_from(["10.9.0.0/24", "10.10.0.0/22", "fd00::/64"]))
    net = ipaddress.ip_network(text)
    clusters = draw(st.integers(1, 8))
    where: Object = {"slot": draw(st.integers(0, clusters - 1)), "max_clusters": clusters}
    if draw(st.booleans()):
        low = draw(st.integers(3, 40))
        bounds = {"range_start": str(net[low]), "range_end": str(net[low + draw(st.integers(20, 60))])}
        where = {"slot": None, "max_clusters": None, **bounds}
    reserved = draw(st.lists(st.integers(2, 200), max_size=3, unique=True))
    return where | {
        "range": text,
        "vni": draw(st.integers(1, 16777215)),
        "mtu": draw(st.integers(1280, 1430)),
        "gateway": draw(st.sampled_from([None, str(net[1])])),
        "reserved": [str(net[offset]) for offset in reserved],
        "style": draw(st.sampled_from(["bounds", "exclude"])),
        "required_addresses": 1,
    }


@settings(deadline=None, max_examples=200)
@given(networks(), networks())
def test_the_end_does_not_depend_on_the_beginning(first: Object, second: Object) -> None:
    direct, roundabout = Site(), Site()
    wanted = run(direct, **second)["migration_nad"]
    run(roundabout, **first)
    changed = run(roundabout, **second)
    assert roundabout.config == direct.config == wanted["config"]
    assert changed["migration_nad"]["slice"] == wanted["slice"]
    writes = list(roundabout.writes)
    again = run(roundabout, **second)
    assert (again["changed"], again["diff"], roundabout.writes) == (False, [], writes)


@settings(deadline=None, max_examples=200)
@given(networks())
def test_a_change_of_style_changes_no_address(options: Object) -> None:
    site = Site()
    run(site, **options | {"style": "bounds"})
    before = cni.allocatable(site.config)
    switched = run(site, **options | {"style": "exclude"})["migration_nad"]
    assert not switched["changed_allocation"]
    assert cni.allocatable(site.config) == before


@settings(deadline=None, max_examples=200)
@given(networks(), networks())
def test_moved_addresses_are_always_said_to_be(first: Object, second: Object) -> None:
    site = Site()
    run(site, **first)
    before = cni.allocatable(site.config)
    told = run(site, **second)["migration_nad"]["changed_allocation"]
    assert told == (cni.allocatable(site.config) != before)
