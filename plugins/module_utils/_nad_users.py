# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a NAD: the KubeVirt CRs that name it and the pods that have it or ask for it."""

from __future__ import annotations

import json

from ._cluster import Cluster, Object, namespaced_name
from ._nad_capacity import kubevirts
from ._resources import POD

_NETWORKS = "k8s.v1.cni.cncf.io/networks"
_STATUS = "k8s.v1.cni.cncf.io/network-status"


def pods(cluster: Cluster, name: str, namespace: str) -> list[str]:
    """The pods (``namespace/name``) that have the network, or ask for it."""
    return sorted(namespaced_name(pod) for pod in cluster.list(POD) if f"{namespace}/{name}" in networks_of(pod))


def networks_of(pod: Object) -> set[str]:
    """The NADs of a pod as ``namespace/name``: those multus attached and those it was asked for."""
    metadata = pod["metadata"]
    annotations = metadata.get("annotations") or {}
    return _attached(annotations.get(_STATUS)) | _asked(annotations.get(_NETWORKS), metadata.get("namespace", ""))


def _attached(text: str | None) -> set[str]:
    try:
        return {str(entry.get("name")) for entry in json.loads(text or "[]")}
    except (ValueError, AttributeError, TypeError):
        return set()


def _asked(text: str | None, namespace: str) -> set[str]:
    text = (text or "").strip()
    if text.startswith("["):
        try:
            entries = json.loads(text)
            return {f"{entry.get('namespace') or namespace}/{entry.get('name')}" for entry in entries}
        except (ValueError, AttributeError):
            return set()
    names = [part.strip().partition("@")[0] for part in text.split(",") if part.strip()]
    return {name if "/" in name else f"{namespace}/{name}" for name in names}


def namers(cluster: Cluster, name: str, namespace: str) -> list[str]:
    """The KubeVirt CRs that name the NAD as their migration network."""
    found: list[str] = []
    for kubevirt in kubevirts(cluster):
        settings = ((kubevirt.get("spec") or {}).get("configuration") or {}).get("migrations") or {}
        network = str(settings.get("network") or "")
        full = network if "/" in network else f"{kubevirt['metadata'].get('namespace')}/{network}"
        if network and full == f"{namespace}/{name}":
            found.append(namespaced_name(kubevirt))
    return found
