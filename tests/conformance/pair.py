# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clusters made ready to migrate between, as the recordings were: one network, KubeVirt wired, trust exchanged."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from testbed.until import until

from conformance.rows import fingerprints

if TYPE_CHECKING:
    from testbed.testing import Client, TestBed

KUBEVIRT = "kubevirt"
NETWORK = "migration-evpn"
VM_NETWORK = "evpn"
RANGE = "192.170.10.0/24"
SLICES = {"a": ("192.170.10.2", "192.170.10.127"), "b": ("192.170.10.128", "192.170.10.254")}
_SETTLED = 60.0


class Pair:
    """Sites "a" and "b" of the recordings."""

    def __init__(self, bed: TestBed) -> None:
        self.bed = bed
        self.clusters = dict(zip("ab", bed.clusters.values(), strict=True))
        self.clients: dict[str, Client] = {site: cluster.client for site, cluster in self.clusters.items()}

    def prepare(self) -> None:
        for site in self.clients:
            self._make_networks(site)
            self._configure(site)
        for site in self.clients:
            self._await_network(site)
        self.trust()

    def trust(self) -> None:
        """Each side's current CA in the other's bundle; the inbox is written again until it is."""
        until(self._trust_once, "trust in both directions", _SETTLED)

    def address(self, site: str) -> str:
        """Where the site's synchronization controller is to be reached."""
        found: list[str] = self._kubevirt(site)["status"]["synchronizationAddresses"]
        return found[0]

    def current_ca(self, site: str) -> str:
        """Fingerprint of the CA that signs at a site now."""
        return fingerprints(self._ca(site))[0]

    def _trust_once(self) -> bool:
        done = True
        for site, peer in ("ab", "ba"):
            if self.current_ca(peer) not in fingerprints(self._bundle(site)):
                inbox = {"data": {"ca-bundle": self._ca(peer)}}
                self.clients[site].patch("configmaps", "kubevirt-external-ca", inbox, KUBEVIRT)
                done = False
        return done

    def _ca(self, site: str) -> str:
        secret = _found(self.clients[site].get("secrets", "kubevirt-ca", KUBEVIRT))
        return base64.b64decode(secret["data"]["tls.crt"]).decode()

    def _bundle(self, site: str) -> str:
        return str(_found(self.clients[site].get("configmaps", "kubevirt-ca", KUBEVIRT))["data"]["ca-bundle"])

    def _kubevirt(self, site: str) -> dict[str, Any]:
        return _found(self.clients[site].get("kubevirts", "kubevirt", KUBEVIRT))

    def _make_networks(self, site: str) -> None:
        start, end = SLICES[site]
        ipam = {"type": "whereabouts", "range": RANGE, "range_start": start, "range_end": end}
        bridge = {"cniVersion": "0.3.1", "type": "bridge", "bridge": "br-hs-666", "mtu": 1400}
        self._define(site, KUBEVIRT, NETWORK, bridge | {"name": NETWORK, "ipam": ipam})
        self._define(
            site, "default", VM_NETWORK, {"cniVersion": "0.3.1", "type": "bridge", "name": VM_NETWORK, "ipam": {}}
        )

    def _define(self, site: str, namespace: str, name: str, config: dict[str, Any]) -> None:
        client = self.clients[site]
        if client.get("network-attachment-definitions", name, namespace) is None:
            meta = {"name": name, "namespace": namespace}
            client.create("network-attachment-definitions", {"metadata": meta, "spec": {"config": json.dumps(config)}})

    def _configure(self, site: str) -> None:
        gates = {"featureGates": ["DecentralizedLiveMigration"]}
        configuration = {"developerConfiguration": gates, "migrations": {"network": NETWORK}}
        self.clients[site].patch("kubevirts", "kubevirt", {"spec": {"configuration": configuration}}, KUBEVIRT)

    def _await_network(self, site: str) -> None:
        prefix = RANGE.rpartition(".")[0]

        def ready() -> bool:
            status = self._kubevirt(site)["status"]
            addresses = status.get("synchronizationAddresses") or [""]
            handlers = _found(self.clients[site].get("daemonsets", "virt-handler", KUBEVIRT))
            annotations = handlers["spec"]["template"]["metadata"].get("annotations") or {}
            wanted = f"{NETWORK}@migration0" in annotations.get("k8s.v1.cni.cncf.io/networks", "")
            counts = handlers["status"]
            rolled = (
                counts.get("updatedNumberScheduled", 0)
                == counts["desiredNumberScheduled"]
                == counts.get("numberReady", 0)
                and counts.get("observedGeneration") == handlers["metadata"]["generation"]
            )
            return wanted and rolled and addresses[0].startswith(prefix)

        until(ready, f"the migration network on every pod at {site}", _SETTLED)


def _found(obj: dict[str, Any] | None) -> dict[str, Any]:
    assert obj is not None, "an object that every KubeVirt has is missing"
    return obj
