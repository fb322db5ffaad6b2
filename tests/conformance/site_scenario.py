# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user did while the site recordings were made, step by step, on the two clusters of a bed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cryptography import x509
from testbed.until import until

from conformance.recorder import Recorder
from conformance.rows import fingerprints
from conformance.site_story import KINDS, wanted

if TYPE_CHECKING:
    from testbed.testing import Client, TestBed

KUBEVIRT = "kubevirt"
NETWORK = "migration-evpn"
GATE = "DecentralizedLiveMigration"
_SLICES = {"a": ("192.170.10.2", "192.170.10.127"), "b": ("192.170.10.128", "192.170.10.254")}
_SECONDS = 90.0
_REST = 1.5
# What took longer in the recordings than anything a loaded machine does to the test bed.
_LEASE, _STRATEGY = "sync-lease-held", "strategy-stuck"

Object = dict[str, Any]


class Sites:
    """Sites a and b of the recordings."""

    def __init__(self, bed: TestBed) -> None:
        self._bed = bed
        self._names = dict(zip("ab", bed.clusters, strict=True))
        self.clients: dict[str, Client] = {
            site: cluster.client for site, cluster in zip("ab", bed.clusters.values(), strict=True)
        }
        self._kubeconfigs = {
            site: cluster.kubeconfig for site, cluster in zip("ab", bed.clusters.values(), strict=True)
        }

    def recorder(self) -> Recorder:
        return Recorder(self._kubeconfigs, KINDS, KUBEVIRT, wanted)

    def turn_gate_on(self, site: str) -> None:
        """The state both recordings' first lines show, and the network definitions."""
        self._define_network(site)
        self.configure(site, {"developerConfiguration": {"featureGates": [GATE], "useEmulation": True}})
        self.settle(site)

    @contextmanager
    def held(self, fault: str, site: str) -> Iterator[None]:
        """Something takes its time at a site, until what must come before it has come."""
        with self._bed.fault(fault, self._names[site]):
            yield

    def await_vacancy(self, site: str) -> None:
        """Wait until all is rolled out and nobody leads: the Lease of the leader that is gone has not run out yet."""
        self.settle(site, addresses=False)

    def configure(self, site: str, configuration: Object) -> None:
        patch = {"spec": {"configuration": configuration}}
        self.clients[site].patch("kubevirts", "kubevirt", patch, KUBEVIRT)

    def offer(self, site: str, peer: str) -> None:
        """Write the peer's current CA into the site's inbox, once."""
        inbox = {"data": {"ca-bundle": self.authority(peer)}}
        self.clients[site].patch("configmaps", "kubevirt-external-ca", inbox, KUBEVIRT)

    def settle(self, site: str, *, addresses: bool = True) -> Object:
        """Wait until virt-operator is done with the CR as it is, told its addresses and rests."""

        def done(kubevirt: Object) -> bool:
            status = kubevirt["status"]
            observed = status.get("observedGeneration") == kubevirt["metadata"]["generation"]
            return observed and bool(status.get("synchronizationAddresses")) == addresses

        return until(
            lambda: self.get(site, "kubevirts", "kubevirt"), f"KubeVirt of {site} settled", _SECONDS, holds=done
        )

    def await_update(self, site: str) -> None:
        """Wait until virt-operator says that it replaces what is there, and is held up in it."""

        def said(kubevirt: Object) -> bool:
            return any(each.get("reason") == "UpdateInProgress" for each in kubevirt["status"]["conditions"])

        until(lambda: self.get(site, "kubevirts", "kubevirt"), f"an update under way at {site}", _SECONDS, holds=said)

    def await_bundle(self, site: str, *order: str) -> None:
        """Wait until the bundle begins with the current CAs of these sites, in this order."""
        first = [fingerprints(self.authority(each))[0] for each in order]

        def sorted_in(config_map: Object) -> bool:
            return fingerprints(config_map["data"]["ca-bundle"])[: len(first)] == first

        until(
            lambda: self.get(site, "configmaps", "kubevirt-ca"),
            f"{order} in {site}'s bundle",
            _SECONDS,
            holds=sorted_in,
        )

    def await_renewal(self, site: str, before: str) -> None:
        """Wait until the site has another CA than before and trusts it itself."""
        until(lambda: self.authority(site), f"a new CA of {site}", _SECONDS, holds=lambda seen: seen != before)
        self.await_bundle(site, site)

    def authority(self, site: str) -> str:
        secret = self.get(site, "secrets", "kubevirt-ca")
        return base64.b64decode(secret["data"]["tls.crt"]).decode()

    def next_second(self, site: str) -> None:
        """Bundles are ordered by whole seconds: let what comes next be newer than the site's CA for certain."""
        begun = x509.load_pem_x509_certificate(self.authority(site).encode()).not_valid_before_utc
        while time.time() < begun.timestamp() + 1:
            time.sleep(0.05)

    def get(self, site: str, key: str, name: str) -> Object:
        found = self.clients[site].get(key, name, KUBEVIRT)
        assert found is not None, f"{key} {name} at {site}"
        return found

    def pod(self, site: str, component: str) -> Object:
        pods = self.clients[site].list("pods", KUBEVIRT, labels=f"kubevirt.io={component}")
        return next(each for each in pods if "deletionTimestamp" not in each["metadata"])

    def _define_network(self, site: str) -> None:
        start, end = _SLICES[site]
        ipam = {"type": "whereabouts", "range": "192.170.10.0/24", "range_start": start, "range_end": end}
        config = {"cniVersion": "0.3.1", "name": NETWORK, "type": "bridge", "bridge": "br-hs-666", "mtu": 1400}
        body = {
            "metadata": {"name": NETWORK, "namespace": KUBEVIRT},
            "spec": {"config": json.dumps(config | {"ipam": ipam})},
        }
        self.clients[site].create("network-attachment-definitions", body)


def prepare(sites: Sites, tape: Recorder) -> None:
    """site-preparation, first part: network on both with an exchange of trust in its midst, trust again."""
    before = {site: sites.authority(site) for site in "ba"}
    with sites.held(_LEASE, "a"), sites.held(_LEASE, "b"):
        # Both inboxes were written before the first of the two sites got to merging.
        with sites.held(_STRATEGY, "a"):
            with sites.held(_STRATEGY, "b"):
                sites.configure("b", {"migrations": {"network": NETWORK}})
                sites.configure("a", {"migrations": {"network": NETWORK}})
                for site in "ba":
                    sites.await_update(site)
                sites.offer("a", "b")
                sites.offer("b", "a")
                sites.next_second("b")
            # b was done with its CA first.
            sites.await_renewal("b", before["b"])
            sites.next_second("b")
        sites.await_renewal("a", before["a"])
        for site in "ba":
            sites.await_vacancy(site)
    for site in "ba":
        sites.settle(site)
    # What is written into the inbox while virt-operator is at work may be lost; the recorded writes were not.
    tape.quiet(_REST)
    sites.offer("a", "b")
    sites.offer("b", "a")
    sites.await_bundle("a", "a", "b")
    sites.await_bundle("b", "b", "a")


def tune(sites: Sites, tape: Recorder) -> None:
    """site-preparation, second part: bandwidth on a, trust again."""
    sites.next_second("a")
    current = sites.authority("a")
    sites.configure("a", {"migrations": {"network": NETWORK, "bandwidthPerMigration": "64Mi"}})
    sites.await_renewal("a", current)
    sites.settle("a")
    tape.quiet(_REST)
    sites.offer("b", "a")
    sites.await_bundle("b", "b", "a")


def take_down(sites: Sites) -> None:
    """network-unset-and-gate-off: the network removed from a's CR, then the gate."""
    current = sites.authority("a")
    with sites.held(_LEASE, "a"):
        sites.configure("a", {"migrations": {"network": None}})
        sites.await_renewal("a", current)
        sites.await_vacancy("a")
    sites.settle("a")
    current = sites.authority("a")
    sites.configure("a", {"developerConfiguration": {"featureGates": []}})
    sites.await_renewal("a", current)
    sites.settle("a", addresses=False)
