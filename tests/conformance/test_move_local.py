# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations within a cluster: what an administrator does meanwhile, and what a wrong object turns out to be."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.until import until

from conformance.move_facts import phase, state, vmi
from conformance.vm_scenarios import NAMESPACE, VMIM, Play

BOTH_ENDS = {"sendTo": {"migrationID": "one", "connectURL": "10.0.0.9:9185"}, "receive": {"migrationID": "one"}}


@pytest.mark.parametrize("ends", [{}, BOTH_ENDS], ids=["none", "both"])
def test_without_one_end_a_migration_stays_in_its_cluster(move: Play, ends: dict[str, Any]) -> None:
    """Row 24: with both ends it is accepted, and moves the VM to another node."""
    before = vmi(move, "a")["status"]["nodeName"]
    client = move.pair.clients["a"]
    meta = {"name": f"{move.name}-source", "namespace": NAMESPACE}
    client.create(VMIM, {"metadata": meta, "spec": {"vmiName": move.name} | ends})
    move.ended("a", "source", "Succeeded")
    until(lambda: vmi(move, "a")["status"]["nodeName"] != before, "the guest on another node", 10)
    assert phase(vmi(move, "a")) == "Running"
    assert state(vmi(move, "a"))["completed"] is True
    assert "targetState" not in state(vmi(move, "a"))
    assert phase(vmi(move, "b")) == "WaitingForSync"
