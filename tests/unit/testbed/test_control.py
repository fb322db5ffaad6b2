# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control socket carries questions, answers and errors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from testbed.control import BedError, Control, Verb, call


def _ask(directory: Path, verbs: dict[str, Verb], verb: str, **arguments: Any) -> Any:
    async def run() -> Any:
        control = Control(directory, verbs)
        await control.start()
        try:
            return await asyncio.to_thread(call, directory, verb, **arguments)
        finally:
            await control.stop()

    return asyncio.run(run())


async def _later(value: int) -> int:
    await asyncio.sleep(0)
    return value + 1


def _broken() -> None:
    raise ValueError("no cluster 'x'")


def test_plain_functions_and_coroutines_answer(tmp_path: Path) -> None:
    assert _ask(tmp_path, {"twice": lambda value: value * 2}, "twice", value=4) == 8
    assert _ask(tmp_path, {"later": _later}, "later", value=4) == 5


def test_errors_come_back_in_their_own_words(tmp_path: Path) -> None:
    with pytest.raises(BedError, match=r"^no cluster 'x'$"):
        _ask(tmp_path, {"broken": _broken}, "broken")
    with pytest.raises(BedError, match="no verb 'other'; there are: broken"):
        _ask(tmp_path, {"broken": _broken}, "other")


def test_a_directory_longer_than_a_sockets_path_may_be(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    assert _ask(deep, {"name": lambda: "deep"}, "name") == "deep"


def test_stopped_it_leaves_no_socket(tmp_path: Path) -> None:
    _ask(tmp_path, {"name": lambda: "x"}, "name")
    assert list(tmp_path.iterdir()) == []
