# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receivers without a move, each with what its source cluster says of the guest it waits for.

Alone, a cluster cannot tell whether such a VM may go. The worst that can be is one guest in two places, or in none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ._checks import Finding
from ._network_info_moves import giving_up, way_out
from ._resources import FINAL
from ._verify_cluster import Seen
from ._verify_drift import MIGRATE, Entry

CHECK = "receiver-left"
_WANTED = "no receiver without a move"
_WAITING = ("", "new", "Pending", "Scheduling", "Scheduled", "WaitingForSync", *FINAL)
"""Phases of a VMI that no guest runs in."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """A receiver and, as far as it is known, its source.

    :param left: the receiver, as its own cluster has told it.
    :param source: the cluster that it waits for; ``None`` when none of the fleet has its UID.
    :param guest: what that cluster says of the source VM; ``None`` when it could not be asked.
    """

    target: Seen
    left: Mapping[str, Any]
    source: Seen | None
    guest: Mapping[str, Any] | None

    @property
    def arrived(self) -> bool:
        """Whether a guest runs in the receiver."""
        return self.left["guest"] not in _WAITING

    @property
    def departed(self) -> list[str]:
        """Where the source says that its guest went: UID of the cluster, namespace, name and UID of the VM."""
        parts = str((self.guest or {}).get("moved_to") or "").split("/")
        return parts if len(parts) == 4 else []


def entries(fleet: Sequence[Seen]) -> Iterator[Entry]:
    """One entry for each receiver that its own cluster has found left over."""
    by_uid = {str(seen.cluster["uid"]): seen for seen in fleet if seen.cluster.get("uid")}
    for seen in fleet:
        look = seen.look or {}
        named = {each["object"] for each in look.get("findings") or [] if each["id"] == CHECK}
        for left in look.get("moves") or []:
            if left["what"] == "receiver" and left["object"] in named:
                yield _judged(_pair(seen, left, by_uid), by_uid)


def _pair(target: Seen, left: Mapping[str, Any], by_uid: Mapping[str, Seen]) -> Pair:
    source = by_uid.get(left["source_cluster"])
    told = (source.guests if source else None) or ()
    return Pair(target, left, source, next((each for each in told if each["uid"] == left["source_vm"]), None))


def _judged(pair: Pair, by_uid: Mapping[str, Seen]) -> Entry:
    if pair.source is None or pair.guest is None:
        return _unknown(pair)
    runs = pair.guest["phase"] not in _WAITING
    if runs and pair.arrived:
        return _twice(pair, pair.source.name, pair.guest["vm"])
    if not pair.guest["vm"]:
        return _gone(pair, pair.source.name)
    if pair.departed and not runs:
        return _departed(pair, by_uid)
    if pair.arrived:
        return _holds(pair, f"its source on {pair.source.name} does not run")
    return _stayed(pair, pair.source.name, pair.guest, runs=runs)


def _entry(pair: Pair, found: str, hint: str, playbook: str = MIGRATE) -> Entry:
    where = str(pair.left["object"])
    return Entry(Finding(CHECK, "warning", pair.target.name, where, _WANTED, found, hint), playbook)


def _wrong(pair: Pair, check: str, source: str, found: str, hint: str) -> Entry:
    names = tuple(sorted((source, pair.target.name)))
    where, wanted = str(pair.left["object"]), "the guest in one place"
    return Entry(Finding(check, "error", ", ".join(names), where, wanted, found, hint), clusters=names)


def _unknown(pair: Pair) -> Entry:
    if pair.source is None:
        uid = pair.left["source_cluster"]
        place = f"its source cluster, with the UID {uid}, is none of this run" if uid else "it names no source cluster"
    else:
        place = f"its source cluster {pair.source.name} could not be asked"
    if pair.arrived:
        return _holds(pair, place)
    name = pair.source.name if pair.source else "SOURCE"
    hint = f"Do not delete it before its source was looked at. {way_out(name, pair.target.name, pair.left['vm'])}"
    return _entry(pair, f"{place}: where its guest is, is unknown", hint)


def _twice(pair: Pair, source: str, vm: str) -> Entry:
    """Nothing that may hold a guest is stopped by anybody but the one who knows which of the two is right."""
    found = f"its guest runs on {source} as {vm} and in the receiver, too"
    hint = "Stop one of the two by hand, the one with the older data; touch no disk before."
    return _wrong(pair, "guest-twice", source, found, hint)


def _gone(pair: Pair, source: str) -> Entry:
    found = f"its source VM is gone from {source}"
    if pair.arrived:
        return _holds(pair, found)
    hint = "It may have the only disk of its guest: do not delete it unless the guest is known to run elsewhere."
    return _entry(pair, f"{found}, and nothing says where its guest is", hint, playbook="")


def _holds(pair: Pair, why: str) -> Entry:
    hint = "Do not delete it: its guest is here. Repeat the move, which ends it."
    return _entry(pair, f"{why}, and a guest runs in the receiver", hint)


def _departed(pair: Pair, by_uid: Mapping[str, Seen]) -> Entry:
    """The source says where its guest went: here, or on to another cluster."""
    cluster, namespace, name, uid = pair.departed
    source = pair.source.name if pair.source else ""
    if (cluster, uid) != (pair.target.cluster.get("uid"), pair.left["uid"]):
        where = by_uid[cluster].name if cluster in by_uid else f"the cluster with the UID {cluster}"
        command = giving_up(source, pair.target.name, str((pair.guest or {})["vm"]))
        hint = f"Once the guest is seen on {where}, take the receiver away: {command}."
        return _entry(pair, f"its guest has moved on from {source} to {where} as {namespace}/{name}", hint)
    if pair.arrived:
        return _holds(pair, f"{source} says that its guest has moved here")
    found = f"{source} says that its guest has moved here, and it runs on neither"
    hint = "Its disks are here: do not delete it. Give it its run strategy once the source is sure not to run."
    return _wrong(pair, "guest-nowhere", source, found, hint)


def _stayed(pair: Pair, source: str, guest: Mapping[str, Any], *, runs: bool) -> Entry:
    state = "runs" if runs else f"is {guest['phase']}" if guest["phase"] else "is stopped"
    found = f"its guest {state} on {source} as {guest['vm']}"
    if guest["attempt"]:
        found += f", attempt {guest['attempt']} is open there"
    return _entry(pair, found, f"The receiver is empty. {way_out(source, pair.target.name, guest['vm'])}")
