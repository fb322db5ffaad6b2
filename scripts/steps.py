# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the project, in order, one line each. ``make test`` runs all, ``make lint`` a part."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ["LIVEMIGRATION_CACHE"])
# The checkout under the name Python and Ansible import it by (scripts/dev.py puts the tree on both paths).
HERE = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"], "ansible_collections", "livemigration", "kubevirt")

PYTEST = "python -m pytest -q -p no:cacheprovider"
# A file's tests stay with one worker and in their order: many share a bed, some tell a story. (Groups of
# pytest-xdist would be finer; pytest 9.2 lets their marks go unheard.)
WORKERS = "-n auto --dist loadfile --no-loadscope-reorder"
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
    Step(
        "integration",
        "address plan",
        f"{PYTEST} --hypothesis-profile=thorough tests/unit/test_address_plan_properties.py",
    ),
    Step("integration", "integration", f"{PYTEST} {WORKERS} tests/conformance tests/integration"),
    Step("molecule", "molecule", "molecule test --all"),
)


# Seconds after which a step hangs rather than works; all together stay below the limit of an integration run.
LIMIT = 60 * 60

# Most steps keep one core busy, so two run at a time; the long ones at the end share theirs (a third was no faster).
AT_A_TIME = min(os.cpu_count() or 1, 2)

# What a step itself says of its size ("412 passed"), taken from its last lines.
SUMMARY = re.compile(r"\b\d+ (?:failed|passed|tests? run)\b[^\n=]*")

_printing = threading.Lock()
_running: set[subprocess.Popen[str]] = set()


def run(step: Step, limit: float = LIMIT) -> bool:
    """Run one step; its output is shown only if it fails, its line in any case."""
    started = time.monotonic()
    code, output = outcome(step.command, limit)
    said = SUMMARY.findall(output)
    note = f"  {said[-1].strip()}" if said else ""
    line = f"{step.name:<14} {'FAILED' if code else 'ok':<6} {time.monotonic() - started:7.1f} s{note}"
    with _printing:
        print(line, flush=True)
        if code:
            print(f"\n$ {step.command}\n{output.rstrip()}\nexit {code}\n", flush=True)
    return not code


def outcome(command: str, limit: float) -> tuple[int | str, str]:
    """The exit code, or why there is none, and what was printed."""
    with subprocess.Popen(
        command.split(),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        _running.add(process)
        try:
            output, _nothing = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            end(process)
            output, _nothing = process.communicate()
            return f"none, stopped after {limit:.0f} s", output
        finally:
            _running.discard(process)
        return process.returncode, output


def end(process: subprocess.Popen[str]) -> None:
    """Kill a step with all it started: it is a session of its own, and Ctrl-C does not reach it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run_all(chosen: list[Step]) -> list[bool]:
    """Run steps in their order, some at a time; on Ctrl-C those that run are ended and no other begins."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        try:
            return list(pool.map(run, chosen))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(_running):
                end(process)
            raise


def main(parts: list[str]) -> int:
    unknown = set(parts) - {step.part for step in STEPS}
    if unknown:
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}")
    chosen = [step for step in STEPS if not parts or step.part in parts]
    print(f"steps: {len(chosen)}, {AT_A_TIME} at a time; a line when one has ended", flush=True)
    started = time.monotonic()
    results = run_all(chosen)
    print(f"{'all':<14} {'':<6} {time.monotonic() - started:7.1f} s")
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
