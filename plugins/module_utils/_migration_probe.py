# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe of the migration network between clusters: one pod on each, all at once, none left behind."""

from __future__ import annotations

import secrets
from typing import Any

from . import _kubevirt as kv
from . import _kubevirt_pods as pods
from . import _plan
from . import _probe_pod as probe
from . import _probe_run as runs
from ._checks import errors
from ._cluster import Cluster, Object
from ._errors import BadInput, Missing
from ._job import Job, Result
from ._plan import Plan, plan_of
from ._probe_links import ALONE, WITHOUT_NETWORK, Place, Site, findings, links
from ._probe_run import Ground
from ._resources import NAD, POD
from ._sync_address import parse


def work(job: Job) -> Result:
    """Probe, unless in check mode; what is removed of an interrupted run is the only lasting change."""
    grounds, without = observe(job)
    if len(grounds) < 2:
        alone = [Site(each.cluster.name, "", "", "", each.places, {"error": ALONE}) for each in grounds]
        return job.finish(Plan(), migration_probe=_result([] if job.check_mode else [*alone, *without]))
    run = secrets.token_hex(4)
    swept, made = plan(job, grounds, run)
    later = _later(grounds, made)
    _plan.refuse_forbidden(made + later, job.clusters)
    actions = (swept + made).actions() + [sentence for sentence in later.actions() if ": delete " in sentence]
    if job.check_mode:
        job.apply(swept)
        return job.finish(swept, actions=actions, migration_probe=_result([]))
    if swept.changed:
        job.apply(swept)
        runs.await_absence(job, grounds)
    warnings: list[str] = []
    if job.params["allow_raw_sockets"]:
        warnings.append("allow_raw_sockets: the probes run as root with the capability NET_RAW")
    try:
        sites = runs.run(job, grounds, made, run)
    except BaseException:
        # Also on Ctrl-C; whatever this cannot reach any more, the next run sweeps.
        runs.clean_up(job, grounds, run)
        raise
    warnings += runs.clean_up(job, grounds, run, wait=True)
    # Behind those that were probed, whose reports name each other by their places.
    return job.finish(swept, actions=actions, warnings=warnings, migration_probe=_result([*sites, *without]))


def observe(job: Job) -> tuple[list[Ground], list[Site]]:
    """Where the probes will run and what they will look for, and the clusters on which none can."""
    if len(job.clusters) < 2:
        hint = "Name every cluster of the fleet in clusters."
        raise BadInput("at least two clusters", str(len(job.clusters)), hint=hint, reason="too_few_clusters")
    grounds, without = [], []
    for cluster in job.clusters.values():
        try:
            grounds.append(_ground(cluster))
        except Missing as error:
            if error.reason not in WITHOUT_NETWORK:
                raise
            # The others are probed all the same.
            report = {"error": error.found, "missing": error.reason, "wanted": error.wanted, "hint": error.hint}
            without.append(Site(cluster.name, "", "", "", (), report))
    return grounds, without


def plan(job: Job, grounds: list[Ground], run: str) -> tuple[Plan, Plan]:
    """What is removed of an interrupted run, and the pods that are made, one a cluster."""
    params = job.params
    swept, made = [], []
    for ground in grounds:
        why = "a probe that was interrupted has left it"
        swept += [_plan.remove(ground.cluster, POD, pod, why) for pod in ground.leftovers]
        body = probe.render(
            ground.namespace,
            ground.network,
            params["image"],
            run,
            patience=params["wait_timeout"] + runs.SLACK,
            lifetime=params["wait_timeout"] + params["duration"] + 2 * runs.SLACK,
            raw=params["allow_raw_sockets"],
            secrets=params["image_pull_secrets"] or [],
            tolerations=list(ground.tolerations),
        )
        made.append(_plan.create(ground.cluster, POD, body, f"to probe {ground.network}"))
    return Plan(tuple(swept)), Plan(tuple(made))


def _later(grounds: list[Ground], made: Plan) -> Plan:
    """What else is written to each pod that is made: its orders, and its end."""
    changes = []
    for ground, change in zip(grounds, made.changes, strict=True):
        pod = change.after or {}
        changes.append(_plan.merge(ground.cluster, POD, pod, probe.orders({"run": ""}), "its orders"))
        changes.append(_plan.remove(ground.cluster, POD, pod, "it is needed only while the probe runs"))
    return plan_of(changes)


def _ground(cluster: Cluster) -> Ground:
    kubevirt = kv.find(cluster)
    namespace, network = kv.namespace_of(kubevirt), kv.network(kubevirt)
    if network is None:
        hint = "Give the cluster its migration network first (module kubevirt_migrations)."
        raise Missing("a migration network", "the pod network", cluster.name, kv.title(kubevirt), hint, "no_network")
    place, _slash, name = network.rpartition("/")
    if cluster.get(NAD, name, place or namespace) is None:
        where = f"NetworkAttachmentDefinition {place or namespace}/{name}"
        hint = "Make it with module migration_nad."
        raise Missing("the NAD of the migration network", "none", cluster.name, where, hint, "no_nad")
    found = [pod for pod in pods.read(cluster, namespace) if pod.addresses]
    doors = [parse(text, kv.sync_port(kubevirt)) for text in kv.sync_addresses(kubevirt)]
    return Ground(
        cluster,
        namespace,
        network,
        tuple(Place(pod.name, pod.node, str(pod.addresses[0]), pod.mac.lower()) for pod in found),
        tuple((str(door.ip), door.port) for door in doors if door is not None),
        tuple(cluster.list(POD, namespace, probe.SELECTOR)),
        _tolerations(kubevirt),
    )


def _tolerations(kubevirt: Object) -> tuple[Object, ...]:
    workloads = (kubevirt.get("spec") or {}).get("workloads") or {}
    return tuple((workloads.get("nodePlacement") or {}).get("tolerations") or [])


def _result(sites: list[Site]) -> dict[str, Any]:
    found = findings(sites)
    return {
        "passed": bool(sites) and not errors(found),
        "findings": [each.as_dict() for each in found],
        "messages": [str(each) for each in found],
        "links": [link.as_dict() for link in links(sites)],
        "probes": [site.as_dict() for site in sites],
    }
