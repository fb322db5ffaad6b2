# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the action plugins show of a wait inside the Ansible worker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.livemigration.kubevirt.plugins.plugin_utils import _worker as worker


@pytest.mark.parametrize(("no_log", "shown"), [(False, ["  vm-1: 3 s, copying"]), (True, [])])
def test_progress_is_printed_unless_the_task_is_not_to_be_logged(
    monkeypatch: pytest.MonkeyPatch, no_log: bool, shown: list[str]
) -> None:
    printed: list[str] = []
    monkeypatch.setattr(worker, "_display", SimpleNamespace(display=lambda line, **_more: printed.append(line)))
    task: Any = SimpleNamespace(_task=SimpleNamespace(no_log=no_log))
    worker.WorkerAction._tell(cast("worker.WorkerAction", task), "vm-1: 3 s, copying")
    assert printed == shown
