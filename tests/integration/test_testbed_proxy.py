# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy in front of a real API server: what it records, and every harm it does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from testbed.connection import Connection
from testbed.kube import Api, ApiError, Conflict
from testbed.proxy import Proxy, running
from testbed.proxy_rules import Action, Request, requests, watches, writes
from testbed.store import Store
from testbed.testing import Client, TestBed, TestCluster
from testbed.until import until


@pytest.fixture
def cluster(bed: TestBed) -> TestCluster:
    return next(iter(bed.clusters.values()))


@pytest.fixture
def proxy(cluster: TestCluster, tmp_path: Path) -> Iterator[Proxy]:
    with running(cluster.kubeconfig, tmp_path) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    client = Client(proxy.kubeconfig)
    yield client
    client.close()


def test_it_records_and_strikes_after_a_write(
    cluster: TestCluster, proxy: Proxy, client: Client, namespace: str
) -> None:
    seen: list[str] = []

    def after(request: Request) -> None:
        seen.append(f"{request} {request.status}")

    proxy.add(Action(after=after, reset_after=True), writes, nth=2)
    client.create("configmaps", _config_map(namespace, "one"))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        client.create("configmaps", _config_map(namespace, "two"))
    assert seen == [f"POST /api/v1/namespaces/{namespace}/configmaps 201"]
    assert [request.status for request in proxy.writes()] == [201, 201]
    assert cluster.client.get("configmaps", "two", namespace) is not None


def test_it_strikes_before_a_write(cluster: TestCluster, proxy: Proxy, client: Client, namespace: str) -> None:
    proxy.add(Action(reset=True), writes, times=1)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        client.create("configmaps", _config_map(namespace, "one"))
    assert cluster.client.get("configmaps", "one", namespace) is None
    client.create("configmaps", _config_map(namespace, "one"))


def test_it_answers_in_the_api_servers_place(proxy: Proxy, client: Client, namespace: str) -> None:
    proxy.add(Action(status=409, reason="Conflict"), requests("POST", "*/configmaps"), times=1)
    with pytest.raises(Conflict):
        client.create("configmaps", _config_map(namespace, "one"))
    client.create("configmaps", _config_map(namespace, "one"))
    assert [request.status for request in proxy.writes()] == [409, 201]


def test_what_passes_is_the_kubeconfigs_user(cluster: TestCluster, client: Client, namespace: str) -> None:
    mark = cluster.mark()
    client.create("configmaps", _config_map(namespace, "one"))
    until(lambda: [write.user for write in cluster.writes(mark)] == ["admin"], "the write is on record", 15)


def test_in_a_partition_nothing_gets_through_until_it_heals(proxy: Proxy, client: Client) -> None:
    proxy.partition()
    answered = threading.Event()

    def ask() -> None:
        client.get("namespaces", "default")
        answered.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert not answered.wait(0.3)
    proxy.heal()
    assert answered.wait(5)
    asking.join()


def test_a_cut_ends_open_watches_and_a_store_goes_on(cluster: TestCluster, proxy: Proxy, namespace: str) -> None:
    def accident(_store: Store) -> None:
        proxy.cut()

    assert _relists_after(cluster, proxy, namespace, accident) == 1


def test_told_410_a_store_lists_again(cluster: TestCluster, proxy: Proxy, namespace: str) -> None:
    def accident(_store: Store) -> None:
        proxy.add(Action(gone=True), watches, times=1)
        proxy.cut()

    assert _relists_after(cluster, proxy, namespace, accident) == 2


def test_api_faults_strike_the_proxied_kubeconfig_only(quiet_bed: TestBed, cluster: TestCluster) -> None:
    proxied = Client(cluster.proxied)
    try:
        with quiet_bed.fault("api-error", cluster.name, status="429", retry_after="1", path="/api/v1/nodes"):
            with pytest.raises(ApiError) as refused:
                proxied.list("nodes")
            assert refused.value.status == 429
            cluster.client.list("nodes")
        proxied.list("nodes")
    finally:
        proxied.close()


def _relists_after(cluster: TestCluster, proxy: Proxy, namespace: str, accident: Callable[[Store], None]) -> int:
    """A store that looks through the proxy lives through an accident; how often it had listed by then."""

    async def story() -> int:
        connection = Connection(proxy.kubeconfig)
        session = connection.session()
        try:
            store = Store(Api(session, connection.server, "test"), "configmaps")
            store.start()
            await store.synced()
            await _open_watch(proxy)
            accident(store)
            await asyncio.to_thread(cluster.client.create, "configmaps", _config_map(namespace, "after"))
            assert await store.until(lambda: store.get("after", namespace) is not None, 10)
            await store.stop()
            return store.relists
        finally:
            await connection.close(session)

    return asyncio.run(story())


async def _open_watch(proxy: Proxy) -> None:
    while not any(request.watch and request.status == 200 for request in proxy.requests):
        await asyncio.sleep(0.01)


def _config_map(namespace: str, name: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": namespace}}
