# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a guest can be migrated, in virt-handler's words."""

from __future__ import annotations

from typing import Any

import pytest
from testbed.sim.handler_migratable import conditions, method

Object = dict[str, Any]
CLAIMS = {
    "own": {"spec": {"accessModes": ["ReadWriteOnce"]}},
    "shared": {"spec": {"accessModes": ["ReadWriteMany"]}},
}


def vmi(*, claim: str = "", **spec: Any) -> Object:
    domain: Object = {"devices": spec.pop("devices", {})} | spec.pop("domain", {})
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    return {"metadata": {"name": "v", "namespace": "n"}, "spec": {"domain": domain, "volumes": volumes} | spec}


def reasons(instance: Object) -> tuple[str, str]:
    live, storage = conditions(instance, CLAIMS)
    assert (live["type"], storage["type"]) == ("LiveMigratable", "StorageLiveMigratable")
    return live.get("reason", live["status"]), storage.get("reason", storage["status"])


POD_BRIDGE: Object = {"networks": [{"name": "d", "pod": {}}], "devices": {"interfaces": [{"name": "d", "bridge": {}}]}}
MASQUERADE: Object = {
    "networks": [{"name": "d", "pod": {}}],
    "devices": {"interfaces": [{"name": "d", "masquerade": {}}]},
}
MULTUS: Object = {"networks": [{"name": "d", "multus": {}}], "devices": {"interfaces": [{"name": "d", "bridge": {}}]}}


@pytest.mark.parametrize(
    ("instance", "live", "storage"),
    [
        (vmi(), "True", "True"),
        (vmi(claim="shared"), "True", "True"),
        (vmi(claim="own"), "DisksNotLiveMigratable", "True"),
        (vmi(**MASQUERADE), "True", "True"),
        (vmi(**MULTUS), "True", "True"),
        (vmi(**POD_BRIDGE), "InterfaceNotLiveMigratable", "NotMigratable"),
        (vmi(claim="own", **POD_BRIDGE), "InterfaceNotLiveMigratable", "NotMigratable"),
        (vmi(devices={"hostDevices": [{}]}), "HostDeviceNotLiveMigratable", "NotMigratable"),
        (vmi(devices={"gpus": [{}, {}]}), "HostDeviceNotLiveMigratable", "NotMigratable"),
        (vmi(domain={"launchSecurity": {"sev": {}}}), "SEVNotLiveMigratable", "NotMigratable"),
        (vmi(devices={"disks": [{"name": "d", "lun": {"reservation": True}}]}), "True", "NotMigratable"),
    ],
)
def test_reasons(instance: Object, live: str, storage: str) -> None:
    assert reasons(instance) == (live, storage)


def test_the_pod_network_may_be_allowed() -> None:
    instance = vmi(**POD_BRIDGE)
    instance["metadata"]["annotations"] = {"kubevirt.io/allow-pod-bridge-network-live-migration": ""}
    assert reasons(instance) == ("True", "True")


def test_disks_of_its_own_are_copied() -> None:
    assert method(vmi(claim="own"), CLAIMS) == "BlockMigration"
    assert method(vmi(claim="shared"), CLAIMS) == "LiveMigration"
    assert conditions(vmi(claim="own"), CLAIMS)[0]["message"] == (
        "cannot migrate VMI: PVC own is not shared, live migration requires that all PVCs must be shared "
        "(using ReadWriteMany access mode)"
    )
