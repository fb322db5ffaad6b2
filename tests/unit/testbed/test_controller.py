# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of the simulators: what comes back, when, and never twice at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from testbed.controller import Controller, itself, key_of, owner, split_key
from testbed.kube import ApiError, Conflict
from testbed.store import Store

from .fake_api import FakeApi, serving


class Recorder(Controller):
    """Does what the test's function says and writes down each attempt."""

    name = "recorder"

    def __init__(self, site: Any, act: Callable[[int], Awaitable[float | None]]) -> None:
        super().__init__(site)
        self.attempts: list[str] = []
        self.started = False
        self._act = act

    def watches(self) -> dict[str, Any]:
        return {"configmaps": itself}

    async def start(self) -> None:
        assert not self.attempts
        self.started = True

    async def reconcile(self, key: str) -> float | None:
        self.attempts.append(key)
        return await self._act(len(self.attempts))


async def _nothing(_attempt: int) -> None:
    return None


def _run(
    act: Callable[[int], Awaitable[float | None]],
    story: Callable[[FakeApi, Recorder], Awaitable[None]],
    log: list[str] | None = None,
) -> None:
    async def run() -> None:
        async with serving() as (fake, api):
            store = Store(api, "configmaps")
            store.start()
            told: list[str] = [] if log is None else log
            site: Any = SimpleNamespace(name="one", store=lambda _key: store, log=told.append)
            controller = Recorder(site, act)
            fake.quietly("first", "1")
            await controller.run()
            try:
                await asyncio.wait_for(story(fake, controller), 10)
            finally:
                await controller.halt()
                await store.stop()

    asyncio.run(run())


async def _attempts(controller: Recorder, count: int) -> None:
    while len(controller.attempts) < count:
        await asyncio.sleep(0.001)


def test_what_is_there_at_the_start_wakes_it() -> None:
    async def story(_fake: FakeApi, controller: Recorder) -> None:
        await _attempts(controller, 1)
        assert controller.started
        assert controller.attempts == ["n/first"]

    _run(_nothing, story)


def test_a_change_and_a_deletion_wake_it() -> None:
    async def story(fake: FakeApi, controller: Recorder) -> None:
        await _attempts(controller, 1)
        await fake.watching.wait()
        await fake.change("second", "2")
        await _attempts(controller, 2)
        await fake.change("first", None)
        await _attempts(controller, 3)
        assert controller.attempts == ["n/first", "n/second", "n/first"]

    _run(_nothing, story)


def test_a_conflict_brings_the_key_back_without_a_word() -> None:
    async def act(attempt: int) -> None:
        if attempt < 4:
            raise Conflict(409, "Conflict", "somebody was faster")

    async def story(_fake: FakeApi, controller: Recorder) -> None:
        await _attempts(controller, 4)

    log: list[str] = []
    _run(act, story, log)
    assert log == []


def test_an_error_brings_it_back_with_growing_pauses_and_is_logged() -> None:
    async def act(attempt: int) -> None:
        if attempt < 3:
            raise ApiError(500, "InternalError", "down")

    async def story(_fake: FakeApi, controller: Recorder) -> None:
        before = asyncio.get_running_loop().time()
        await _attempts(controller, 3)
        assert asyncio.get_running_loop().time() - before >= 0.01 + 0.02

    log: list[str] = []
    _run(act, story, log)
    expected = "500 InternalError: down"
    assert log == [f"recorder n/first: attempt 1: {expected}", f"recorder n/first: attempt 2: {expected}"]


def test_a_bug_is_logged_with_its_place() -> None:
    async def act(attempt: int) -> None:
        if attempt == 1:
            raise KeyError("spec")

    async def story(_fake: FakeApi, controller: Recorder) -> None:
        await _attempts(controller, 2)

    log: list[str] = []
    _run(act, story, log)
    assert "test_controller.py" in log[0]


def test_it_looks_again_when_it_said_so() -> None:
    async def act(attempt: int) -> float | None:
        return 0.01 if attempt < 3 else None

    async def story(_fake: FakeApi, controller: Recorder) -> None:
        await _attempts(controller, 3)

    _run(act, story)


def test_one_key_is_never_reconciled_twice_at_once() -> None:
    running = 0

    async def act(_attempt: int) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.005)
        running -= 1

    async def story(_fake: FakeApi, controller: Recorder) -> None:
        for _ in range(5):
            controller.enqueue("n/first")
            await asyncio.sleep(0.003)
        await _attempts(controller, 3)

    log: list[str] = []
    _run(act, story, log)
    assert log == []


@pytest.mark.parametrize(("namespace", "key"), [("default", "default/vm"), (None, "vm")])
def test_keys(namespace: str | None, key: str) -> None:
    metadata = {"name": "vm"} | ({"namespace": namespace} if namespace else {})
    assert key_of({"metadata": metadata}) == key
    assert split_key(key) == (namespace, "vm")


def test_an_object_wakes_its_owner() -> None:
    references = [{"kind": "VirtualMachine", "name": "vm"}, {"kind": "Other", "name": "x"}]
    pod = {"metadata": {"name": "pod", "namespace": "n", "ownerReferences": references}}
    assert list(owner("VirtualMachine")(pod)) == ["n/vm"]
    assert list(owner("VirtualMachine")({"metadata": {"name": "pod"}})) == []
