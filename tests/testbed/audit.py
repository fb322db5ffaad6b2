# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who wrote what: the API server's audit log, which holds every write and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .resources import Object


@dataclass(frozen=True, slots=True)
class Write:
    """One write as the API server saw it, refused ones too."""

    user: str
    verb: str
    path: str
    dry_run: bool
    code: int
    agent: str
    time: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Audit:
    """The log of one cluster; a mark is a place in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mark(self) -> int:
        return self.path.stat().st_size

    def writes(self, user: str | None = "admin", since: int = 0, dry_run: bool = False) -> list[Write]:
        """Writes of a user (None: of all) since a mark; dry runs change nothing and count only if asked for."""
        return [write for write in self._read(since) if user in (None, write.user) and (dry_run or not write.dry_run)]

    def _read(self, since: int) -> Iterator[Write]:
        with self.path.open("rb") as log:
            log.seek(since)
            for line in log:
                # The API server may be in the midst of the last line.
                if line.endswith(b"\n"):
                    yield _write(json.loads(line))


def _write(event: Object) -> Write:
    url = urlsplit(event["requestURI"])
    return Write(
        user=(event.get("impersonatedUser") or event["user"]).get("username", ""),
        verb=event["verb"],
        path=url.path,
        dry_run=bool(parse_qs(url.query).get("dryRun")),
        code=int(event.get("responseStatus", {}).get("code", 0)),
        agent=event.get("userAgent", ""),
        time=event["stageTimestamp"],
    )
