# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clean copy of the checkout at the path that Ansible's own tools insist on.

ansible-test resolves symbolic links and then misses ``ansible_collections`` in the path; a build from a used
checkout ships whatever caches lie around. Both work from this copy: what git tracks or would track.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ["LIVEMIGRATION_CACHE"])


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    names = {Path(name) for name in listed.stdout.split("\0") if name}
    return sorted(name for name in names if (ROOT / name).is_file())


@contextlib.contextmanager
def exported(leave_out: Callable[[Path], bool] = lambda name: False) -> Iterator[Path]:
    """The collection's directory in a temporary tree, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="export-", dir=CACHE) as top:
        target = Path(top, "ansible_collections", "livemigration", "kubevirt")
        for name in filter(lambda name: not leave_out(name), files()):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
        yield target
