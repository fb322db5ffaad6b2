# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks killed at every write, and run again: they end where an undisturbed run ends.

Each run is killed with SIGKILL, with everything it started, right after the API server has carried out its first
write and before the run hears of it. The next run starts from there and is killed at its own first write, and so on
until a run has nothing left to write.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.doomed import Doomed
from integration.playbooks import playbook
from testbed.proxy import running
from testbed.resources import Object
from testbed.testing import TestBed

VM, NADS = "vm-1", "network-attachment-definitions"


@pytest.fixture
def doomed(separate_bed: TestBed, tmp_path: Path) -> Iterator[Doomed]:
    """Runs against two fresh clusters with a running VM on the first."""
    separate_bed.clusters["cluster-a"].vm(VM)
    with contextlib.ExitStack() as stack:
        proxies = [
            stack.enter_context(running(cluster.kubeconfig, tmp_path, name))
            for name, cluster in separate_bed.clusters.items()
        ]
        yield Doomed(tmp_path, proxies)


def the(bed: TestBed, cluster: str, kind: str) -> Object:
    return bed.clusters[cluster].client.need(kind, VM, "default")


def test_killed_at_every_write(separate_bed: TestBed, doomed: Doomed) -> None:
    killed = doomed.until_done("site")
    # Both clusters are worked on at once, so a kill can end the writes of both.
    for kind in ("l2vnis", NADS, "kubevirts", "configmaps"):
        assert [write for write in killed if kind in write], killed
    playbook(separate_bed, "verify").succeeded()

    before = the(separate_bed, "cluster-a", "virtualmachineinstances")
    move = {"source": "cluster-a", "target": "cluster-b", "vms": f"default/{VM}"}
    killed = doomed.until_done("migrate", **move)
    assert len([write for write in killed if "virtualmachineinstancemigrations" in write]) >= 3, killed

    after = the(separate_bed, "cluster-b", "virtualmachineinstances")
    assert after["status"]["phase"] == "Running"
    assert after["status"]["interfaces"][0]["mac"] == before["status"]["interfaces"][0]["mac"]
    assert after["spec"]["domain"]["firmware"] == before["spec"]["domain"]["firmware"]
    assert the(separate_bed, "cluster-b", "virtualmachines")["spec"]["runStrategy"] == "Always"
    assert the(separate_bed, "cluster-a", "virtualmachines")["spec"]["runStrategy"] == "Halted"
    assert separate_bed.clusters["cluster-a"].client.get("virtualmachineinstances", VM, "default") is None
    for cluster in separate_bed.clusters.values():
        assert cluster.client.list("virtualmachineinstancemigrations", "default") == []
        annotations = cluster.client.need("virtualmachines", VM, "default")["metadata"]["annotations"]
        assert "livemigration.kubevirt/attempt" not in annotations

    killed = doomed.until_done("teardown")
    for verb, kind in (("PATCH", "configmaps"), ("PATCH", "kubevirts"), ("DELETE", NADS), ("DELETE", "l2vnis")):
        assert [write for write in killed if kind in write and verb in write], killed
