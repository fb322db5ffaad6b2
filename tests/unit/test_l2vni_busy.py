# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An L2VNI under KubeVirt's pods while migrations run: what would take their bridge away is not written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VMIM
from unit.l2vni_call import ready, refused, run
from unit.memory_cluster import Ticking
from unit.openperouter import Site

MADE: dict[str, Any] = {"gateways": ["192.170.10.1/24"]}


@pytest.fixture
def site() -> Site:
    """A segment with a pod of KubeVirt's on its bridge, and a migration that runs."""
    site = ready("a")
    run(site, **MADE)
    site.attach("br-hs-666", "virt-handler-1")
    migration(site, "Running")
    return site


def migration(site: Site, phase: str) -> None:
    site.put(VMIM, {"metadata": {"name": "evacuation-1", "namespace": "default"}, "status": {"phase": phase}})


@pytest.mark.parametrize(
    "change",
    [{"vni": 700}, {"gateways": ["192.170.10.9/24"], "recreate": True}],
    ids=["another VNI", "created anew"],
)
@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
def test_what_cuts_pods_off_is_refused(site: Site, change: dict[str, Any], check_mode: bool) -> None:
    error = refused(site, check_mode=check_mode, **MADE | change)
    assert isinstance(error, Busy)
    assert error.found == "default/evacuation-1 (Running)"
    assert "wait_for_migrations" in error.hint
    migration(site, "Succeeded")
    assert run(site, **MADE | change)["l2vni"]["pods_on_bridge"] == ["kubevirt/virt-handler-1"]


def test_it_is_waited_for_when_told_to(site: Site) -> None:
    clock = Ticking(lambda: migration(site, "Running" if clock.seconds < 20 else "Failed"))
    before = len(site.writes)
    assert run(site, clock=clock, vni=700, wait_for_migrations=60, **MADE)["changed"]
    assert (len(site.writes) - before, clock.seconds >= 20) == (1, True)


def test_what_leaves_the_bridge_alone_is_written(site: Site) -> None:
    assert not run(site, **MADE)["changed"]
    assert run(site, vxlan_port=4790, **MADE)["changed"]
    del site.objects["pods", "kubevirt", "virt-handler-1"]
    assert run(site, vni=700, **MADE)["changed"], "nobody is on the bridge"
