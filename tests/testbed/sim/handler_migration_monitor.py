# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long virt-launcher lets a copy take: it gives up one that stands still, and one that takes too long."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import vmi as it
from .virt_api_defaults import quantity
from .vmim_configuration import DEFAULTS

GIVEN_UP = "Live migration has been aborted"
_GB = 1e9


@dataclass(slots=True)
class Monitor:
    """Fed with the time that passes; the configuration is that of the target's cluster, as the VMI holds it."""

    stall_seconds: float
    all_seconds: float
    stalled: float = 0.0
    passed: float = 0.0

    def pass_time(self, seconds: float, *, moving: bool) -> None:
        self.passed += seconds
        self.stalled = 0.0 if moving else self.stalled + seconds

    @property
    def gives_up(self) -> bool:
        return self.stalled > self.stall_seconds or self.passed > self.all_seconds


def monitor(vmi: Mapping[str, Any], patience: float) -> Monitor:
    """`patience` scales the time-out of a copy that stands still; the other one is a user's setting."""
    configuration = DEFAULTS | (it.migration_state(vmi).get("migrationConfiguration") or {})
    return Monitor(
        stall_seconds=configuration["progressTimeout"] * patience,
        all_seconds=configuration["completionTimeoutPerGiB"] * gigabytes(vmi),
    )


def gigabytes(vmi: Mapping[str, Any]) -> int:
    """Memory and the volumes that move, each begun gigabyte counted whole."""
    domain = vmi["spec"]["domain"]
    requested = (domain.get("resources") or {}).get("requests") or {}
    size = quantity((domain.get("memory") or {}).get("guest") or requested.get("memory"))
    for volume in it.status(vmi).get("migratedVolumes") or []:
        info = volume.get("sourcePVCInfo") or {}
        size += quantity((info.get("capacity") or info.get("requests") or {}).get("storage"))
    return math.ceil(size / _GB)
