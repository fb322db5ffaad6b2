# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration NAD of one cluster: see what is there, decide, write."""

from __future__ import annotations

import dataclasses
from typing import Any

from . import _nad_capacity as capacity
from . import _nad_config as cni
from . import _nad_kinds as kinds
from . import _nad_overlaps as overlaps
from . import _nad_pool as pool
from . import _nad_users as users
from . import _whereabouts as whereabouts
from ._checks import refuse
from ._cluster import Cluster, Object, namespaced_name
from ._errors import Busy, MigrationError, Missing
from ._job import Job, Result
from ._nad_config import Wanted
from ._nad_options import wanted_of
from ._plan import Plan, create, merge, plan_of, remove
from ._resources import NAD, NAMESPACE
from ._whereabouts import Allocation, Network


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was found on the cluster.

    :param mine: the NAD of the wanted name and namespace.
    :param config: its parsed configuration.
    :param others: every NAD of the cluster.
    :param given: the allocations of the range's pool, ``None`` where they cannot be read.
    :param networks: other networks of the cluster with what they are.
    :param closed: kinds that might name more of them and may not be read.
    """

    cluster: Cluster
    mine: Object | None = None
    config: Object | None = None
    others: tuple[Object, ...] = ()
    given: tuple[Allocation, ...] | None = ()
    networks: tuple[tuple[str, Network], ...] = ()
    closed: tuple[str, ...] = ()


def observe(cluster: Cluster, wanted: Wanted) -> Seen:
    """Read everything the decision needs. :raises Missing: without Multus."""
    attachments = _attachments(cluster)
    mine = next((item for item in attachments if namespaced_name(item) == f"{wanted.namespace}/{wanted.name}"), None)
    config = cni.parse(mine, wanted.link.kind) if mine else None
    given = pool.allocations(cluster, pool_of(wanted, config))
    networks, closed = overlaps.observe(cluster, wanted.link.bridge)
    return Seen(
        cluster,
        mine,
        config,
        tuple(attachments),
        None if given is None else tuple(given),
        tuple(networks),
        tuple(closed),
    )


def _attachments(cluster: Cluster) -> list[Object]:
    try:
        return cluster.list(NAD)
    except Missing as error:
        hint = "Multus is not installed on this cluster: install it first."
        found = f"no CRD {NAD.full_name}"
        raise Missing("Multus' NetworkAttachmentDefinition kind", found, hint=hint, reason="multus_missing") from error


def pool_of(wanted: Wanted, config: Object | None) -> str:
    """The IPPool that the network draws from."""
    return whereabouts.pool_name(wanted.slice.network, cni.network_name(config or {}))


def plan(wanted: Wanted, seen: Seen) -> Plan:
    """Decide what to write. :raises BadInput: for what would break the network, here or on another cluster."""
    cluster = seen.cluster
    findings = cni.poison(seen.config, wanted, cluster.name) if seen.config else []
    findings += pool.rivals(wanted, seen.config or {}, cluster.name, list(seen.others))
    findings += overlaps.check(wanted, (*seen.networks, *wanted.avoid), cluster.name)
    refuse(findings)
    warnings = _clashes(wanted, seen)
    after = cni.desired(wanted, seen.config)
    text = cni.render(after)
    piece = wanted.slice.as_dict()
    why = f"{wanted.link}, mtu {wanted.mtu}, addresses {piece['first']} to {piece['last']}"
    if seen.mine is None:
        body: Object = {
            "apiVersion": NAD.api_version,
            "kind": NAD.kind,
            "metadata": {"name": wanted.name, "namespace": wanted.namespace},
            "spec": {"config": text},
        }
        if wanted.link.annotations:
            body["metadata"]["annotations"] = wanted.link.annotations
        return plan_of([create(cluster, NAD, body, why)], warnings)
    patch: Object = {} if cni.same(seen.config or {}, after) else {"spec": {"config": text}}
    if wanted.link.annotations:
        patch["metadata"] = {"annotations": wanted.link.annotations}
    return plan_of([merge(cluster, NAD, seen.mine, patch, why)], warnings)


def _clashes(wanted: Wanted, seen: Seen) -> list[str]:
    others = {
        namespaced_name(item): plugin
        for item in seen.others
        if namespaced_name(item) != f"{wanted.namespace}/{wanted.name}"
        for plugin in cni.plugins(item)[:1]
    }
    return [
        f"{seen.cluster.name}: {found}; the kernel gives an interface to one of both, so that the pods of only one of "
        "the networks start on a node."
        for found in kinds.clashes(wanted.link, others)
    ]


def changed_allocation(wanted: Wanted, seen: Seen) -> bool:
    """Whether pods that start from now on draw from other addresses than before."""
    if seen.config is None:
        return False
    return cni.allocatable(seen.config) != cni.allocatable(cni.desired(wanted, seen.config))


def outside(wanted: Wanted, seen: Seen) -> list[dict[str, str]] | None:
    """Addresses in use that are not of this cluster's slice; ``None`` where the pool cannot be read.

    whereabouts never takes an address back: they live until their pods are restarted.
    """
    if seen.given is None:
        return None
    return [{"address": str(each.address), "pod": each.pod} for each in seen.given if each.address not in wanted.slice]


def work(job: Job) -> Result:
    """The whole work of the module."""
    params = job.params
    try:
        return _absent(job) if params["state"] == "absent" else _present(job)
    except MigrationError as error:
        error.located(job.cluster.name, f"NetworkAttachmentDefinition {params['namespace']}/{params['name']}")
        raise


def _present(job: Job) -> Result:
    cluster = job.cluster
    wanted, warnings = wanted_of(job.params)
    seen = observe(cluster, wanted)
    planned = plan(wanted, seen)
    needed = capacity.need(cluster, wanted.namespace, job.params["growth"], job.params["required_addresses"])
    capacity.check(wanted, needed, cluster.name)
    if seen.mine is None and cluster.get(NAMESPACE, wanted.namespace) is None:
        hint = "The NAD lives where KubeVirt is installed: install KubeVirt first, or correct namespace."
        raise Missing(f"namespace {wanted.namespace}", "no such namespace", hint=hint, reason="namespace_missing")
    if seen.closed:
        kinds = ", ".join(seen.closed)
        warnings.append(f"the range was not compared with networks that {kinds} name, which may not be read.")
    strays = outside(wanted, seen)
    if strays:
        names = ", ".join(f"{each['address']} ({each['pod']})" for each in strays)
        warnings.append(f"addresses outside of the slice are in use until their pods are restarted: {names}.")
    # A NAD is read when a pod starts; those that run keep what they have.
    stale = users.pods(cluster, wanted.name, wanted.namespace) if planned.changed and seen.mine else []
    job.apply(planned)
    return job.finish(
        planned,
        warnings=[f"{cluster.name}: {warning}" for warning in warnings],
        migration_nad=_facts(wanted, seen)
        | {
            "changed_allocation": changed_allocation(wanted, seen),
            "out_of_slice": strays,
            "capacity": needed.as_dict(wanted.slice.size),
            "migration_pods_restart_required": bool(stale),
            "pods": stale,
        },
    )


def _facts(wanted: Wanted, seen: Seen) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "namespace": wanted.namespace,
        "kind": wanted.link.kind,
        "bridge": wanted.link.bridge or None,
        "master": wanted.link.master or None,
        "vlan": wanted.link.vlan or None,
        "resource_name": wanted.link.resource or None,
        "mtu": wanted.mtu,
        "range": str(wanted.slice.network),
        "slice": wanted.slice.as_dict(),
        "pool": pool_of(wanted, seen.config),
        "config": cni.desired(wanted, seen.config),
    }


_NOTHING: dict[str, Any] = {
    "kind": None,
    "bridge": None,
    "master": None,
    "vlan": None,
    "resource_name": None,
    "mtu": None,
    "range": None,
    "slice": None,
    "pool": None,
    "config": None,
    "changed_allocation": False,
    "out_of_slice": None,
    "capacity": None,
    "migration_pods_restart_required": False,
    "pods": [],
}


def _absent(job: Job) -> Result:
    cluster, name, namespace = job.cluster, job.params["name"], job.params["namespace"]
    nothing = {"name": name, "namespace": namespace, **_NOTHING}
    try:
        mine = cluster.get(NAD, name, namespace)
    except Missing:
        # Without Multus there is no NAD either.
        mine = None
    if mine is None:
        return job.finish(Plan(), migration_nad=nothing)
    warnings = _refuse_use(job, name, namespace)
    planned = plan_of([remove(cluster, NAD, mine, "the migration network is no longer wanted")], warnings)
    job.apply(planned)
    return job.finish(planned, migration_nad=nothing)


def _refuse_use(job: Job, name: str, namespace: str) -> list[str]:
    """Refuse while the NAD is in use; in check mode only warn, an earlier task may have ended that by then."""
    owners = [f"KubeVirt {each}" for each in users.namers(job.cluster, name, namespace)]
    owners += [f"pod {each}" for each in users.pods(job.cluster, name, namespace)]
    if not owners:
        return []
    if job.check_mode:
        return [f"{job.cluster.name}: the NAD can go only once nobody uses it; now these do: {', '.join(owners)}."]
    raise Busy(
        "nobody to use the NAD",
        ", ".join(owners),
        hint="Take the network out of KubeVirt's settings and let its pods restart first: without the NAD "
        "whereabouts cannot free their addresses.",
        reason="nad_in_use",
    )
