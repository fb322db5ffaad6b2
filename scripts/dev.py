# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command in the development environment: ``python3 scripts/dev.py pytest tests/unit``.

The environment is made on first use and kept outside the repository, in LIVEMIGRATION_CACHE. It is named by
what it is made from (the requirement files and the Python), so an out-of-date one is never used. Only the
standard library is needed here, and this file must be readable by a Python that is too old, to say so.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
REQUIREMENTS = ("requirements-dev.txt", "meta/ee-requirements.txt")
COLLECTION = Path("ansible_collections", "livemigration", "kubevirt")


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LIVEMIGRATION_CACHE") or Path(base, "livemigration.kubevirt")).absolute()


def fingerprint(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def version_of_python() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(*command: str | Path) -> None:
    """Run a command of the bootstrap quietly; its output is shown only when it fails."""
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        say(done.stdout.decode(errors="replace"))
        raise SystemExit(f"Preparing the environment failed (exit {done.returncode}): {' '.join(map(str, command))}")


def need_venv() -> None:
    """Debian ships Python without ensurepip; as root we may add it, otherwise we say who must."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python{version_of_python()}-venv"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"This Python has no ensurepip: installing Debian's {package} (apt-get install {package}).")
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
        return
    raise SystemExit(
        f"{sys.executable} cannot make virtual environments: its module ensurepip is missing.\n"
        f"On Debian or Ubuntu install it once: sudo apt-get install {package}\n"
        "Or name another Python: make PYTHON=/path/to/python3 ..."
    )


def environment(directory: Path) -> Path:
    """The virtual environment, made if it is not there. A half-made one (interrupted) is made again."""
    sources = [(ROOT / name).read_bytes() for name in REQUIREMENTS]
    name = fingerprint(*sources, sys.version.encode(), sys.base_prefix.encode())
    home = directory / f"venv-{name}"
    complete = home / "complete"
    if complete.exists():
        return home
    need_venv()
    say(f"Preparing the development environment in {home} (once, one or two minutes).")
    started = time.monotonic()
    shutil.rmtree(home, ignore_errors=True)
    base = Path(getattr(sys, "_base_executable", sys.executable))
    run(base, "-m", "venv", home)
    pip = (home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--no-input")
    run(*pip, "--only-binary", ":all:", "-r", ROOT / REQUIREMENTS[0])
    complete.touch()
    say(f"Prepared in {time.monotonic() - started:.0f} s.")
    return home


def tree(directory: Path) -> Path:
    """A directory in which this checkout has the path Ansible and Python import it from.

    It lies outside the repository: a link to its own ancestor would send file walkers round in circles.
    """
    top = directory / f"tree-{fingerprint(os.fsencode(ROOT))}"
    link = top / COLLECTION
    link.parent.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.readlink() == ROOT):
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT)
    return top


def variables(home: Path, top: Path, directory: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    return inherited | {
        "LIVEMIGRATION_CACHE": str(directory),
        "VIRTUAL_ENV": str(home),
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": f"{top}{os.pathsep}{ROOT / 'tests'}",
        "ANSIBLE_COLLECTIONS_PATH": str(top),
    }


def main(command: list[str]) -> None:
    if sys.version_info < OLDEST:
        raise SystemExit(
            f"Python >= {'.'.join(map(str, OLDEST))} is needed, and {sys.executable} is {version_of_python()}.\n"
            "Name another one: make PYTHON=python3.11 ..."
        )
    directory = cache()
    if command == ["--forget"]:
        shutil.rmtree(directory, ignore_errors=True)
        return
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home = environment(directory)
        top = tree(directory)
    env = variables(home, top, directory)
    program = shutil.which(command[0], path=env["PATH"]) if command else None
    if not program:
        raise SystemExit(f"{' '.join(command[:1]) or 'nothing given'}: no such command in {home / 'bin'} or on PATH")
    os.execve(program, command, env)


if __name__ == "__main__":
    main(sys.argv[1:])
