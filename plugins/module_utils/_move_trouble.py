# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What KubeVirt complains about during a move, and whether waiting can help.

A healthy move shows the condition ``decentralizedMigrationBlocked`` twice, so that its presence means nothing: the
message and the time for which it stays decide.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

from ._situation import Side, Situation

Kind = Literal["unschedulable", "quota", "trust", "certificate", "unreachable", "unknown_id", "other"]

STOPPING: frozenset[Kind] = frozenset(("unschedulable", "quota", "trust", "certificate"))
"""Troubles that end a move once they have lasted longer than the grace: KubeVirt alone will not get over them."""

_HEALTHY = "waiting for incoming synchronization"

_HINTS: dict[Kind, str] = {
    "unschedulable": "Make room on the target, or compare CPU models, node selectors and node names of both sides.",
    "quota": "Raise the quota of the namespace on the target.",
    "trust": "The peer's current CA is missing from this cluster's bundle: run migration_trust again.",
    "certificate": "The synchronization controller there cannot load its own certificate: look at its logs.",
    "unreachable": "Check the migration network between both clusters: port of the synchronization address, both ways.",
    "unknown_id": "The peer has no migration of this id: its receiving side is missing.",
    "other": "Look at the logs of virt-synchronization-controller on both clusters.",
}

# Order matters: an x509 error is also a connection error.
_WORDS: tuple[tuple[str, Kind], ...] = (
    ("tls: internal error", "certificate"),
    ("x509", "trust"),
    ("certificate", "trust"),
    ("alpn", "trust"),
    ("handshake", "trust"),
    ("unable to locate vmi", "unknown_id"),
    ("connection error", "unreachable"),
    ("name resolver", "unreachable"),
    ("deadline exceeded", "unreachable"),
    ("timeout", "unreachable"),
    ("no route to host", "unreachable"),
    ("connection refused", "unreachable"),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """A complaint, whose it is, and what to do."""

    kind: Kind
    cluster: str
    text: str

    @property
    def hint(self) -> str:
        """What the user can do."""
        return _HINTS[self.kind]

    @property
    def stopping(self) -> bool:
        """It ends the move when it lasts."""
        return self.kind in STOPPING

    def __str__(self) -> str:
        return f"{self.cluster}: {self.text}"


def trouble(situation: Situation) -> Trouble | None:
    """The complaint that matters most: those that end a move first, then the source's, then the target's."""
    found = list(_complaints(situation))
    return next((one for one in found if one.stopping), found[0] if found else None)


def _complaints(situation: Situation) -> Iterator[Trouble]:
    target, receive = situation.target, situation.receive
    unschedulable = _unschedulable(target)
    if unschedulable:
        yield Trouble("unschedulable", target.name, unschedulable)
    for condition in receive.conditions if receive else ():
        if condition.type == "migrationRejectedByResourceQuota" and condition.status == "True":
            yield Trouble("quota", target.name, condition.message or "the target pod exceeds a resource quota")
    for side in (situation.source, target):
        text = _blocked(side)
        if text:
            yield Trouble(_kind(text), side.name, text)


def _unschedulable(target: Side) -> str:
    for pod in target.active_pods:
        if pod.unschedulable:
            return f"pod {pod.name} cannot be scheduled: {pod.unschedulable}"
    if target.vm is None or target.vm.printable != "ErrorUnschedulable":
        return ""
    condition = target.vmi.condition("PodScheduled") if target.vmi else None
    return f"ErrorUnschedulable: {condition.message if condition else 'no node fits'}"


def _blocked(side: Side) -> str:
    """Why synchronization does not get on, in KubeVirt's words."""
    conditions = [*(side.vmi.conditions if side.vmi else ())]
    for migration in side.open:
        conditions += migration.conditions
    for condition in conditions:
        blocking = condition.type in ("DecentralizedLiveMigrationFailure", "decentralizedMigrationBlocked")
        if blocking and condition.status == "True" and _HEALTHY not in condition.message:
            return condition.message or condition.reason
    return ""


def _kind(text: str) -> Kind:
    lowered = text.lower()
    return next((kind for word, kind in _WORDS if word in lowered), "other")
