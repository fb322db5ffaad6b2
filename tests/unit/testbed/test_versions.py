# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which KubeVirt a cluster of the bed runs, and what an older one does not know."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from testbed.settings import Settings
from testbed.sim.kubevirt_config import GATE, target
from testbed.sim.kubevirt_workloads import synchronization
from testbed.sim.virt_api import VirtApi
from testbed.site import Site
from testbed.versions import decentralized, kubevirt

CR: dict[str, Any] = {
    "metadata": {"name": "kubevirt", "namespace": "kubevirt", "generation": 1},
    "spec": {"configuration": {"developerConfiguration": {"featureGates": [GATE]}}},
}


def bare(kind: type[Any]) -> Any:
    """An object of a class that needs a cluster, without one."""
    return object.__new__(kind)


@pytest.mark.parametrize(
    ("harvester", "expected"),
    [
        ("", "v1.9.0"),
        ("v1.6.0", "v1.5.2"),
        ("v1.6.3", "v1.5.2"),
        ("v1.7.1", "v1.6.3"),
        ("v1.8.0", "v1.7.0"),
        ("v1.8.2", "v1.7.4"),
        ("v1.9.0", "v1.8.4"),
        ("v1.9.0-rc6", "v1.8.4"),
    ],
)
def test_harvester_brings_its_kubevirt(harvester: str, expected: str) -> None:
    site = bare(Site)
    site.settings = Settings(harvester=harvester)
    assert site.kubevirt_version == expected
    site.settings.kubevirt_version = "v1.7.9"
    assert site.kubevirt_version == "v1.7.9", "what was asked for wins"


def test_a_harvester_that_is_not_known_is_told() -> None:
    with pytest.raises(ValueError, match=r"no Harvester 'v1.5.2' is known; there are: v1.6"):
        kubevirt("v1.5.2")


@pytest.mark.parametrize(
    ("version", "known"), [("v1.5.2", False), ("v1.6.0", True), ("v1.10.0", True), ("devel", True)]
)
def test_the_gate_does_nothing_on_a_kubevirt_that_has_none(version: str, known: bool) -> None:
    assert decentralized(version) is known
    assert (synchronization(CR, target(CR, version)) is not None) is known
    api = bare(VirtApi)
    api.site = SimpleNamespace(kubevirt_version=version)
    api._kubevirts = SimpleNamespace(list=lambda: [CR])
    assert api.gate is known
