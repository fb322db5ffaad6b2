# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which limits and switches a migration runs under: the KubeVirt CR's, overridden by the best MigrationPolicy.

virt-controller resolves this on the target's cluster; the source's handler follows what it is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..resources import Object

DEFAULTS: dict[str, Any] = {
    "allowAutoConverge": False,
    "allowPostCopy": False,
    "allowWorkloadDisruption": False,
    "bandwidthPerMigration": "0",
    "completionTimeoutPerGiB": 150,
    "maxDowntimeMs": 900,
    "nodeDrainTaintKey": "kubevirt.io/drain",
    "parallelMigrationsPerCluster": 5,
    "parallelOutboundMigrationsPerNode": 2,
    "progressTimeout": 150,
    "unsafeMigrationOverride": False,
    "utilityVolumesTimeout": 150,
}
_WITHOUT_DEFAULT = ("disableTLS", "matchSELinuxLevelOnMigration", "network")
_OF_POLICIES = (
    "allowAutoConverge",
    "allowPostCopy",
    "allowWorkloadDisruption",
    "bandwidthPerMigration",
    "completionTimeoutPerGiB",
    "maxDowntimeMs",
)


def of_cluster(kubevirt: Mapping[str, Any] | None) -> dict[str, Any]:
    """The `migrations` part of the CR over the defaults; workload disruption follows post-copy when not set."""
    spec = (kubevirt or {}).get("spec") or {}
    given = (spec.get("configuration") or {}).get("migrations") or {}
    known = {key: value for key, value in given.items() if key in DEFAULTS or key in _WITHOUT_DEFAULT}
    if "allowPostCopy" in given and "allowWorkloadDisruption" not in given:
        known["allowWorkloadDisruption"] = given["allowPostCopy"]
    return DEFAULTS | known


def resolve(
    kubevirt: Mapping[str, Any] | None,
    policies: Iterable[Object],
    vmi_labels: Mapping[str, str],
    namespace_labels: Mapping[str, str],
) -> tuple[dict[str, Any], str | None]:
    """The configuration, and the name of the policy that had a say in it."""
    made = of_cluster(kubevirt)
    policy = _best(policies, vmi_labels, namespace_labels)
    if policy is None:
        return made, None
    spec = policy.get("spec") or {}
    if "allowPostCopy" in spec and "allowWorkloadDisruption" not in spec:
        made["allowWorkloadDisruption"] = spec["allowPostCopy"]
    made |= {key: spec[key] for key in _OF_POLICIES if key in spec}
    return made, str(policy["metadata"]["name"])


def _best(
    policies: Iterable[Object], vmi_labels: Mapping[str, str], namespace_labels: Mapping[str, str]
) -> Object | None:
    """The policy with most labels that match, those of the VMI first among equals, then by name."""
    ranked: list[tuple[int, int, str, Object]] = []
    for policy in policies:
        selectors = (policy.get("spec") or {}).get("selectors")
        if selectors is None:
            continue
        of_vmi = selectors.get("virtualMachineInstanceSelector") or {}
        of_namespace = selectors.get("namespaceSelector") or {}
        if of_vmi.items() <= vmi_labels.items() and of_namespace.items() <= namespace_labels.items():
            rank = (-len(of_vmi) - len(of_namespace), -len(of_vmi), str(policy["metadata"]["name"]))
            ranked.append((*rank, policy))
    return min(ranked, key=lambda one: one[:3])[3] if ranked else None
