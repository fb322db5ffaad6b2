# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nodes of one cluster have of an uplink, as nmstate tells it, and whether they have carried a policy out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from . import _uplink_change as change
from ._cluster import Cluster, Object
from ._errors import Conflict, Missing, Rejected
from ._job import Job
from ._mark import MANAGED_BY, OURS
from ._resources import NAD, NMSTATE_ENACTMENT, NMSTATE_POLICY, NMSTATE_STATE, NODE
from ._uplink_change import Uses
from ._wait import Verdict

_POLICY_OF = "nmstate.io/policy"
HARM = "nmstate sets the interfaces anew that their migrations go through."

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
    nads: Uses


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


def _nads(cluster: Cluster) -> Uses:
    try:
        return change.uses(cluster.list(NAD))
    except Missing:
        # Without Multus no pod is plugged into anything.
        return {}


def desired(policy: Object) -> list[Object]:
    """The interfaces that a policy makes, and those that it takes away."""
    return list(((policy.get("spec") or {}).get("desiredState") or {}).get("interfaces") or [])


def is_ours(policy: Object) -> bool:
    """Whether this collection has made it."""
    return bool((policy["metadata"].get("labels") or {}).get(MANAGED_BY) == OURS)


def refuse_foreign(policy: Object) -> None:
    """:raises Conflict: for a policy that is somebody else's."""
    if not is_ours(policy):
        hint = "It is somebody else's: choose another name, or set manage: false to only look at the nodes."
        found = f"a policy without the label {MANAGED_BY}: {OURS}"
        raise Conflict("a policy of this collection", found, hint=hint, reason="foreign_policy")


def enacting(cluster: Cluster, name: str) -> list[str]:
    """The nodes that nmstate carries a policy out on."""
    enactments = cluster.list(NMSTATE_ENACTMENT, labels=f"{_POLICY_OF}={name}")
    return sorted(each["metadata"]["name"].removesuffix(f".{name}") for each in enactments)


def settle(job: Job, name: str, nodes: Iterable[str]) -> None:
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

    job.wait(
        look,
        expected="the policy carried out on every node",
        object=f"{NMSTATE_POLICY.kind} {name}",
        hint=f"See the {NMSTATE_ENACTMENT.kind} of the nodes named, and nmstate's handler there.",
    )


def _refuse_failed(name: str, node: str, condition: Object, cluster: str) -> None:
    text = " ".join(str(condition.get("message") or condition.get("reason") or "no message").split())
    hint = "nmstate has undone it on that node. Correct what it names, or leave the node out with node_selector."
    title = f"{NMSTATE_ENACTMENT.kind} {node}.{name}"
    raise Rejected("the policy carried out on every node", f"{node}: {text}", cluster, title, hint, "uplink_failed")
