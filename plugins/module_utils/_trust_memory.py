# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose CAs a cluster was given, noted on the cluster itself.

A KubeVirt CA names no cluster. So that one that left, and answers no more, can be taken out of the others' bundles
by its name, each exchange is noted in a ConfigMap beside the bundle: the peer's UID and name, and its fingerprints.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from typing import Any

from ._cluster import Cluster, Object
from ._plan import Change, create, merge, remove
from ._resources import CONFIG_MAP

MAP = "livemigration-trust"


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """A cluster whose CAs were taken in here.

    :param uid: UID of its namespace ``kube-system``, whatever it is called in an inventory.
    """

    uid: str
    name: str
    fingerprints: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """What one cluster has noted."""

    config_map: Object | None = None
    peers: Mapping[str, Peer] = dataclasses.field(default_factory=dict)

    def of(self, uid: str) -> tuple[str, ...]:
        """The fingerprints noted for a cluster."""
        return self.peers[uid].fingerprints if uid in self.peers else ()

    def named(self, name: str) -> list[Peer]:
        """The clusters of that name; several when one was installed anew."""
        return [peer for peer in self.peers.values() if peer.name == name]


def read(cluster: Cluster, namespace: str) -> Memory:
    """What is noted; an entry that cannot be read is left alone."""
    config_map = cluster.get(CONFIG_MAP, MAP, namespace)
    found = ((config_map or {}).get("data") or {}).items()
    peers = {uid: peer for uid, text in found if (peer := _peer(uid, text)) is not None}
    return Memory(config_map, peers)


def note(
    cluster: Cluster, namespace: str, memory: Memory, peer: Peer, present: Collection[str], why: str
) -> Change | None:
    """Note the CA that a peer uses now (``peer`` has only that); nothing where it is noted already.

    :param present: fingerprints in the bundle and the inbox: former CAs of the peer that are gone are noted no more.
    """
    known = memory.peers.get(peer.uid)
    if known is not None and known.name == peer.name and set(peer.fingerprints) <= set(known.fingerprints):
        return None
    kept = {each for each in memory.of(peer.uid) if each in present} | set(peer.fingerprints)
    text = json.dumps({"name": peer.name, "fingerprints": sorted(kept)})
    if memory.config_map is None:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": MAP, "namespace": namespace},
            "data": {peer.uid: text},
        }
        return create(cluster, CONFIG_MAP, body, why)
    return merge(cluster, CONFIG_MAP, memory.config_map, _guarded(memory.config_map, {peer.uid: text}), why)


def forget(cluster: Cluster, memory: Memory, uids: Collection[str], why: str) -> Change | None:
    """Strike clusters out, and the whole ConfigMap with the last."""
    gone = [uid for uid in uids if uid in memory.peers]
    if memory.config_map is None or not gone:
        return None
    if set(memory.config_map.get("data") or {}) <= set(gone):
        return remove(cluster, CONFIG_MAP, memory.config_map, why)
    return merge(cluster, CONFIG_MAP, memory.config_map, _guarded(memory.config_map, dict.fromkeys(gone)), why)


def _guarded(config_map: Object, data: Mapping[str, str | None]) -> Object:
    return {"metadata": {"resourceVersion": config_map["metadata"]["resourceVersion"]}, "data": dict(data)}


def _peer(uid: str, text: Any) -> Peer | None:
    try:
        found = json.loads(text)
        return Peer(uid, str(found["name"]), tuple(map(str, found["fingerprints"])))
    except (ValueError, TypeError, KeyError):
        return None
