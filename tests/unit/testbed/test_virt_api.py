# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission with KubeVirt's texts, in its order, and with its gaps."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from testbed.sim import virt_api_vm, virt_api_vmi, virt_api_vmim
from testbed.sim.demo_vm import DemoVm, Disk, manifest
from testbed.sim.virt_api_refusal import Refusal

Object = dict[str, Any]
NOW = "2026-11-22T12:00:00Z"
CONTROLLER = "system:serviceaccount:kubevirt:kubevirt-controller"


def vmim(**spec: Any) -> Object:
    return {"metadata": {"name": "m", "namespace": "default"}, "spec": {"vmiName": "v"} | spec}


def vmi(phase: str = "Running", *conditions: Object) -> Object:
    return {
        "metadata": {"name": "v", "namespace": "default"},
        "status": {"phase": phase, "conditions": list(conditions)},
    }


def refused(
    wanted: Object, *, found: Object | None = None, open_: Object | None = None, gate: bool = True, writer: str = "user"
) -> str:
    """The text, empty when it is let in."""

    async def get(_namespace: str, _name: str) -> Object | None:
        return found

    async def others(_namespace: str, _name: str) -> list[Object]:
        return [open_] if open_ else []

    try:
        asyncio.run(virt_api_vmim.check_create(wanted, writer=writer, gate=gate, get_vmi=get, list_open=others))
    except Refusal as refusal:
        return refusal.message
    return ""


SEND = {"sendTo": {"migrationID": "1", "connectURL": "192.170.10.2:9185"}}
RECEIVE = {"receive": {"migrationID": "1"}}
NOT_MIGRATABLE = {"type": "LiveMigratable", "status": "False", "reason": "InterfaceNotLiveMigratable", "message": "no"}
DISKS = NOT_MIGRATABLE | {"reason": "DisksNotLiveMigratable"}
OPEN = {"metadata": {"uid": "u-1"}, "spec": {"vmiName": "v"}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("wanted", "kwargs", "text"),
    [
        (vmim(vmiName=""), {}, "vmiName is missing"),
        (
            vmim(priority="system-critical"),
            {"found": vmi()},
            "Migration priority queue, only virt-controller is allowed to set priority field",
        ),
        (vmim(**RECEIVE), {}, 'the VMI "default/v" does not exist'),
        (vmim(**SEND), {"found": vmi("Succeeded")}, "Cannot migrate VMI in finalized state."),
        (
            vmim(**SEND),
            {"found": vmi("Running", NOT_MIGRATABLE)},
            "Cannot migrate VMI, Reason: InterfaceNotLiveMigratable, Message: no",
        ),
        (vmim(), {"found": vmi("Running", DISKS)}, "Cannot migrate VMI, Reason: DisksNotLiveMigratable, Message: no"),
        (
            vmim(**SEND),
            {"found": vmi(), "open_": OPEN},
            "in-flight migration detected. Active migration job (u-1) is currently already in progress for VMI v.",
        ),
        (
            vmim(**RECEIVE),
            {"found": vmi(), "gate": False},
            "DecentralizedLiveMigration feature gate is not enabled in kubevirt resource",
        ),
        (
            vmim(**SEND, receive={"migrationID": "2"}),
            {"found": vmi()},
            "sendTo migrationID 1 does not match receive migrationID 2",
        ),
    ],
)
def test_refused_migrations(wanted: Object, kwargs: dict[str, Any], text: str) -> None:
    assert refused(wanted, **kwargs) == text


@pytest.mark.parametrize(
    ("wanted", "kwargs"),
    [
        (vmim(**RECEIVE), {"found": vmi("Running")}),
        (vmim(**SEND), {"found": vmi("WaitingForSync")}),
        (vmim(**SEND, **RECEIVE), {"found": vmi()}),
        (vmim(sendTo={"migrationID": "", "connectURL": ""}), {"found": vmi()}),
        (vmim(sendTo={"migrationID": "1", "connectURL": "no address"}), {"found": vmi()}),
        (vmim(**SEND), {"found": vmi("Running", DISKS)}),
        (vmim(**SEND), {"found": vmi(), "open_": OPEN | {"status": {"phase": "Failed"}}}),
        (vmim(priority="system-critical"), {"found": vmi(), "writer": CONTROLLER}),
    ],
)
def test_what_kubevirt_lets_in(wanted: Object, kwargs: dict[str, Any]) -> None:
    assert refused(wanted, **kwargs) == ""


def test_a_migration_is_labelled_and_held() -> None:
    made = virt_api_vmim.mutate(vmim(**RECEIVE))
    assert made["metadata"]["labels"] == {"kubevirt.io/vmi-name": "v"}
    assert made["metadata"]["finalizers"] == ["kubevirt.io/migrationJobFinalize"]


def test_a_migration_does_not_change() -> None:
    old = virt_api_vmim.mutate(vmim(**RECEIVE))
    with pytest.raises(Refusal, match="update of Migration object's spec is restricted"):
        virt_api_vmim.check_update(vmim(**SEND), old)
    relabelled = copy.deepcopy(old)
    relabelled["metadata"]["labels"] = {"kubevirt.io/vmi-name": "other"}
    with pytest.raises(Refusal, match="can't be modified on an in-flight migration"):
        virt_api_vmim.check_update(relabelled, old)
    relabelled["status"] = {"phase": "Failed"}
    virt_api_vmim.check_update(relabelled, old)


def changed(**spec: Any) -> Object:
    vm = manifest(DemoVm())
    vm["spec"] = {key: value for key, value in (vm["spec"] | spec).items() if value is not None}
    return vm


@pytest.mark.parametrize(
    ("vm", "gate", "text"),
    [
        (
            changed(runStrategy="WaitAsReceiver"),
            False,
            (
                "Invalid RunStrategy (WaitAsReceiver), "
                "DecentralizedLiveMigration feature gate is not enabled in kubevirt resource"
            ),
        ),
        (changed(runStrategy="Sometimes"), True, "Invalid RunStrategy (Sometimes)"),
        (changed(runStrategy=None), True, "RunStrategy must be specified"),
        (
            changed(running=True),
            True,
            (
                "Running and RunStrategy are mutually exclusive. "
                "Note that Running is deprecated, please use RunStrategy instead"
            ),
        ),
    ],
)
def test_refused_vms(vm: Object, gate: bool, text: str) -> None:
    with pytest.raises(Refusal) as refusal:
        virt_api_vm.check(vm, gate=gate)
    assert refusal.value.message == text
    assert refusal.value.code == 422


def test_vms_that_are_let_in() -> None:
    assert virt_api_vm.check(changed(runStrategy="WaitAsReceiver"), gate=True) == []
    assert virt_api_vm.check(manifest(DemoVm("v" * 64)), gate=False) == []
    assert virt_api_vm.check(manifest(DemoVm(running=True)), gate=False) != []
    disks = (Disk("data"), Disk("lun", device="lun"), Disk("fs", device="filesystem"), Disk("tmpl", how="template"))
    assert virt_api_vm.check(manifest(DemoVm(disks=disks)), gate=False) == []


def test_a_disk_without_volume_is_refused() -> None:
    vm = manifest(DemoVm(config_map=False, cloud_init=False))
    vm["spec"]["template"]["spec"]["volumes"] = []
    with pytest.raises(Refusal, match=r"disks\[0\]\.Name 'containerdisk' not found"):
        virt_api_vm.check(vm, gate=False)


def test_defaults_of_a_new_vm() -> None:
    vm = virt_api_vm.mutate(manifest(DemoVm()), {}, creating=True)
    spec = vm["spec"]["template"]["spec"]
    assert spec["architecture"] == "amd64"
    assert spec["domain"]["machine"] == {"type": "q35"}
    assert set(spec["domain"]["firmware"]) == {"uuid", "serial"}
    assert vm["spec"]["template"]["metadata"]["annotations"] == {"kubevirt.io/pci-topology-version": "v3"}
    again = virt_api_vm.mutate(copy.deepcopy(vm), {}, creating=True)
    assert again == vm, "ids that are there stay"


def test_defaults_of_a_new_instance() -> None:
    template = virt_api_vm.mutate(manifest(DemoVm()), {}, creating=True)["spec"]["template"]
    made = virt_api_vmi.mutate({"metadata": {"name": "v"}, "spec": template["spec"]}, None, CONTROLLER, {}, NOW)
    cpu = {"cores": 1, "maxSockets": 4, "model": "host-model", "sockets": 1, "threads": 1}
    assert made["spec"]["domain"]["cpu"] == cpu
    assert made["spec"]["domain"]["memory"] == {"guest": "256M"}
    assert made["metadata"]["finalizers"] == ["kubevirt.io/foregroundDeleteVirtualMachine"]
    assert made["status"]["phase"] == "Pending"


def test_a_strangers_status_is_put_back_in_silence() -> None:
    old = vmi() | {"spec": {}}
    new = copy.deepcopy(old)
    new["status"]["phase"] = "Failed"
    assert virt_api_vmi.mutate(copy.deepcopy(new), old, "admin", {}, NOW) == old
    assert virt_api_vmi.mutate(copy.deepcopy(new), old, CONTROLLER, {}, NOW) == new


def test_only_kubevirt_changes_an_instance() -> None:
    old = vmi() | {"spec": {}}
    new = old | {"spec": {"hostname": "x"}}
    with pytest.raises(Refusal, match="update of VMI object is restricted"):
        virt_api_vmi.check_update(new, old, "admin")
    virt_api_vmi.check_update(new, old, CONTROLLER)
    labelled = copy.deepcopy(old)
    labelled["metadata"]["labels"] = {"kubevirt.io/nodeName": "n"}
    with pytest.raises(Refusal, match=r"reserved kubevirt\.io/ labels"):
        virt_api_vmi.check_update(labelled, old, "admin")
