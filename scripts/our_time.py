# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a move's time is ours, by the clock of the API servers and independently of the collection.

KubeVirt's own steps are its writes to the VM, its VMI, its migrations and its launcher pods. A write of ours can come
no earlier than the write that made it possible, of KubeVirt or of ours. Which one that was nobody records, so the
time since the latest write before it is counted: reacting, deciding, sending, and starting Ansible's next task.

This is a lower bound. A write of KubeVirt's that we did not wait for begins the count anew although we were late
already. What comes before our first write and after our last is not in it at all: Ansible's start, the checks of both
clusters and of their trust, copying what the VM needs, and the last proof.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

OURS = "admin"
_KINDS = "virtualmachines|virtualmachineinstances|virtualmachineinstancemigrations|pods"


class Added(NamedTuple):
    """Seconds from our first write of a move to our last, and how many of them at least were ours."""

    total: float
    ours: float

    @property
    def kubevirt(self) -> float:
        """The seconds that KubeVirt's own steps took at most."""
        return self.total - self.ours


def added(writes: Iterable[dict[str, Any]], namespace: str, vm: str) -> Added:
    """Judge the writes of both clusters during a move, in any order.

    :param writes: lines of the audit logs, with user, path and time.
    :raises ValueError: when none of them is ours.
    """
    about = re.compile(rf"/namespaces/{re.escape(namespace)}/(?:{_KINDS})(?:/(?:virt-launcher-)?{re.escape(vm)}\b|$)")
    steps = sorted((_time(write["time"]), write["user"] == OURS) for write in writes if about.search(write["path"]))
    first = next((number for number, (_, ours) in enumerate(steps) if ours), None)
    if first is None:
        raise ValueError(f"no write of {OURS} about {namespace}/{vm}")
    last = max(number for number, (_, ours) in enumerate(steps) if ours)
    pairs = zip(steps[first:last], steps[first + 1 : last + 1], strict=True)
    seconds = sum(now - before for (before, _), (now, ours) in pairs if ours)
    return Added(steps[last][0] - steps[first][0], seconds)


def _time(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()
