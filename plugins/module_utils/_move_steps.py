# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a move can do next, as values: wait, write one thing, finish, or stop."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ._checks import Finding
from ._cluster import Object, Resource
from ._errors import MigrationError
from ._move_address import Network
from ._move_stage import Stage
from ._plan import Change, merged, ref_of
from ._situation import Migration, Side

State = Literal["migrated", "prepared", "absent"]
Outcome = Literal["migrated", "prepared", "rolled_back", "cancelled", "refused", "indeterminate", "split_brain"]


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants.

    :param clean: remove both VMIMs in the end.
    :param keep_source: leave the halted VM on the source.
    """

    state: State = "migrated"
    network: Network = dataclasses.field(default_factory=Network)
    clean: bool = True
    keep_source: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """Something has to happen first."""

    stage: Stage
    what: str


@dataclasses.dataclass(frozen=True, slots=True)
class Write:
    """One write.

    :param proven: it rests on where the guest is: read both sides anew, and write only if that says the same.
    :param then: how the move ends once this is written.
    :param proof: what was certain when it was decided; kept for the result, as its objects may go.
    """

    stage: Stage
    change: Change
    proven: bool = False
    then: Finish | Stop | None = None
    proof: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Finish:
    """The wish has come true, and this is how it is known."""

    outcome: Outcome
    proof: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    """The wish has not come true."""

    outcome: Outcome
    why: MigrationError
    proof: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


Step = Wait | Write | Finish | Stop  # pylint: disable=unsupported-binary-operation  # wrong since 3.10


def patch(side: Side, resource: Resource, before: Object, body: Object, why: str) -> Change:
    """A merge patch that only succeeds if the object is still as it was read."""
    guarded = merged(body, {"metadata": {"resourceVersion": before["metadata"].get("resourceVersion")}})
    return Change("patch", side.name, ref_of(resource, before), before, merged(before, body), guarded, why)


def create(side: Side, resource: Resource, body: Object, why: str) -> Change:
    """The creation of an object whose name is the same for every repeat."""
    return Change("create", side.name, ref_of(resource, body), None, body, body, why)


def delete(side: Side, resource: Resource, before: Object, why: str) -> Change:
    """The deletion of this very object: its UID is sent along."""
    return Change("delete", side.name, ref_of(resource, before), before, None, None, why)


def label(migration: Migration) -> str:
    """A VMIM as messages name it."""
    return f"VirtualMachineInstanceMigration {migration.raw['metadata'].get('namespace')}/{migration.name}"
