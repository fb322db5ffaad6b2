# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The feed: one picture of what is followed, how old it may be, and news without polling."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Event, Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    Expired,
    MigrationError,
    Unreachable,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._feed import Feed, Target
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VM
from ansible_collections.livemigration.kubevirt.plugins.module_utils._wait import SystemClock

PATIENCE = 10.0
"""Seconds after which a test gives up on a thread; nothing here waits that long when it works."""


def vm(name: str, version: int, **spec: Any) -> Object:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}, "spec": spec}


class Scripted:
    """A cluster that lists and watches what a test puts into its queues."""

    name = "cluster-a"

    def __init__(self) -> None:
        self.lists: queue.Queue[list[Object] | MigrationError] = queue.Queue()
        self.events: queue.Queue[Event | MigrationError | None] = queue.Queue()
        self.versions: list[str] = []

    def list_version(self, *_: Any) -> tuple[list[Object], str]:
        answer = self.lists.get()
        if isinstance(answer, MigrationError):
            raise answer
        return answer, "100"

    def watch(self, _resource: Resource, *, version: str, **_: Any) -> Iterator[Event]:
        self.versions.append(version)
        while (event := self.events.get()) is not None:
            if isinstance(event, MigrationError):
                raise event
            yield event


@pytest.fixture
def cluster() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    # Lets the thread out of the queue it waits at, whichever that is.
    scripted.events.put(None)
    scripted.lists.put([])


def following(cluster: Any) -> Feed:
    return Feed([Target("vms", cluster, VM, "default")], SystemClock())


def names(feed: Feed) -> list[str]:
    return sorted(body["metadata"]["name"] for body in feed.snapshot()["vms"])


def after_news(feed: Feed) -> list[str]:
    assert feed.wait(PATIENCE), "no news"
    return names(feed)


def test_a_picture_is_there_once_everything_was_listed(cluster: Scripted) -> None:
    with following(cluster) as feed:
        assert not feed.ready(0)
        cluster.lists.put([vm("one", 1)])
        assert feed.ready(PATIENCE)
        assert names(feed) == ["one"]
        assert feed.stale(cluster) == 0.0  # type: ignore[arg-type]  # a part of a cluster is enough here
        assert feed.trouble(cluster) is None  # type: ignore[arg-type]  # as above


def test_changes_arrive_and_the_watch_goes_on_from_the_last(cluster: Scripted) -> None:
    cluster.lists.put([vm("one", 1)])
    with following(cluster) as feed:
        feed.ready(PATIENCE)
        assert names(feed) == ["one"]
        assert not feed.wait(0), "a snapshot marks the news as read"
        cluster.events.put(Event("ADDED", vm("two", 101)))
        assert after_news(feed) == ["one", "two"]
        cluster.events.put(None)
        cluster.events.put(Event("DELETED", vm("one", 102)))
        assert after_news(feed) == ["two"]
    assert cluster.versions[:2] == ["100", "101"]


def test_what_one_wrote_oneself_is_never_lost_to_an_older_event(cluster: Scripted) -> None:
    cluster.lists.put([vm("one", 1)])
    with following(cluster) as feed:
        feed.ready(PATIENCE)
        feed.note("vms", vm("one", 105, guarded=True))
        feed.snapshot()
        cluster.events.put(Event("MODIFIED", vm("one", 103)))
        cluster.events.put(Event("ADDED", vm("two", 106)))
        assert after_news(feed) == ["one", "two"]
        assert [body["spec"] for body in feed.snapshot()["vms"]] == [{"guarded": True}, {}]


def test_an_expired_version_is_listed_anew(cluster: Scripted) -> None:
    cluster.lists.put([vm("one", 1)])
    with following(cluster) as feed:
        feed.ready(PATIENCE)
        feed.snapshot()
        cluster.events.put(Expired(found="too old"))
        cluster.lists.put([vm("two", 200)])
        assert after_news(feed) == ["two"]


def test_a_side_out_of_reach_is_known_and_its_return_is_news(cluster: Scripted) -> None:
    cluster.lists.put([vm("one", 1)])
    side: Any = cluster
    with following(cluster) as feed:
        feed.ready(PATIENCE)
        feed.snapshot()
        cluster.events.put(Unreachable(found="no answer"))
        assert after_news(feed) == ["one"], "the last picture stays"
        assert isinstance(feed.trouble(side), Unreachable)
        assert feed.stale(side) >= 0.0
        cluster.lists.put([vm("one", 1)])
        assert feed.wait(PATIENCE), "the return is news although nothing changed"
        assert feed.trouble(side) is None
