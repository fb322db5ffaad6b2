# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The test bed's README says what the test bed does."""

from __future__ import annotations

from pathlib import Path

import pytest
import testbed.cli
from testbed.cli import VERBS, main

README = (Path(testbed.cli.__file__).parent / "README.md").read_text()


def test_the_table_of_faults_is_the_one_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["faults"]) == 0
    table = capsys.readouterr().out.strip()
    assert table in README, f"put this into tests/testbed/README.md:\n{table}"


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_is_explained(verb: str) -> None:
    assert any(line.startswith("| `") and f"`{verb}" in line for line in README.splitlines())
