# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the migration network of a cluster really is: read everything, judge it, change nothing."""

from __future__ import annotations

from typing import Any

from . import _kubevirt as kv
from . import _kubevirt_rollout as rollout
from . import _nad_capacity as capacity
from . import _network_info_moves as moves
from . import _network_info_pool as pools
from . import _network_info_room as room
from . import _whereabouts as whereabouts
from ._address_slice import own_spans
from ._checks import Finding, errors
from ._job import Job, Result
from ._kubevirt_rollout import Seen
from ._nad_family import belongs
from ._network_info_checks import View, findings
from ._network_info_nodes import without_handler
from ._plan import Plan
from ._resources import NAD, NODE, POD
from ._sync_address import parse
from ._whereabouts import Span


def work(job: Job) -> Result:
    """Read and judge."""
    view = observe(job)
    return job.finish(Plan(), migration_network_info=report(view, findings(view)))


def observe(job: Job) -> View:
    """Everything that bears on the network of this cluster, read once."""
    cluster, params = job.cluster, job.params
    explicit = own_spans(params)
    kubevirt = kv.find(cluster, params["namespace"], params["name"])
    namespace = kv.namespace_of(kubevirt)
    seen = rollout.read(cluster, namespace, kubevirt["metadata"]["name"])
    wanted = _wanted(params["network"], kv.network(kubevirt))
    nad = cluster.get(NAD, wanted, namespace) if wanted else None
    found = tuple(pools.read(cluster, nad))
    return View(
        cluster=cluster.name,
        seen=seen,
        wanted=wanted,
        nad=nad,
        spans=explicit or pools.spans(nad),
        pools=found,
        others=pools.of_others(cluster, found, namespace),
        need=capacity.need(cluster, namespace, 0),
        left=moves.read(cluster, job.clock.wall()) if params["moves"] else None,
        pod_names=frozenset(f"{namespace}/{pod['metadata']['name']}" for pod in cluster.list(POD, namespace)),
        bare_nodes=tuple(without_handler(cluster.list(NODE), seen)),
    )


def _wanted(asked: str | None, found: str | None) -> str | None:
    """The NAD to look at: KubeVirt's own, unless it is none of the network that was asked for."""
    if asked and found and not belongs(found, asked):
        return asked
    return found or asked


def report(view: View, found: list[Finding]) -> dict[str, Any]:
    """The result of the module."""
    kubevirt, rolled = view.seen.kubevirt, rollout.verdict(view.seen)
    return {
        "ready": not errors(found),
        "findings": [finding.as_dict() for finding in found],
        "kubevirt": _kubevirt(view.seen),
        "network": view.wanted or "",
        "slice": _slice(view.spans),
        "rollout": {"current": rolled.done, "reason": rolled.reason},
        "pods": [pod.as_dict() | {"in_slice": view.inside(pod.addresses)} for pod in view.seen.pods],
        "nodes_without_handler": list(view.bare_nodes),
        "leader": view.seen.leader,
        "synchronization_addresses": [_sync(view, text) for text in kv.sync_addresses(kubevirt)],
        "pools": [_pool(view, pool) for pool in view.pools],
        "room_for_nodes": None if view.room is None else max(0, view.room),
        "mtu": {"network": room.mtu_of_network(view.nad), "pods": room.mtu_of_pods(view.seen.pods)},
        "moves": None if view.left is None else [each.as_dict() for each in view.left],
    }


def _kubevirt(seen: Seen) -> dict[str, Any]:
    verdict = kv.settled(seen.kubevirt)
    return {
        "namespace": kv.namespace_of(seen.kubevirt),
        "name": seen.kubevirt["metadata"]["name"],
        "version": kv.version_text(seen.kubevirt),
        "decentralized": kv.gate_on(seen.kubevirt),
        "network": kv.network(seen.kubevirt) or "",
        "settled": verdict.done,
        "reason": verdict.reason,
    }


def _slice(spans: tuple[Span, ...]) -> dict[str, Any] | None:
    if not spans:
        return None
    # Of two ranges the first, whose addresses KubeVirt uses.
    own = [span for span in spans if span.first.version == spans[0].first.version]
    return {"first": str(own[0].first), "last": str(own[-1].last), "size": whereabouts.size(own)}


def _sync(view: View, text: str) -> dict[str, Any]:
    address = parse(text, kv.sync_port(view.seen.kubevirt))
    owner = next((pod.name for pod in view.controllers if address and address.ip in pod.every_address), "")
    return {
        "text": text,
        "address": str(address.ip) if address else "",
        "port": address.port if address else 0,
        "in_slice": view.inside((address.ip,)) if address else False,
        "pod": owner,
    }


def _pool(view: View, pool: pools.Pool) -> dict[str, Any]:
    used = [each for each in pool.allocations if view.inside((each.address,)) is not False]
    return {
        "name": pool.title,
        "exists": pool.exists,
        "used": len(used),
        "free": view.free(pool),
        "allocations": [
            {
                "address": str(each.address),
                "pod": each.pod,
                "interface": each.interface,
                "exists": view.exists(each.pod),
            }
            for each in pool.allocations
        ],
    }
