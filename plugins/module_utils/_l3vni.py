# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One L3VNI on one cluster, the VRF that an L2VNI with a gateway stands in: see, decide, write, wait for the nodes."""

from __future__ import annotations

from . import _l3vni_spec as l3
from . import _openperouter as openperouter
from . import _router_status as status
from . import _underlay as underlay
from ._checks import refuse, warnings
from ._cluster import Object
from ._errors import Busy, located
from ._job import Job, Result
from ._l2vni_shape import Shape, shape_of_l3vni
from ._l2vni_spec import compact, replacing
from ._l3vni_spec import L3vni
from ._mark import MARK
from ._openperouter import Installed
from ._plan import Plan, create, merge, plan_of, remove
from ._resources import CRD
from ._router_status import Part

_NOTHING: Object = {
    "api_group": None,
    "shape": None,
    "vrf": None,
    "vni": None,
    "object": None,
    "readiness": "absent",
    "readiness_meaning": "The L3VNI is not there, or will not be.",
}


def work(job: Job) -> Result:
    """The whole work of the module."""
    params = job.params
    with located(job.cluster.name, f"L3VNI {params['namespace']}/{params['name']}"):
        return _absent(job) if params["state"] == "absent" else _present(job)


def plan(wanted: L3vni, found: Installed, mine: Object | None, shape: Shape) -> Plan:
    """Decide what to write so that the VRF is there.

    :param shape: of the L3VNI.
    :raises BadInput: for what the shape cannot express, or what collides.
    :raises Busy: for a change that takes the VRF away from an L2VNI.
    """
    cluster, peers = found.cluster, found.peers
    before = mine["spec"] if mine else None
    spec = l3.specification(wanted, shape, before or found.former("L3VNI", wanted.name, wanted.namespace))
    findings = l3.collisions(wanted, found.shape, peers, cluster.name)
    family = wanted.underlay_address_family
    findings += underlay.check(peers.underlays, peers.nodes, cluster.name, wanted.node_selector, family)
    refuse(findings)
    told = [*found.warnings("L3VNI", wanted.name, wanted.namespace), *warnings(findings)]
    resource, why = found.shape.l3vni, f"VRF {wanted.vrf} with VNI {wanted.vni}"
    if mine is None or before is None:
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": wanted.name, "namespace": wanted.namespace, "labels": dict(MARK)},
            "spec": compact(spec),
        }
        return plan_of([create(cluster, resource, body, why)], told)
    if before.get("vrf") != wanted.vrf and "routingDomain" not in found.shape.fields:
        _refuse_use(found, str(before.get("vrf")), wanted.name)
    patch = {"spec": {field: replacing(before.get(field), value) for field, value in spec.items()}}
    return plan_of([merge(cluster, resource, mine, patch, why)], told)


def _present(job: Job) -> Result:
    wanted = l3.from_params(job.params)
    cluster = job.cluster
    found = openperouter.required(cluster, "L3VNI")
    resource = found.shape.l3vni
    crd = cluster.get(CRD, resource.full_name)
    shape = shape_of_l3vni(crd or {"spec": {"versions": []}}, found.shape)
    mine = found.own(resource, wanted.name, wanted.namespace)
    planned = plan(wanted, found, mine, shape)
    if mine is None:
        openperouter.require_namespace(cluster, wanted.namespace)
    part = Part("L3VNI", wanted.name, wanted.namespace, wanted.node_selector)
    nodes = status.reporters(job, part, found.shape, found.peers.nodes)
    moved = plan_of(found.left_over("L3VNI", wanted.name, wanted.namespace) if nodes else [])
    predicted = planned.changes[0].after if planned.changes else mine
    written = job.apply(planned)
    readiness = status.settle(job, part, found.shape, nodes, changed=planned.changed)
    job.apply(moved)
    return job.finish(
        planned + moved,
        l3vni={
            "api_group": found.shape.group,
            "shape": found.shape.letter,
            "vrf": wanted.vrf,
            "vni": wanted.vni,
            "object": openperouter.shown(next(iter(written.values()), predicted)),
            "readiness": readiness,
            "readiness_meaning": status.meaning(readiness, found.shape),
        },
    )


def _absent(job: Job) -> Result:
    params = job.params
    found = openperouter.observe(job.cluster)
    if found is None:
        return job.finish(Plan(), l3vni=_NOTHING)
    mine = found.own(found.shape.l3vni, params["name"], params["namespace"])
    gone = found.left_over("L3VNI", params["name"], params["namespace"])
    told: list[str] = []
    if mine is not None:
        vrf = str(mine["spec"].get("vrf"))
        told = _refuse_use(found, vrf, params["name"], check_mode=job.check_mode)
        gone.insert(0, remove(job.cluster, found.shape.l3vni, mine, f"VRF {vrf} is no longer wanted"))
    planned = plan_of(gone, told)
    job.apply(planned)
    facts = _NOTHING | {"api_group": found.shape.group, "shape": found.shape.letter}
    return job.finish(planned, l3vni=facts)


def _refuse_use(found: Installed, vrf: str, name: str, *, check_mode: bool = False) -> list[str]:
    """Refuse while an L2VNI stands in the VRF; in check mode only warn, an earlier task may have removed it by then."""
    users = ", ".join(l3.users(vrf, name, found.shape, found.peers))
    if not users:
        return []
    if check_mode:
        return [f"{found.cluster.name}: VRF {vrf} can go only once no L2VNI stands in it; now these do: {users}."]
    hint = "Without it they are not provisioned, or lose their gateway: remove or change them first."
    raise Busy(f"no L2VNI in VRF {vrf}", users, hint=hint, reason="vrf_in_use")
