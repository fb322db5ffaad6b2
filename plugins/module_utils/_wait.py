# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting with a deadline: what is awaited, what was last seen, and one line of progress a change."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Callable
from typing import Protocol

from ._errors import DeadlineExceeded, ServerTrouble, Unreachable

Tell = Callable[[str], None]
"""Takes one line for the user, at once."""


class Clock(Protocol):
    """Time, injected so that tests own it."""

    def now(self) -> float:
        """Monotonic seconds."""

    def wall(self) -> datetime.datetime:
        """Time of day, UTC."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall(self) -> datetime.datetime:
        """Time of day, UTC."""
        return datetime.datetime.now(datetime.UTC)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a wait is over, and if not, what is missing (a clause that is shown as it is)."""

    done: bool
    reason: str = ""


def wait_for(
    look: Callable[[], Verdict],
    *,
    seconds: float,
    clock: Clock,
    tell: Tell,
    expected: str,
    cluster: str,
    object: str,
    hint: str,
    pause: float = 0.2,
) -> None:
    """Look again and again until the verdict is done.

    A look that fails for a reason that may pass (API server away or in trouble) counts as "not yet".
    The first pause is short and grows to ``pause``, so that a quick success is noticed quickly.

    :param seconds: the deadline from now.
    :param expected: what is awaited, for the progress line and the error.
    :raises DeadlineExceeded: with what was expected, what was last seen, and the hint.
    """
    start, told, step = clock.now(), "", min(0.05, pause)
    while True:
        try:
            verdict = look()
        except (Unreachable, ServerTrouble) as error:
            verdict = Verdict(False, str(error))
        if verdict.done:
            return
        elapsed = clock.now() - start
        if elapsed >= seconds:
            found = f"after {seconds:g} s: {verdict.reason}"
            raise DeadlineExceeded(expected, found, cluster, object, hint)
        if verdict.reason != told:
            if not told:
                tell(f"{cluster}: waiting for {expected} ({object})")
            tell(f"{cluster}: {elapsed:.0f} s, {verdict.reason}")
            told = verdict.reason
        clock.sleep(min(step, max(0.0, seconds - elapsed)))
        step = min(pause, step * 2)
