# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bed: clusters with their simulators in one event loop, and what one can ask of them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import build, demo
from .fabric import Fabric
from .faults import FAULTS
from .member import Member
from .settings import Settings

Log = Callable[[str], None]


def beds() -> Path:
    """Where the beds keep their state, one directory each."""
    return Path(os.environ.get("TESTBED_STATE") or build.cache() / "beds").absolute()


class Bed:
    """All clusters of one daemon."""

    def __init__(self, name: str, changes: Sequence[str] = (), log: Log = print) -> None:
        self.name = name
        self.directory = beds() / name
        self.fabric = Fabric()
        self.members: dict[str, Member] = {}
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        """Names of processes that ended by themselves."""
        self._changes = changes
        self._log = log
        self._started = time.time()

    async def up(self, clusters: Sequence[str]) -> None:
        """Wipe what an earlier bed of this name left and start the clusters side by side."""
        _check_names([self.name])
        _check_names(clusters)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, mode=0o700)
        settings = {name: self._settings(name, clusters) for name in clusters}
        program = await asyncio.to_thread(build.controlplane, self._log)
        await asyncio.gather(*(self._start(name, program, settings[name]) for name in clusters))
        self._save()

    async def add(self, name: str) -> dict[str, Any]:
        """One more cluster in the running bed."""
        if name in self.members:
            raise ValueError(f"the bed has a cluster {name} already")
        _check_names([name])
        program = await asyncio.to_thread(build.controlplane, self._log)
        try:
            await self._start(name, program, self._settings(name, [*self.members, name]))
        except BaseException:
            await self._drop(name)
            raise
        self._save()
        return self.members[name].describe()

    async def down(self) -> None:
        """Stop everything; of the state only the logs stay."""
        await asyncio.gather(*(member.stop() for member in self.members.values()))
        for left in (*self.directory.glob("*.kubeconfig"), self.directory / "bed.json"):
            left.unlink(missing_ok=True)

    def member(self, name: str) -> Member:
        try:
            return self.members[name]
        except KeyError:
            raise ValueError(f"no cluster {name!r}; there are: {', '.join(self.members)}") from None

    def chosen(self, name: str | None) -> list[Member]:
        """One cluster by name, or all."""
        return [self.member(name)] if name else list(self.members.values())

    async def vm(self, cluster: str, name: str, namespace: str, seconds: float) -> dict[str, Any]:
        """A demo VM on one cluster, once it runs; its network is known to all of them."""
        member = self.member(cluster)
        await asyncio.gather(*(demo.network(one.site, namespace) for one in self.members.values()))
        vmi = await demo.run_vm(member.site, name, namespace, seconds)
        return {"cluster": cluster, "namespace": namespace, "name": name, "node": vmi["status"].get("nodeName")}

    def status(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "pid": os.getpid(),
            "directory": str(self.directory),
            "seconds": round(time.time() - self._started),
            "clusters": {name: member.status() for name, member in self.members.items()},
            "partitions": self.fabric.partitions(),
            "listeners": self.fabric.listeners(),
        }

    async def ready(self, seconds: float) -> dict[str, Any]:
        await asyncio.gather(*(member.ready(seconds) for member in self.members.values()))
        return {"ready": True}

    def set_fault(self, name: str, cluster: str | None, times: int | None, args: dict[str, str]) -> dict[str, Any]:
        numbers = {
            member.site.name: member.site.faults.set(name, times=times, **args) for member in self.chosen(cluster)
        }
        return {"fault": name, "numbers": numbers}

    def clear_faults(self, name: str | None, cluster: str | None) -> dict[str, Any]:
        cleared = sum(member.site.faults.clear(name) for member in self.chosen(cluster))
        if name is None and cluster is None:
            cleared += len(self.fabric.partitions())
            self.fabric.heal()
        return {"cleared": cleared}

    def list_faults(self) -> dict[str, Any]:
        on = [
            {"cluster": name, "fault": one.name, "args": one.args, "times": one.times, "number": one.number}
            for name, member in self.members.items()
            for one in member.site.faults.active()
        ]
        known = {name: {"doc": fault.doc, "args": fault.args} for name, fault in sorted(FAULTS.items())}
        return {"active": on, "partitions": self.fabric.partitions(), "known": known}

    def partition(self, source: str, target: str, one_way: bool) -> dict[str, Any]:
        """Drop what the sites say to each other."""
        self.fabric.partition(self.member(source).site.name, self.member(target).site.name, one_way)
        return {"partitions": self.fabric.partitions()}

    def heal(self, source: str | None = None, target: str | None = None) -> dict[str, Any]:
        self.fabric.heal(source, target)
        return {"partitions": self.fabric.partitions()}

    def _settings(self, name: str, clusters: Sequence[str]) -> Settings:
        """From NAME=VALUE for all clusters and CLUSTER.NAME=VALUE for one, which wins."""
        settings = Settings()
        common = [change for change in self._changes if "." not in change.partition("=")[0]]
        own = [change for change in self._changes if change not in common]
        for change in common:
            settings.change(*_split(change))
        for change in own:
            cluster, _dot, rest = change.partition(".")
            if cluster not in {*clusters, *self.members}:
                raise ValueError(f"setting {change!r} names no cluster of this bed ({', '.join(clusters)})")
            if cluster == name:
                settings.change(*_split(rest))
        return settings

    async def _start(self, name: str, program: Path, settings: Settings) -> None:
        index = len(self.members)
        member = Member(name, index, self.directory, program, settings, self.fabric, self._log)
        self.members[name] = member
        await member.start(self.ended.put_nowait)
        self._log(f"{name}: ready after {time.time() - self._started:.1f} s")

    async def _drop(self, name: str) -> None:
        """Forget a cluster that did not start, so that it can be tried again."""
        if (member := self.members.pop(name, None)) is not None:
            await member.stop()
            shutil.rmtree(member.cluster.directory, ignore_errors=True)

    def _save(self) -> None:
        """bed.json: what other programs need to find the clusters; written whole or not at all."""
        content = {
            "name": self.name,
            "pid": os.getpid(),
            "directory": str(self.directory),
            "clusters": {name: member.describe() for name, member in self.members.items()},
        }
        new = self.directory / "bed.json.new"
        new.write_text(json.dumps(content, indent=2))
        new.rename(self.directory / "bed.json")


def _check_names(names: Sequence[str]) -> None:
    """Names become directories and host names."""
    for name in names:
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", name):
            raise ValueError(f"wanted a name of at most 40 letters a-z, digits and hyphens, found {name!r}")
    if len(set(names)) != len(names):
        raise ValueError(f"a name occurs twice: {', '.join(names)}")


def _split(change: str) -> tuple[str, str]:
    name, equals, value = change.partition("=")
    if not equals:
        raise ValueError(f"wanted NAME=VALUE, found {change!r}")
    return name, value
