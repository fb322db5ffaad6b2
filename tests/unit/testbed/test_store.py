# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store stays right through everything that happens to watches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from testbed.store import Store

from .fake_api import FakeApi, serving

Story = Callable[[FakeApi, Store, list[str]], Awaitable[None]]


def _run(story: Story) -> None:
    async def run() -> None:
        async with serving() as (fake, api):
            fake.quietly("first", "1")
            store = Store(api, "configmaps")
            events: list[str] = []
            store.subscribe(lambda event, _old, new: events.append(f"{event} {new['metadata']['name']}"))
            store.start()
            try:
                await asyncio.wait_for(story(fake, store, events), 10)
            finally:
                await store.stop()

    asyncio.run(run())


async def _has(store: Store, **data: str) -> None:
    def right() -> bool:
        return {obj["metadata"]["name"]: obj["data"]["x"] for obj in store.list()} == data

    assert await store.until(right, 5), store.list()


def test_it_lists_then_watches() -> None:
    async def story(fake: FakeApi, store: Store, events: list[str]) -> None:
        await store.synced()
        await fake.watching.wait()
        await fake.change("second", "2")
        await _has(store, first="1", second="2")
        await fake.change("first", None)
        await _has(store, second="2")
        assert events == ["ADDED first", "ADDED second", "DELETED first"]
        assert store.relists == 1

    _run(story)


def test_objects_of_a_list_have_their_kind() -> None:
    async def story(_fake: FakeApi, store: Store, _events: list[str]) -> None:
        await store.synced()
        found = store.get("first", "n")
        assert found is not None
        assert (found["kind"], found["apiVersion"]) == ("ConfigMap", "v1")

    _run(story)


def test_after_a_disconnect_it_goes_on_from_where_it_was() -> None:
    async def story(fake: FakeApi, store: Store, events: list[str]) -> None:
        await store.synced()
        await fake.watching.wait()
        fake.cut()
        fake.quietly("second", "2")
        await _has(store, first="1", second="2")
        assert events == ["ADDED first", "ADDED second"]
        assert store.relists == 1

    _run(story)


def test_told_410_it_lists_again_and_tells_what_it_missed() -> None:
    async def story(fake: FakeApi, store: Store, events: list[str]) -> None:
        await store.synced()
        await fake.watching.wait()
        fake.quietly("second", "2")
        fake.quietly("first", None)
        fake.forget_history()
        fake.cut()
        await _has(store, second="2")
        assert events == ["ADDED first", "DELETED first", "ADDED second"]
        assert store.relists == 2

    _run(story)


def test_an_error_event_of_an_open_watch_makes_it_list_again() -> None:
    async def story(fake: FakeApi, store: Store, _events: list[str]) -> None:
        await store.synced()
        await fake.watching.wait()
        fake.quietly("second", "2")
        gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
        await fake.send({"type": "ERROR", "object": gone})
        await _has(store, first="1", second="2")
        assert store.relists == 2

    _run(story)


def test_a_bookmark_moves_the_place_to_go_on_from() -> None:
    async def story(fake: FakeApi, store: Store, events: list[str]) -> None:
        await store.synced()
        await fake.watching.wait()
        await fake.bookmark()
        await fake.change("second", "2")
        await _has(store, first="1", second="2")
        fake.forget_history()
        fake.cut()
        await fake.watching.wait()
        assert store.relists == 1
        assert events == ["ADDED first", "ADDED second"]

    _run(story)


def test_a_kind_that_is_not_served_has_no_objects_until_it_is() -> None:
    async def story(fake: FakeApi, store: Store, _events: list[str]) -> None:
        fake.served = False
        await store.synced()
        assert store.list() == []
        fake.served = True
        await _has(store, first="1")

    _run(story)


def test_what_it_hands_out_is_the_callers_own() -> None:
    async def story(_fake: FakeApi, store: Store, _events: list[str]) -> None:
        await store.synced()
        mine = store.get("first", "n")
        assert mine is not None
        mine["data"]["x"] = "changed"
        store.list()[0]["data"]["x"] = "changed"
        await _has(store, first="1")

    _run(story)


def test_a_late_subscriber_hears_of_everything_known() -> None:
    async def story(_fake: FakeApi, store: Store, _events: list[str]) -> None:
        await store.synced()
        late: list[str] = []
        store.subscribe(lambda event, old, new: late.append(f"{event} {old} {new['metadata']['name']}"))
        assert late == ["ADDED None first"]

    _run(story)


@pytest.mark.parametrize("seconds", [0.05])
def test_until_gives_up_at_its_deadline(seconds: float) -> None:
    async def story(_fake: FakeApi, store: Store, _events: list[str]) -> None:
        await store.synced()
        assert not await store.until(lambda: False, seconds)

    _run(story)
