# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_nad: what is written in which situation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    Busy,
    Forbidden,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    IP_POOL,
)
from unit.nad_site import Site, absent, refused, run


@pytest.fixture
def site() -> Site:
    return Site()


def test_creates_then_finds_nothing_to_do(site: Site) -> None:
    told = run(site, check_mode=True)
    assert site.writes == []
    made = run(site)
    assert (made["changed"], made["diff"]) == (True, told["diff"])
    assert made["migration_nad"] == told["migration_nad"]
    assert (
        site.config
        == made["migration_nad"]["config"]
        == {
            "cniVersion": "0.3.1",
            "name": "migration-evpn",
            "type": "bridge",
            "bridge": "br-hs-666",
            "mtu": 1400,
            "ipam": {
                "type": "whereabouts",
                "range": "192.170.10.0/24",
                "range_start": "192.170.10.2",
                "range_end": "192.170.10.127",
                "exclude": ["192.170.10.1/32"],
            },
        }
    )
    assert made["migration_nad"]["slice"] == {"first": "192.170.10.2", "last": "192.170.10.127", "size": 126}
    assert made["migration_nad"]["pool"] == "192.170.10.0-24"
    again = run(site)
    assert (again["changed"], again["diff"], again["actions"]) == (False, [], [])
    assert site.writes == ["create NetworkAttachmentDefinition migration-evpn"]


def test_the_published_configuration_is_taken_over_as_it_stands(site: Site) -> None:
    site.nad(
        """{"cniVersion": "0.3.1", "name": "migration-evpn", "type": "bridge", "bridge": "br-hs-666", "mtu": 1400,
            "ipam": {"type": "whereabouts", "range": "192.170.10.0/24",
                     "exclude": ["192.170.10.128/25", "192.170.10.1/32"]}}"""
    )
    assert not run(site, style="exclude")["changed"]
    switched = run(site, style="bounds")
    assert switched["changed"]
    assert not switched["migration_nad"]["changed_allocation"]


def test_an_exclude_with_which_no_pod_could_be_attached_is_mended(site: Site) -> None:
    run(site)
    config = site.config
    config["ipam"]["exclude"] = ["rubbish"]
    site.nad(config)
    mended = run(site)["migration_nad"]
    assert mended["changed_allocation"]
    assert site.config["ipam"]["exclude"] == ["192.170.10.1/32"]


def test_unknown_keys_of_an_existing_configuration_stay(site: Site) -> None:
    config = {
        "type": "bridge",
        "name": "mine",
        "hairpinMode": True,
        "ipam": {"type": "whereabouts", "log_level": "debug"},
    }
    site.nad({"cniVersion": "0.3.1", "plugins": [config, {"type": "tuning"}]})
    run(site)
    first, second = site.config["plugins"]
    assert (first["hairpinMode"], first["ipam"]["log_level"]) == (True, "debug")
    assert first["ipam"]["range_start"] == "192.170.10.2"
    assert second == {"type": "tuning"}
    assert not run(site)["changed"]


def test_a_network_that_comes_back_needs_no_restart_of_the_pods_that_wait_for_it(site: Site) -> None:
    site.pod("virt-handler-1", networks="migration-evpn@migration0")
    assert run(site)["migration_nad"]["pods"] == []


def test_addresses_outside_of_the_slice_are_named(site: Site) -> None:
    site.pool(2, 200)
    done = run(site)
    assert done["migration_nad"]["out_of_slice"] == [{"address": "192.170.10.200", "pod": "kubevirt/pod-200"}]
    assert "192.170.10.200 (kubevirt/pod-200)" in " ".join(done["warnings"])


class Closed(Site):
    """The credentials may not read pools."""

    def list(self, resource: Resource, *args: Any, **more: Any) -> list[Object]:
        if resource == IP_POOL:
            raise Forbidden("to read", "no", self.name)
        return super().list(resource, *args, **more)


def test_pools_that_may_not_be_read_are_unknown() -> None:
    assert run(Closed())["migration_nad"]["out_of_slice"] is None


class TestAbsent:
    """Removal only when nobody needs it any more."""

    def test_removes_then_finds_nothing_to_do(self, site: Site) -> None:
        run(site)
        done = absent(site)
        assert done["changed"]
        assert done["migration_nad"]["config"] is None
        assert not absent(site)["changed"]
        assert site.writes[-1] == "delete NetworkAttachmentDefinition migration-evpn"

    @pytest.mark.parametrize("network", ["migration-evpn", "kubevirt/migration-evpn"])
    def test_is_refused_while_kubevirt_names_it(self, site: Site, network: str) -> None:
        run(site)
        site.kubevirt(network)
        error = refused(site, state="absent")
        assert isinstance(error, Busy)
        assert error.found == "KubeVirt kubevirt/kubevirt"
        told = absent(site, check_mode=True)
        assert told["changed"]
        assert "KubeVirt kubevirt/kubevirt" in told["warnings"][0]

    def test_is_refused_while_pods_use_it(self, site: Site) -> None:
        run(site)
        site.kubevirt("another")
        site.pod("virt-handler-1", networks="other, kubevirt/migration-evpn@migration0")
        site.pod("vm-1", "default", networks=json.dumps([{"name": "migration-evpn", "namespace": "kubevirt"}]))
        site.pod("free-1")
        assert refused(site, state="absent").found == "pod default/vm-1"
