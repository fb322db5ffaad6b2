# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an L2VNI is on the nodes: bridge, veth, the pods on it, and what the nodes report about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ._cluster import Cluster, Object, namespaced_name
from ._errors import Missing
from ._job import Job
from ._l2vni_checks import selects
from ._l2vni_shape import Shape
from ._l2vni_spec import L2vni
from ._resources import NAD, NODE, POD
from ._wait import Verdict, wait_for

_NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status"


def bridge_of(item: Object, shape: Shape) -> str:
    """The bridge of an existing L2VNI."""
    host = item["spec"].get(shape.spelled("hostmaster") or "") or {}
    parts = (host, host.get("linuxBridge") or {}, host.get("ovsBridge") or {})
    named = next((part["name"] for part in parts if part.get("name")), None)
    return str(named or f"br-hs-{item['spec'].get('vni')}")


def host_veth(vni: int, shape: Shape) -> str:
    """The port of the bridge that leads to the router; v0.2.0 renamed it."""
    return f"host-{'e-' if shape.reports else ''}{vni}"


def attachments_on(cluster: Cluster, bridges: set[str]) -> set[str]:
    """The NetworkAttachmentDefinitions (``namespace/name``) that plug pods into one of the bridges."""
    if not bridges:
        return set()
    try:
        found = cluster.list(NAD)
    except Missing:
        # Without Multus nothing can hang on a bridge.
        return set()
    return {namespaced_name(item) for item in found if _bridges(item) & bridges}


def _bridges(attachment: Object) -> set[str]:
    try:
        config = json.loads((attachment.get("spec") or {}).get("config") or "{}")
        plugins = config.get("plugins") or [config]
        return {plugin["bridge"] for plugin in plugins if plugin.get("bridge")}
    except (ValueError, AttributeError, TypeError):
        # Not JSON, or not a CNI configuration: multus cannot attach anything with it.
        return set()


def pods_on(cluster: Cluster, bridges: set[str]) -> list[str]:
    """The pods (``namespace/name``) that hang on one of the bridges, by what multus wrote on them."""
    attachments = attachments_on(cluster, bridges)
    if not attachments:
        return []
    return sorted(namespaced_name(pod) for pod in cluster.list(POD) if _networks(pod) & attachments)


def _networks(pod: Object) -> set[str]:
    text = (pod["metadata"].get("annotations") or {}).get(_NETWORK_STATUS)
    try:
        return {entry["name"] for entry in json.loads(text or "[]")}
    except (ValueError, TypeError, KeyError):
        return set()


def settle(job: Job, network: L2vni, shape: Shape, *, changed: bool) -> str:
    """Wait until every node concerned reports the network as provisioned.

    The reports carry no generation, so they cannot prove that this very version was applied; they can prove that
    it failed. Only the data plane proves that it works.

    :returns: ``reported``, ``unknown`` where nothing reports, or ``not_waited`` in check mode with a change pending.
    """
    if not shape.reports:
        return "unknown"
    if changed and job.check_mode:
        return "not_waited"
    cluster = job.cluster
    routers = {
        str((pod.get("spec") or {}).get("nodeName")) for pod in cluster.list(POD, network.namespace, "app=router")
    }
    nodes = [
        node for node in cluster.list(NODE) if selects(network.node_selector, node["metadata"].get("labels") or {})
    ]
    expected = sorted(node["metadata"]["name"] for node in nodes if node["metadata"]["name"] in routers)
    if not expected:
        return "unknown"
    resource = shape.kind("routernodeconfigurationstatuses", "RouterNodeConfigurationStatus")
    wait_for(
        lambda: provisioned(network, expected, cluster.list(resource, network.namespace)),
        seconds=job.params["wait_timeout"],
        clock=job.clock,
        tell=job.tell,
        expected=f"the L2VNI on {len(expected)} nodes",
        cluster=cluster.name,
        object=f"L2VNI {network.namespace}/{network.name}",
        hint="See the RouterNodeConfigurationStatus objects and the router pods of the nodes named.",
    )
    return "reported"


def meaning(readiness: str, shape: Shape) -> str:
    """What a word of ``settle`` proves, in a sentence."""
    if readiness == "reported":
        return "Every node with a router reports success; its reports carry no generation, traffic has the last word."
    if readiness == "not_waited":
        return "Nothing was written, so there is nothing to wait for."
    if shape.reports:
        return "No selected node runs a router pod, so nothing reports; only traffic proves that the network works."
    return f"{shape.release} reports nothing; only traffic proves that the network works."


def provisioned(network: L2vni, nodes: Iterable[str], statuses: Sequence[Object]) -> Verdict:
    """Whether the nodes report success and nothing of ours as failed."""
    by_node = {item["metadata"]["name"]: item.get("status") or {} for item in statuses}
    missing: list[str] = []
    for node in nodes:
        status = by_node.get(node)
        if status is None:
            missing.append(f"{node}: no report yet")
            continue
        missing += [f"{node}: {trouble}" for trouble in _troubles(network, status)]
    return Verdict(not missing, "; ".join(missing))


def _troubles(network: L2vni, status: dict[str, Any]) -> list[str]:
    failed = status.get("failedResources") or []
    ours = [entry for entry in failed if entry.get("kind") == "L2VNI" and entry.get("name") == network.name]
    if ours:
        return [f"{entry.get('reason')}: {entry.get('message')}" for entry in ours]
    ready: dict[str, Any] = next((each for each in status.get("conditions") or [] if each.get("type") == "Ready"), {})
    if ready.get("status") == "True":
        return []
    others = ", ".join(f"{entry.get('kind')} {entry.get('name')}" for entry in failed)
    return [f"not ready ({ready.get('message') or 'no condition Ready'}{'; failed: ' + others if others else ''})"]
