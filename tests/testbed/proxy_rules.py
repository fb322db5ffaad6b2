# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a proxy may do to a request instead of, before or after passing it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
# Questions that are asked with POST: they leave nothing behind.
_REVIEWS = ("reviews", "subjectrulesreviews")


@dataclass(slots=True)
class Request:
    """One request as the proxy saw it; the status is 0 until there is an answer."""

    number: int
    method: str
    path: str
    query: dict[str, str]
    agent: str
    body: bytes = b""
    status: int = 0

    @property
    def dry_run(self) -> bool:
        return bool(self.query.get("dryRun"))

    @property
    def watch(self) -> bool:
        return self.query.get("watch", "") in ("1", "true", "True")

    @property
    def write(self) -> bool:
        """Whether it is meant to change something: no read, no dry run, no question about rights."""
        asks = self.path.rpartition("/")[2].endswith(_REVIEWS)
        return self.method in WRITES and not self.dry_run and not asks

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Action:
    """What happens to a request; the default is to pass it on untouched."""

    delay: float = 0.0
    """Seconds before anything else."""
    status: int = 0
    """Answer with this status and never ask the API server."""
    reason: str = ""
    message: str = "injected by the test bed"
    retry_after: int | None = None
    reset: bool = False
    """Cut the connection before the API server hears of the request."""
    reset_after: bool = False
    """Pass it on, then cut the connection instead of answering: it happened and nobody knows."""
    hang: bool = False
    """Never answer."""
    gone: bool = False
    """For a watch: say that the version is too old (410), so that the client must list again."""
    before: Callable[[Request], None] | None = None
    """Called, and waited for, before the request is passed on (in a thread)."""
    after: Callable[[Request], None] | None = None
    """The same once the API server answered, before the client hears of it."""


Match = Callable[[Request], bool]


@dataclass(slots=True)
class Rule:
    """An action for the requests that match: from the nth on, for so many times."""

    action: Action
    match: Match
    nth: int = 1
    times: int | None = None
    seen: int = field(default=0, init=False)

    def applies(self, request: Request) -> bool:
        """Counts as it goes, so ask once a request."""
        if not self.match(request):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times is None or self.seen < self.nth + self.times)


def anything(_request: Request) -> bool:
    return True


def writes(request: Request) -> bool:
    return request.write


def watches(request: Request) -> bool:
    return request.watch


def requests(method: str = "*", path: str = "*") -> Match:
    """Method and path with wildcards, e.g. requests("PATCH", "*/kubevirts/*")."""
    return lambda request: fnmatchcase(request.method, method) and fnmatchcase(request.path, path)
