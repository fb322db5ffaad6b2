# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nodes report about one object of OpenPERouter, and how long it is believed that they still work on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from ._cluster import Object, Resource
from ._errors import Rejected
from ._job import Job
from ._l2vni_shape import Shape
from ._node_selector import chosen
from ._resources import POD
from ._wait import Verdict

PATIENCE = 15.0
"""Seconds for which a reported failure may be one of before our write: the reports carry no generation."""

_HINTS = {
    "DependencyFailed": "The node has no L3VNI or L3VPN behind the routing domain: make it "
    "(livemigration.kubevirt.l3vni) for these nodes too, or leave the VRF out.",
    "OverlayAttachmentFailed": "The node could not attach its bridge: a bridge of your own has to exist there.",
    "ValidationFailed": "OpenPERouter refuses it on that node: correct what the message names.",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One object of OpenPERouter, as the nodes know it."""

    kind: str
    name: str
    namespace: str
    node_selector: Object | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


def reporters(job: Job, part: Part, shape: Shape, nodes: Iterable[Object]) -> list[str]:
    """The nodes that will report on the object: those it is for that run a router pod."""
    if not shape.reports:
        return []
    routers = {
        str((pod.get("spec") or {}).get("nodeName")) for pod in job.cluster.list(POD, part.namespace, "app=router")
    }
    return [name for name in chosen(part.node_selector, nodes) if name in routers]


def settle(job: Job, part: Part, shape: Shape, nodes: list[str], *, changed: bool) -> str:
    """Wait until every node concerned reports the object as provisioned; check mode looks once.

    The reports carry no generation, so they cannot prove that this very version was applied; they can prove that
    it failed. Only the data plane proves that it works.

    :param nodes: the nodes that report.
    :returns: ``reported``, ``unknown`` where nothing reports, and in check mode ``not_waited`` with a change pending
        or ``failing``.
    :raises Rejected: when a node names the object as failed, and keeps doing so.
    """
    if not shape.reports:
        return "unknown"
    if changed and job.check_mode:
        return "not_waited"
    if not nodes:
        return "unknown"
    if job.check_mode:
        return "failing" if any(not each["ready"] for each in reports(job, part, shape, nodes) or []) else "reported"
    cluster, resource = job.cluster, _resource(shape)
    since: dict[str, float] = {}

    def look() -> Verdict:
        statuses = cluster.list(resource, part.namespace)
        found = failures(part, nodes, statuses)
        now = job.clock.now()
        for gone in since.keys() - found.keys():
            del since[gone]
        for text, entry in found.items():
            if now - since.setdefault(text, now) >= PATIENCE:
                _refuse(text, entry, part, cluster.name)
        return provisioned(part, nodes, statuses)

    job.wait(
        look,
        expected=f"the {part.kind} on {len(nodes)} nodes",
        object=str(part),
        hint="See the RouterNodeConfigurationStatus objects and the router pods of the nodes named.",
    )
    return "reported"


def reports(job: Job, part: Part, shape: Shape, nodes: Sequence[str]) -> list[Object] | None:
    """What each of the nodes says now: whether it is ready, or why not; ``None`` where nothing reports."""
    if not nodes:
        return None
    statuses = job.cluster.list(_resource(shape), part.namespace)
    told = {node: provisioned(part, [node], statuses) for node in nodes}
    return [
        {"node": node, "ready": verdict.done, "trouble": verdict.reason.removeprefix(f"{node}: ")}
        for node, verdict in told.items()
    ]


def _resource(shape: Shape) -> Resource:
    return shape.kind("routernodeconfigurationstatuses", "RouterNodeConfigurationStatus")


def _refuse(text: str, entry: Object, part: Part, cluster: str) -> None:
    hint = _HINTS.get(str(entry.get("reason")), "See the router pod of that node.")
    wanted = f"the {part.kind} provisioned on its nodes"
    raise Rejected(wanted, text, cluster, str(part), hint, reason="not_provisioned")


def meaning(readiness: str, shape: Shape) -> str:
    """What a word of ``settle`` proves, in a sentence."""
    if readiness == "reported":
        return "Every node with a router reports success; its reports carry no generation, traffic has the last word."
    if readiness == "failing":
        return "A node with a router reports a failure, or nothing yet."
    if readiness == "not_waited":
        return "Nothing was written, so there is nothing to wait for."
    if shape.reports:
        return "No selected node runs a router pod, so nothing reports; only traffic proves that the network works."
    return f"{shape.release} reports nothing; only traffic proves that the network works."


def failures(part: Part, nodes: Iterable[str], statuses: Sequence[Object]) -> dict[str, Object]:
    """What the nodes report of the object itself as failed, by its text."""
    by_node = {item["metadata"]["name"]: item.get("status") or {} for item in statuses}
    return {
        f"{node}: {entry.get('reason')}: {entry.get('message')}": entry
        for node in nodes
        for entry in by_node.get(node, {}).get("failedResources") or []
        if entry.get("kind") == part.kind and entry.get("name") == part.name
    }


def provisioned(part: Part, nodes: Iterable[str], statuses: Sequence[Object]) -> Verdict:
    """Whether the nodes report success and nothing of ours as failed."""
    by_node = {item["metadata"]["name"]: item.get("status") or {} for item in statuses}
    missing: list[str] = []
    for node in nodes:
        status = by_node.get(node)
        if status is None:
            missing.append(f"{node}: no report yet")
            continue
        missing += [*failures(part, [node], statuses)] or _not_ready(node, status)
    return Verdict(not missing, "; ".join(missing))


def _not_ready(node: str, status: dict[str, Any]) -> list[str]:
    ready: dict[str, Any] = next((each for each in status.get("conditions") or [] if each.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return []
    failed = status.get("failedResources") or []
    others = ", ".join(f"{entry.get('kind')} {entry.get('name')}" for entry in failed)
    text = ready.get("message") or "no condition Ready"
    return [f"{node}: not ready ({text}{'; failed: ' + others if others else ''})"]
