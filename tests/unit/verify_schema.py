# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds reports to the documented schema."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

PATH = Path(__file__).resolve().parents[2] / "docs" / "verify_schema.json"


@functools.cache
def _validator() -> Draft202012Validator:
    schema = json.loads(PATH.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def assert_valid(report: dict[str, Any]) -> None:
    """Fails the test with every place where the report is not as documented."""
    told = json.loads(json.dumps(report))
    assert [f"{error.json_path}: {error.message[:300]}" for error in _validator().iter_errors(told)] == []


def is_valid(report: dict[str, Any]) -> bool:
    """Whether the report is as documented."""
    return bool(_validator().is_valid(report))
