# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a probe: pods made, set to work all at once, heard and removed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from . import _plan
from . import _probe_pod as probe
from ._cluster import Cluster, Object
from ._errors import BadInput, Conflict, DeadlineExceeded, MigrationError
from ._job import Job
from ._plan import Plan, plan_of
from ._probe_links import Place, Site
from ._resources import POD
from ._wait import Verdict

SLACK = 120
"""Seconds that a kubelet may take to show a pod its orders, and the API server to let a pod go."""

_START = (
    "look at its events: an image that cannot be pulled (option image names another), a NAD that cannot be attached,"
    " a full address pool, or no node with room"
)


@dataclasses.dataclass(slots=True)
class Ground:
    """One cluster on which a probe runs.

    :param network: the NAD, as a pod in KubeVirt's namespace asks for it.
    :param leftovers: pods of a run that was interrupted.
    :param tolerations: what KubeVirt's own workloads tolerate.
    :param pod: our pod as it was seen last, ``None`` before it is made and when it is gone.
    :param address: address and MAC of the pod once it has run.
    """

    cluster: Cluster
    namespace: str
    network: str
    places: tuple[Place, ...]
    doors: tuple[tuple[str, int], ...]
    leftovers: tuple[Object, ...]
    tolerations: tuple[Object, ...]
    pod: Object | None = None
    address: tuple[str, str] | None = None

    def look(self) -> None:
        """Read the pod again."""
        found = self.cluster.get(POD, probe.NAME, self.namespace)
        # One of the same name that is not ours is another run's.
        same = found and self.pod and found["metadata"]["uid"] == self.pod["metadata"]["uid"]
        self.pod = found if same else None
        self.address = (self.pod and probe.address(self.pod)) or self.address

    @property
    def running(self) -> bool:
        """Whether the probe can be given orders."""
        return self.pod is not None and self.address is not None and not probe.ended(self.pod)

    @property
    def over(self) -> bool:
        """Whether nothing more is to be expected of it."""
        return self.pod is None or probe.ended(self.pod)


def run(job: Job, grounds: list[Ground], made: Plan, name: str) -> list[Site]:
    """Probe once. A cluster whose pod does not start or speak is a finding, the others are probed all the same."""
    for ground, change in zip(grounds, made.changes, strict=True):
        try:
            ground.pod = job.apply(Plan((change,)))[change.ref]
        except Conflict as error:
            error.hint = "Another run probes this cluster right now: wait for its end."
            raise
    _until(job, grounds, lambda ground: ground.running or ground.over, job.params["wait_timeout"], "running probes")
    ready = [number for number, ground in enumerate(grounds) if ground.running]
    late = {
        ground.cluster.name: f"the pod did not start: {probe.trouble(ground.pod)}; {_START}"
        for ground in grounds
        if not ground.running and not ground.over
    }
    _refuse_two_families(grounds)
    job.apply(_orders(job, grounds, ready, name))
    seconds = job.params["duration"] + SLACK
    _until(job, [grounds[number] for number in ready], lambda ground: ground.over, seconds, "the results of all probes")
    return [_site(job, ground, late.get(ground.cluster.name)) for ground in grounds]


def clean_up(job: Job, grounds: list[Ground], name: str, *, wait: bool = False) -> list[str]:
    """Remove the pods of this run; what cannot be removed is said, and swept by the next run."""
    warnings = []
    for ground in grounds:
        try:
            for pod in ground.cluster.list(POD, ground.namespace, probe.SELECTOR):
                if probe.run_of(pod) == name:
                    job.apply(Plan((_plan.remove(ground.cluster, POD, pod, "the probe is over"),)))
        except MigrationError as error:
            warnings.append(f"{ground.cluster.name}: Pod {ground.namespace}/{probe.NAME} may be left: {error}")
    try:
        if wait and not warnings:
            await_absence(job, grounds)
    except DeadlineExceeded as error:
        warnings.append(str(error))
    return warnings


def await_absence(job: Job, grounds: list[Ground]) -> None:
    """Until the pods are gone, and with them their addresses."""

    def look() -> Verdict:
        left = [each for each in grounds if each.cluster.list(POD, each.namespace, probe.SELECTOR)]
        return Verdict(not left, f"still there on {', '.join(each.cluster.name for each in left)}")

    hint = "A node that does not answer keeps its pods: see its state. The next run removes what is left."
    _wait(job, grounds, look, SLACK, "no pod of a probe", hint)


def _until(job: Job, grounds: list[Ground], done: Callable[[Ground], bool], seconds: float, expected: str) -> None:
    """Wait for all; those that are late at the deadline stay as they are."""

    def look() -> Verdict:
        for ground in grounds:
            if not done(ground):
                ground.look()
        late = [ground for ground in grounds if not done(ground)]
        reasons = (f"{ground.cluster.name}: {probe.trouble(ground.pod) or 'it runs'}" for ground in late)
        return Verdict(not late, "; ".join(reasons))

    try:
        _wait(job, grounds, look, seconds, expected, "The others are probed without it.")
    except DeadlineExceeded as error:
        job.tell(str(error))


def _wait(
    job: Job, grounds: list[Ground], look: Callable[[], Verdict], seconds: float, expected: str, hint: str
) -> None:
    job.wait(
        look,
        seconds=seconds,
        expected=expected,
        clusters=[ground.cluster for ground in grounds],
        object=f"Pod {probe.NAME}",
        hint=hint,
        pause=0.5,
    )


def _refuse_two_families(grounds: list[Ground]) -> None:
    versions = {ground.cluster.name: 6 if ":" in ground.address[0] else 4 for ground in grounds if ground.address}
    if len(set(versions.values())) > 1:
        found = ", ".join(f"{name} IPv{version}" for name, version in versions.items())
        hint = "KubeVirt uses the first address of migration0: let the first range of every NAD be of one family."
        raise BadInput("one family of addresses on all clusters", found, hint=hint, reason="mixed_families")


def _orders(job: Job, grounds: list[Ground], ready: list[int], name: str) -> Plan:
    """What each probe is told; clusters are numbered as in ``grounds``."""
    probes = [(number, *(grounds[number].address or ("", ""))) for number in ready]
    targets = [[number, place.address, place.mac] for number, ground in enumerate(grounds) for place in ground.places]
    doors = [[number, *door] for number, ground in enumerate(grounds) for door in ground.doors]
    changes = []
    for number, address, _mac in probes:
        ground = grounds[number]
        told = {
            "run": name,
            "me": number,
            "seconds": job.params["duration"],
            "address": address,
            "peers": [each for each in probes if each[0] != number],
            "targets": targets,
            "doors": [each for each in doors if each[0] != number],
        }
        if ground.pod is not None:
            changes.append(_plan.merge(ground.cluster, POD, ground.pod, probe.orders(told), "its orders"))
    return plan_of(changes)


def _site(job: Job, ground: Ground, late: str | None) -> Site:
    address, mac = ground.address or ("", "")
    node = ((ground.pod or {}).get("spec") or {}).get("nodeName") or ""
    if late:
        found = {"error": late}
    elif ground.pod is None:
        found = {"error": "the pod is gone: another run has taken over, or somebody has deleted it"}
    elif not probe.ended(ground.pod):
        found = {"error": "the pod has not come to its end in time"}
    else:
        found = probe.report(ground.pod)
    return Site(ground.cluster.name, address, mac.lower(), node, ground.places, found, job.params["mtu"] or 0)
