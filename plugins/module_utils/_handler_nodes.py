# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which nodes virt-handler should run: what KubeVirt's node placement, or its DaemonSet already, says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._cluster import Cluster, Object
from ._errors import Forbidden, Missing
from ._kubevirt import HANDLER
from ._node_selector import chosen, meets
from ._resources import DAEMON_SET, KUBEVIRT

_BLOCKING = ("NoSchedule", "NoExecute")
_SCHEDULABLE = {"matchLabels": {"kubevirt.io/schedulable": "true"}}
"""What virt-handler writes on its node."""

# What the DaemonSet controller tolerates by itself for every pod of a DaemonSet.
_ALWAYS = (
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
)


def handler_nodes(cluster: Cluster, nodes: Iterable[Object]) -> list[str]:
    """The names of the nodes that virt-handler runs on or will run on, in order.

    Where that may not be read, the nodes that it has marked.
    """
    everybody = list(nodes)
    try:
        pods = [_pod(cluster, kubevirt) for kubevirt in kubevirts(cluster)]
    except Forbidden:
        return chosen(_SCHEDULABLE, everybody)
    return sorted(str(node["metadata"]["name"]) for node in everybody if any(fits(node, pod) for pod in pods))


def _pod(cluster: Cluster, kubevirt: Object) -> Object:
    handler = cluster.get(DAEMON_SET, HANDLER, kubevirt["metadata"].get("namespace"))
    if handler:
        return ((handler.get("spec") or {}).get("template") or {}).get("spec") or {}
    return placed(kubevirt)


def placed(kubevirt: Object) -> Object:
    """Where virt-handler will run before it is rolled out, as the KubeVirt CR says, in the words of a pod."""
    return ((kubevirt.get("spec") or {}).get("workloads") or {}).get("nodePlacement") or {}


def kubevirts(cluster: Cluster) -> list[Object]:
    """The KubeVirt CRs; none where KubeVirt is not installed."""
    try:
        return cluster.list(KUBEVIRT)
    except Missing:
        return []


def fits(node: Object, pod: Object) -> bool:
    """Whether virt-handler's node selector, required node affinity and tolerations let it run on the node."""
    labels = node["metadata"].get("labels") or {}
    if labels.get("kubernetes.io/os", "linux") != "linux":
        return False
    if any(labels.get(key) != value for key, value in (pod.get("nodeSelector") or {}).items()):
        return False
    if not _attracted(node, pod):
        return False
    taints = (node.get("spec") or {}).get("taints") or []
    blocking = [taint for taint in taints if taint.get("effect") in _BLOCKING and taint.get("key") not in _ALWAYS]
    return all(any(_tolerates(each, taint) for each in pod.get("tolerations") or []) for taint in blocking)


def _attracted(node: Object, pod: Object) -> bool:
    """One term suffices, and of a term everything has to hold; a term without anything takes no node."""
    affinity = (pod.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term(each, node["metadata"]) for each in required.get("nodeSelectorTerms") or [])


def _term(term: Mapping[str, Any], metadata: Object) -> bool:
    on_labels, on_fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    labels, fields = metadata.get("labels") or {}, {"metadata.name": metadata["name"]}
    fulfilled = [*(meets(each, labels) for each in on_labels), *(meets(each, fields) for each in on_fields)]
    return bool(fulfilled) and all(fulfilled)


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration["key"] != taint.get("key"):
        return False
    return toleration.get("operator") == "Exists" or (toleration.get("value") or "") == (taint.get("value") or "")
