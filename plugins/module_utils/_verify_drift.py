# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs on a cluster, each entry with the playbook that would mend it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ._checks import Finding
from ._cluster import Object

SITE = "livemigration.kubevirt.site"
MIGRATE = "livemigration.kubevirt.migrate"
TRUST = "livemigration.kubevirt.trust"

MENDED = {
    **dict.fromkeys(("gate-off", "network-unset", "nad-unusable"), SITE),
    **dict.fromkeys(("move-open", "move-given-up", "migration-left", "receiver-left"), MIGRATE),
}
"""Which playbook mends what the checks of a cluster's network find; for the others the hint says what to do."""

MATCHED = frozenset({"receiver-left"})
"""What is told only together with what another cluster says of it."""

UNABLE = frozenset(
    {
        "bad_kubeconfig",
        "deadline_exceeded",
        "forbidden",
        "missing_library",
        "not_connected",
        "server_trouble",
        "too_many_requests",
        "unauthorized",
        "unreachable",
        "webhook_down",
    }
)
"""Reasons of failures that say nothing of the cluster's state, only that it could not be read."""


def unable(failure: Mapping[str, Any]) -> bool:
    """Whether a failure says nothing of the cluster, only that it could not be read."""
    return not failure.get("reason") or failure["reason"] in UNABLE


_MOST = 6
_LONGEST = 120
_ABSENT = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A finding with the playbook that would mend it, empty when none would, and the clusters it concerns."""

    finding: Finding
    playbook: str = ""
    clusters: tuple[str, ...] = ()

    @property
    def concerns(self) -> tuple[str, ...]:
        """The clusters; those of the finding unless it is about several."""
        return self.clusters or (self.finding.cluster,)

    def as_dict(self) -> dict[str, Any]:
        """The entry as the report carries it; the key is the same in every run that finds the same."""
        body: dict[str, Any] = self.finding.as_dict()
        del body["cluster"]
        return {
            "key": "|".join((body["id"], ",".join(self.concerns), body["object"])),
            **body,
            "clusters": list(self.concerns),
            "playbook": self.playbook,
        }


def of_findings(findings: Iterable[Mapping[str, Any]], covered: frozenset[str]) -> Iterator[Entry]:
    """Entries for what the checks of one cluster found.

    :param covered: objects that a playbook would write anyway: what it mends is not told twice.
    """
    for body in findings:
        found = Finding(**body)
        playbook = MENDED.get(found.id, "")
        if not (playbook and found.object in covered):
            yield Entry(found, playbook)


def of_results(cluster: str, results: Iterable[Mapping[str, Any]], playbook: str = SITE) -> Iterator[Entry]:
    """Entries for what modules would write, by their results in check mode."""
    for result in results:
        actions, diffs = result.get("actions") or [], result.get("diff") or []
        for action, diff in zip(actions, diffs, strict=False):
            yield Entry(_difference(cluster, str(action), diff), playbook)


def refused(cluster: str, failure: Mapping[str, Any]) -> Entry:
    """The entry for a comparison that a module refused: the inventory and the cluster do not go together."""
    where = str(failure.get("object") or "") or "inventory"
    texts = [str(failure.get(part) or "") for part in ("wanted", "found", "hint")]
    check = str(failure.get("reason") or "refused").replace("_", "-")
    return Entry(Finding(check, "error", str(failure.get("cluster") or "") or cluster, where, *texts))


def _difference(cluster: str, action: str, diff: Mapping[str, Any]) -> Finding:
    header = str(diff.get("after_header") or diff.get("before_header") or "")
    where = header.removeprefix(f"{cluster} ") or action.removeprefix(f"{cluster}: ")
    before, after = diff.get("before") or {}, diff.get("after") or {}
    _said, _colon, why = action.partition(f" {where}: ")
    reason = f" ({why})" if why else ""
    if not before:
        return Finding("object-missing", "error", cluster, where, f"it to exist{reason}", "none", "")
    if not after:
        return Finding("object-unwanted", "error", cluster, where, f"none{reason}", "it exists", "")
    changes = list(changed(before, after))
    wanted = _list(f"{path} {_text(new)}" for path, _old, new in changes)
    found = _list(f"{path} {_text(old)}" for path, old, _new in changes)
    return Finding("object-differs", "error", cluster, where, wanted, found, "")


def changed(before: Object, after: Object) -> Iterator[tuple[str, Any, Any]]:
    """The fields in which two objects differ: path, old value, new value; what is not there is ``None``."""
    yield from _changed("", before, after)


def _changed(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    before, after = _unpacked(before), _unpacked(after)
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            inner = f"{path}.{key}" if path else str(key)
            yield from _changed(inner, before.get(key, _ABSENT), after.get(key, _ABSENT))
    elif before != after:
        yield path, None if before is _ABSENT else before, None if after is _ABSENT else after


def _unpacked(value: Any) -> Any:
    """A configuration inside a text field (CNI) is compared by its fields."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _text(value: Any) -> str:
    if value is None:
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _list(texts: Iterable[str]) -> str:
    found = list(texts)
    more = f" and {len(found) - _MOST} more" if len(found) > _MOST else ""
    return ", ".join(found[:_MOST]) + more
