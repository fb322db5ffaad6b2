# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on demand: named switches that simulators ask about and that tests and the CLI set."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class Fault:
    """What a fault does, and its arguments with what each means."""

    doc: str
    args: dict[str, str] = field(default_factory=dict)


FAULTS: dict[str, Fault] = {}
"""Every fault there is; a simulator's module adds its own with register()."""


def register(name: str, doc: str, **args: str) -> str:
    """Make a fault known, e.g. NAME = register("copy-failure", "the copy dies", vm="namespace/name")."""
    FAULTS[name] = Fault(doc, args)
    return name


@dataclass(slots=True)
class Active:
    """A fault that is on. `times` counts down with every take() and switches it off at zero."""

    number: int
    name: str
    args: dict[str, Any]
    times: int | None = None


class UnknownFault(Exception):
    """A name or an argument that no simulator knows."""


class Faults:
    """The faults of one site."""

    def __init__(self) -> None:
        self._active: list[Active] = []
        self._numbers = itertools.count(1)
        self._listeners: list[Callable[[str], None]] = []

    def set(self, name: str, *, times: int | None = None, **args: Any) -> int:
        """Switch a fault on; its arguments narrow it, e.g. vm="default/vm-*". Returns its number."""
        known = FAULTS.get(name)
        if known is None:
            raise UnknownFault(f"no fault {name!r}; there are: {', '.join(sorted(FAULTS))}")
        if strange := sorted(set(args) - set(known.args)):
            raise UnknownFault(f"fault {name} has no {', '.join(strange)}; it has: {', '.join(known.args)}")
        active = Active(next(self._numbers), name, args, times)
        self._active.append(active)
        self._tell(name)
        return active.number

    def clear(self, name: str | None = None, number: int | None = None) -> int:
        """Switch off by name, by number or all; returns how many were on."""
        gone = [one for one in self._active if name in (None, one.name) and number in (None, one.number)]
        self._active = [one for one in self._active if one not in gone]
        for changed in sorted({one.name for one in gone}):
            self._tell(changed)
        return len(gone)

    def active(self) -> list[Active]:
        return list(self._active)

    def get(self, name: str, default: Any = None, **where: str) -> Any:
        """The arguments (a dict) of the first such fault that fits, else the default."""
        found = self._find(name, where)
        return found.args if found else default

    def take(self, name: str, default: Any = None, **where: str) -> Any:
        """As get(), and uses up one of the fault's `times`."""
        found = self._find(name, where)
        if found is None:
            return default
        if found.times is not None:
            found.times -= 1
            if found.times <= 0:
                self.clear(number=found.number)
        return found.args

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call with the fault's name whenever it is switched on or off."""
        self._listeners.append(listener)

    def _find(self, name: str, where: dict[str, str]) -> Active | None:
        if name not in FAULTS:
            raise UnknownFault(f"fault {name!r} is asked for but was never registered")
        return next((one for one in self._active if one.name == name and _fits(one.args, where)), None)

    def _tell(self, name: str) -> None:
        for listener in self._listeners:
            listener(name)


def _fits(args: dict[str, Any], where: dict[str, str]) -> bool:
    """An argument the caller speaks about must match (with wildcards); those absent match everything."""
    return all(fnmatchcase(str(value), str(args[key])) for key, value in where.items() if key in args)
