# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quantities and durations as Kubernetes writes them, compared by what they mean."""

from __future__ import annotations

import datetime
import re
from fractions import Fraction

_QUANTITY = re.compile(r"(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+))(?P<unit>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,2})?")
_BINARY = {unit: Fraction(1024) ** power for power, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_DECIMAL = {unit: Fraction(1000) ** power for power, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T"), -3)}
_UNITS = {**_BINARY, **_DECIMAL, "P": Fraction(1000) ** 5, "E": Fraction(1000) ** 6}

_PART = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)(?P<unit>ns|us|\u00b5s|\u03bcs|ms|s|m|h)")
_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "\u00b5s": Fraction(1, 10**6),
    "\u03bcs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}


def quantity(text: str) -> Fraction | None:
    """The number a Kubernetes quantity stands for (``64Mi``), ``None`` when it is none."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    number, unit = Fraction(match["number"].rstrip(".")), match["unit"] or ""
    if unit[:1] in "eE" and len(unit) > 1 and unit != "Ei":
        return number * Fraction(10) ** int(unit[1:])
    return number * _UNITS[unit]


def duration(text: str) -> datetime.timedelta | None:
    """The time a Go duration stands for (``168h``, ``1h30m``), ``None`` when it is none. Never negative."""
    if text == "0":
        return datetime.timedelta()
    total, end = Fraction(0), 0
    while end < len(text):
        part = _PART.match(text, end)
        if part is None:
            return None
        total += Fraction(part["number"].rstrip(".")) * _SECONDS[part["unit"]]
        end = part.end()
    return datetime.timedelta(seconds=float(total)) if text else None


def hours(span: datetime.timedelta) -> str:
    """A span for messages: ``33.6 h``."""
    return f"{span.total_seconds() / 3600:.4g} h"
