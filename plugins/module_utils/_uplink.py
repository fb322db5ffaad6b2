# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uplink of a network on the nodes of one cluster: made by nmstate where that is installed, else looked at."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from . import _nad_config as cni
from . import _uplink_spec as spec
from ._checks import refuse
from ._cluster import Cluster, Object, namespaced_name
from ._errors import BadInput, Busy, Conflict, MigrationError, Missing, Rejected
from ._job import Job, Result
from ._l2vni_spec import replacing
from ._plan import Plan, create, merge, plan_of, remove
from ._resources import NAD, NMSTATE_ENACTMENT, NMSTATE_POLICY, NMSTATE_STATE, NODE
from ._uplink_spec import Uplink
from ._wait import Verdict, wait_for

_LABEL = "app.kubernetes.io/managed-by"
_OURS = "livemigration.kubevirt"
_POLICY_OF = "nmstate.io/policy"

Links = dict[str, dict[str, Object]]
"""The interfaces of nodes, by node and name."""


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What was found on the cluster.

    :param mine: the policy of the wanted name.
    :param states: what nmstate reports of the nodes concerned.
    :param nads: the NADs by what they plug pods into.
    """

    cluster: Cluster
    mine: Object | None
    states: Links
    nads: dict[str, list[str]]


def work(job: Job) -> Result:
    """The whole work of the module."""
    params = job.params
    try:
        return _absent(job) if params["state"] == "absent" else _present(job)
    except MigrationError as error:
        error.located(job.cluster.name, f"{NMSTATE_POLICY.kind} {params['name']}")
        raise


def observe(cluster: Cluster, name: str, labels: dict[str, str]) -> Seen | None:
    """Read everything the decision needs; ``None`` where nmstate is not installed."""
    if not cluster.serves(NMSTATE_POLICY):
        return None
    chosen = {
        node["metadata"]["name"]
        for node in cluster.list(NODE)
        if labels.items() <= (node["metadata"].get("labels") or {}).items()
    }
    states = {
        str(state["metadata"]["name"]): _links(state)
        for state in cluster.list(NMSTATE_STATE)
        if state["metadata"]["name"] in chosen
    }
    return Seen(cluster, cluster.get(NMSTATE_POLICY, name), states, _nads(cluster))


def _links(state: Object) -> dict[str, Object]:
    current = (state.get("status") or {}).get("currentState") or {}
    return {str(link.get("name")): link for link in current.get("interfaces") or []}


def _nads(cluster: Cluster) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        items = cluster.list(NAD)
    except Missing:
        # Without Multus no pod is plugged into anything.
        return found
    for item in items:
        for plugin in cni.plugins(item):
            for name in {plugin.get("bridge"), plugin.get("master")} - {None, ""}:
                found.setdefault(str(name), []).append(namespaced_name(item))
    return found


def plan(uplink: Uplink, seen: Seen) -> Plan:
    """Decide what to write so that every node has the uplink.

    :raises BadInput: for what would cut a node off, or cannot work on it.
    :raises Conflict: for a policy that is somebody else's.
    """
    refuse(spec.hindrances(uplink, seen.states, seen.cluster.name))
    wanted = uplink.interfaces()
    why = f"{uplink.end} on every node"
    selector = {"nodeSelector": dict(uplink.node_selector)} if uplink.node_selector else {}
    if seen.mine is None:
        body = {
            "apiVersion": NMSTATE_POLICY.api_version,
            "kind": NMSTATE_POLICY.kind,
            "metadata": {"name": uplink.name, "labels": {_LABEL: _OURS}},
            "spec": {"desiredState": {"interfaces": wanted}} | selector,
        }
        return plan_of([create(seen.cluster, NMSTATE_POLICY, body, why)])
    _refuse_foreign(seen.mine)
    names = {link["name"] for link in wanted}
    dropped = [link for link in _desired(seen.mine) if link["name"] not in names]
    _refuse_use(seen, [link["name"] for link in dropped if link.get("state") != "absent"], check_mode=False)
    # An interface that is only left out stays on the nodes.
    links = [*wanted, *(_gone(link) for link in dropped)]
    before = (seen.mine.get("spec") or {}).get("nodeSelector")
    nodes = replacing(before, selector["nodeSelector"]) if selector else None
    patch: Object = {"spec": {"desiredState": {"interfaces": links}, "nodeSelector": nodes}}
    return plan_of([merge(seen.cluster, NMSTATE_POLICY, seen.mine, patch, why)])


def _desired(policy: Object) -> list[Object]:
    return list(((policy.get("spec") or {}).get("desiredState") or {}).get("interfaces") or [])


def _gone(link: Object) -> Object:
    return {"name": link["name"], "type": link.get("type"), "state": "absent"}


def _refuse_foreign(policy: Object) -> None:
    if ((policy["metadata"].get("labels") or {}).get(_LABEL)) != _OURS:
        hint = "It is somebody else's: choose another name, or set manage: false to only look at the nodes."
        found = f"a policy without the label {_LABEL}: {_OURS}"
        raise Conflict("a policy of this collection", found, hint=hint, reason="foreign_policy")


def _refuse_use(seen: Seen, interfaces: Iterable[str], *, check_mode: bool) -> list[str]:
    """Refuse while a NAD names an interface that goes; in check mode only warn, it may be gone by then."""
    users = sorted({nad for name in interfaces for nad in seen.nads.get(name, [])})
    if not users:
        return []
    if check_mode:
        names = ", ".join(users)
        return [f"{seen.cluster.name}: the uplink can go only once no NAD uses it; now these do: {names}."]
    hint = "Pods on it lose the network: remove the NADs first."
    raise Busy("no NetworkAttachmentDefinition on the uplink", ", ".join(users), hint=hint, reason="uplink_in_use")


def _present(job: Job) -> Result:
    uplink = spec.from_params(job.params)
    cluster = job.cluster
    seen = observe(cluster, uplink.name, dict(uplink.node_selector))
    if seen is None:
        told = (
            f"{cluster.name}: nmstate is not installed, so {uplink.end} cannot be checked; it has to be on every node."
        )
        return job.finish(Plan(), warnings=[told], node_uplink=_facts(uplink, "unchecked", []))
    if not seen.states:
        wanted = f"nodes with the labels {dict(uplink.node_selector)}" if uplink.node_selector else "nodes"
        hint = "Correct node_selector, and see that nmstate's handler runs on the nodes."
        raise BadInput(wanted, "none that nmstate reports", hint=hint, reason="no_nodes")
    nodes = sorted(seen.states)
    if not job.params["manage"]:
        refuse(spec.lacks(uplink, seen.states, cluster.name))
        return job.finish(Plan(), node_uplink=_facts(uplink, "found", nodes))
    planned = plan(uplink, seen)
    job.apply(planned)
    if not (planned.changed and job.check_mode):
        _settle(job, uplink.name, nodes)
    readiness = "not_waited" if planned.changed and job.check_mode else "available"
    return job.finish(planned, node_uplink=_facts(uplink, readiness, nodes))


def _facts(uplink: Uplink, readiness: str, nodes: list[str]) -> Object:
    return {
        "name": uplink.name,
        "interface": uplink.subinterface or None,
        "bridge": uplink.bridge or None,
        "readiness": readiness,
        "nodes": nodes,
    }


def _settle(job: Job, name: str, nodes: Iterable[str]) -> None:
    """Wait until every node has carried out the policy as it is now. :raises Rejected: with what a node says."""
    cluster = job.cluster

    def look() -> Verdict:
        policy = cluster.get(NMSTATE_POLICY, name)
        generation = ((policy or {}).get("metadata") or {}).get("generation")
        items = cluster.list(NMSTATE_ENACTMENT, labels=f"{_POLICY_OF}={name}")
        missing = []
        for node in nodes:
            item = next((each for each in items if each["metadata"]["name"] == f"{node}.{name}"), {})
            status = item.get("status") or {}
            if status.get("policyGeneration") != generation:
                missing.append(f"{node}: has not begun")
                continue
            true = {each["type"]: each for each in status.get("conditions") or [] if each.get("status") == "True"}
            if "Failing" in true:
                _refuse_failed(name, node, true["Failing"], cluster.name)
            if "Available" not in true:
                missing.append(f"{node}: {', '.join(true) or 'no condition'}")
        return Verdict(not missing, "; ".join(missing))

    wait_for(
        look,
        seconds=job.params["wait_timeout"],
        clock=job.clock,
        tell=job.tell,
        expected="the policy carried out on every node",
        cluster=cluster.name,
        object=f"{NMSTATE_POLICY.kind} {name}",
        hint=f"See the {NMSTATE_ENACTMENT.kind} of the nodes named, and nmstate's handler there.",
    )


def _refuse_failed(name: str, node: str, condition: Object, cluster: str) -> None:
    text = " ".join(str(condition.get("message") or condition.get("reason") or "no message").split())
    hint = "nmstate has undone it on that node. Correct what it names, or leave the node out with node_selector."
    title = f"{NMSTATE_ENACTMENT.kind} {node}.{name}"
    raise Rejected("the policy carried out on every node", f"{node}: {text}", cluster, title, hint, "uplink_failed")


def _absent(job: Job) -> Result:
    """The interfaces go before the policy: without it nmstate would leave them on the nodes."""
    name = job.params["name"]
    nothing = {"name": name, "interface": None, "bridge": None, "readiness": "absent", "nodes": []}
    seen = observe(job.cluster, name, {})
    if seen is None or seen.mine is None:
        return job.finish(Plan(), node_uplink=nothing)
    _refuse_foreign(seen.mine)
    links = _desired(seen.mine)
    told = _refuse_use(seen, [link["name"] for link in links], check_mode=job.check_mode)
    patch: Object = {"spec": {"desiredState": {"interfaces": [_gone(link) for link in links]}}}
    cleared = plan_of([merge(job.cluster, NMSTATE_POLICY, seen.mine, patch, "its interfaces go from the nodes")])
    job.apply(cleared)
    if not job.check_mode:
        enactments = job.cluster.list(NMSTATE_ENACTMENT, labels=f"{_POLICY_OF}={name}")
        _settle(job, name, sorted(each["metadata"]["name"].removesuffix(f".{name}") for each in enactments))
    gone = plan_of([remove(job.cluster, NMSTATE_POLICY, seen.mine, "the uplink is no longer wanted")], told)
    job.apply(gone)
    return job.finish(cleared + gone, node_uplink=nothing)
