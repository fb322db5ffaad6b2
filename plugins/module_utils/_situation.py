# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was observed of one VM on both clusters, as a value.

What decides asks questions of these values; the raw object stays attached where a write is built from it.
``_move_read`` makes them from objects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from . import _attempt as attempt
from ._cluster import Object
from ._resources import FINAL


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """``status.migrationState`` of a VMI: the only place that tells how a migration goes."""

    uid: str = ""
    source_uid: str = ""
    """UID of the VMIM on the source."""
    target_uid: str = ""
    """UID of the VMIM on the target."""
    source_vmi: str = ""
    handed_over: bool = False
    """The target has published its pod or its address: from here on a copy can start."""
    address: str = ""
    """Where the target's virt-handler listens for the copy."""
    started: bool = False
    ended: bool = False
    completed: bool = False
    failed: bool = False
    reason: str = ""

    @property
    def arrived(self) -> bool:
        """The migration is over and the guest is on the target; a failed one is ``completed`` too."""
        return self.completed and not self.failed


@dataclasses.dataclass(frozen=True, slots=True)
class Condition:
    """A condition that is true, or false where that is the news."""

    type: str
    status: str
    reason: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class Vm:
    """A VirtualMachine."""

    raw: Object
    uid: str
    strategy: str
    printable: str
    annotations: Mapping[str, str]
    deleting: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Vmi:
    """A VirtualMachineInstance."""

    raw: Object
    uid: str
    phase: str
    node: str
    receiver: bool
    deleting: bool
    state: State | None
    conditions: tuple[Condition, ...]

    @property
    def final(self) -> bool:
        """The instance has ended; it holds no guest once its pod has ended too."""
        return self.phase in FINAL

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type."""
        return next((found for found in self.conditions if found.type == kind), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    """A VirtualMachineInstanceMigration."""

    raw: Object
    name: str
    uid: str
    phase: str
    attempt: str
    """The attempt it carries as annotation; empty when it is not ours."""
    deleting: bool
    finalizers: bool
    addresses: tuple[str, ...]
    conditions: tuple[Condition, ...]

    @property
    def final(self) -> bool:
        """Nothing more comes of it."""
        return self.phase in FINAL


@dataclasses.dataclass(frozen=True, slots=True)
class Pod:
    """A launcher pod of the VM."""

    name: str
    vmi: str
    """UID of the VMI it was created by."""
    phase: str
    node: str
    unschedulable: str
    """The scheduler's message, empty when it has not refused the pod."""

    @property
    def active(self) -> bool:
        """Something may run in it: every phase that is not certainly the end (Unknown too)."""
        return self.phase not in FINAL


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """One cluster as far as the VM is concerned.

    :param known: nothing on this side was read later than it should have been; otherwise nothing is decided on it.
    :param settings: ``spec.configuration.migrations`` of KubeVirt.
    :param handlers: addresses of the virt-handlers for migrations.
    :param nodes: names of the nodes, empty when they could not be read.
    """

    name: str
    namespace: str
    vm_name: str
    uid: str = ""
    vm: Vm | None = None
    vmi: Vmi | None = None
    migrations: tuple[Migration, ...] = ()
    pods: tuple[Pod, ...] = ()
    gate: bool = False
    addresses: tuple[str, ...] = ()
    known: bool = True
    trouble: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    handlers: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """The VM as messages name it."""
        return f"VirtualMachine {self.namespace}/{self.vm_name}"

    @property
    def open(self) -> tuple[Migration, ...]:
        """Migrations of the VM that are not over."""
        return tuple(found for found in self.migrations if not found.final)

    @property
    def active_pods(self) -> tuple[Pod, ...]:
        """Launcher pods in which something may run."""
        return tuple(pod for pod in self.pods if pod.active)

    @property
    def running_pod(self) -> Pod | None:
        """The pod the VMI's guest runs in."""
        if self.vmi is None:
            return None
        mine = (pod for pod in self.pods if pod.phase == "Running" and pod.vmi == self.vmi.uid)
        return next((pod for pod in mine if pod.node == self.vmi.node), None)

    def note(self, annotation: str) -> str:
        """An annotation of the VM, empty when there is none."""
        return self.vm.annotations.get(annotation, "") if self.vm else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Situation:
    """Both sides, and how long it has been like this.

    :param overdue: the deadline of the present stage has passed.
    :param grace_over: the present trouble (see ``_move_trouble``) has lasted longer than the user allows.
    :param seconds: how long the present stage has lasted, for messages.
    :param rejected: an API server refused a write of this attempt for good, in its words.
    """

    source: Side
    target: Side
    overdue: bool = False
    grace_over: bool = False
    seconds: float = 0.0
    rejected: str = ""

    @property
    def attempt(self) -> str:
        """The attempt that is open: as the source VM says, or else as a migration of ours that is still there."""
        named = self.source.note(attempt.ATTEMPT)
        ours = (found.attempt for found in (*self.source.open, *self.target.open) if found.attempt)
        return named or next(ours, "")

    @property
    def send(self) -> Migration | None:
        """Our VMIM on the source."""
        return _of_attempt(self.source.migrations, self.attempt)

    @property
    def receive(self) -> Migration | None:
        """Our VMIM on the target."""
        return _of_attempt(self.target.migrations, self.attempt)


def _of_attempt(migrations: Iterable[Migration], attempt_id: str) -> Migration | None:
    return next((found for found in migrations if attempt_id and found.attempt == attempt_id), None)
