# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events, counted up when the same thing is said again."""

from __future__ import annotations

import hashlib

from ..kube import Conflict
from ..resources import Object
from ..site import Site


class EventRecorder:
    """Writes the warnings of one component."""

    def __init__(self, site: Site, component: str) -> None:
        self._site = site
        self._component = component
        self._counts: dict[str, int] = {}

    async def warn(self, kind: str, about: Object, reason: str, message: str) -> None:
        meta = about["metadata"]
        namespace = meta.get("namespace", "default")
        digest = hashlib.sha256(f"{meta['uid']} {reason} {message}".encode()).hexdigest()[:16]
        name = f"{meta['name']}.{digest}"
        count = self._counts[name] = self._counts.get(name, 0) + 1
        api = self._site.api(self._component)
        if count > 1 and await api.get("events", name, namespace) is not None:
            patch = {"count": count, "lastTimestamp": self._site.now()}
            await api.patch("events", name, patch, namespace)
            return
        try:
            await api.create("events", self._event(kind, about, reason, message, name, count))
        except Conflict:
            return  # said in an earlier life of the bed

    def _event(self, kind: str, about: Object, reason: str, message: str, name: str, count: int) -> Object:
        meta = about["metadata"]
        now = self._site.now()
        involved = {
            "apiVersion": about.get("apiVersion", "v1"),
            "kind": kind,
            "name": meta["name"],
            "namespace": meta.get("namespace"),
            "uid": meta["uid"],
            "resourceVersion": meta["resourceVersion"],
        }
        return {
            "metadata": {"name": name, "namespace": meta.get("namespace", "default")},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "type": "Warning",
            "count": count,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "source": {"component": self._component},
        }
