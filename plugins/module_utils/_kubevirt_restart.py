# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KubeVirt's pods that are older than the bridge they hang on: they are cut off, and nothing says so.

A bridge that was deleted and made anew does not have the ports of the pods that were there before. That a pod is
older than the bridge can be seen at any time, so a run that was interrupted between both is finished by the next.
"""

from __future__ import annotations

import datetime
import math

from . import _kubevirt as kv
from . import _kubevirt_pods as pods
from . import _kubevirt_rollout as rollout
from . import _quiet as quiet
from ._argspec import ArgumentSpec, cluster_options
from ._cluster import Cluster, Object, namespaced_name
from ._errors import BadInput
from ._job import Job, Result
from ._kubevirt_rollout import Seen
from ._plan import Plan, plan_of, remove
from ._resources import POD
from ._wait import Verdict

SPEC = cluster_options().merge(
    ArgumentSpec(
        {
            "namespace": {"type": "str"},
            "name": {"type": "str"},
            "older_than": {"type": "str"},
            "wait_for_migrations": {"type": "int", "default": 0},
            "wait_timeout": {"type": "int", "default": 900},
        }
    )
)
_HARM = "A virt-handler that restarts takes the migrations through it along."


def work(job: Job) -> Result:
    """Restart the pods that are older."""
    params, cluster = job.params, job.cluster
    kubevirt = kv.find(cluster, params["namespace"], params["name"])
    stale = older(cluster, kv.namespace_of(kubevirt), _moment(params["older_than"]) or job.clock.wall())
    deadline = job.clock.now() + params["wait_timeout"]
    why = "it is older than the bridge that it hangs on, which does not know it"
    done = restart(job, kubevirt, stale, why, deadline=deadline)
    return job.finish(done, kubevirt_restart={"pods": [namespaced_name(pod) for pod in stale]})


def restart(
    job: Job, kubevirt: Object, stale: list[Object], why: str, *, deadline: float, during_migrations: bool = False
) -> Plan:
    """Restart pods, the first alone, then a tenth of them at a time, as KubeVirt itself rolls virt-handler."""
    before = rollout.read(job.cluster, kv.namespace_of(kubevirt), kubevirt["metadata"]["name"])
    done, left = Plan(), stale
    while left:
        size = 1 if len(left) == len(stale) else max(1, math.ceil(len(stale) / 10))
        part, left = (left, []) if job.check_mode else (left[:size], left[size:])
        seconds = job.params["wait_for_migrations"]
        warnings = quiet.require(job, _HARM, seconds=seconds, allow=during_migrations)
        plan = plan_of([remove(job.cluster, POD, pod, why) for pod in part], warnings)
        job.apply(plan)
        done += plan
        if not job.check_mode:
            _await(job, before, part, job.left(deadline))
    return done


def older(cluster: Cluster, namespace: str, moment: datetime.datetime) -> list[Object]:
    """The pods on the migration network that were made before a moment, synchronization last."""
    selector = f"kubevirt.io in ({kv.HANDLER},{kv.SYNC_CONTROLLER})"
    found = [
        body
        for body in cluster.list(POD, namespace, selector)
        if not body["metadata"].get("deletionTimestamp")
        and pods.of(body).attached is not None
        and (made := _moment(body["metadata"].get("creationTimestamp"))) is not None
        and made < moment
    ]
    return sorted(found, key=lambda body: (body["metadata"]["labels"]["kubevirt.io"], body["metadata"]["name"]))


def _moment(text: str | None) -> datetime.datetime | None:
    if not text:
        return None
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError as error:
        wanted = "older_than as a time such as 2026-11-22T22:30:00Z"
        hint = "Take the creationTimestamp of the L2VNI."
        raise BadInput(wanted, repr(text), hint=hint, reason="older_than_invalid") from error
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _await(job: Job, before: Seen, gone: list[Object], seconds: float) -> None:
    """Wait until others have taken their places.

    The workloads' own counts may still praise those that are gone, so the pods are counted.
    """
    namespace, name = kv.namespace_of(before.kubevirt), before.kubevirt["metadata"]["name"]
    names, wanted = {pod["metadata"]["name"] for pod in gone}, len(before.pods)

    def look() -> Verdict:
        seen = rollout.read(job.cluster, namespace, name)
        ready = [pod for pod in seen.pods if pod.ready and pod.name not in names]
        if len(ready) < wanted:
            return Verdict(False, f"{len(ready)} of {wanted} pods ready")
        if kv.gate_on(seen.kubevirt) and seen.leader not in {pod.name for pod in ready}:
            # A new pod may have the address of one that is gone, so the address alone proves nothing.
            return Verdict(False, f"no pod of {kv.SYNC_CONTROLLER} leads yet")
        return rollout.verdict(seen)

    job.wait(
        look,
        seconds=seconds,
        expected="the restarted pods on the migration network",
        object=", ".join(sorted(f"Pod {namespace}/{each}" for each in names)),
        hint=rollout.HINT,
        pause=0.5,
    )
