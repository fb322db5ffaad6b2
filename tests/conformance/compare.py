# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold what the test bed did against a recording of the real controllers.

Two comparisons, both free of names, times and random ids:

* the *story* of every object: the ordered list of distinct states of chosen fields (`stories`,
  `differences`);
* the *shape* of whole objects: the set of their key paths (`shape`, `shape_differences`).

A row is one line of a recording: `t`, `site`, `event`, `kind`, `name` and what the object showed then.
`recorder.py` turns live watch events into the same rows, with the `version` that the API server gave the object.
"""

from __future__ import annotations

import difflib
import fnmatch
import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]
State = Any
Chooser = Callable[[Row], State]  # the fields of a row that are compared; None leaves the row out

GONE = "gone"
RECORDINGS = Path(__file__).parent / "recordings"


class Who(NamedTuple):
    """Whose story it is; `name` after normalisation."""

    site: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} at {self.site}"


Stories = dict[Who, list[State]]


def load(name: str | Path) -> list[Row]:
    """Rows of a recording, given by path or by its name in the recordings folder; `.gz` is unpacked."""
    path = Path(name)
    if not path.is_absolute():
        path = RECORDINGS / path
    if path.suffix == ".gz":
        with gzip.open(path, "rt") as packed:
            return [json.loads(line) for line in packed]
    return [json.loads(line) for line in path.read_text().splitlines()]


class Aliases:
    """Random ids and names told apart, but written as <word 1>, <word 2>, … in order of appearance.

    One instance serves one recording: an id that comes back gets the alias it had, so the comparison still
    sees which values are equal to each other, which is what matters of a fingerprint or a UID.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._count: dict[str, int] = {}

    def of(self, word: str, value: str) -> str:
        """The alias of `value` among those of kind `word`; empty values stay empty."""
        if not value:
            return value
        key = (word, value)
        if key not in self._known:
            self._count[word] = self._count.get(word, 0) + 1
            self._known[key] = f"<{word} {self._count[word]}>"
        return self._known[key]


def stories(
    rows: Iterable[Row],
    choosers: Mapping[str, Chooser],
    *,
    rename: Callable[[Row], str] = lambda row: str(row["name"]),
    skip: Callable[[Who, State], bool] = lambda who, state: False,
) -> Stories:
    """Per object the ordered list of distinct states, `GONE` after its deletion.

    `choosers` names the kinds that are looked at. `rename` takes randomness out of names (and may fold
    several objects into one story). `skip` drops states that are only visible when timing allows it.
    """
    told: Stories = {}
    for row in rows:
        choose = choosers.get(row["kind"])
        if choose is None:
            continue
        who = Who(row["site"], row["kind"], rename(row))
        state = GONE if row["event"] == "DELETED" else choose(row)
        if state is None or (state != GONE and skip(who, state)):
            continue
        story = told.setdefault(who, [])
        if not story or story[-1] != state:
            story.append(state)
    return told


def differences(recorded: Stories, seen: Stories) -> list[str]:
    """Readable differences, object by object; empty when every story is the same."""
    found = []
    for who in sorted(recorded.keys() | seen.keys()):
        if who not in seen:
            found.append(f"{who}: recorded, but never seen on the test bed")
        elif who not in recorded:
            found.append(f"{who}: seen on the test bed, but not in the recording")
        elif recorded[who] != seen[who]:
            lines = difflib.unified_diff(
                _lines(recorded[who]), _lines(seen[who]), "recorded", "test bed", lineterm="", n=2
            )
            found.append(f"{who}: another story\n" + "\n".join(f"    {line}" for line in lines))
    return found


def _lines(story: list[State]) -> list[str]:
    return [state if isinstance(state, str) else json.dumps(state, sort_keys=True) for state in story]


def shape(value: Any, path: str = "") -> set[str]:
    """Key paths of an object: `.spec.template`, `.status.conditions[].type`; list items are folded."""
    match value:
        case dict():
            deeper = (shape(child, f"{path}.{key}") for key, child in value.items())
            return set().union({path} - {""}, *deeper)
        case list():
            return set().union({path}, *(shape(child, f"{path}[]") for child in value))
        case _:
            return {path}


def shape_differences(recorded: Any, seen: Any, *, ignore: Iterable[str] = ()) -> list[str]:
    """Key paths that only one of the two has; `ignore` holds shell patterns of paths (`[]` is literal)."""
    # `[` opens a character class for fnmatch, but in a path it is only the mark of a list item.
    patterns = [pattern.replace("[]", "[[]]") for pattern in ignore]

    def kept(paths: set[str]) -> set[str]:
        return {path for path in paths if not any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)}

    real, ours = kept(shape(recorded)), kept(shape(seen))
    return [f"missing on the test bed: {path}" for path in sorted(real - ours)] + [
        f"not in the recording: {path}" for path in sorted(ours - real)
    ]


def conditions(row: Row, *, reasons: bool = True) -> list[str]:
    """Conditions of a row as `Type=Status Reason`, sorted."""
    return sorted(
        f"{type_}={status}" + (f" {reason}" if reasons and reason else "")
        for type_, status, reason in ((*entry, "")[:3] for entry in row.get("conditions", []))
    )
