# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Harvester's validator: every check speaks once, in order, and its gaps are gaps."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from types import SimpleNamespace
from typing import Any

import pytest
from testbed.sim.harvester_config import Endless, read, usable
from testbed.sim.harvester_setting import sha1
from testbed.sim.harvester_validator import CLUSTER_NETWORK, MATCHED_NODES, WITNESS, Refused, World, check
from testbed.sim.harvester_webhook import SettingsWebhook

RANGE = "10.1.2.0/24"


def value(**keys: Any) -> str:
    return json.dumps({"clusterNetwork": "migration", "vlan": 100, "range": RANGE} | keys)


def named(name: str, **rest: Any) -> dict[str, Any]:
    labels = {CLUSTER_NETWORK: "migration"}
    return {"metadata": {"name": name, "labels": labels, **rest.pop("metadata", {})}, **rest}


def status(ready: str = "True") -> dict[str, Any]:
    return named("vs", status={"conditions": [{"type": "ready", "status": ready}]})


def vlan_config(*nodes: str) -> dict[str, Any]:
    return named("vc", metadata={"annotations": {MATCHED_NODES: json.dumps(nodes)} if nodes else {}})


def node(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


WORLD = World(
    (1, 8),
    [node("n1"), node("n2"), node("w", **{WITNESS: "true"})],
    [named("migration")],
    [vlan_config("n1", "n2")],
    [status()],
)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"vlan": 0},
        {"vlan": 4094},
        {"clusterNetwork": "mgmt", "vlan": 2},
        {"range": "10.1.0.0/16"},
        {"exclude": ["10.1.2.0/25", "10.1.2.128/32"]},
        # Only neighbours are compared.
        {"exclude": ["10.1.2.0/25", "10.1.2.128/32", "10.1.2.1/32"]},
        {"range": "10.52.0.0/24"},
        {"unknown": 1},
    ],
)
def test_passes(keys: dict[str, Any]) -> None:
    check(value(**keys), WORLD)


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"vlan": 4095}, "4094"),
        ({"vlan": 65536}, "unmarshal"),
        ({"vlan": "100"}, "unmarshal"),
        ({"vlan": -1}, "unmarshal"),
        ({"clusterNetwork": "mgmt", "vlan": 1}, "mgmt"),
        ({"clusterNetwork": "mgmt", "vlan": 0}, "mgmt"),
        ({"range": "10.1.2.1/24"}, "subnet"),
        ({"range": "10.1.2.1"}, "CIDR"),
        ({"range": "10.0.0.0/15"}, "prefix"),
        ({"range": "10.1.2.0/31"}, "0 usable"),
        ({"exclude": ["10.1.2.1"]}, "CIDR"),
        ({"exclude": ["10.1.3.0/25"]}, "not in range"),
        ({"exclude": [RANGE]}, "not smaller"),
        ({"exclude": ["10.1.2.0/25", "10.1.2.1/32"]}, "overlaps exclude"),
        ({"exclude": ["10.1.2.0/25", "10.1.2.128/26", "10.1.2.192/26"]}, "0 usable"),
        ({"clusterNetwork": "other"}, "not found"),
    ],
)
def test_refuses(keys: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        check(value(**keys), WORLD)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"vlan_statuses": []}, "no vlan status"),
        ({"vlan_statuses": [status(), status("False")]}, "not ready"),
        ({"vlan_configs": []}, "no vlan config"),
        ({"vlan_configs": [vlan_config("n1")]}, "n2"),
        ({"vlan_configs": [vlan_config("n1", "n2"), vlan_config()]}, "no matched nodes"),
        ({"nodes": [*WORLD.nodes, node("n3")]}, "n3"),
        ({"storage": value(range="10.1.2.128/25")}, "storage-network"),
        ({"rwx": json.dumps({"network": json.loads(value())})}, "rwx-network"),
    ],
)
def test_the_cluster_counts(change: dict[str, Any], why: str) -> None:
    with pytest.raises(Refused, match=why):
        check(value(), dataclasses.replace(WORLD, **change))


def test_the_first_of_many_mistakes_is_told() -> None:
    """In Harvester's order: VLAN, range, excludes, cluster network, coverage, number of addresses, other settings."""
    keys: dict[str, Any] = {
        "vlan": 4095,
        "range": "10.1.2.1/30",
        "exclude": ["10.1.3.0/31"],
        "clusterNetwork": "other",
    }
    world = dataclasses.replace(
        WORLD,
        nodes=[node("n1"), node("n2"), node("n3")],
        vlan_statuses=[],
        vlan_configs=[],
        storage=value(range="10.1.0.0/16"),
    )
    mended: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("4094", {"vlan": 100}, {}),
        ("subnet", {"range": "10.1.2.0/30"}, {}),
        ("not in range", {"exclude": []}, {}),
        ("not found", {"clusterNetwork": "migration"}, {}),
        ("no vlan status", {}, {"vlan_statuses": [status()]}),
        ("no vlan config", {}, {"vlan_configs": [vlan_config("n1")]}),
        ("does not cover", {}, {"vlan_configs": [vlan_config("n1", "n2", "n3")]}),
        ("2 usable", {"range": RANGE}, {}),
        ("storage-network", {}, {"storage": ""}),
    ]
    for why, better, other in mended:
        with pytest.raises(Refused, match=why):
            check(value(**keys), world)
        keys, world = keys | better, dataclasses.replace(world, **other)
    check(value(**keys), world)


def test_the_default_is_judged_before_the_value() -> None:
    """Also when the value is emptied, which by itself is judged by nothing."""
    store = SimpleNamespace(get=lambda *_name: None, list=list)
    site: Any = SimpleNamespace(settings=SimpleNamespace(harvester="v1.8.2"), store=lambda _kind: store)
    old = {"metadata": {"name": "vm-migration-network"}, "default": value(vlan=4095), "value": value()}
    for text in (value(vlan=1, clusterNetwork="mgmt"), ""):
        request = {"object": old | {"value": text}, "oldObject": old}
        verdict = asyncio.run(SettingsWebhook(site).validate(request))
        assert [each["field"] for each in verdict.causes] == ["default"]
    assert asyncio.run(SettingsWebhook(site).validate({"object": old, "oldObject": old})).allowed


def test_a_shared_rwx_network_and_a_disjoint_one_pass() -> None:
    shared = json.dumps({"share-storage-network": True, "network": json.loads(value())})
    check(value(), dataclasses.replace(WORLD, rwx=shared))
    mine = value(exclude=["10.1.2.128/25"])
    check(mine, dataclasses.replace(WORLD, storage=value(exclude=["10.1.2.0/25"])))


def test_newer_releases_skip_what_older_fail_on_and_refuse_what_hangs_them() -> None:
    newer = dataclasses.replace(WORLD, version=(1, 9), vlan_configs=[vlan_config("n1", "n2"), vlan_config()])
    check(value(), newer)
    with pytest.raises(Refused, match="IPv6"):
        check(value(range="2001:db8::/64"), newer)
    with pytest.raises(Endless):
        check(value(range="2001:db8::/64"), WORLD)


@pytest.mark.parametrize(
    ("text", "exclude", "size"),
    [
        (RANGE, [], 254),
        ("10.1.2.0/29", [], 6),
        ("10.1.2.0/30", [], 2),
        ("10.1.2.0/31", [], 0),
        ("192.168.2.0/24", ["192.168.2.1/30"], 251),
    ],
)
def test_counts_as_harvester_does(text: str, exclude: list[str], size: int) -> None:
    assert len(usable(read(value(range=text, exclude=exclude)))) == size


def test_the_hash_is_that_of_the_documentation() -> None:
    text = '{"clusterNetwork":"test-1","vlan":1,"range":"10.1.2.0/24"}'
    assert sha1(text) == "ec8322fb6b741f94739cbb904fc73c3fda864d6d"
    assert sha1("") == hashlib.sha1(b"").hexdigest()
