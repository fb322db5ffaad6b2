# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_nad: every kind in the words of its own plugin, and what a kind cannot do refused by name."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _nad_kinds as kinds
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import MigrationError
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NAD
from hypothesis import assume, given
from hypothesis import strategies as st
from unit.nad_site import DEFAULTS, Site, refused, run

NONE: Object = {"vni": None}
KINDS: dict[str, tuple[Object, Object]] = {
    "bridge": ({"bridge": "br1"}, {"type": "bridge", "bridge": "br1", "mtu": 1400}),
    "vlan": ({"bridge": "br1", "vlan": 100}, {"type": "bridge", "bridge": "br1", "vlan": 100, "mtu": 1400}),
    "l2vni": ({"vni": 666}, {"type": "bridge", "bridge": "br-hs-666", "mtu": 1400}),
    "macvlan": (
        {"kind": "macvlan", "master": "eth1.100"},
        {"type": "macvlan", "master": "eth1.100", "mode": "bridge", "mtu": 1400},
    ),
    "vepa": (
        {"kind": "macvlan", "master": "eth1", "mode": "vepa"},
        {"type": "macvlan", "master": "eth1", "mode": "vepa", "mtu": 1400},
    ),
    "ipvlan": (
        {"kind": "ipvlan", "master": "eth1"},
        {"type": "ipvlan", "master": "eth1", "mode": "l2", "mtu": 1400},
    ),
    "ovs": ({"kind": "ovs", "bridge": "br-ex", "vlan": 7}, {"type": "ovs", "bridge": "br-ex", "vlan": 7, "mtu": 1400}),
    # The plugin knows no MTU and would ignore one.
    "sriov": ({"kind": "sriov", "resource_name": "openshift.io/mig", "vlan": 5}, {"type": "sriov", "vlan": 5}),
}


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(("options", "plugin"), KINDS.values(), ids=KINDS)
def test_each_kind_in_its_own_words_and_a_second_time_nothing(site: Site, options: Object, plugin: Object) -> None:
    made = run(site, **NONE | options)
    found = {key: value for key, value in site.config.items() if key not in ("cniVersion", "name", "ipam")}
    assert found == plugin
    assert site.config["ipam"]["range_start"] == "192.170.10.2"
    facts = made["migration_nad"]
    assert facts["kind"] == plugin["type"]
    for key in ("bridge", "master", "vlan"):
        assert facts[key] == plugin.get(key)
    again = run(site, **NONE | options)
    assert (again["changed"], again["migration_nad"]) == (False, facts)


def marks(site: Site) -> Object:
    found = site.get(NAD, "migration-evpn", "kubevirt")
    assert found is not None
    return dict(found["metadata"].get("annotations") or {})


def test_the_resource_stands_on_the_nad_and_is_corrected_beside_other_annotations(site: Site) -> None:
    options: Object = NONE | {"kind": "sriov", "resource_name": "openshift.io/mig"}
    run(site, **options)
    assert marks(site) == {kinds.RESOURCE: "openshift.io/mig"}
    body = site.get(NAD, "migration-evpn", "kubevirt")
    assert body is not None
    body["metadata"]["annotations"] = {kinds.RESOURCE: "openshift.io/other", "mine": "kept"}
    site.put(NAD, body)
    assert run(site, **options)["changed"]
    assert marks(site) == {kinds.RESOURCE: "openshift.io/mig", "mine": "kept"}
    assert not run(site, **options)["changed"]


def test_a_tag_that_is_no_longer_wanted_goes(site: Site) -> None:
    run(site, vni=None, bridge="br1", vlan=100)
    assert run(site, vni=None, bridge="br1")["changed"]
    assert "vlan" not in site.config


@pytest.mark.parametrize(
    ("options", "reason", "word"),
    [
        ({"kind": "macvlan", "master": "eth1", "vlan": 100}, "kind_lacks", "eth1.100"),
        ({"kind": "ipvlan", "master": "eth1", "vlan": 100}, "kind_lacks", "eth1.100"),
        ({"kind": "macvlan", "bridge": "br1"}, "kind_lacks", "master"),
        ({"kind": "macvlan", "vni": 666}, "kind_lacks", "kind bridge"),
        ({"kind": "ovs", "vni": 666}, "kind_lacks", "Open vSwitch"),
        ({"kind": "ovs", "bridge": "br1", "master": "eth1"}, "kind_lacks", "nodes"),
        ({"bridge": "br1", "master": "eth1"}, "kind_lacks", "nodes"),
        ({"bridge": "br1", "mode": "vepa"}, "kind_lacks", "Leave it out"),
        ({"kind": "ipvlan", "master": "eth1", "mode": "private"}, "kind_lacks", "ARP"),
        ({"kind": "sriov", "resource_name": "a.b/c", "master": "eth1"}, "kind_lacks", "resource_name"),
        ({"kind": "macvlan", "master": "eth1", "resource_name": "a.b/c"}, "kind_lacks", "device plugin"),
        ({"vni": 666, "vlan": 100}, "kind_lacks", "does not filter"),
        ({}, "kind_needs", "network of the nodes"),
        ({"kind": "macvlan"}, "kind_needs", "network of the nodes"),
        ({"kind": "ovs"}, "kind_needs", "network of the nodes"),
        ({"kind": "sriov"}, "kind_needs", "network of the nodes"),
        ({"bridge": "br1", "vlan": 0}, "vlan_out_of_range", "untagged"),
        ({"bridge": "br1", "vlan": 4095}, "vlan_out_of_range", "untagged"),
        ({"kind": "macvlan", "master": "a name"}, "master_invalid", "kernel"),
        ({"kind": "sriov", "resource_name": "mig"}, "resource_name_invalid", "allocatable"),
    ],
)
def test_what_a_kind_cannot_do_is_refused_by_name(site: Site, options: Object, reason: str, word: str) -> None:
    error = refused(site, **NONE | options)
    assert error.reason == reason
    assert word in error.hint


def test_another_kind_under_the_name_is_somebody_elses_network(site: Site) -> None:
    site.nad({"type": "macvlan", "master": "eth1", "ipam": {"type": "whereabouts"}})
    error = refused(site, vni=None, kind="ipvlan", master="eth1")
    assert (error.reason, error.found) == ("foreign_nad", "type macvlan with ipam whereabouts")


def test_a_master_inside_of_the_pod_is_refused(site: Site) -> None:
    config = {"type": "macvlan", "linkInContainer": True, "ipam": {"type": "whereabouts"}}
    site.nad(config)
    assert refused(site, vni=None, kind="macvlan", master="eth1").reason == "nad_key_refused"


def test_one_interface_for_macvlan_and_ipvlan_is_warned_about(site: Site) -> None:
    site.nad({"type": "ipvlan", "master": "eth1"}, "apps", "default")
    site.nad({"type": "ipvlan", "master": "eth2"}, "others", "default")
    site.nad("rubbish", "odd", "default")
    options: Object = {"kind": "macvlan", "master": "eth1", "range": "10.9.0.0/24", "gateway": None}
    (warning,) = run(site, **NONE | options)["warnings"]
    assert "default/apps is ipvlan on eth1" in warning
    assert "warnings" not in run(Site(), **NONE | options)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bridge": st.sampled_from([None, "br1"]),
    "vni": st.sampled_from([None, 666]),
    "vlan": st.sampled_from([None, 1, 4094]),
    "master": st.sampled_from([None, "eth1"]),
    "mode": st.sampled_from([None, *kinds.MACVLAN_MODES]),
    "resource_name": st.sampled_from([None, "openshift.io/mig"]),
}


def outcome(options: Object) -> kinds.Attachment | MigrationError:
    try:
        return kinds.attachment_of(DEFAULTS | options)
    except MigrationError as error:
        return error


@given(st.sampled_from(kinds.KINDS), st.fixed_dictionaries(VALUES))
def test_an_option_is_written_or_refused_never_dropped(kind: str, options: Object) -> None:
    assume(options["bridge"] is None or options["vni"] is None)  # the specification of the options refuses both
    found = outcome({"kind": kind} | options)
    if isinstance(found, MigrationError):
        assert all((found.wanted, found.found, found.hint))
        return
    written = str([found.plugin(1400), found.annotations])
    named = [str(value) for value in options.values() if value is not None]
    assert [value for value in named if value not in written] == []


def test_no_two_kinds_read_alike() -> None:
    plugins = [kinds.attachment_of(DEFAULTS | NONE | options) for options, _plugin in KINDS.values()]
    assert [(one, two) for one, two in itertools.combinations(plugins, 2) if str(one) == str(two)] == []
