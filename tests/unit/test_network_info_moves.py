# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves have left behind: named when there is something, silent about what belongs to nobody or to a guest."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _network_info_moves as moves
from ansible_collections.livemigration.kubevirt.plugins.module_utils._attempt import ATTEMPT, SOURCE_VM
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VM, VMIM
from unit.memory_cluster import MemoryCluster

OPEN = {ATTEMPT: "4f1c"}


def vm(cluster: MemoryCluster, strategy: str, annotations: dict[str, str]) -> None:
    metadata = {"name": "vm-1", "namespace": "default", "annotations": annotations}
    cluster.put(VM, {"metadata": metadata, "spec": {"runStrategy": strategy}})


def vmim(cluster: MemoryCluster, phase: str, annotations: dict[str, str]) -> None:
    metadata = {"name": "vm-1-send", "namespace": "default", "annotations": annotations}
    status = {"phase": phase} if phase else {}
    cluster.put(VMIM, {"metadata": metadata, "spec": {"vmiName": "vm-1"}, "status": status})


def found(cluster: MemoryCluster) -> dict[str, str]:
    left = moves.read(cluster)
    told = list(moves.findings("cluster-a", left))
    assert {each.severity for each in told} <= {"warning"}
    return {each.id: each.found for each in told}


@pytest.mark.parametrize(
    ("the_vm", "the_vmim", "expected"),
    [
        (("Always", {}), ("Succeeded", {}), {}),
        (("Always", {}), ("Running", {}), {}),
        (("Halted", {SOURCE_VM: "uid"}), None, {}),
        (("WaitAsReceiver", {}), None, {}),
        (("Manual", OPEN), None, {"move-given-up": "attempt 4f1c is open, run strategy Manual"}),
        (("Manual", OPEN), ("", OPEN), {"move-open": "phase new, attempt 4f1c"}),
        (("Manual", OPEN), ("Running", OPEN), {"move-open": "phase Running, attempt 4f1c"}),
        (("Always", {}), ("Failed", OPEN), {"migration-left": "it is Failed, of attempt 4f1c"}),
        (
            ("WaitAsReceiver", {SOURCE_VM: "uid"}),
            None,
            {"receiver-left": "run strategy WaitAsReceiver and no migration towards it"},
        ),
        (
            ("WaitAsReceiver", {SOURCE_VM: "uid"}),
            ("Running", OPEN),
            {"move-open": "phase Running, attempt 4f1c"},
        ),
    ],
)
def test_what_is_left(the_vm: Any, the_vmim: Any, expected: dict[str, str]) -> None:
    cluster = MemoryCluster()
    vm(cluster, *the_vm)
    if the_vmim:
        vmim(cluster, *the_vmim)
    assert found(cluster) == expected


def test_it_is_told_as_it_was_read() -> None:
    cluster = MemoryCluster()
    vm(cluster, "Manual", OPEN)
    (left,) = moves.read(cluster)
    assert left.as_dict() == {
        "what": "source",
        "object": "VirtualMachine default/vm-1",
        "vm": "default/vm-1",
        "attempt": "4f1c",
        "phase": "Manual",
    }
