# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""trust_bundle, and the playbook for a schedule, against API servers with virt-operator behind each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from integration.calls import between, on
from integration.playbooks import playbook
from integration.test_migration_trust import bundle, fingerprint, trusted
from testbed.sim.kubevirt_ca import new_authority
from testbed.testing import TestBed, TestCluster

MEMORY = ("configmaps", "livemigration-trust", "kubevirt")
BUNDLE = ("configmaps", "kubevirt-ca", "kubevirt")
CA = ("secrets", "kubevirt-ca", "kubevirt")
VMIM = {"metadata": {"name": "move", "namespace": "default"}, "spec": {"vmiName": "moving"}}

# Faults, and CAs of nobody.
pytestmark = pytest.mark.simulated


@pytest.fixture
def pair(separate_bed: TestBed) -> Iterator[tuple[TestCluster, TestCluster]]:
    """Two clusters that trust each other."""
    source, target = list(separate_bed.clusters.values())[:2]
    between(separate_bed, "migration_trust")["changed"]
    yield source, target
    separate_bed.calm()


def test_a_cluster_that_cannot_be_reached_any_more_is_taken_out(
    separate_bed: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    source, target = pair
    gone = fingerprint(target)
    check = on(source, "trust_bundle", check_mode=True, forget=[target.name])
    assert gone in trusted(source), "check mode wrote"
    called = on(source, "trust_bundle", forget=[target.name])
    assert called["actions"] == check["actions"]
    assert gone not in trusted(source)
    assert source.client.get(*MEMORY) is None
    # virt-operator has looked at it since, and it stays out.
    source.client.patch("kubevirts", "kubevirt", {"metadata": {"labels": {"touched": "again"}}}, "kubevirt")
    again = on(source, "trust_bundle", forget=[target.name])
    assert (again.changed, gone in trusted(source)) == (False, False)
    assert "remembers no cluster" in again["warnings"][0]


def test_the_schedule_changes_nothing_unless_a_ca_was_renewed(
    separate_bed: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    source, target = pair
    idle = playbook(separate_bed, "trust").succeeded()
    assert (sum(idle.changed.values()), idle.writes) == (0, [])
    assert "the CA expires in 7.0 days" in idle.output
    before = fingerprint(source)
    with separate_bed.fault("ca-renewal", source.name):
        source.client.until(lambda _found: fingerprint(source) != before, *CA, 20.0)
    told = playbook(separate_bed, "trust", "--check").succeeded()
    assert (sum(told.changed.values()), told.writes) == (1, [])
    due = playbook(separate_bed, "trust").succeeded()
    assert sum(due.changed.values()) == 1
    assert fingerprint(source) in trusted(target)


def test_the_playbook_takes_out_who_left_and_refuses_who_is_there(
    separate_bed: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    source, target = pair
    refused = playbook(separate_bed, "trust", forget=target.name).refused()
    assert f"found {target.name} of the fleet" in refused.output
    gone = fingerprint(target)
    left = playbook(separate_bed, "trust", fleet=source.name, forget=target.name).succeeded()
    assert all("configmaps" in write.path for write in left.writes)
    assert gone not in trusted(source)
    assert fingerprint(source) in trusted(target), "nobody asked the cluster that left"
    again = playbook(separate_bed, "trust", fleet=source.name, forget=target.name).succeeded()
    assert (sum(again.changed.values()), again.writes) == (0, [])


def beside(directory: Path, **hosts: dict[str, Any]) -> str:
    """A second inventory, which says more of the demo's clusters."""
    path = directory / "hosts.yml"
    path.write_text(json.dumps({"all": {"hosts": {name.replace("_", "-"): body for name, body in hosts.items()}}}))
    return f"--inventory={path}"


DEAD: dict[str, Any] = {"cluster_connection": {"host": "https://127.0.0.1:9"}}


def test_a_cluster_that_is_dead_keeps_nothing_from_the_others(
    separate_bed: TestBed, pair: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    source, target = pair
    between(separate_bed, "migration_trust", state="absent")["changed"]
    # Who is marked to leave is given no trust, and need not even answer.
    hosts = beside(tmp_path, aachen=DEAD, bern=DEAD | {"migration_network_state": "absent"})
    ran = playbook(separate_bed, "trust", hosts)
    assert (ran.code, sum(ran.changed.values())) == (2, 1), ran.output
    assert fingerprint(source) in trusted(target)
    assert fingerprint(target) in trusted(source)
    last = ran.output.rpartition("TASK [livemigration.kubevirt.trust : Fail")[2]
    assert '"aachen: wanted an API server that answers; found https://127.0.0.1:9' in last, ran.output
    assert "cluster-a: the CA expires in" in last, ran.output
    assert "bern:" not in ran.output


def test_a_cluster_leaves_alone_and_is_trusted_no_longer(
    separate_bed: TestBed, pair: tuple[TestCluster, TestCluster], tmp_path: Path
) -> None:
    source, target = pair
    source.vm("moving")
    with separate_bed.fault("copy-seconds", source.name, seconds="600"):
        source.client.create("virtualmachineinstancemigrations", VMIM)
        waited = playbook(
            separate_bed, "teardown", fleet=target.name, migration_network_wait_for_migrations=1
        ).refused()
    assert "1 left, such as default/move" in waited.output, waited.output
    source.client.delete("virtualmachineinstancemigrations", "move", "default")
    source.client.until(lambda found: found is None, "virtualmachineinstancemigrations", "move", "default", 20.0)
    # The one that stays is dead: the other one leaves all the same, and the run says what is left to do.
    dead = beside(tmp_path, cluster_a=DEAD)
    left = playbook(separate_bed, "teardown", dead, f"--limit={target.name}").succeeded()
    assert fingerprint(source) not in trusted(target)
    assert fingerprint(target) in trusted(source)
    assert f"trust --limit {source.name} -e forget={target.name}" in left.output, left.output
    left = playbook(separate_bed, "teardown", fleet=target.name).succeeded()
    assert (fingerprint(target) in trusted(source), source.client.get(*MEMORY)) == (False, None)
    assert {write.path.rpartition("/")[0] for write in left.writes} == {"/api/v1/namespaces/kubevirt/configmaps"}


def test_nothing_is_written_anywhere_when_one_bundle_would_overflow(
    separate_bed: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    target = pair[1]
    between(separate_bed, "migration_trust", state="absent")["changed"]
    before = bundle(target)
    target.client.patch("configmaps", "kubevirt-external-ca", {"data": {"ca-bundle": _many(49)}}, "kubevirt")
    target.client.until(lambda _found: len(trusted(target)) >= 50, *BUNDLE, 20.0)
    refused = playbook(separate_bed, "trust").refused()
    assert "at most 50 CAs" in refused.output
    target.client.patch("configmaps", "kubevirt-ca", {"data": {"ca-bundle": before}}, "kubevirt")


def _many(number: int) -> str:
    return "".join(new_authority(datetime.now(UTC), timedelta(days=1)).pem for _ in range(number))
