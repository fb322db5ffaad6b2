# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_uplink under a network that changes: the new beside the old, until nobody uses the old any more."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NMSTATE_POLICY, VMIM
from unit.uplink_site import Site, nad, refused, run

CARD: Object = {"bridge": None}
"""Options that leave the bridge out."""


@pytest.fixture
def site() -> Site:
    return Site()


def links(site: Site) -> dict[str, tuple[int, list[int]]]:
    """MTU and trunk of what the policy makes."""
    found = {}
    for link in site.desired:
        if link["state"] == "up":
            ports = (link.get("bridge") or {}).get("port") or [{}]
            tags = [tag["id"] for port in ports for tag in (port.get("vlan") or {}).get("trunk-tags", [])]
            found[link["name"]] = (link["mtu"], tags)
    return found


def prune(site: Site, **options: Any) -> Object:
    return run(site, state="pruned", **options)


class TestBeside:
    """What the NADs of the old network use stays until they are gone."""

    def test_a_vlan(self, site: Site) -> None:
        run(site, trunk=[100], keep=True)
        nad(site, "old", type="bridge", bridge="br1", vlan=100)
        assert run(site, trunk=[200], keep=True)["changed"]
        assert links(site) == {"br1": (9000, [100, 200])}
        assert not run(site, trunk=[200], keep=True)["changed"]
        nad(site, "new", type="bridge", bridge="br1", vlan=200)
        kept = prune(site, trunk=[200])
        assert (kept["changed"], links(site)) == (False, {"br1": (9000, [100, 200])})
        assert kept["warnings"] == ["cluster-a: VLAN 100 on br1 stays on the nodes for now, because of kubevirt/old."]
        nad(site, "old")
        done = prune(site, trunk=[200])
        assert (done["changed"], links(site), done["node_uplink"]["readiness"]) == (
            True,
            {"br1": (9000, [200])},
            "available",
        )
        for again in (run(site, trunk=[200], keep=True), prune(site, trunk=[200])):
            assert (again["changed"], again.get("warnings")) == (False, None)

    def test_an_interface(self, site: Site) -> None:
        run(site, vlan=100, keep=True, **CARD)
        nad(site, "old", type="macvlan", master="eth1.100")
        run(site, vlan=101, keep=True, **CARD)
        assert [*links(site)] == ["eth1.101", "eth1.100"]
        assert not prune(site, vlan=101, **CARD)["changed"]
        nad(site, "old")
        prune(site, vlan=101, **CARD)
        assert [*links(site)] == ["eth1.101"]
        assert site.desired[-1] == {"name": "eth1.100", "type": "vlan", "state": "absent"}
        assert not run(site, vlan=101, keep=True, **CARD)["changed"]

    def test_a_bridge_with_its_own_way_out(self, site: Site) -> None:
        run(site, vlan=100)
        nad(site, "old", type="bridge", bridge="br1")
        run(site, vlan=101, bridge="br2", keep=True)
        assert {*links(site)} == {"eth1.101", "br2", "br1", "eth1.100"}
        assert not prune(site, vlan=101, bridge="br2")["changed"]
        nad(site, "old")
        prune(site, vlan=101, bridge="br2")
        assert {*links(site)} == {"eth1.101", "br2"}

    def test_the_larger_mtu(self, site: Site) -> None:
        run(site, vlan=100)
        nad(site, "old", type="bridge", bridge="br1", mtu=9000)
        run(site, vlan=100, mtu=1400, keep=True)
        assert {mtu for mtu, _tags in links(site).values()} == {9000}
        nad(site, "new", type="bridge", bridge="br1", mtu=1400)
        assert "mtu 9000 of br1 stays on the nodes for now, because of kubevirt/old" in str(
            prune(site, vlan=100, mtu=1400)["warnings"]
        )
        nad(site, "old")
        prune(site, vlan=100, mtu=1400)
        assert {mtu for mtu, _tags in links(site).values()} == {1400}

    def test_a_smaller_one_is_raised_at_once(self, site: Site) -> None:
        run(site, mtu=1400)
        nad(site, "old", type="bridge", bridge="br1", mtu=1400)
        run(site, keep=True)
        assert links(site) == {"br1": (9000, [])}


class TestRefused:
    """What cannot stand side by side, and what would go from under somebody."""

    @pytest.mark.parametrize(
        ("before", "after", "found"),
        [
            ({}, {"interface": "eth3"}, "bridge br1 leads out through eth1, not eth3"),
            ({}, {"vlan": 100}, "bridge br1 leads out through eth1, not eth1.100"),
            ({}, {"trunk": [100]}, "bridge br1 does not filter VLANs"),
            ({"trunk": [100]}, {}, "bridge br1 filters VLANs"),
            ({}, {"bridge": "br2"}, "eth1 is the port of bridge br1, not of br2"),
        ],
    )
    @pytest.mark.parametrize("keep", [True, False])
    def test_under_a_nad(self, site: Site, before: Object, after: Object, found: str, keep: bool) -> None:
        for node in ("node-1", "node-2"):
            cards = [{"name": name, "type": "ethernet", "mtu": 9000} for name in ("eth1", "eth3")]
            site.state(node, *cards)
        run(site, **before)
        nad(site, "net", type="bridge", bridge="br1", vlan=100)
        error = refused(site, keep=keep, **after)
        assert error.reason == "uplink_in_use"
        assert found in error.found
        assert "kubevirt/net" in error.found
        nad(site, "net")
        assert run(site, keep=keep, **after)["changed"]

    @pytest.mark.parametrize(
        ("before", "after", "found"),
        [
            ({"trunk": [100]}, {"trunk": [200]}, "VLAN 100 on br1: kubevirt/net"),
            ({"trunk": [100]}, {"trunk": [100], "mtu": 1400}, "mtu 9000 of br1: kubevirt/net"),
        ],
    )
    def test_without_keep(self, site: Site, before: Object, after: Object, found: str) -> None:
        run(site, **before)
        nad(site, "net", type="bridge", bridge="br1", vlan=100, mtu=9000)
        error = refused(site, **after)
        assert (error.reason, error.found) == ("uplink_in_use", found)

    def test_tags_of_a_trunk_of_pods_count(self, site: Site) -> None:
        run(site, trunk=[100, 110, 120])
        nad(site, "net", type="bridge", bridge="br1", vlanTrunk=[{"id": 100}, {"minID": 110, "maxID": 111}, "x"])
        assert refused(site, trunk=[120]).found == "VLAN 100 on br1: kubevirt/net; VLAN 110 on br1: kubevirt/net"
        run(site, trunk=[100, 110])
        assert links(site) == {"br1": (9000, [100, 110])}


class TestWhileMigrationsRun:
    """nmstate sets the bridge anew under them."""

    @pytest.fixture
    def busy(self, site: Site) -> Site:
        run(site, trunk=[100])
        nad(site, "old", type="bridge", bridge="br1", vlan=100)
        run(site, trunk=[200], keep=True)
        nad(site, "old")
        site.put(VMIM, {"metadata": {"name": "m", "namespace": "default"}, "status": {"phase": "Running"}})
        site.writes.clear()
        return site

    @pytest.mark.parametrize("check_mode", [True, False])
    @pytest.mark.parametrize(
        "options",
        [{"trunk": [300], "keep": True}, {"trunk": [200]}, {"trunk": [200], "state": "pruned"}],
        ids=["grow", "shrink", "prune"],
    )
    def test_refused(self, busy: Site, options: Object, check_mode: bool) -> None:
        with pytest.raises(Busy, match=r"default/m \(Running\)"):
            run(busy, check_mode=check_mode, **options)
        assert busy.writes == []

    def test_refused_also_when_all_of_it_goes(self, busy: Site) -> None:
        with pytest.raises(Busy, match="default/m"):
            run(busy, state="pruned", interface=None, bridge=None)
        assert busy.writes == []

    def test_waited_for_if_told_to(self, busy: Site) -> None:
        told = prune(busy, trunk=[200], wait_for_migrations=5, check_mode=True)["warnings"]
        assert "would wait for 1 unfinished" in str(told)

    def test_nothing_to_write_disturbs_nobody(self, busy: Site) -> None:
        assert not run(busy, trunk=[200], keep=True)["changed"]

    def test_a_bridge_that_is_there_already(self, busy: Site) -> None:
        """Made by somebody else, used by a NAD, and to be the policy's from now on."""
        nad(busy, "net", type="bridge", bridge="br7")
        assert refused(busy, name="other", bridge="br7", interface="eth1", vlan=9).found.startswith("default/m")


class TestPruned:
    """What the role calls once the old NAD is gone."""

    def test_check_mode_counts_on_what_earlier_tasks_do(self, site: Site) -> None:
        run(site, trunk=[100])
        nad(site, "old", type="bridge", bridge="br1", vlan=100)
        site.writes.clear()
        told = prune(site, trunk=[200], expect_gone=["kubevirt/old"], check_mode=True)
        (diff,) = told["diff"]
        before, after = (
            [
                tag["id"]
                for tag in each["spec"]["desiredState"]["interfaces"][0]["bridge"]["port"][0]["vlan"]["trunk-tags"]
            ]
            for each in (diff["before"], diff["after"])
        )
        assert (before, after, told["node_uplink"]["readiness"]) == ([100, 200], [200], "not_waited")
        assert site.writes == []

    def test_a_policy_that_is_still_to_be_made_needs_none(self, site: Site) -> None:
        assert not prune(site, check_mode=True)["changed"]

    def test_all_of_it_once_the_network_is_of_another_kind(self, site: Site) -> None:
        nothing: Object = {"interface": None, "bridge": None}
        run(site, vlan=100)
        nad(site, "net", type="bridge", bridge="br1")
        kept = prune(site, **nothing)
        assert (kept["changed"], kept["node_uplink"]["nodes"]) == (False, ["node-1", "node-2"])
        assert "because of kubevirt/net" in str(kept["warnings"])
        nad(site, "net")
        assert prune(site, **nothing)["node_uplink"]["readiness"] == "absent"
        assert site.get(NMSTATE_POLICY, "uplink") is None
        assert not prune(site, **nothing)["changed"]

    def test_somebody_elses_policy_is_left_alone(self, site: Site) -> None:
        site.put(NMSTATE_POLICY, {"metadata": {"name": "uplink"}, "spec": {}})
        assert not prune(site)["changed"]

    def test_without_nmstate_there_is_nothing(self, site: Site) -> None:
        site.unknown.add(NMSTATE_POLICY.plural)
        assert not prune(site)["changed"]
