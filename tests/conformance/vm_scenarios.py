# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done while the VM recordings ran, done again on a test bed: each scenario fills a tape with rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from testbed.kube import NotFound

from conformance.pair import VM_NETWORK, Pair
from conformance.recorder import Recorder
from conformance.rows import Row

KINDS = ("VirtualMachine", "VirtualMachineInstance", "VirtualMachineInstanceMigration", "Pod")
VM, VMI, VMIM = "virtualmachines", "virtualmachineinstances", "virtualmachineinstancemigrations"
NAMESPACE = "default"
RESTORE = "kubevirt.io/restore-run-strategy"
MAC = "02:03:04:05:06:07"
_SECONDS = 40.0
_IMAGE = "quay.io/kubevirt/fedora-with-test-tooling-container-disk:v1.6.2"


class Play:
    """One VM that moves; `site` says where things are done."""

    def __init__(self, pair: Pair, name: str, tape: Recorder) -> None:
        self.pair = pair
        self.name = name
        self.tape = tape

    def start(self, site: str, **spec: Any) -> None:
        """A VM that runs, and says so."""
        self.pair.clients[site].create(VM, _manifest(self.name, "Always", **spec))
        self.until(site, "VirtualMachine", lambda row: row.get("ready") is True, "the VM ready")

    def receive(self, site: str, **spec: Any) -> None:
        """A VM that waits for its guest."""
        manifest = _manifest(self.name, "WaitAsReceiver", **spec)
        manifest["metadata"]["annotations"] = {RESTORE: "Always"}
        self.pair.clients[site].create(VM, manifest)
        self.until(site, "VirtualMachine", _shows("printableStatus", "WaitingForReceiver"), "the receiver waiting")

    def open_target_of_running(self, site: str, migration_id: str) -> None:
        """The API lets a VM that runs receive."""
        self._migrate(site, "target", {"receive": {"migrationID": migration_id}})

    def open_target(self, site: str, migration_id: str, **annotations: str) -> None:
        self._migrate(site, "target", {"receive": {"migrationID": migration_id}}, annotations)
        self.until(
            site, "VirtualMachine", _has("DecentralizedLiveMigrationFailure"), "the target waiting for its source"
        )

    def open_source(self, site: str, migration_id: str, address: str) -> None:
        self._migrate(site, "source", {"sendTo": {"migrationID": migration_id, "connectURL": address}})

    def open(self, source: str = "a", target: str = "b", address: str = "") -> None:
        """Both sides, the target first; the same id in every story, which tells nothing."""
        self.open_target(target, f"{self.name}-{source}{target}")
        self.open_source(source, f"{self.name}-{source}{target}", address or self.pair.address(target))

    def strategy(self, site: str, wanted: str, **annotations: str | None) -> None:
        body: dict[str, Any] = {"spec": {"runStrategy": wanted}}
        if annotations:
            body["metadata"] = {"annotations": annotations}
        self.pair.clients[site].patch(VM, self.name, body, NAMESPACE)

    def restore(self, site: str, wanted: str | None) -> None:
        """The mark of the run strategy that a receiver gets after success."""
        self.pair.clients[site].patch(VM, self.name, {"metadata": {"annotations": {RESTORE: wanted}}}, NAMESPACE)

    def cancel(self, site: str, side: str) -> None:
        self.pair.clients[site].delete(VMIM, f"{self.name}-{side}", NAMESPACE)

    def phase(self, site: str, side: str, wanted: str, seconds: float = _SECONDS) -> None:
        """Until the migration of a side is in a phase."""
        what = f"{self.name}-{side} at {site} {wanted}"
        found = _shows("phase", wanted)
        self.until(site, "VirtualMachineInstanceMigration", lambda row: _ends(row, side) and found(row), what, seconds)

    def ended(self, site: str, side: str, wanted: str) -> None:
        """Until the migration of a side is final and nobody's finalizer is on it."""

        def over(row: Row) -> bool:
            return _ends(row, side) and row.get("phase") == wanted and "finalizers" not in row

        what = f"{self.name}-{side} at {site} {wanted} and let go"
        self.until(site, "VirtualMachineInstanceMigration", over, what)

    def until(self, site: str, kind: str, true: Callable[[Row], bool], what: str, seconds: float = _SECONDS) -> None:
        """Until a row of the tape since the last act shows something."""

        def seen(rows: list[Row]) -> bool:
            return any(row["site"] == site and row["kind"] == kind and true(row) for row in rows[self._mark :])

        self.tape.until(seen, seconds, what)

    def settle(self, quiet: float = 1.0) -> None:
        """Until nobody has written anything for a second: all that follows the last step is told then."""
        told = -1
        while told != len(self.tape.rows):
            told = len(self.tape.rows)
            time.sleep(quiet)
            self.tape.catch_up()

    def act(self) -> None:
        """Only rows from here on count for `until`."""
        self._mark = len(self.tape.rows)

    def objects(self, site: str) -> dict[str, Any]:
        """Whole objects as the API server has them now: vm, vmi, vmims, pods."""
        client = self.pair.clients[site]

        def named(key: str) -> list[dict[str, Any]]:
            return [one for one in client.list(key, NAMESPACE) if self.name in one["metadata"]["name"]]

        return {
            "vm": client.get(VM, self.name, NAMESPACE),
            "vmi": client.get(VMI, self.name, NAMESPACE),
            "vmims": named(VMIM),
            "pods": named("pods"),
        }

    def clear(self) -> None:
        """All of it goes, with the finalizers that nobody takes off any more."""
        for client in self.pair.clients.values():
            client.delete(VM, self.name, NAMESPACE)
            for vmim in client.list(VMIM, NAMESPACE):
                if vmim["spec"]["vmiName"] == self.name:
                    client.delete(VMIM, vmim["metadata"]["name"], NAMESPACE)
        for client in self.pair.clients.values():
            client.until(lambda found: found is None, VMI, self.name, NAMESPACE)
            for vmim in client.list(VMIM, NAMESPACE):
                if vmim["spec"]["vmiName"] == self.name:
                    with suppress(NotFound):  # KubeVirt may have taken them off meanwhile.
                        client.patch(VMIM, vmim["metadata"]["name"], {"metadata": {"finalizers": None}}, NAMESPACE)

    _mark = 0

    def _migrate(self, site: str, side: str, ends: dict[str, Any], annotations: dict[str, str] | None = None) -> None:
        meta = {"name": f"{self.name}-{side}", "namespace": NAMESPACE, "annotations": annotations or {}}
        self.pair.clients[site].create(VMIM, {"metadata": meta, "spec": {"vmiName": self.name} | ends})


@contextmanager
def play(pair: Pair, name: str) -> Iterator[Play]:
    """A VM name of its own and a tape that hears of nothing else; everything is cleared away afterwards."""
    kubeconfigs = {site: cluster.kubeconfig for site, cluster in pair.clusters.items()}

    def concerns(row: Row) -> bool:
        return row["name"] == name or name in row["name"].removeprefix("virt-launcher-").rpartition("-")[0]

    with Recorder(kubeconfigs, KINDS, NAMESPACE, concerns) as tape:
        acted = Play(pair, name, tape)
        try:
            yield acted
        finally:
            acted.clear()


def _manifest(name: str, strategy: str, **spec: Any) -> dict[str, Any]:
    domain = {
        "devices": {
            "disks": [{"name": "containerdisk", "disk": {"bus": "virtio"}}],
            "interfaces": [{"name": VM_NETWORK, "bridge": {}, "macAddress": MAC}],
        },
        "resources": {"requests": {"memory": "256M"}},
    }
    template = {
        "domain": domain,
        "networks": [{"name": VM_NETWORK, "multus": {"networkName": VM_NETWORK}}],
        "terminationGracePeriodSeconds": 0,
        "volumes": [{"name": "containerdisk", "containerDisk": {"image": _IMAGE}}],
    } | spec
    meta = {"labels": {"kubevirt.io/vm": name}}
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"runStrategy": strategy, "template": {"metadata": meta, "spec": template}},
    }


def _shows(field: str, value: str) -> Callable[[Row], bool]:
    return lambda row: row.get(field) == value


def _has(condition: str) -> Callable[[Row], bool]:
    return lambda row: any(one[0] == condition for one in row.get("conditions", ()))


def _ends(row: Row, side: str) -> bool:
    return str(row["name"]).endswith(f"-{side}")
