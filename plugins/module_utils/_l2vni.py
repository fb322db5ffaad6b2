# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One L2VNI on one cluster: see what is there, decide, write, wait until the nodes have it."""

from __future__ import annotations

import dataclasses

from . import _l2vni_nodes as on_nodes
from ._checks import refuse
from ._cluster import Cluster, Object, Resource, namespaced_name
from ._errors import BadInput, Busy, MigrationError, Missing
from ._job import Job, Result
from ._l2vni_checks import Peers, collisions, resolve
from ._l2vni_shape import GROUPS, Shape, shape_of
from ._l2vni_spec import (
    L2vni,
    compact,
    from_params,
    gateways_of,
    replacing,
    same_gateways,
    specification,
)
from ._plan import Plan, create, merge, plan_of, remove
from ._resources import CRD, NAMESPACE, NODE
from ._wait import Verdict, wait_for


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was found on the cluster.

    :param mine: the L2VNI of the wanted name and namespace.
    :param dead: objects of the API group that OpenPERouter no longer reads.
    """

    cluster: Cluster
    shape: Shape
    mine: Object | None = None
    peers: Peers = dataclasses.field(default_factory=Peers)
    dead: tuple[str, ...] = ()


def observe(cluster: Cluster, name: str, namespace: str) -> Seen | None:
    """Read everything the decision needs; ``None`` when OpenPERouter is not installed."""
    shapes = [shape_of(crd, cluster.name) for crd in (_crd(cluster, group) for group in GROUPS) if crd]
    if not shapes:
        return None
    shape, *old = shapes
    l2vnis = _listed(cluster, shape, "l2vnis", "L2VNI")
    later = shape.detached
    selecting = shape.node_selector and any(item["spec"].get("nodeSelector") for item in l2vnis)
    peers = Peers(
        l2vnis,
        _listed(cluster, shape, "l3vnis", "L3VNI"),
        _listed(cluster, shape, "l3vpns", "L3VPN") if later else (),
        _listed(cluster, shape, "underlays", "Underlay"),
        tuple(cluster.list(NODE)) if selecting else (),
    )
    dead = tuple(
        f"{each.group}: L2VNI {namespaced_name(item)}"
        for each in old
        for item in _listed(cluster, each, "l2vnis", "L2VNI")
    )
    mine = [
        item for item in l2vnis if item["metadata"]["name"] == name and item["metadata"].get("namespace") == namespace
    ]
    return Seen(cluster, shape, mine[0] if mine else None, peers, dead)


def _crd(cluster: Cluster, group: str) -> Object | None:
    return cluster.get(CRD, f"l2vnis.{group}")


def _listed(cluster: Cluster, shape: Shape, plural: str, kind: str) -> tuple[Object, ...]:
    try:
        return tuple({"spec": {}} | item for item in cluster.list(shape.kind(plural, kind)))
    except Missing:
        # Not every release has every kind.
        return ()


def plan(network: L2vni, seen: Seen, *, recreate: bool = False) -> Plan:
    """Decide what to write so that the network is there.

    :raises BadInput: for what the shape cannot express, or what collides.
    """
    cluster, shape = seen.cluster, seen.shape
    resolved, domain = resolve(network, shape, seen.peers, cluster.name)
    spec = specification(resolved, shape, domain)
    refuse(collisions(resolved, shape, seen.peers, cluster.name))
    warnings = _warnings(resolved, seen)
    if seen.mine is None:
        return plan_of([create(cluster, shape.l2vni, _body(network, shape, spec), _why(network))], warnings)
    before = seen.mine["spec"]
    if same_gateways(gateways_of(before, shape), network.gateways):
        # Two spellings of one address are no change, and the field must not change.
        spec.pop(shape.gateway)
    else:
        _refuse_gateway(network, seen, recreate)
        body = _body(network, shape, spec)
        gone = remove(cluster, shape.l2vni, seen.mine, "its gateway cannot be changed in place")
        return plan_of([gone, create(cluster, shape.l2vni, body, _why(network))], warnings)
    patch = {"spec": {field: replacing(before.get(field), value) for field, value in spec.items()}}
    return plan_of([merge(cluster, shape.l2vni, seen.mine, patch, _why(network))], warnings)


def _body(network: L2vni, shape: Shape, spec: Object) -> Object:
    return {
        "apiVersion": shape.l2vni.api_version,
        "kind": "L2VNI",
        "metadata": {"name": network.name, "namespace": network.namespace},
        "spec": compact(spec),
    }


def _why(network: L2vni) -> str:
    return f"VNI {network.vni} on bridge {network.bridge}"


def _refuse_gateway(network: L2vni, seen: Seen, recreate: bool) -> None:
    if recreate:
        return
    found = ", ".join(gateways_of((seen.mine or {})["spec"], seen.shape)) or "no gateway"
    raise BadInput(
        f"gateways {', '.join(network.gateways) or 'none'}",
        found,
        seen.cluster.name,
        f"L2VNI {network.namespace}/{network.name}",
        "OpenPERouter does not let a gateway be changed, added or removed. With recreate: true the L2VNI is deleted "
        "and created anew; pods on its bridge lose the network until they are restarted.",
        reason="gateway_immutable",
    )


def _warnings(network: L2vni, seen: Seen) -> list[str]:
    name, warnings = seen.cluster.name, []
    if not seen.peers.underlays:
        warnings.append(f"{name}: there is no Underlay, so OpenPERouter provisions nothing until one is created.")
    if seen.dead:
        warnings.append(
            f"{name}: OpenPERouter now reads the API group {seen.shape.group}; these objects of its old group have "
            f"no effect any more and should be removed: {', '.join(seen.dead)}."
        )
    if network.bridge_type == "ovs":
        warnings.append(
            f"{name}: the bridge CNI plugin cannot attach pods to an Open vSwitch bridge, so "
            "livemigration.kubevirt.migration_nad cannot use this network."
        )
    return warnings


def work(job: Job) -> Result:
    """The whole work of the module."""
    params = job.params
    try:
        return _absent(job) if params["state"] == "absent" else _present(job)
    except MigrationError as error:
        error.located(job.cluster.name, f"L2VNI {params['namespace']}/{params['name']}")
        raise


def _present(job: Job) -> Result:
    network = from_params(job.params)
    cluster = job.cluster
    seen = observe(cluster, network.name, network.namespace)
    if seen is None:
        hint = "OpenPERouter is not installed on this cluster: install it first."
        found = "neither " + " nor ".join(f"l2vnis.{group}" for group in GROUPS)
        raise Missing("OpenPERouter's L2VNI kind", found, hint=hint, reason="openperouter_not_installed")
    if network.node_selector and not seen.peers.nodes:
        nodes = tuple(cluster.list(NODE))
        seen = dataclasses.replace(seen, peers=dataclasses.replace(seen.peers, nodes=nodes))
    planned = plan(network, seen, recreate=job.params["recreate"])
    if seen.mine is None and cluster.get(NAMESPACE, network.namespace) is None:
        hint = "namespace is the one OpenPERouter runs in."
        raise Missing(f"namespace {network.namespace}", "no such namespace", hint=hint, reason="namespace_missing")
    stranded = on_nodes.pods_on(cluster, _disturbed(network, seen, planned))
    written = _write(job, planned)
    readiness = on_nodes.settle(job, network, seen.shape, changed=planned.changed)
    return job.finish(
        planned,
        l2vni=_facts(network, seen.shape)
        | {
            "object": _shown(written or _predicted(seen, planned)),
            "readiness": readiness,
            "readiness_meaning": on_nodes.meaning(readiness, seen.shape),
            "migration_pods_restart_required": bool(stranded),
            "pods_on_bridge": stranded,
        },
    )


def _disturbed(network: L2vni, seen: Seen, planned: Plan) -> set[str]:
    """The bridges that are made anew by the plan: what hangs on them is cut off until it is restarted."""
    verbs = {change.verb for change in planned.changes}
    if "create" in verbs:
        return {network.bridge}
    before = on_nodes.bridge_of(seen.mine, seen.shape) if seen.mine else network.bridge
    return {before, network.bridge} if verbs and before != network.bridge else set()


def _write(job: Job, planned: Plan) -> Object | None:
    """Write change by change: a delete has to be over before its create can begin."""
    result: Object | None = None
    for change in planned.changes:
        for written in job.apply(Plan((change,))).values():
            result = written
        if change.verb == "delete" and not job.check_mode:
            _await_gone(job, change.ref.resource, change.ref.name, change.ref.namespace)
    return result


def _await_gone(job: Job, resource: Resource, name: str, namespace: str | None) -> None:
    def look() -> Verdict:
        found = job.cluster.get(resource, name, namespace)
        return Verdict(found is None, "it still exists")

    wait_for(
        look,
        seconds=job.params["wait_timeout"],
        clock=job.clock,
        tell=job.tell,
        expected="the L2VNI to be gone",
        cluster=job.cluster.name,
        object=f"L2VNI {namespace}/{name}",
        hint="See its finalizers and OpenPERouter's controller.",
    )


def _facts(network: L2vni, shape: Shape) -> Object:
    return {
        "api_group": shape.group,
        "shape": shape.letter,
        "bridge": network.bridge,
        "host_veth": on_nodes.host_veth(network.vni, shape),
    }


def _predicted(seen: Seen, planned: Plan) -> Object | None:
    return planned.changes[-1].after if planned.changes else seen.mine


def _shown(item: Object | None) -> Object | None:
    """The object without the API server's book-keeping about who wrote which field."""
    if item is None:
        return None
    metadata = {key: value for key, value in item["metadata"].items() if key != "managedFields"}
    return item | {"metadata": metadata}


def _absent(job: Job) -> Result:
    cluster, params = job.cluster, job.params
    nothing: Object = {
        "api_group": None,
        "shape": None,
        "bridge": None,
        "host_veth": None,
        "object": None,
        "readiness": "absent",
        "readiness_meaning": "The L2VNI is not there, or will not be.",
        "migration_pods_restart_required": False,
        "pods_on_bridge": [],
    }
    seen = observe(cluster, params["name"], params["namespace"])
    if seen is None:
        return job.finish(Plan(), l2vni=nothing)
    nothing |= {"api_group": seen.shape.group, "shape": seen.shape.letter}
    if seen.mine is None:
        return job.finish(Plan(), l2vni=nothing)
    bridge = on_nodes.bridge_of(seen.mine, seen.shape)
    warnings = _refuse_use(job, bridge)
    why = f"bridge {bridge} is no longer wanted"
    planned = plan_of([remove(cluster, seen.shape.l2vni, seen.mine, why)], warnings)
    _write(job, planned)
    return job.finish(planned, l2vni=nothing)


def _refuse_use(job: Job, bridge: str) -> list[str]:
    """Refuse while a NAD uses the bridge; in check mode only warn, an earlier task may have removed it by then."""
    users = ", ".join(sorted(on_nodes.attachments_on(job.cluster, {bridge})))
    if not users:
        return []
    if job.check_mode:
        return [f"{job.cluster.name}: bridge {bridge} can go only once no NAD uses it; now these do: {users}."]
    raise Busy(
        f"no NetworkAttachmentDefinition to use bridge {bridge}",
        users,
        hint="Deleting the L2VNI deletes the bridge under them: remove them first.",
        reason="bridge_in_use",
    )
