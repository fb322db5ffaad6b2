# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How virt-api says no: the Status its webhooks answer with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Cause(NamedTuple):
    """One entry of a Status' causes."""

    message: str
    field: str = ""
    reason: str = "FieldValueInvalid"


@dataclass(slots=True)
class Refusal(Exception):
    """A refused request: code 400 for plain errors, 422 with causes for invalid objects."""

    message: str
    code: int = 400
    reason: str = "BadRequest"
    causes: tuple[Cause, ...] = ()


def refuse(*causes: Cause) -> None:
    """Raise when there is a cause; several are joined as KubeVirt joins them."""
    if causes:
        raise Refusal(", ".join(cause.message for cause in causes), 422, "Invalid", causes)
