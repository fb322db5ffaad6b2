# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue holds each key once, gives none to two workers, and forgets none."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from testbed.queue import Queue


async def _next(queue: Queue) -> str:
    return await asyncio.wait_for(queue.next(), 1)


def test_a_waiting_key_is_one_entry() -> None:
    async def story() -> None:
        queue = Queue()
        for key in ("a", "b", "a"):
            queue.add(key)
        assert [await _next(queue), await _next(queue)] == ["a", "b"]
        queue.done("a")
        queue.done("b")
        assert queue.idle()

    asyncio.run(story())


def test_a_key_added_while_worked_on_comes_again_afterwards() -> None:
    async def story() -> None:
        queue = Queue()
        queue.add("a")
        assert await _next(queue) == "a"
        queue.add("a")
        queue.add("b")
        assert await _next(queue) == "b"
        queue.done("a")
        assert await _next(queue) == "a"

    asyncio.run(story())


def test_of_several_later_moments_the_earliest_counts() -> None:
    async def story() -> None:
        queue = Queue()
        queue.add("a", 60)
        queue.add("a", 0.01)
        queue.add("a", 60)
        assert await _next(queue) == "a"
        queue.done("a")
        assert queue.idle()

    asyncio.run(story())


def test_a_key_added_now_needs_no_later_look() -> None:
    async def story() -> None:
        queue = Queue()
        queue.add("a", 0.01)
        queue.add("a")
        assert await _next(queue) == "a"
        queue.done("a")
        await asyncio.sleep(0.03)  # past the moment the timer would have struck
        assert queue.idle()

    asyncio.run(story())


def test_a_closed_queue_has_no_timers() -> None:
    async def story() -> None:
        queue = Queue()
        queue.add("a", 0.01)
        queue.close()
        await asyncio.sleep(0.03)  # past the moment the timer would have struck
        assert queue.idle()

    asyncio.run(story())


@given(st.lists(st.sampled_from(["add a", "add b", "add c", "next", "done"])))
def test_never_two_workers_for_a_key_and_nothing_is_lost(steps: list[str]) -> None:
    async def story() -> None:
        queue = Queue()
        working: list[str] = []
        owed: set[str] = set()
        for step in steps:
            verb, _space, key = step.partition(" ")
            if verb == "add":
                queue.add(key)
                owed.add(key)
            elif verb == "next" and owed - set(working):
                key = await _next(queue)
                assert key not in working
                working.append(key)
                owed.discard(key)
            elif verb == "done" and working:
                queue.done(working.pop(0))
        for key in working:
            queue.done(key)
        left = set()
        while not queue.idle():
            left.add(key := await _next(queue))
            queue.done(key)
        assert left == owed

    asyncio.run(story())
