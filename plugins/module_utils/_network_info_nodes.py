# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""On which nodes virt-handler should run, as far as a DaemonSet's node selector and tolerations say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import _kubevirt as kv
from ._cluster import Object
from ._kubevirt_rollout import Seen

_BLOCKING = ("NoSchedule", "NoExecute")

# What the DaemonSet controller tolerates by itself for every pod of a DaemonSet.
_ALWAYS = (
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
)


def without_handler(nodes: Iterable[Object], seen: Seen) -> Iterator[str]:
    """The nodes that virt-handler should run on and does not."""
    if seen.handler is None:
        return
    pod = ((seen.handler.get("spec") or {}).get("template") or {}).get("spec") or {}
    served = {each.node for each in seen.pods if each.component == kv.HANDLER}
    for node in sorted(nodes, key=lambda each: str(each["metadata"]["name"])):
        name = node["metadata"]["name"]
        if name not in served and fits(node, pod):
            yield name


def fits(node: Object, pod: Object) -> bool:
    """Whether a DaemonSet pod's node selector and tolerations let it run on the node."""
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (pod.get("nodeSelector") or {}).items()):
        return False
    taints = (node.get("spec") or {}).get("taints") or []
    blocking = [taint for taint in taints if taint.get("effect") in _BLOCKING and taint.get("key") not in _ALWAYS]
    return all(any(_tolerates(each, taint) for each in pod.get("tolerations") or []) for taint in blocking)


def _tolerates(toleration: Object, taint: Object) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration["key"] != taint.get("key"):
        return False
    return toleration.get("operator") == "Exists" or (toleration.get("value") or "") == (taint.get("value") or "")
