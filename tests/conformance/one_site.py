# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster of a bed, with what tests of its virt-operator and its nodes ask of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from testbed.until import until

from conformance.rows import fingerprints
from conformance.site_scenario import GATE, KUBEVIRT

if TYPE_CHECKING:
    from testbed.testing import Client, TestBed

Object = dict[str, Any]


class Site:
    """One cluster with the gate on."""

    def __init__(self, bed: TestBed) -> None:
        self.bed = bed
        self.client: Client = next(iter(bed.clusters.values())).client

    def configure(self, **migrations: Any) -> None:
        developer = {"featureGates": [GATE], "useEmulation": True}
        configuration = {"developerConfiguration": developer, "migrations": migrations or None}
        patch = {"spec": {"configuration": configuration}}
        self.client.patch("kubevirts", "kubevirt", patch, KUBEVIRT)

    def kubevirt(self) -> Object:
        found = self.client.get("kubevirts", "kubevirt", KUBEVIRT)
        assert found is not None
        return found

    def settle(self) -> Object:
        def settled() -> bool:
            kubevirt = self.kubevirt()
            observed = kubevirt["status"].get("observedGeneration") == kubevirt["metadata"]["generation"]
            return observed and bool(kubevirt["status"].get("synchronizationAddresses"))

        until(settled, "KubeVirt settled")
        return self.kubevirt()

    def define(self, name: str, **ipam: Any) -> None:
        config = {"type": "bridge", "bridge": "br-hs-666", "mtu": 1400, "ipam": {"type": "whereabouts", **ipam}}
        body = {"metadata": {"name": name, "namespace": KUBEVIRT}, "spec": {"config": json.dumps(config)}}
        self.client.create("network-attachment-definitions", body)

    def events(self, reason: str) -> list[str]:
        return [each["message"] for each in self.client.list("events", KUBEVIRT) if each["reason"] == reason]

    def handlers(self) -> list[Object]:
        return self.client.list("pods", KUBEVIRT, labels="kubevirt.io=virt-handler")

    def bundle(self) -> list[str]:
        return self._certificates("kubevirt-ca")

    def offer(self, text: str) -> None:
        inbox = {"data": {"ca-bundle": text}}
        self.client.patch("configmaps", "kubevirt-external-ca", inbox, KUBEVIRT)

    def await_empty_inbox(self) -> None:
        until(lambda: not self._inbox(), "an empty inbox")

    def allocations(self, pool: str) -> list[str]:
        found = self.client.get("ippools", pool, "kube-system")
        return sorted(
            each["podref"] for each in (found or {"spec": {"allocations": {}}})["spec"]["allocations"].values()
        )

    def _inbox(self) -> str:
        found = self.client.get("configmaps", "kubevirt-external-ca", KUBEVIRT)
        return str((found or {}).get("data", {}).get("ca-bundle", ""))

    def _certificates(self, name: str) -> list[str]:
        found = self.client.get("configmaps", name, KUBEVIRT)
        return fingerprints((found or {}).get("data", {}).get("ca-bundle", ""))
