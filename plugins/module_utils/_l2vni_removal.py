# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""L2VNIs that go, and writes one after the other: a delete has to be over before its create can begin."""

from __future__ import annotations

from . import _l2vni_family as family
from . import _l2vni_nodes as on_nodes
from . import _openperouter as openperouter
from ._cluster import Object, Resource
from ._errors import Busy
from ._job import Job, Result
from ._l2vni_shape import bridge_of
from ._plan import Plan, plan_of, remove
from ._wait import Verdict

NOTHING: Object = {
    "api_group": None,
    "shape": None,
    "bridge": None,
    "host_veth": None,
    "object": None,
    "readiness": "absent",
    "readiness_meaning": "The L2VNI is not there, or will not be.",
    "nodes": None,
    "migration_pods_restart_required": False,
    "pods_on_bridge": [],
    "bare_nodes": [],
    "superseded": [],
}


def write(job: Job, planned: Plan) -> Object | None:
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

    job.wait(
        look,
        expected="the L2VNI to be gone",
        object=f"L2VNI {namespace}/{name}",
        hint="See its finalizers and OpenPERouter's controller.",
    )


def absent(job: Job) -> Result:
    """It goes, with beside all those that took the place of one another."""
    cluster, params = job.cluster, job.params
    found = openperouter.observe(cluster)
    if found is None:
        return job.finish(Plan(), l2vni=NOTHING)
    facts = NOTHING | {"api_group": found.shape.group, "shape": found.shape.letter}
    own = found.own(found.shape.l2vni, params["name"], params["namespace"])
    going = family.members(found, params["name"], params["namespace"]) if params["beside"] else [own] if own else []
    gone, told = [], []
    for item in going:
        bridge = bridge_of(item["spec"])
        told += _refuse_use(job, bridge)
        gone.append(remove(cluster, found.shape.l2vni, item, f"bridge {bridge} is no longer wanted"))
    planned = plan_of([*gone, *found.left_over("L2VNI", params["name"], params["namespace"])], told)
    write(job, planned)
    return job.finish(planned, l2vni=facts)


def _refuse_use(job: Job, bridge: str) -> list[str]:
    """Refuse while a NAD uses the bridge; in check mode an earlier task may have removed it by then."""
    going = job.params["expect_gone"]
    found = on_nodes.attachments_on(job.cluster, {bridge})
    users = ", ".join(sorted(found - set(going or ()) if job.check_mode else found))
    if not users:
        return []
    if job.check_mode and going is None:
        return [f"{job.cluster.name}: bridge {bridge} can go only once no NAD uses it; now these do: {users}."]
    raise Busy(
        f"no NetworkAttachmentDefinition to use bridge {bridge}",
        users,
        hint="Deleting the L2VNI deletes the bridge under them: remove them first.",
        reason="bridge_in_use",
    )
