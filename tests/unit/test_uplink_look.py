# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_uplink where the bridge is somebody else's: seen, refused, or said that it cannot be seen."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Forbidden
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import NMSTATE_POLICY, NMSTATE_STATE
from unit.uplink_site import CARDS, Site, refused, run

LOOK: Object = {"interface": None, "manage": False, "mtu": 1500}
TRUNK: Object = {"mode": "trunk", "trunk-tags": [{"id": 7}, {"id-range": {"min": 100, "max": 110}}]}
VETH: Object = {"name": "veth1", "type": "veth"}


def bridge(*ports: Object, mtu: int = 1500, kind: str = "linux-bridge") -> Object:
    return {"name": "br1", "type": kind, "mtu": mtu, "bridge": {"port": list(ports)}}


@pytest.fixture
def site() -> Site:
    """Both nodes have the bridge, with a card and a pod on it."""
    site = Site()
    for node in ("node-1", "node-2"):
        site.state(node, *CARDS, VETH, bridge({"name": "eth1", "vlan": TRUNK}, {"name": "veth1"}))
    return site


@pytest.mark.parametrize("trunk", [[], [7], [105, 110]], ids=str)
def test_a_bridge_that_leads_out_is_found(site: Site, trunk: list[int]) -> None:
    found = run(site, **LOOK, trunk=trunk)
    assert (found["changed"], found.get("warnings"), site.writes) == (False, None, [])
    assert (found["node_uplink"]["readiness"], found["node_uplink"]["nodes"]) == ("found", ["node-1", "node-2"])


@pytest.mark.parametrize(
    ("links", "reason", "told"),
    [
        ([], "uplink_missing", "none"),
        ([bridge(kind="ovs-bridge")], "uplink_missing", "type ovs-bridge"),
        ([bridge({"name": "eth1"}, mtu=1400)], "uplink_mtu", "mtu 1400"),
        ([bridge({"name": "veth1"}, {"name": "veth2"})], "uplink_missing", "none but pods"),
        ([bridge({"name": "eth1", "vlan": {"trunk-tags": [{"id": 8}]}})], "uplink_vlan", "VLANs 8 to 8"),
        ([bridge({"name": "eth1", "vlan": {"mode": "access"}})], "uplink_vlan", "VLANs none"),
    ],
)
def test_one_that_does_not_is_refused_by_node(site: Site, links: list[Object], reason: str, told: str) -> None:
    site.state("node-2", *CARDS, VETH, *links)
    error = refused(site, **LOOK, trunk=[7])
    assert (error.reason, error.found, error.object) == (reason, told, "Node node-2")
    assert run(site, **LOOK, node_selector={"zone": "1"}, trunk=[7])["node_uplink"]["nodes"] == ["node-1"]


def test_one_that_does_not_filter_is_warned_about(site: Site) -> None:
    for node in ("node-1", "node-2"):
        site.state(node, *CARDS, bridge({"name": "eth1"}))
    assert "Switch VLAN filtering on" in str(run(site, **LOOK, trunk=[7])["warnings"])


class TestUnchecked:
    """Never silently right."""

    def told(self, site: Site, why: str, **options: Any) -> None:
        found = run(site, **LOOK, **options)
        assert (found["changed"], found["node_uplink"]["readiness"]) == (False, "unchecked")
        assert f"cluster-a: {why}, so bridge br1 is unchecked" in found["warnings"][0]

    def test_without_nmstate(self, site: Site) -> None:
        site.unknown.add(NMSTATE_POLICY.plural)
        self.told(site, "nmstate is not installed")

    def test_without_a_node_that_counts(self, site: Site) -> None:
        self.told(site, "nmstate reports no node that runs VMs", node_selector={"zone": "9"})

    def test_without_the_right_to_read(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        read = site.list

        def closed(resource: Resource, *arguments: Any, **more: Any) -> list[Object]:
            if resource == NMSTATE_STATE:
                raise Forbidden("to list nodenetworkstates", "no", "cluster-a")
            return read(resource, *arguments, **more)

        monkeypatch.setattr(site, "list", closed)
        self.told(site, "to list nodenetworkstates is not allowed")


def test_what_is_made_needs_a_card(site: Site) -> None:
    assert refused(site, interface=None).reason == "interface_missing"
