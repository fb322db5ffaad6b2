# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What multus is asked for on a pod, and what it wrote there of the interfaces that it made. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from typing import Any

from ._cluster import Object
from ._whereabouts import Address

NETWORKS = "k8s.v1.cni.cncf.io/networks"
"""The annotation that asks multus for networks; virt-operator writes it into pod templates."""

_STATUS = "k8s.v1.cni.cncf.io/network-status"


def attached(pod: Object) -> list[Object]:
    """What multus says of each interface of a pod; nothing where it says nothing that can be read."""
    text = (pod["metadata"].get("annotations") or {}).get(_STATUS)
    try:
        entries = json.loads(text or "[]")
    except ValueError:
        return []
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def interface(pod: Object, name: str) -> Object | None:
    """What multus says of the interface of that name, ``None`` where the pod has none."""
    return next((entry for entry in attached(pod) if entry.get("interface") == name), None)


def asked(pod: Object) -> set[str]:
    """The NADs (``namespace/name``) that multus is asked for."""
    metadata = pod["metadata"]
    namespace = metadata.get("namespace", "")
    text = str((metadata.get("annotations") or {}).get(NETWORKS) or "").strip()
    if text.startswith("["):
        try:
            entries = json.loads(text)
            return {f"{entry.get('namespace') or namespace}/{entry.get('name')}" for entry in entries}
        except (ValueError, AttributeError):
            return set()
    names = [part.strip().partition("@")[0] for part in text.split(",") if part.strip()]
    return {name if "/" in name else f"{namespace}/{name}" for name in names}


def addresses(texts: Iterable[Any]) -> tuple[Address, ...]:
    """Those of the texts that are addresses, with or without a prefix length."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_address(str(text).partition("/")[0]))
        except ValueError:
            continue
    return tuple(found)
