# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report makes of a fleet, for the tests of the report."""

from __future__ import annotations

import copy
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _verify as verify
from ansible_collections.livemigration.kubevirt.plugins.module_utils._verify_bundles import Bundles
from unit.verify_fleet import pair
from unit.verify_schema import assert_valid


def judged(
    seen: dict[str, Any],
    trust: list[dict[str, Any]] | None = None,
    findings: list[dict[str, Any]] | None = None,
    bundles: Bundles | None = None,
    probe: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The report, held to its schema; nothing that was read is changed by it, and no key stands twice."""
    before = copy.deepcopy(seen)
    pairs = [pair()] if trust is None else trust
    report = verify.report(seen, pairs, findings or [], "2026-11-23T02:00:00+00:00", bundles or Bundles(), probe)
    assert seen == before
    assert_valid(report)
    told = [*report["drift"], *report["warnings"]]
    assert len({each["key"] for each in told}) == len(told)
    return report


def ids(report: dict[str, Any], which: str = "drift") -> list[str]:
    """The checks that found something."""
    return [each["id"] for each in report[which]]


def outcomes(report: dict[str, Any]) -> list[str]:
    """What became of each cluster."""
    return [each["outcome"] for each in report["clusters"]]


def look(seen: dict[str, Any], cluster: str = "cluster-b") -> dict[str, Any]:
    """What migration_network_info found on a cluster, to be broken."""
    found: dict[str, Any] = seen[cluster]["look"]
    return found


def finding(check: str, where: str, severity: str = "error") -> dict[str, str]:
    """What a check of the first cluster says."""
    texts = {"wanted": "this", "found": "that", "hint": "Do it."}
    return {"id": check, "severity": severity, "cluster": "cluster-a", "object": where, **texts}
