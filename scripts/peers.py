# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give kubernetes.core its place: ``python scripts/peers.py`` prints the directory to put on the collections' path.

It comes in the package ``ansible``, the only form PyPI has it in: half a gigabyte of collections of which one is
kept. So it is fetched only by what compares with it, and never into the development environment itself.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ["LIVEMIGRATION_CACHE"])
REQUIREMENTS = ROOT / "requirements-peers.txt"
KEPT = ("kubernetes/core",)


def fetch(home: Path) -> None:
    print("Fetching kubernetes.core from the package ansible (once, about a minute).", file=sys.stderr, flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:"]
    with tempfile.TemporaryDirectory(prefix="peers-", dir=CACHE) as name:
        subprocess.run([*pip, "--target", name, "-r", REQUIREMENTS], check=True, stdout=sys.stderr)
        partial = Path(name, "kept")
        for collection in KEPT:
            shutil.copytree(Path(name, "ansible_collections", collection), partial / "ansible_collections" / collection)
        partial.rename(home)


def peers() -> Path:
    """The directory that holds ``ansible_collections`` with the peers, fetched on first use."""
    name = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    home = CACHE / f"peers-{name}"
    with (CACHE / "lock-peers").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            fetch(home)
    return home


if __name__ == "__main__":
    print(peers())
