# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the project, in order, one line each. ``make test`` runs all, ``make lint`` a part."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ["LIVEMIGRATION_CACHE"])
# The checkout under the name Python and Ansible import it by (scripts/dev.py puts the tree on both paths).
HERE = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"], "ansible_collections", "livemigration", "kubevirt")

PYTEST = "python -m pytest -q -p no:cacheprovider"
COVERAGE = "--cov --cov-report=term --no-cov-on-fail"


@dataclass(frozen=True, slots=True)
class Step:
    part: str
    name: str
    command: str


# Fast things first: what fails in seconds is known in seconds.
STEPS = (
    Step("lint", "format", "ruff format --check --diff ."),
    Step("lint", "ruff", "ruff check ."),
    Step("lint", "spelling", "codespell"),
    Step("lint", "changelog", "antsibull-changelog lint"),
    Step("lint", "yaml", "yamllint --strict ."),
    Step("lint", "layers", "lint-imports --no-cache"),
    Step("lint", "types", f"mypy --cache-dir={CACHE}/mypy {HERE}/plugins tests scripts"),
    Step(
        "lint", "documentation", "antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self ."
    ),
    Step("lint", "ansible-lint", "ansible-lint --offline --strict -q"),
    Step("unit", "repository", f"{PYTEST} tests/repo"),
    Step("unit", "unit", f"{PYTEST} {COVERAGE} tests/unit"),
    Step("artifact", "artifact", "python scripts/artifact.py"),
    Step("sanity", "sanity", "python scripts/sanity.py"),
    Step("testbed", "test bed", "python -m testbed build"),
    Step("integration", "integration", f"{PYTEST} tests/integration tests/conformance"),
    Step("molecule", "molecule", "molecule test --all"),
)


# What a step itself says of its size ("412 passed"), taken from its last lines.
SUMMARY = re.compile(r"\b\d+ (?:failed|passed|tests? run)\b[^\n=]*")


def run(step: Step) -> bool:
    """Run one step; its output is shown only if it fails, its line in any case."""
    print(f"{step.name:<14}", end=" ", flush=True)
    started = time.monotonic()
    done = subprocess.run(
        step.command.split(),
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    seconds = time.monotonic() - started
    said = SUMMARY.findall(done.stdout)
    note = f"  {said[-1].strip()}" if said else ""
    print(f"{'ok' if done.returncode == 0 else 'FAILED':<6} {seconds:7.1f} s{note}", flush=True)
    if done.returncode:
        print(f"\n$ {step.command}\n{done.stdout.rstrip()}\nexit {done.returncode}\n", flush=True)
    return done.returncode == 0


def main(parts: list[str]) -> int:
    unknown = set(parts) - {step.part for step in STEPS}
    if unknown:
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}")
    started = time.monotonic()
    results = [run(step) for step in STEPS if not parts or step.part in parts]
    print(f"{'all':<14} {'':<6} {time.monotonic() - started:7.1f} s")
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
