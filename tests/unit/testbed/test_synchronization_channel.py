# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections between synchronization controllers: who is reached, who is trusted, and what an error says."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from testbed.fabric import Fabric
from testbed.faults import Faults
from testbed.pki import Authority
from testbed.settings import Settings
from testbed.sim import synchronization_trust as trust
from testbed.sim.synchronization_channel import CLOSING, Channel, RpcError, is_address, join
from testbed.site import Site

ADDRESS = "10.0.0.2:9185"
X509 = "x509: certificate signed by unknown authority"


class FakeSite:
    """What a channel asks of a site."""

    kubevirt_namespace = "kubevirt"

    def __init__(self, name: str, fabric: Fabric) -> None:
        self.name = name
        self.fabric = fabric
        self.faults = Faults()
        self.settings = Settings(sync_seconds=0, sync_patience=0.001)
        self.authority = Authority(name)
        self.trusted = [self.authority.pem]

    def store(self, key: str) -> FakeSite:
        self._key = key
        return self

    def get(self, name: str, namespace: str) -> dict[str, Any]:
        if self._key == "secrets":
            return {"data": {"tls.crt": base64.b64encode(self.authority.pem).decode()}}
        return {"data": {"ca-bundle": b"".join(self.trusted).decode()}}


class Peer:
    """An endpoint that keeps what it is told."""

    def __init__(self, site: FakeSite) -> None:
        self.site = cast("Site", site)
        self.alive = self.loaded = True
        self.told: list[str] = []
        self.answer: Exception | None = None
        self.pause = 0.0

    def answers(self) -> bool:
        return self.alive

    def certificate_loaded(self) -> bool:
        return self.loaded

    async def call(self, method: str, request: dict[str, Any]) -> None:
        await asyncio.sleep(self.pause)
        self.told.append(method)
        if self.answer is not None:
            raise self.answer


class Pair:
    """A source with a channel to a target that listens, each trusting the other."""

    def __init__(self) -> None:
        self.fabric = Fabric()
        self.source, self.target = FakeSite("a", self.fabric), FakeSite("b", self.fabric)
        self.source.trusted.append(self.target.authority.pem)
        self.target.trusted.append(self.source.authority.pem)
        self.peer = Peer(self.target)
        self.fabric.listen(cast("Site", self.target), ADDRESS, self.peer)
        self.channel = self.open()

    def open(self, address: str = ADDRESS) -> Channel:
        return Channel(cast("Site", self.source), address)

    def error(self, channel: Channel | None = None) -> str:
        """What a call says, empty when it succeeds."""

        async def call() -> str:
            try:
                await (channel or self.channel).call("Sync", {})
            except RpcError as error:
                return str(error)
            return ""

        return asyncio.run(call())


def test_a_call_arrives() -> None:
    pair = Pair()
    assert pair.error() == ""
    assert pair.peer.told == ["Sync"]


@pytest.mark.parametrize("side", ["source", "target"])
def test_trust_is_needed_in_both_directions(side: str) -> None:
    pair = Pair()
    getattr(pair, side).trusted.pop()
    wanted = f"handshake failed: could not verify peer certificate: {X509}"
    refused = "error reading server preface: remote error: tls: unknown certificate authority"
    assert (wanted if side == "source" else refused) in pair.error()


def test_an_established_connection_outlives_a_change_of_trust() -> None:
    pair = Pair()
    assert pair.error() == ""
    pair.source.trusted.pop()
    assert pair.error() == ""
    pair.peer.alive = False
    assert X509 in pair.error()


def test_what_the_peer_says_comes_back_in_its_words() -> None:
    pair = Pair()
    pair.peer.answer = ValueError("source: unable to locate VMI for migrationID z")
    assert pair.error() == "rpc error: code = Unknown desc = source: unable to locate VMI for migrationID z"


def test_addresses_that_lead_nowhere() -> None:
    pair = Pair()
    resolver = "rpc error: code = Unavailable desc = name resolver error: produced zero addresses"
    assert pair.error(pair.open("not an address")) == resolver
    assert pair.error(pair.open("")) == resolver
    assert "dial tcp 10.9.9.9:9185: connect: no route to host" in pair.error(pair.open("10.9.9.9:9185"))
    assert "connect: connection refused" in pair.error(pair.open("10.0.0.2:1"))


def test_a_peer_without_certificate() -> None:
    pair = Pair()
    pair.peer.loaded = False
    assert "remote error: tls: internal error" in pair.error()


def test_a_firewall_strikes_new_connections_only() -> None:
    pair = Pair()
    assert pair.error() == ""
    pair.source.faults.set("connections-blocked", peer="b")
    assert pair.error() == ""
    assert f"dial tcp {ADDRESS}: i/o timeout" in pair.error(pair.open())


def test_a_cut_during_a_connection_runs_into_the_deadline() -> None:
    pair = Pair()
    assert pair.error() == ""
    pair.fabric.partition("b", "a", one_way=True)
    assert pair.error() == "rpc error: code = DeadlineExceeded desc = context deadline exceeded"
    assert pair.peer.told == ["Sync", "Sync"], "the request arrived, its answer did not"


def test_closing_ends_calls_under_way() -> None:
    pair = Pair()
    pair.peer.pause = 5

    async def close_meanwhile() -> str:
        call = asyncio.create_task(pair.channel.call("Sync", {}))
        await asyncio.sleep(0)
        pair.channel.close()
        with pytest.raises(RpcError) as caught:
            await call
        return str(caught.value)

    assert asyncio.run(close_meanwhile()) == CLOSING
    assert pair.error() == CLOSING


def test_a_failed_connection_rests_before_it_is_tried_again() -> None:
    pair = Pair()
    pair.source.settings.sync_patience = 1000
    pair.source.trusted.pop()
    assert X509 in pair.error()
    pair.source.trusted.append(pair.target.authority.pem)
    assert X509 in pair.error(), "the old error, without a new look"
    assert pair.error(pair.open()) == "", "another connection does not know of it"


def test_certificates_out_of_their_time() -> None:
    (ca,) = trust.certificates(Authority("x").pem)
    later = datetime.now(UTC) + timedelta(days=400)
    assert trust.objection(ca, [ca]) is None
    assert trust.objection(ca, []) == X509
    assert "has expired or is not yet valid: current time" in (trust.objection(ca, [ca], later) or "")


@pytest.mark.parametrize(
    ("text", "good"), [("1.2.3.4:1", True), ("[fd00::1]:9185", True), ("host:1", False), ("1.2.3.4", False)]
)
def test_what_is_an_address(text: str, good: bool) -> None:
    assert is_address(text) is good


def test_addresses_of_both_families() -> None:
    assert join("fd00::1", "9185") == "[fd00::1]:9185"
