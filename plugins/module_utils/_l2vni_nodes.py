# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an L2VNI is on the nodes: bridge, veth, and the pods on it."""

from __future__ import annotations

import json

from . import _multus as multus
from ._cluster import Cluster, Object, namespaced_name
from ._errors import Missing
from ._l2vni_shape import Shape
from ._resources import NAD, POD


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
    return sorted(namespaced_name(pod) for pod in cluster.list(POD) if _has(pod) & attachments)


def _has(pod: Object) -> set[str]:
    return {str(entry.get("name")) for entry in multus.attached(pod)}
