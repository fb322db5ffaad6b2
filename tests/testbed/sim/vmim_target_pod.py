# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pod a migration makes for its guest to arrive in, and how long it may stay pending."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..resources import Object
from . import launcher
from . import vmi as it
from . import vmim as job

CPU_VENDOR = "cpu-vendor.node.kubevirt.io/"
_NODE_SELECTORS = (
    "host-model-cpu.node.kubevirt.io/",
    "host-model-required-features.node.kubevirt.io/",
    CPU_VENDOR,
)
_UNSCHEDULABLE_SECONDS = 5 * 60
_PENDING_SECONDS = 15 * 60


class NoSelinuxContext(ValueError):
    """The source never said what its launcher runs under; "none" would do."""


def target_pod(
    vmi: Object, vmim: Object, image: str, *, source_labels: Mapping[str, str], match_selinux: bool
) -> Object:
    """`source_labels`: of the source node, in a decentralized migration as far as the source told them."""
    if not job.is_target(vmim):
        vmi = _with_source(vmi, source_labels)
    pod = launcher.render_target(vmi, vmim, image)
    selector: dict[str, str] = pod["spec"]["nodeSelector"]
    if not any(key.startswith(CPU_VENDOR) for key in selector):
        # A guest does not survive a change between CPU vendors, whatever its model.
        selector |= dict([one for one in source_labels.items() if one[0].startswith(CPU_VENDOR)][:1])
    if match_selinux:
        context = it.side(vmi, "sourceState") if job.is_target(vmim) else it.status(vmi)
        _set_selinux_level(pod, context.get("selinuxContext", ""))
    return pod


def _with_source(vmi: Object, labels: Mapping[str, str]) -> Object:
    """A VMI that tells of its own node what a decentralized migration is told by its source."""
    source = {"node": it.status(vmi).get("nodeName", ""), "nodeSelectors": _selectors(labels)}
    return {**vmi, "status": {**it.status(vmi), "migrationState": {"sourceState": source}}}


def node_selectors(node: Mapping[str, Any] | None) -> dict[str, str]:
    """What of a source node's labels a target needs to find a node that suits."""
    return _selectors(it.labels(node) if node else {})


def _selectors(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key.startswith(_NODE_SELECTORS)}


def _set_selinux_level(pod: Object, context: str) -> None:
    if context == "none":
        return
    if not context:
        raise NoSelinuxContext("SELinux context not set on VMI status")
    # user:role:type:level, where the level itself holds a colon (s0:c1,c2).
    parts = context.split(":", 3)
    if len(parts) == 4:
        pod["spec"].setdefault("securityContext", {})["seLinuxOptions"] = {"level": parts[3]}


def seconds_left(pod: Mapping[str, Any], vmim: Mapping[str, Any], now: datetime | None = None) -> float | None:
    """Until a pending pod is given up; 0 when that is now, None when the pod is not (any more) waiting.

    Of a pod that no node fits the shorter limit counts, of any pending pod the longer one.
    """
    if it.phase(pod) not in ("", "Pending") or it.deleting(pod):
        return None
    created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    waited = ((now or datetime.now(UTC)) - created).total_seconds()
    limits = [_limit(vmim, job.PENDING_TIMEOUT, _PENDING_SECONDS)]
    if _is_unschedulable(pod):
        limits.append(_limit(vmim, job.UNSCHEDULABLE_TIMEOUT, _UNSCHEDULABLE_SECONDS))
    return max(0.0, min(limits) - waited)


def _is_unschedulable(pod: Mapping[str, Any]) -> bool:
    found = it.condition(pod, "PodScheduled")
    return found is not None and found["status"] == "False" and found.get("reason") == "Unschedulable"


def _limit(vmim: Mapping[str, Any], annotation: str, default: int) -> float:
    """What is no number is ignored, as KubeVirt does."""
    try:
        return int(it.annotated(vmim)[annotation])
    except (KeyError, ValueError):
        return default
