# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a probe finds the largest packet that passes, and how it says what it found. Pure.

Part of the program that runs in the probe's pod: standard library only, Python 3.9 or later.
"""

from __future__ import annotations

import json
from typing import Any

LIMIT = 4096
"""What the kubelet keeps of a termination message, in bytes."""

SMALL = 128
"""The packet that must pass if anything does: bytes with all headers, as all sizes here."""

TRIES = 4
"""How often a size is sent before it counts as lost: one lost packet says nothing about a path."""

# Sizes that are tried in turn while no answer ever came back, so that a peer that hears us but cannot be heard
# still learns roughly how much passes: what VXLAN over IPv4 and IPv6 costs, and the least IPv6 allows.
_LESS = (50, 70, 100)
_LEAST = 1280


class Search:
    """The largest size that one place confirms, by bisection between small and full.

    Nothing is taken for lost before something was confirmed: the other side may only not be there yet.
    """

    def __init__(self, full: int) -> None:
        self.full = full
        self.low = 0
        """The largest size confirmed so far."""
        self._lost = full + 1
        self._tried = 0

    @property
    def done(self) -> bool:
        """Whether there is nothing left to find out."""
        return self._lost - self.low <= 1

    @property
    def answered(self) -> bool:
        """Whether anything was ever confirmed."""
        return self.low > 0

    def sizes(self) -> tuple[int, ...]:
        """What to send now; asking counts as sending it once."""
        if self.done:
            return ()
        self._tried += 1
        if not self.answered:
            ladder = [self.full - less for less in _LESS] + [_LEAST]
            extra = ladder[self._tried % len(ladder)]
            return (self.full, SMALL, extra) if SMALL < extra < self.full else (self.full, SMALL)
        if self._tried > TRIES:
            # Sent often enough without an answer.
            self._lost, self._tried = self._next(), 1
        return () if self._lost - self.low <= 1 else (self._next(),)

    def confirm(self, size: int) -> None:
        """A packet of this size has arrived over there."""
        if size > self.low:
            self.low, self._tried = min(size, self.full), 0
            self._lost = max(self._lost, self.low + 1)

    def _next(self) -> int:
        return self.full if self._lost > self.full else (self.low + self._lost) // 2


def message(report: dict[str, Any], limit: int = LIMIT) -> str:
    """The report as text that fits: the longest lists lose their ends, and ``cut`` says how many entries."""
    kept = dict(report)
    kept["cut"] = 0
    while True:
        text = json.dumps(kept, separators=(",", ":"))
        if len(text.encode()) <= limit:
            return text
        lists = [name for name, value in kept.items() if isinstance(value, list) and value]
        if not lists:
            return json.dumps({"me": report.get("me"), "error": "a result that does not fit"})
        longest = max(lists, key=lambda name: len(json.dumps(kept[name])))
        half = len(kept[longest]) // 2
        kept["cut"] += len(kept[longest]) - half
        kept[longest] = kept[longest][:half]
