# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that are older than their bridge are restarted, few at a time, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _kubevirt_restart as module
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Busy,
    DeadlineExceeded,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import POD
from unit.kubevirt_call import ON
from unit.kubevirt_site import NAMESPACE, Site, pod
from unit.memory_cluster import Ticking, Told, job

DEFAULTS = {name: option.get("default") for name, option in module.SPEC.options.items()}
BRIDGE = "2026-11-22T11:00:00Z"
OLD, NEW = "2026-11-22T10:59:59Z", "2026-11-22T11:30:00Z"


@pytest.fixture
def site() -> Site:
    """Four nodes; the pods are younger than the bridge."""
    site = Site(nodes=4)
    site.configure(ON)
    age(site, NEW, *[body["metadata"]["name"] for body in site.cluster.list(POD)])
    return site


def age(site: Site, time: str, *names: str) -> None:
    for name in names:
        found = site.cluster.get(POD, name, NAMESPACE)
        assert found is not None
        found["metadata"]["creationTimestamp"] = time
        site.cluster.put(POD, found)


class Nodes:
    """The DaemonSet's controller: a pod that went has a new one after a while."""

    def __init__(self, site: Site) -> None:
        self.site, self.at_once = site, 0
        self._made = 0

    def step(self) -> None:
        nodes = [f"cluster-a-node-{number}" for number in range(1, 5)]
        running = [body for body in self.site.cluster.list(POD) if body["metadata"]["name"].startswith("virt-handler")]
        missing = [node for node in nodes if node not in {body["spec"]["nodeName"] for body in running}]
        self.at_once = max(self.at_once, len(missing))
        for node in missing[:1]:
            self._made += 1
            made = pod("virt-handler", f"virt-handler-new-{self._made}", node, "migration-evpn", 20 + self._made)
            made["metadata"]["creationTimestamp"] = "2026-11-22T12:00:00Z"
            self.site.cluster.put(POD, made)


def run(site: Site, *steps: Any, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    params = DEFAULTS | {"older_than": BRIDGE, "wait_timeout": 60} | options
    call = job({"cluster": site.cluster}, Ticking(*steps), params, check_mode=check_mode)
    assert isinstance(call.tell, Told)
    return module.work(call)


def test_nobody_is_restarted_whose_bridge_was_there_first(site: Site) -> None:
    assert (run(site)["changed"], site.cluster.writes) == (False, [])


def test_the_older_ones_go_one_after_the_other(site: Site) -> None:
    age(site, OLD, "virt-handler-1", "virt-handler-2", "virt-handler-3")
    told = run(site, check_mode=True)
    assert site.cluster.writes == []
    nodes = Nodes(site)
    done = run(site, nodes.step)
    assert (done["actions"], done["diff"]) == (told["actions"], told["diff"])
    assert site.cluster.writes == [f"delete Pod virt-handler-{number}" for number in (1, 2, 3)]
    assert nodes.at_once == 1
    assert not run(site)["changed"]


def test_interrupted_in_between_the_next_run_goes_on(site: Site) -> None:
    age(site, OLD, "virt-handler-1", "virt-handler-2")
    with pytest.raises(DeadlineExceeded, match="5 of 6 pods ready"):
        run(site)
    nodes = Nodes(site)
    nodes.step()
    assert run(site, nodes.step)["kubevirt_restart"]["pods"] == ["kubevirt/virt-handler-2"]


def test_pods_that_have_no_interface_there_hang_on_no_bridge(site: Site) -> None:
    site.configure({})
    age(site, OLD, "virt-handler-1")
    assert not run(site)["changed"]


def test_without_a_time_all_are_meant(site: Site) -> None:
    assert len(run(site, check_mode=True, older_than=None)["actions"]) == 6


def test_not_while_migrations_run(site: Site) -> None:
    age(site, OLD, "virt-handler-1")
    site.migration("evacuation-1", "Running")
    with pytest.raises(Busy, match="evacuation-1"):
        run(site)
    assert site.cluster.writes == []


def test_a_time_that_is_none(site: Site) -> None:
    with pytest.raises(BadInput, match="older_than as a time"):
        run(site, older_than="yesterday")
