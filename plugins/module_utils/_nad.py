# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration NAD of one cluster: see what is there, decide, write."""

from __future__ import annotations

import dataclasses
from typing import Any

from . import _nad_capacity as capacity
from . import _nad_config as cni
from . import _nad_family as family
from . import _nad_kinds as kinds
from . import _nad_overlaps as overlaps
from . import _nad_pool as pool
from . import _nad_removal as removal
from . import _whereabouts as whereabouts
from ._addresses import Slice
from ._checks import Finding, refuse
from ._cluster import Cluster, Object, namespaced_name
from ._errors import Missing, located
from ._job import Job, Result
from ._nad_config import Wanted
from ._nad_family import Choice, Family
from ._nad_options import wanted_of
from ._nad_users import User
from ._plan import Change, Plan, create, merge, plan_of
from ._resources import NAD, NAMESPACE
from ._whereabouts import Allocation, Network


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was found on the cluster.

    :param family: the NADs of the network and, where it matters, who uses them.
    :param choice: the one of them that is to be the network.
    :param others: every NAD of the cluster that is not of the family.
    :param given: the allocations of the range's pool, ``None`` where they cannot be read.
    :param pools: all of whereabouts' pools, none where they cannot be read.
    :param networks: other networks of the cluster with what they are.
    :param closed: kinds that might name more of them and may not be read.
    """

    cluster: Cluster
    family: Family
    choice: Choice
    others: tuple[Object, ...] = ()
    given: tuple[Allocation, ...] | None = ()
    pools: tuple[Object, ...] = ()
    networks: tuple[tuple[str, Network], ...] = ()
    closed: tuple[str, ...] = ()


def observe(cluster: Cluster, wanted: Wanted) -> Seen:
    """Read everything the decision needs. :raises Missing: without Multus or whereabouts."""
    attachments = _attachments(cluster)
    seen = family.observe(cluster, wanted.name, wanted.namespace, attachments)
    if family.fitting(wanted, seen) is None:
        # Only a change concerns those who use the network; all pods of a cluster are many.
        seen = family.with_users(cluster, seen)
    choice = family.choose(wanted, seen)
    pools = pool.read(cluster)
    names = [pool_of(piece, choice.before) for piece in wanted.pieces]
    networks, closed = overlaps.observe(cluster, [wanted.link.bridge, *_bridges(seen)])
    return Seen(
        cluster,
        seen,
        choice,
        tuple(item for item in attachments if item not in seen.members.values()),
        None if pools is None else tuple(pool.allocations(pools, *names)),
        tuple(pools or ()),
        tuple(networks),
        tuple(closed),
    )


def _bridges(seen: Family) -> list[str]:
    return [str(plugin.get("bridge") or "") for item in seen.members.values() for plugin in cni.plugins(item)[:1]]


def _attachments(cluster: Cluster) -> list[Object]:
    try:
        return cluster.list(NAD)
    except Missing as error:
        hint = "Multus is not installed on this cluster: install it first."
        found = f"no CRD {NAD.full_name}"
        raise Missing("Multus' NetworkAttachmentDefinition kind", found, hint=hint, reason="multus_missing") from error


def pool_of(piece: Slice, config: Object | None) -> str:
    """The IPPool that one of its ranges draws from."""
    return whereabouts.pool_name(piece.network, cni.network_name(config or {}))


def plan(wanted: Wanted, seen: Seen) -> Plan:
    """Decide what to write. :raises BadInput: for what would break the network, here or on another cluster."""
    refuse(_findings(wanted, seen))
    change = _creation(wanted, seen) if seen.choice.way == "create" else _change(wanted, seen)
    return plan_of([change], [*_clashes(wanted, seen), *_dropped(wanted, seen)])


def _findings(wanted: Wanted, seen: Seen) -> list[Finding]:
    cluster, before = seen.cluster.name, seen.choice.before
    own = pool.own([*seen.family.members.values()]) | {pool_of(piece, before) for piece in wanted.pieces}
    return [
        *(cni.poison(before, wanted, cluster) if before else []),
        *pool.rivals(wanted, before or {}, cluster, list(seen.others)),
        *pool.leftovers(wanted, seen.pools, own, cluster),
        *overlaps.check(wanted, (*seen.networks, *wanted.avoid), cluster),
    ]


def _creation(wanted: Wanted, seen: Seen) -> Change:
    why = _why(wanted)
    if seen.family.leading is not None:
        why += f", beside {seen.family.leading}, whose pods keep what they have"
    metadata: Object = {
        "name": seen.choice.name,
        "namespace": wanted.namespace,
        "labels": {family.LABEL: wanted.name},
    }
    if wanted.link.annotations:
        metadata["annotations"] = wanted.link.annotations
    body: Object = {
        "apiVersion": NAD.api_version,
        "kind": NAD.kind,
        "metadata": metadata,
        "spec": {"config": cni.render(configuration(wanted, seen.choice))},
    }
    return create(seen.cluster, NAD, body, why)


def _change(wanted: Wanted, seen: Seen) -> Change | None:
    choice, after = seen.choice, configuration(wanted, seen.choice)
    found = seen.family.members[choice.name]
    patch: Object = {} if cni.same(choice.before or {}, after) else {"spec": {"config": cni.render(after)}}
    # Guarded: what was judged is what is changed.
    patch["metadata"] = {"resourceVersion": found["metadata"]["resourceVersion"]}
    if wanted.link.annotations:
        patch["metadata"]["annotations"] = wanted.link.annotations
    return merge(seen.cluster, NAD, found, patch, _why(wanted))


def _why(wanted: Wanted) -> str:
    piece = wanted.slice.as_dict()
    return f"{wanted.link}, mtu {wanted.mtu}, addresses {piece['first']} to {piece['last']}"


def configuration(wanted: Wanted, choice: Choice) -> Object:
    """The configuration of the chosen NAD, as it is to be."""
    named = dataclasses.replace(wanted, name=choice.name)
    if choice.way != "create" or choice.before is None:
        return cni.desired(named, choice.before)
    return cni.desired(named, choice.before | {"name": choice.name})


def _clashes(wanted: Wanted, seen: Seen) -> list[str]:
    others = {namespaced_name(item): plugin for item in seen.others for plugin in cni.plugins(item)[:1]}
    return [
        f"{seen.cluster.name}: {found}; the kernel gives an interface to one of both, so that the pods of only one of "
        "the networks start on a node."
        for found in kinds.clashes(wanted.link, others)
    ]


def _dropped(wanted: Wanted, seen: Seen) -> list[str]:
    ipam = cni.main_plugin(seen.choice.before or {}).get("ipam") or {}
    if wanted.second or not ipam.get("ipRanges"):
        return []
    ranges = ", ".join(str(entry.get("range")) for entry in ipam["ipRanges"])
    return [f"{seen.cluster.name}: pods get no address of {ranges} any more, because second_range is not set."]


def changed_allocation(wanted: Wanted, seen: Seen) -> bool:
    """Whether pods that start from now on draw from other addresses than before."""
    before = seen.choice.before
    if before is None:
        return False
    return cni.allocatable(before) != cni.allocatable(configuration(wanted, seen.choice))


def outside(wanted: Wanted, seen: Seen) -> list[dict[str, str]] | None:
    """Addresses in use that are not of this cluster's slice; ``None`` where the pool cannot be read.

    whereabouts never takes an address back: they live until their pods are restarted.
    """
    if seen.given is None:
        return None
    return [
        {"address": str(each.address), "pod": each.pod}
        for each in seen.given
        if not any(each.address in piece for piece in wanted.pieces)
    ]


def work(job: Job) -> Result:
    """The whole work of the module."""
    params = job.params
    with located(job.cluster.name, f"NetworkAttachmentDefinition {params['namespace']}/{params['name']}"):
        match params["state"]:
            case "present":
                return _present(job)
            case "pruned":
                return removal.pruned(job)
        return removal.absent(job)


def _present(job: Job) -> Result:
    cluster = job.cluster
    wanted, warnings = wanted_of(job.params)
    seen = observe(cluster, wanted)
    planned = plan(wanted, seen)
    needed = capacity.need(cluster, wanted.namespace, job.params["growth"], job.params["required_addresses"])
    room = capacity.room(cluster, wanted, seen.given or ())
    warnings += capacity.check(wanted, needed, room, cluster.name, changes=planned.changed)
    if planned.changed and seen.choice.way == "create" and cluster.get(NAMESPACE, wanted.namespace) is None:
        hint = "The NAD lives where KubeVirt is installed: install KubeVirt first, or correct namespace."
        raise Missing(f"namespace {wanted.namespace}", "no such namespace", hint=hint, reason="namespace_missing")
    if seen.closed:
        kinds = ", ".join(seen.closed)
        warnings.append(f"the range was not compared with networks that {kinds} name, which may not be read.")
    strays = outside(wanted, seen)
    stale = [user.title.removeprefix("pod ") for user in _stale(seen)]
    if strays and not stale:
        names = ", ".join(f"{each['address']} ({each['pod']})" for each in strays)
        warnings.append(f"addresses outside of the slice are in use until their pods are restarted: {names}.")
    job.apply(planned)
    return job.finish(
        planned,
        warnings=[f"{cluster.name}: {warning}" for warning in warnings],
        migration_nad=_facts(wanted, seen)
        | {
            "changed_allocation": changed_allocation(wanted, seen),
            "out_of_slice": strays,
            "capacity": needed.as_dict(room.available) | {"taken": room.taken},
            "migration_pods_restart_required": bool(stale),
            "pods": stale,
        },
    )


def _stale(seen: Seen) -> list[User]:
    """The pods of the NADs that another one takes the place of: they keep what they have until they are restarted."""
    names = family.superseded(seen.family, seen.choice.name)
    return [user for name in names for user in seen.family.users_of(name)]


def _addresses(piece: Slice, seen: Seen) -> dict[str, Any]:
    return {"range": str(piece.network), "slice": piece.as_dict(), "pool": pool_of(piece, seen.choice.before)}


def _facts(wanted: Wanted, seen: Seen) -> dict[str, Any]:
    return {
        "name": seen.choice.name,
        "namespace": wanted.namespace,
        "superseded": family.superseded(seen.family, seen.choice.name),
        "removed": [],
        "leftovers": [],
        "kind": wanted.link.kind,
        "bridge": wanted.link.bridge or None,
        "master": wanted.link.master or None,
        "vlan": wanted.link.vlan or None,
        "resource_name": wanted.link.resource or None,
        "mtu": wanted.mtu,
        **_addresses(wanted.slice, seen),
        "second": _addresses(wanted.second, seen) if wanted.second else None,
        "config": configuration(wanted, seen.choice),
    }
