# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One L2VNI on one cluster: see what is there, decide, write, wait until the nodes have it."""

from __future__ import annotations

import dataclasses

from . import _l2vni_family as family
from . import _l2vni_nodes as on_nodes
from . import _l2vni_removal as removal
from . import _openperouter as openperouter
from . import _quiet as quiet
from . import _router_status as status
from . import _underlay as underlay
from ._checks import Finding, refuse, warnings
from ._cluster import Cluster, Object
from ._errors import BadInput, Missing, located
from ._handler_nodes import handler_nodes
from ._job import Job, Result
from ._l2vni_checks import bare_nodes, collisions, promised, resolve
from ._l2vni_shape import Shape, bridge_of, gateways_of
from ._l2vni_spec import (
    L2vni,
    compact,
    from_params,
    replacing,
    same_gateways,
    specification,
)
from ._mark import MARK
from ._node_selector import chosen
from ._openperouter import Installed
from ._plan import Plan, create, merge, plan_of, remove
from ._router_status import Part

_HARM = "A bridge that is made anew cuts off every pod on it."


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was found on the cluster.

    :param mine: the L2VNI of the wanted name and namespace.
    :param bare: nodes of virt-handler that the segment is not for.
    """

    installed: Installed
    mine: Object | None = None
    bare: tuple[str, ...] = ()

    @property
    def cluster(self) -> Cluster:
        """The cluster itself."""
        return self.installed.cluster

    @property
    def shape(self) -> Shape:
        """The shape of its API."""
        return self.installed.shape


def plan(
    network: L2vni, seen: Seen, *, recreate: bool = False, allow_bare: bool = True, check_mode: bool = False
) -> Plan:
    """Decide what to write so that the network is there.

    :param allow_bare: whether nodes of virt-handler may be without the segment.
    :param check_mode: an earlier task may not have made the L3VNI yet that it would have made.
    :raises BadInput: for what the shape cannot express, or what collides.
    """
    cluster, shape = seen.cluster, seen.shape
    resolved, domain, told = _resolved(network, seen, check_mode)
    before = seen.mine["spec"] if seen.mine else None
    former = seen.installed.former("L2VNI", network.name, network.namespace)
    spec = specification(resolved, shape, domain, before or former)
    found = _findings(resolved, seen, allow_bare)
    refuse(found)
    told += [*seen.installed.warnings("L2VNI", network.name, network.namespace), *warnings(found)]
    told += _warnings(resolved, seen)
    if seen.mine is None or before is None:
        return plan_of([create(cluster, shape.l2vni, _body(network, shape, spec), _why(network))], told)
    if same_gateways(gateways_of(before), network.gateways):
        # Two spellings of one address are no change, and the field must not change.
        spec.pop(shape.gateway)
    else:
        _refuse_gateway(network, seen, recreate)
        body = _body(network, shape, spec)
        gone = remove(cluster, shape.l2vni, seen.mine, "its gateway cannot be changed in place")
        return plan_of([gone, create(cluster, shape.l2vni, body, _why(network))], told)
    patch = {"spec": {field: replacing(before.get(field), value) for field, value in spec.items()}}
    return plan_of([merge(cluster, shape.l2vni, seen.mine, patch, _why(network))], told)


def _resolved(network: L2vni, seen: Seen, check_mode: bool) -> tuple[L2vni, Object | None, list[str]]:
    """The network with its VRF known, its routing domain, and a warning where check mode can only promise that."""
    cluster, shape = seen.cluster.name, seen.shape
    try:
        return *resolve(network, shape, seen.installed.peers, cluster), []
    except Missing as error:
        if not check_mode:
            raise
        told = f"{cluster}: {error.wanted} is not there; an earlier task has to make it."
        return network, promised(network, shape), [told]


def _findings(network: L2vni, seen: Seen, allow_bare: bool) -> list[Finding]:
    cluster, peers = seen.cluster.name, seen.installed.peers
    tunnels = network.underlay_address_family
    return [
        *collisions(network, seen.shape, peers, cluster),
        *underlay.check(peers.underlays, peers.nodes, cluster, network.node_selector, tunnels),
        *bare_nodes(network, seen.bare, cluster, allowed=allow_bare),
    ]


def _body(network: L2vni, shape: Shape, spec: Object) -> Object:
    labels = MARK | ({family.LABEL: network.family} if network.family else {})
    return {
        "apiVersion": shape.l2vni.api_version,
        "kind": "L2VNI",
        "metadata": {"name": network.name, "namespace": network.namespace, "labels": labels},
        "spec": compact(spec),
    }


def _why(network: L2vni) -> str:
    return f"VNI {network.vni} on bridge {network.bridge}"


def _refuse_gateway(network: L2vni, seen: Seen, recreate: bool) -> None:
    if recreate:
        return
    found = ", ".join(gateways_of((seen.mine or {})["spec"])) or "no gateway"
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
    name, found = seen.cluster.name, []
    if network.bridge_type == "ovs":
        found.append(
            f"{name}: the bridge CNI plugin cannot attach pods to an Open vSwitch bridge; "
            "livemigration.kubevirt.migration_nad joins it with kind: ovs and the bridge's name."
        )
    return found


def work(job: Job) -> Result:
    """The whole work of the module."""
    params = job.params
    with located(job.cluster.name, f"L2VNI {params['namespace']}/{params['name']}"):
        return removal.absent(job) if params["state"] == "absent" else _present(job)


def _present(job: Job) -> Result:
    network = from_params(job.params)
    cluster = job.cluster
    found = openperouter.required(cluster, "L2VNI")
    if job.params["beside"]:
        network = family.placed(network, found)
    seen = Seen(found, found.own(found.shape.l2vni, network.name, network.namespace), _bare(network, found))
    planned = plan(
        network,
        seen,
        recreate=job.params["recreate"],
        allow_bare=job.params["allow_bare_nodes"],
        check_mode=job.check_mode,
    )
    if seen.mine is None:
        openperouter.require_namespace(cluster, network.namespace)
    part = Part("L2VNI", network.name, network.namespace, network.node_selector)
    nodes = status.reporters(job, part, seen.shape, found.peers.nodes)
    # Only once the nodes report the new one, the old one is known to be dead.
    moved = plan_of(found.left_over("L2VNI", network.name, network.namespace) if nodes else [])
    stranded = on_nodes.pods_on(cluster, _disturbed(network, seen, planned))
    told = quiet.require(job, _HARM, seconds=job.params["wait_for_migrations"]) if stranded else []
    written = removal.write(job, planned)
    readiness = status.settle(job, part, seen.shape, nodes, changed=planned.changed)
    removal.write(job, moved)
    return job.finish(
        planned + moved + Plan(warnings=tuple(told)),
        l2vni=_facts(network, seen.shape)
        | {
            "object": openperouter.shown(written or _predicted(seen, planned)),
            "readiness": readiness,
            "readiness_meaning": status.meaning(readiness, seen.shape),
            "nodes": status.reports(job, part, seen.shape, nodes),
            "migration_pods_restart_required": bool(stranded),
            "pods_on_bridge": stranded,
            "bare_nodes": list(seen.bare),
            "superseded": family.superseded(network, found) if job.params["beside"] else [],
        },
    )


def _bare(network: L2vni, found: Installed) -> tuple[str, ...]:
    if network.node_selector is None:
        return ()
    nodes = found.peers.nodes
    return tuple(sorted({*handler_nodes(found.cluster, nodes)} - {*chosen(network.node_selector, nodes)}))


def _disturbed(network: L2vni, seen: Seen, planned: Plan) -> set[str]:
    """The bridges that are made anew by the plan: what hangs on them is cut off until it is restarted."""
    verbs = {change.verb for change in planned.changes}
    if "create" in verbs:
        return {network.bridge}
    before = bridge_of(seen.mine["spec"]) if seen.mine else network.bridge
    return {before, network.bridge} if verbs and before != network.bridge else set()


def _facts(network: L2vni, shape: Shape) -> Object:
    return {
        "api_group": shape.group,
        "shape": shape.letter,
        "bridge": network.bridge,
        "host_veth": on_nodes.host_veth(network.vni, shape),
    }


def _predicted(seen: Seen, planned: Plan) -> Object | None:
    return planned.changes[-1].after if planned.changes else seen.mine
