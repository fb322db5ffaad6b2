# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a launcher pod ends by itself: its QEMU process left, so its compute container terminated."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Literal

from ..kube import Api, Conflict, NotFound
from ..resources import Object
from . import vmi as it


async def end_pod(api: Api, pod: Mapping[str, Any], how: Literal["Succeeded", "Failed"], now: str) -> None:
    """As the kubelet writes it; nothing when the pod has gone or has ended already."""
    meta = pod["metadata"]
    while True:
        fresh = await api.get("pods", meta["name"], meta["namespace"])
        if fresh is None or fresh["metadata"]["uid"] != meta["uid"] or it.pod_is_down(fresh):
            return
        try:
            await api.update_status("pods", ended(fresh, how, now))
        except Conflict:
            continue
        except NotFound:
            pass
        return


def ended(pod: Object, how: Literal["Succeeded", "Failed"], now: str) -> Object:
    """The pod with the status it has after its guest's process left."""
    done = copy.deepcopy(pod)
    code = 0 if how == "Succeeded" else 1
    done["status"]["phase"] = how
    for container in done["status"].get("containerStatuses") or []:
        if container["name"] == "compute":
            container |= {"ready": False, "started": False}
            container["state"] = {"terminated": {"exitCode": code, "finishedAt": now, "startedAt": None}}
    for condition in done["status"].get("conditions") or []:
        if condition["type"] in ("Ready", "ContainersReady"):
            condition |= {"status": "False", "reason": "PodCompleted", "lastTransitionTime": now}
    return done
