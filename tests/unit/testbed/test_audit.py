# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit log answers who wrote what since when."""

from __future__ import annotations

import json
from pathlib import Path

from testbed.audit import Audit


def _event(user: str, uri: str, verb: str = "create", **more: object) -> str:
    event = {"user": {"username": user}, "requestURI": uri, "verb": verb, "stageTimestamp": "now", **more}
    return json.dumps(event) + "\n"


def test_writes_by_user_without_dry_runs(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(
        _event("admin", "/api/v1/pods", responseStatus={"code": 201})
        + _event("admin", "/api/v1/pods?dryRun=All&fieldValidation=Strict")
        + _event("kubelet", "/api/v1/pods")
    )
    audit = Audit(log)
    assert [(write.user, write.path, write.code) for write in audit.writes()] == [("admin", "/api/v1/pods", 201)]
    assert [write.dry_run for write in audit.writes(dry_run=True)] == [False, True]
    assert [write.user for write in audit.writes(user=None)] == ["admin", "kubelet"]


def test_only_what_came_after_the_mark_counts(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(_event("admin", "/before"))
    audit = Audit(log)
    mark = audit.mark()
    with log.open("a") as file:
        file.write(_event("admin", "/after"))
    assert [write.path for write in audit.writes(since=mark)] == ["/after"]


def test_a_line_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_text(_event("admin", "/whole") + '{"user": {"user')
    assert [write.path for write in Audit(log).writes()] == ["/whole"]
