# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines on the test bed: they start, end, refuse and complain as KubeVirt's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testbed.kube import ApiError, Conflict
from testbed.resources import Object
from testbed.sim.demo_vm import MAC, DemoVm, Disk, claim_name, manifest, objects
from testbed.testing import Client, TestBed

VM, VMI, VMIM = "virtualmachines", "virtualmachineinstances", "virtualmachineinstancemigrations"


@pytest.fixture
def client(quiet_bed: TestBed) -> Client:
    return next(iter(quiet_bed.clusters.values())).client


@pytest.fixture
def make(client: Client, namespace: str) -> Callable[..., DemoVm]:
    """Create a VM and all it uses; waits for the word it shows to people."""

    def made(name: str = "vm", *, shows: str = "Running", without: str = "", **wanted: Any) -> DemoVm:
        vm = DemoVm(name, namespace, **wanted)
        for key, body in objects(vm):
            if key != without:
                _create(client, key, body)
        client.until(_shows(shows), VM, name, namespace)
        return vm

    return made


def _create(client: Client, key: str, body: Object) -> None:
    try:
        client.create(key, body)
    except Conflict:
        assert key == "network-attachment-definitions", "only networks are shared"


def _shows(word: str) -> Callable[[Object | None], bool]:
    return lambda vm: vm is not None and (vm.get("status") or {}).get("printableStatus") == word


def _condition(obj: Object | None, type_: str) -> Object:
    found = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((one for one in found if one["type"] == type_), {})


def _uid(client: Client, name: str, namespace: str) -> str:
    vmi = client.get(VMI, name, namespace)
    return str(vmi["metadata"]["uid"]) if vmi else ""


def test_a_vm_runs_with_the_mac_it_asked_for(client: Client, namespace: str, make: Callable[..., DemoVm]) -> None:
    make()
    vmi = client.until(lambda vmi: _condition(vmi, "Ready").get("status") == "True", VMI, "vm", namespace)
    assert vmi is not None
    assert [one["mac"] for one in vmi["status"]["interfaces"]] == [MAC]
    vm = client.until(lambda vm: bool(vm and vm["status"].get("ready")), VM, "vm", namespace)
    assert vm is not None
    template = vm["spec"]["template"]["spec"]["domain"]
    assert vmi["spec"]["domain"]["firmware"] == template["firmware"]
    (pod,) = client.list("pods", namespace)
    assert pod["spec"]["nodeName"] == vmi["status"]["nodeName"]
    assert vmi["status"]["activePods"] == {pod["metadata"]["uid"]: pod["spec"]["nodeName"]}


@pytest.mark.parametrize(
    ("disk", "live"),
    [
        (Disk("data"), "DisksNotLiveMigratable"),
        (Disk("data", how="template"), "DisksNotLiveMigratable"),
        (Disk("data", storage_class="local"), "DisksNotLiveMigratable"),
        (Disk("data", how="template", storage_class="local"), "DisksNotLiveMigratable"),
        (Disk("data", mode="ReadWriteMany", shareable=True), ""),
        (Disk("data", device="lun", volume_mode="Block"), "DisksNotLiveMigratable"),
        (Disk("data", device="filesystem"), "DisksNotLiveMigratable"),
    ],
    ids=["claim", "template", "local claim", "local template", "shareable", "lun", "filesystem"],
)
def test_disks(client: Client, namespace: str, make: Callable[..., DemoVm], disk: Disk, live: str) -> None:
    vm = make(disks=(disk,))
    vmi = client.until(lambda vmi: bool(_condition(vmi, "LiveMigratable")), VMI, "vm", namespace)
    assert _condition(vmi, "LiveMigratable").get("reason", "") == live
    assert _condition(vmi, "StorageLiveMigratable")["status"] == "True"
    claim = client.need("persistentvolumeclaims", claim_name(vm, disk), namespace)
    assert claim["status"]["phase"] == "Bound"


@pytest.mark.parametrize(
    ("strategy", "end", "again", "shows"),
    [
        ("Always", "guest-shutdown", True, "Running"),
        ("RerunOnFailure", "guest-shutdown", False, "Stopped"),
        ("RerunOnFailure", "guest-crash", True, "Running"),
        ("Once", "guest-crash", False, "Stopped"),
    ],
)
def test_what_follows_the_end_of_a_guest(
    quiet_bed: TestBed,
    client: Client,
    namespace: str,
    make: Callable[..., DemoVm],
    strategy: str,
    end: str,
    again: bool,
    shows: str,
) -> None:
    make(run_strategy=strategy)
    before = _uid(client, "vm", namespace)
    with quiet_bed.fault(end, times=1, vm=f"{namespace}/vm"):
        client.until(
            lambda vmi: vmi is None or vmi["metadata"]["uid"] != before or _is_final(vmi), VMI, "vm", namespace
        )
    if again:
        client.until(lambda vmi: vmi is not None and vmi["metadata"]["uid"] != before, VMI, "vm", namespace)
    client.until(_shows(shows), VM, "vm", namespace)


def _is_final(vmi: Object) -> bool:
    return vmi["status"]["phase"] in ("Succeeded", "Failed")


def test_the_guard_is_invisible_to_the_guest(client: Client, namespace: str, make: Callable[..., DemoVm]) -> None:
    """Row 19: Always, Manual and back neither stop nor restart it."""
    make()
    before = _uid(client, "vm", namespace)
    for strategy in ("Manual", "Always", "Manual"):
        client.patch(VM, "vm", {"spec": {"runStrategy": strategy}}, namespace)
        client.until(_has_settled_on(strategy), VM, "vm", namespace)
    assert _uid(client, "vm", namespace) == before


def _has_settled_on(strategy: str) -> Callable[[Object | None], bool]:
    def settled(vm: Object | None) -> bool:
        assert vm is not None
        current = vm["status"]["observedGeneration"] == vm["metadata"]["generation"]
        return bool(current and vm["status"].get("runStrategy") == strategy)

    return settled


def test_halted_and_deleted_leave_nothing(client: Client, namespace: str, make: Callable[..., DemoVm]) -> None:
    make(disks=(Disk("data", how="template"),))
    client.patch(VM, "vm", {"spec": {"runStrategy": "Halted"}}, namespace)
    client.until(lambda vmi: vmi is None, VMI, "vm", namespace)
    client.until(_shows("Stopped"), VM, "vm", namespace)
    assert client.list("pods", namespace) == []
    client.delete(VM, "vm", namespace)
    client.until(lambda vm: vm is None, VM, "vm", namespace)
    client.until(lambda claim: claim is None, "persistentvolumeclaims", "vm-data", namespace)


def test_no_node_fits(client: Client, namespace: str, make: Callable[..., DemoVm]) -> None:
    make(shows="ErrorUnschedulable", node_selector=(("no-such", "node"),))
    told = _condition(client.get(VMI, "vm", namespace), "PodScheduled")
    assert (told["status"], told["reason"]) == ("False", "Unschedulable")
    assert "nodes are available" in told["message"]


def test_a_missing_claim_is_named(client: Client, namespace: str, make: Callable[..., DemoVm]) -> None:
    make(shows="ErrorPvcNotFound", without="persistentvolumeclaims", disks=(Disk("data"),))


def test_a_guest_waits_for_its_secret(client: Client, namespace: str, make: Callable[..., DemoVm]) -> None:
    vm = make(shows="Starting", without="secrets")
    reason = "FailedMount"
    client.until(
        lambda _vm: any(one["reason"] == reason for one in client.list("events", namespace)), VM, "vm", namespace
    )
    for key, body in objects(vm):
        if key == "secrets":
            client.create(key, body)
    client.until(_shows("Running"), VM, "vm", namespace)


def test_a_strangers_status_is_put_back(client: Client, namespace: str, make: Callable[..., DemoVm]) -> None:
    """Row 13; labels and spec are refused aloud."""
    make()
    assert client.patch(VMI, "vm", {"status": {"phase": "Failed"}}, namespace)["status"]["phase"] == "Running"
    with pytest.raises(ApiError, match="update of VMI object is restricted"):
        client.patch(VMI, "vm", {"spec": {"hostname": "other"}}, namespace)


def _vmim(namespace: str, **spec: Any) -> Object:
    return {"metadata": {"name": "m", "namespace": namespace}, "spec": {"vmiName": "vm"} | spec}


def test_refused_migrations(client: Client, namespace: str, make: Callable[..., DemoVm]) -> None:
    """Row 25, as the API server puts it."""
    denied = 'admission webhook "migration-create-validator.kubevirt.io" denied the request: '
    for spec, text in (
        ({"vmiName": "x"}, f'{denied}the VMI "{namespace}/x" does not exist'),
        ({"vmiName": ""}, f"{denied}vmiName is missing"),
        ({"receive": {}}, "spec.receive.migrationID: Required value"),
        ({"sendTo": {"migrationID": "1"}}, "spec.sendTo.connectURL: Required value"),
    ):
        with pytest.raises(ApiError) as refusal:
            client.create(VMIM, _vmim(namespace, **spec))
        assert text in refusal.value.message
    make()
    made = client.create(VMIM, _vmim(namespace, addedNodeSelector={"no-such": "node"}))
    with pytest.raises(ApiError, match="in-flight migration detected") as second:
        client.create(VMIM, _vmim(namespace) | {"metadata": {"name": "n", "namespace": namespace}})
    assert made["metadata"]["uid"] in second.value.message
    with pytest.raises(ApiError, match="update of Migration object's spec is restricted"):
        client.patch(VMIM, "m", {"spec": {"vmiName": "other"}}, namespace)
    client.delete(VMIM, "m", namespace)
    client.until(lambda vmim: vmim is None, VMIM, "m", namespace)


def test_both_ways_to_say_running_are_one_too_many(client: Client, namespace: str) -> None:
    vm = manifest(DemoVm("vm", namespace))
    vm["spec"]["running"] = True
    with pytest.raises(ApiError, match="Running and RunStrategy are mutually exclusive"):
        client.create(VM, vm)


def test_a_long_name_is_let_in(client: Client, namespace: str) -> None:
    """Row 24."""
    made = client.create(VM, manifest(DemoVm("v" * 64, namespace, run_strategy="Halted")))
    assert len(made["metadata"]["name"]) == 64
