# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value of vm-migration-network: one meaning, many texts; whatever is written, Harvester's validator accepts."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _addresses as addresses
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _harvester_config as config
from ansible_collections.livemigration.kubevirt.plugins.module_utils._addresses import AddressPlan
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from ansible_collections.livemigration.kubevirt.plugins.module_utils._harvester_config import Network
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from testbed.sim import harvester_config, harvester_validator

PLAIN = Network("migration", 100, "10.1.2.0/24")
WORLD = harvester_validator.World(
    (1, 8),
    [{"metadata": {"name": "n1", "labels": {}}}],
    [{"metadata": {"name": "migration"}}],
    [
        {
            "metadata": {
                "name": "vc",
                "labels": {harvester_validator.CLUSTER_NETWORK: "migration"},
                "annotations": {harvester_validator.MATCHED_NODES: '["n1"]'},
            }
        }
    ],
    [{"metadata": {"name": "vs", "labels": {harvester_validator.CLUSTER_NETWORK: "migration"}}}],
)


@pytest.mark.parametrize(
    ("text", "equal"),
    [
        ('{"clusterNetwork":"migration","vlan":100,"range":"10.1.2.0/24"}', True),
        ('{ "range": "10.1.2.0/24", "vlan": 100, "clusterNetwork": "migration", "typo": 1 }', True),
        ('{"CLUSTERNETWORK":"migration","Vlan":100,"range":"10.1.2.0/24","exclude":[]}', True),
        ('{"clusterNetwork":"migration","vlan":100,"range":"10.1.2.0/24","exclude":["10.1.2.0/32"]}', True),
        ('{"clusterNetwork":"migration","vlan":101,"range":"10.1.2.0/24"}', False),
        ('{"clusterNetwork":"other","vlan":100,"range":"10.1.2.0/24"}', False),
        ('{"clusterNetwork":"migration","vlan":100,"range":"10.1.2.0/25"}', False),
        ('{"clusterNetwork":"migration","vlan":100,"range":"10.1.2.0/24","exclude":["10.1.2.5/32"]}', False),
        ("", False),
        ("[]", False),
        ("{}", False),
        ('{"clusterNetwork":"migration","vlan":"x","range":"10.1.2.0/24"}', False),
    ],
)
def test_texts_are_compared_by_what_they_mean(text: str, equal: bool) -> None:
    assert config.same(config.parse(text), PLAIN) is equal


def test_no_network_is_like_no_other() -> None:
    assert config.same(None, None)
    assert not config.same(PLAIN, None)


def test_vlan_0_and_1_are_one() -> None:
    assert config.same(Network("m", 0, "10.1.2.0/24"), Network("m", 1, "10.1.2.0/24"))


def test_the_text_and_hash_are_those_of_harvesters_documentation() -> None:
    text = Network("test-1", 1, "10.1.2.0/24").text()
    assert text == '{"clusterNetwork":"test-1","vlan":1,"range":"10.1.2.0/24"}'
    assert config.digest(text) == "ec8322fb6b741f94739cbb904fc73c3fda864d6d"
    assert config.digest("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def test_other_words_mean_the_same_and_are_other_words() -> None:
    text = PLAIN.text()
    for _ in range(2):
        other = config.respelled(text)
        assert config.digest(other) != config.digest(text)
        assert config.same(config.parse(other), PLAIN)
        text = other


@pytest.mark.parametrize(
    ("change", "made"),
    [
        ({}, True),
        ({"mtu": 9000}, True),
        ({"bridge": "other-br"}, False),
        ({"vlan": 1}, False),
        ({"type": "macvlan"}, False),
        ({"ipam": {"type": "whereabouts", "range": "10.1.2.0/25"}}, False),
        ({"ipam": {"type": "host-local"}}, False),
    ],
)
def test_a_nad_is_recognised_by_what_it_gives(change: dict[str, Any], made: bool) -> None:
    nad = harvester_config.read(PLAIN.text()).nad()
    assert config.made_by({"spec": {"config": json.dumps(json.loads(nad) | change)}}, PLAIN) is made


@pytest.mark.parametrize("text", ["", "null", "[]", "x"])
def test_a_nad_without_configuration_is_not_harvesters(text: str) -> None:
    assert not config.made_by({"spec": {"config": text}}, PLAIN)


@st.composite
def plans(draw: st.DrawFn) -> tuple[AddressPlan, int]:
    length = draw(st.integers(18, 27))
    network = ipaddress.ip_network((draw(st.integers(0, (1 << (length - 8)) - 1)) << (32 - length) | 172 << 24, length))
    clusters = draw(st.integers(1, 6))
    inside = st.integers(1, network.num_addresses - 2).map(lambda offset: str(network.network_address + offset))
    kept = addresses.reserved(None, draw(st.lists(inside, max_size=4)), network)
    weights = tuple(draw(st.lists(st.integers(1, 9), min_size=clusters, max_size=clusters)))
    plan = AddressPlan(network, clusters, kept, draw(st.sampled_from([(), weights])))
    return plan, draw(st.integers(0, clusters - 1))


@settings(max_examples=200, deadline=None)
@given(plans())
def test_every_slice_is_said_in_a_way_that_harvester_accepts_and_gives_exactly_the_slice(
    case: tuple[AddressPlan, int],
) -> None:
    plan, slot = case
    try:
        piece = plan.slice(slot)
    except BadInput:
        reject()
    network = Network("migration", 100, str(piece.network), config.excludes(piece))
    assert network.spans() == piece.spans
    harvester_validator.check(network.text(), WORLD)
    counted = harvester_config.usable(harvester_config.read(network.text()))
    assert len(counted) == piece.size
    assert all(int(span.first) in counted and int(span.last) in counted for span in piece.spans)
    assert config.same(config.parse(network.text()), network)
