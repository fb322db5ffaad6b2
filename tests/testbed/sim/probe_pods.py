# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pods of the data-plane probe: they run the program they bring along, in real network namespaces.

What a pod's container would see is made from the pod itself: the files of its downward API volume, its command, its
capabilities and sysctls. What it would find on the wire is made by probe_network.py from what the bed knows.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from ..controller import Controller, key_of, split_key
from ..faults import register
from ..resources import Object
from ..site import Site
from .probe_network import network_of

LABEL = "livemigration.kubevirt/probe"
UNTOLD = register("volume-stale", "kubelets no longer show changed annotations in the volumes of running pods")

_LONGEST = 4096  # what a kubelet keeps of a termination message


class ProbePods(Controller):
    """The container runtime of the pods with the probe's label; the kubelet has brought them to Running."""

    name: ClassVar[str] = "probe-pods"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._running: dict[str, tuple[str, Path, asyncio.Task[None]]] = {}  # by key: UID, root, the program

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {"pods": lambda pod: (key_of(pod),) if LABEL in (pod["metadata"].get("labels") or {}) else ()}

    async def stop(self) -> None:
        for key in list(self._running):
            await self._end(key)

    async def reconcile(self, key: str) -> None:
        namespace, name = split_key(key)
        pod = self.store("pods").get(name, namespace)
        uid, root, _program = self._running.get(key, ("", Path(), None))
        if uid and (pod is None or pod["metadata"]["uid"] != uid):
            await self._end(key)
            uid = ""
        if pod is None or pod.get("status", {}).get("phase") != "Running" or "deletionTimestamp" in pod["metadata"]:
            return
        if not uid:
            await self._begin(key, pod)
        elif self.site.faults.get(UNTOLD) is None:
            show(pod, root)

    async def _begin(self, key: str, pod: Object) -> None:
        root = self.site.directory / "pods" / pod["metadata"]["uid"]
        show(pod, root)
        await network_of(self.site.fabric).enter(self.site, pod)
        program = asyncio.create_task(self._run(key, pod, root))
        self._running[key] = (pod["metadata"]["uid"], root, program)

    async def _run(self, key: str, pod: Object, root: Path) -> None:
        container = pod["spec"]["containers"][0]
        done = await network_of(self.site.fabric).run(
            self.site, pod, [_word(word, root) for word in container["command"]], root
        )
        message = root / Path(container["terminationMessagePath"]).name
        text = message.read_text()[:_LONGEST] if message.exists() else ""
        if done["code"] and not text and container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            text = done["output"][-2048:]
        namespace, name = split_key(key)
        if (now := self.store("pods").get(name, namespace)) is None or now["metadata"]["uid"] != pod["metadata"]["uid"]:
            return
        now["status"] = ended(now, done["code"], text, self.site.now())
        await self.site.api("kubelet").update_status("pods", now)

    async def _end(self, key: str) -> None:
        uid, root, program = self._running.pop(key)
        program.cancel()
        await asyncio.gather(program, return_exceptions=True)
        await network_of(self.site.fabric).leave(self.site, uid)
        shutil.rmtree(root, ignore_errors=True)


def show(pod: Object, root: Path) -> None:
    """The files of the pod's downward API volumes, where its container mounts them."""
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["spec"]["containers"][0].get("volumeMounts") or []}
    for volume in pod["spec"].get("volumes") or []:
        for item in (volume.get("downwardAPI") or {}).get("items") or []:
            name = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
            path = root / mounts[volume["name"]].lstrip("/") / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            # Written aside and moved, as the kubelet does: a reader sees the old file or the new one.
            new = path.with_name(f"{path.name}.new")
            new.write_text((pod["metadata"].get("annotations") or {}).get(name, ""))
            new.rename(path)


def ended(pod: Object, code: int, text: str, now: str) -> Object:
    """The status of a pod whose container has ended and is not started again."""
    status: dict[str, Any] = dict(pod["status"])
    state = {"exitCode": code, "reason": "Error" if code else "Completed", "message": text, "finishedAt": now}
    status["phase"] = "Failed" if code else "Succeeded"
    status["containerStatuses"] = [
        each | {"ready": False, "started": False, "state": {"terminated": state}}
        for each in status["containerStatuses"]
    ]
    status["conditions"] = [
        each | ({"status": "False", "reason": "PodCompleted"} if each["type"] in ("Ready", "ContainersReady") else {})
        for each in status["conditions"]
    ]
    return status


def _word(word: str, root: Path) -> str:
    """A word of the command as it is on this machine: our interpreter, and paths below the pod's root."""
    if word == "python3":
        return sys.executable
    return (
        str(root / ("termination-log" if word == "/dev/termination-log" else word.lstrip("/")))
        if word[0] == "/"
        else word
    )
