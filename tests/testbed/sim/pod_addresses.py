# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of the pod network: each pod gets the lowest free one of its node's range."""

from __future__ import annotations

from itertools import islice

from ..resources import Object
from .whereabouts import Network


class PodAddresses:
    """Who has which address on eth0, by the pod's UID."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}

    def learn(self, pod: Object) -> None:
        """Take over what a pod has from an earlier life of the bed."""
        if address := pod.get("status", {}).get("podIP"):
            self._taken[pod["metadata"]["uid"]] = address

    def take(self, pod: Object, network: Network) -> str:
        """The pod's address, a new one the first time; the first host is the node's own end."""
        uid = pod["metadata"]["uid"]
        if uid not in self._taken:
            used = set(self._taken.values())
            free = (str(each) for each in islice(network.hosts(), 1, None))
            self._taken[uid] = next(each for each in free if each not in used)
        return self._taken[uid]

    def give_back(self, uid: str) -> None:
        self._taken.pop(uid, None)
