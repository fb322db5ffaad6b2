# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of checks: what was looked at, what was wanted, what was found, what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal

from ._errors import BadInput, MigrationError

Severity = Literal["error", "warning"]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found wrong.

    :param id: stable identifier of the check, ``noun-adjective``.
    :param severity: ``error`` stops a run before the first write, ``warning`` is shown.
    """

    id: str
    severity: Severity
    cluster: str
    object: str
    wanted: str
    found: str
    hint: str

    def as_dict(self) -> dict[str, str]:
        """The finding as a result carries it."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        where = " ".join(part for part in (self.cluster, self.object) if part)
        return f"[{self.id}] {where}: wanted {self.wanted}; found {self.found}. {self.hint}"


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that stop a run."""
    return [finding for finding in findings if finding.severity == "error"]


def warnings(findings: Iterable[Finding]) -> list[str]:
    """The sentences of those that do not."""
    return [str(finding) for finding in findings if finding.severity == "warning"]


def refuse(findings: Iterable[Finding]) -> None:
    """Stop when a finding is an error: the first leads, the others are named with it.

    :raises BadInput: with the first error's parts, its id as reason.
    """
    found = errors(findings)
    if not found:
        return
    first, others = found[0], found[1:]
    error: MigrationError = BadInput(
        first.wanted, first.found, first.cluster, first.object, first.hint, reason=first.id.replace("-", "_")
    )
    if others:
        error.hint = " ".join([error.hint, "Also:", *(str(other) for other in others)])
    raise error
