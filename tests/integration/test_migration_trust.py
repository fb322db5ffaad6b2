# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_trust against two API servers with virt-operator behind each."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time

import pytest
from integration.calls import between, call, connection
from testbed.testing import TestBed, TestCluster

NAMESPACE, INBOX = "kubevirt", "kubevirt-external-ca"


@pytest.fixture
def pair(quiet_bed: TestBed) -> tuple[TestCluster, TestCluster]:
    """Two clusters that do not trust each other."""
    source, target = list(quiet_bed.clusters.values())[:2]
    between(quiet_bed, "migration_trust", state="absent", allow_during_migrations=True)["changed"]
    return source, target


def fingerprint(cluster: TestCluster) -> str:
    secret = cluster.client.need("secrets", "kubevirt-ca", NAMESPACE)
    text = base64.b64decode(secret["data"]["tls.crt"]).decode()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text.strip())).hexdigest()


def key(cluster: TestCluster) -> str:
    secret = cluster.client.need("secrets", "kubevirt-ca", NAMESPACE)
    return str(secret["data"]["tls.key"])


def bundle(cluster: TestCluster, name: str = "kubevirt-ca") -> str:
    found = cluster.client.need("configmaps", name, NAMESPACE)
    return str((found.get("data") or {}).get("ca-bundle") or "")


def trusted(cluster: TestCluster) -> set[str]:
    ends = "-----END CERTIFICATE-----"
    blocks = [block.strip() + f"\n{ends}" for block in bundle(cluster).split(ends) if block.strip()]
    return {hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest() for block in blocks}


def our_writes(cluster: TestCluster, mark: int) -> list[str]:
    return [write.path for write in cluster.writes(mark) if "selfsubjectaccessreviews" not in write.path]


def test_both_sides_trust_each_other(quiet_bed: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    source, target = pair
    assert fingerprint(target) not in trusted(source)
    called = between(quiet_bed, "migration_trust")
    assert called.changed
    assert called["migration_trust"]["trusted"]
    assert fingerprint(target) in trusted(source)
    assert fingerprint(source) in trusted(target)
    assert 6.9 < called["migration_trust"]["source"]["ca"]["expires_in_days"] <= 7.0
    text = json.dumps(called.result)
    assert key(source) not in text
    assert "tls.key" not in text


def test_a_repeat_writes_nothing_on_the_wire(quiet_bed: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    between(quiet_bed, "migration_trust")["changed"]
    marks = [cluster.mark() for cluster in pair]
    called = between(quiet_bed, "migration_trust")
    assert (called.changed, called["actions"]) == (False, [])
    assert [our_writes(cluster, mark) for cluster, mark in zip(pair, marks, strict=True)] == [[], []]


def test_check_mode_writes_nothing_on_the_wire(quiet_bed: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    marks = [cluster.mark() for cluster in pair]
    told = between(quiet_bed, "migration_trust", check_mode=True)
    assert told.changed
    assert [our_writes(cluster, mark) for cluster, mark in zip(pair, marks, strict=True)] == [[], []]
    assert told["actions"] == between(quiet_bed, "migration_trust")["actions"]


def test_a_swallowed_write_is_repeated(quiet_bed: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    source, target = pair
    with quiet_bed.fault("inbox-swallowed", source.name, times=2):
        called = between(quiet_bed, "migration_trust", wait_timeout=60)
    assert called["migration_trust"]["trusted"]
    assert called["migration_trust"]["repeats"] >= 1
    assert fingerprint(target) in trusted(source)


def test_a_change_of_the_cr_makes_trust_void_and_it_is_healed(
    quiet_bed: TestBed, pair: tuple[TestCluster, TestCluster]
) -> None:
    source, target = pair
    between(quiet_bed, "migration_trust")["changed"]
    before = fingerprint(source)
    limit = f"{int(time.time()) % 900 + 100}Mi"
    # Written behind the module's back: it must wait for virt-operator by itself.
    change = {"spec": {"configuration": {"migrations": {"bandwidthPerMigration": limit}}}}
    source.client.patch("kubevirts", "kubevirt", change, NAMESPACE)
    called = between(quiet_bed, "migration_trust", wait_timeout=60)
    assert fingerprint(source) != before
    assert fingerprint(source) in trusted(target)
    assert called.changed
    assert called["migration_trust"]["trusted"]


def test_absent_cuts_out_the_peer_and_it_stays_out(quiet_bed: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    source, target = pair
    between(quiet_bed, "migration_trust")["changed"]
    others = trusted(source) - {fingerprint(target)}
    called = between(quiet_bed, "migration_trust", state="absent")
    assert called.changed
    assert trusted(source) == others
    # Any reconcile of virt-operator keeps it that way.
    source.client.patch("kubevirts", "kubevirt", {"metadata": {"labels": {"touched": "yes"}}}, NAMESPACE)
    again = between(quiet_bed, "migration_trust", state="absent")
    assert not again.changed
    assert fingerprint(target) not in trusted(source)


def test_the_deadline_says_who_has_not_taken_in_what(quiet_bed: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    source, target = pair
    with quiet_bed.fault("inbox-swallowed", source.name):
        called = between(quiet_bed, "migration_trust", wait_timeout=3)
    assert called.failure["reason"] == "deadline_exceeded"
    assert f"{source.name} has not taken in the CA of {target.name}" in called.failure["found"]
    assert "virt-operator" in called.failure["hint"]


def test_refuses_one_cluster_under_two_names(quiet_bed: TestBed, pair: tuple[TestCluster, TestCluster]) -> None:
    source, _target = pair
    one = connection(source)
    called = call("migration_trust", {"source": one, "target": one | {"cluster_name": "another"}})
    assert called.failure["reason"] == "same_cluster"
