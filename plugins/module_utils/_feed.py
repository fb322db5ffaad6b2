# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens on the clusters, as it happens: list and watch in threads, one consistent picture to read.

A reader takes a snapshot, decides, acts, and waits for the next change. It never polls. How old the picture of
a side may be is known at any time, so that nothing is decided on old facts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import NamedTuple

from ._cluster import Cluster, Object, Resource
from ._errors import Expired, MigrationError
from ._wait import Clock

_WATCH_SECONDS = 240.0
_PAUSE = 0.2


class Target(NamedTuple):
    """What to follow, under a key of the reader's choice."""

    key: str
    cluster: Cluster
    resource: Resource
    namespace: str | None = None
    name: str | None = None
    labels: str = ""


class Feed:
    """Follows targets from the moment it is entered (``with Feed(…) as feed``) until it is left."""

    def __init__(self, targets: Iterable[Target], clock: Clock) -> None:
        self._targets = {target.key: target for target in targets}
        self._clock = clock
        self._changed = threading.Condition()
        self._objects: dict[str, dict[str, Object]] = {}
        self._lost: dict[str, tuple[float, MigrationError]] = {}
        self._news = 0
        self._read = 0
        self._closing = threading.Event()

    def __enter__(self) -> Feed:
        for target in self._targets.values():
            thread = threading.Thread(target=self._follow, args=(target,), name=f"feed {target.key}", daemon=True)
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        # Threads are daemons that sit in a read of up to minutes: they are told, not waited for.
        self._closing.set()

    def ready(self, seconds: float) -> bool:
        """Wait until every target was listed once. ``False``: some were not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._objects.keys() == self._targets.keys(), timeout=seconds)

    def snapshot(self) -> dict[str, list[Object]]:
        """The objects of every target as last seen; marks all news as read. Objects must not be changed."""
        with self._changed:
            self._read = self._news
            return {key: list(self._objects.get(key, {}).values()) for key in self._targets}

    def wait(self, seconds: float) -> bool:
        """Wait for a change since the last snapshot. ``False``: there was none in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._news != self._read, timeout=max(0.0, seconds))

    def note(self, key: str, body: Object) -> None:
        """Take in an object that a write returned, so that the picture is never behind one's own writes."""
        with self._changed:
            self._put(key, body)

    def stale(self, cluster: Cluster) -> float:
        """Seconds for which at least one target of the cluster has been out of reach; 0 when all are followed."""
        with self._changed:
            since = [lost for key, (lost, _error) in self._lost.items() if self._targets[key].cluster is cluster]
            return self._clock.now() - min(since) if since else 0.0

    def trouble(self, cluster: Cluster) -> MigrationError | None:
        """Why a cluster is out of reach, ``None`` when it is not."""
        with self._changed:
            for key, (_since, error) in self._lost.items():
                if self._targets[key].cluster is cluster:
                    return error
        return None

    def _follow(self, target: Target) -> None:
        while not self._closing.is_set():
            try:
                version = self._list(target)
                self._watch(target, version)
            except Expired:
                continue
            except MigrationError as error:
                with self._changed:
                    self._lost.setdefault(target.key, (self._clock.now(), error))
                    self._notify()
                self._closing.wait(_PAUSE)

    def _list(self, target: Target) -> str:
        items, version = target.cluster.list_version(target.resource, target.namespace, target.name, target.labels)
        fresh = {_uid(item): item for item in items}
        with self._changed:
            back = self._lost.pop(target.key, None) is not None
            if back or self._objects.get(target.key) != fresh:
                self._objects[target.key] = fresh
                self._notify()
        return version

    def _watch(self, target: Target, version: str) -> None:
        """Follow changes; lists again only when the version expired or the connection broke."""
        while not self._closing.is_set():
            events = target.cluster.watch(
                target.resource,
                namespace=target.namespace,
                name=target.name,
                labels=target.labels,
                version=version,
                seconds=_WATCH_SECONDS,
            )
            for event in events:
                version = str(event.object["metadata"].get("resourceVersion", version))
                with self._changed:
                    if event.type == "DELETED":
                        self._objects[target.key].pop(_uid(event.object), None)
                        self._notify()
                    else:
                        self._put(target.key, event.object)
                if self._closing.is_set():
                    return

    def _put(self, key: str, body: Object) -> None:
        known = self._objects.setdefault(key, {}).get(_uid(body))
        if known is not None and _version(known) >= _version(body):
            return
        self._objects[key][_uid(body)] = body
        self._notify()

    def _notify(self) -> None:
        self._news += 1
        self._changed.notify_all()


def _uid(body: Object) -> str:
    return str(body["metadata"]["uid"])


def _version(body: Object) -> int:
    # Resource versions of one kind are ordered integers (Kubernetes 1.35, KEP-5504).
    text = str(body["metadata"].get("resourceVersion", "0"))
    return int(text) if text.isdigit() else 0
