# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_receiver: what is made on the target, what is refused, and what is left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._attempt import MOVED_TO, SOURCE_CLUSTER, SOURCE_VM
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Busy,
    DeadlineExceeded,
    Missing,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    CLUSTER_PREFERENCE,
    CONFIG_MAP,
    INSTANCETYPE,
    NAD,
    NAMESPACE,
    PVC,
    SECRET,
    SERVICE_ACCOUNT,
    VM,
    VMI,
    VMIM,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._vm_receiver import work
from unit.memory_cluster import MemoryCluster, Ticking, job
from unit.vm_samples import vm, vmi

Object = dict[str, Any]
SECRETS = ("pull", "init", "net", "keys", "password")
CONFIG_MAPS = ("answers", "settings")


def here(name: str, **content: Any) -> Object:
    return {"metadata": {"name": name, "namespace": "default"}, **content}


class Fleet:
    """Two clusters: the VM runs on the source, the target has what is not copied."""

    def __init__(self) -> None:
        self.source, self.target = MemoryCluster("cluster-a"), MemoryCluster("cluster-b")
        self.source.put(VM, vm())
        self.source.put(VMI, vmi())
        for name in SECRETS:
            self.source.put(SECRET, here(name, data={"key": "aHVzaA=="}))
        for name in CONFIG_MAPS:
            self.source.put(CONFIG_MAP, here(name, data={"key": "loud"}))
        self.source.put(PVC, here("data", status={"capacity": {"storage": "2Gi"}}))
        self.target.put(NAMESPACE, {"metadata": {"name": "default"}})
        self.target.put(PVC, here("data", spec={"resources": {"requests": {"storage": "2Gi"}}}))
        self.target.put(SERVICE_ACCOUNT, here("web"))
        self.target.put(NAD, here("evpn"))
        self.target.put(NAD, {"metadata": {"name": "evpn", "namespace": "infra"}})
        self.target.put(INSTANCETYPE, here("small"))
        self.target.put(CLUSTER_PREFERENCE, {"metadata": {"name": "fedora"}})
        self.receives = self.removes = True
        self.phase = "WaitingForSync"

    def step(self) -> None:
        """KubeVirt on the target: a receiver gets a VMI that waits, a halted VM and one that is gone lose theirs."""
        body = self.target.get(VM, "vm-1", "default")
        if self.removes and (body is None or body["spec"]["runStrategy"] == "Halted"):
            self.target.objects.pop(("virtualmachineinstances", "default", "vm-1"), None)
        waiting = self.receives and body and body["spec"]["runStrategy"] == "WaitAsReceiver"
        if waiting and self.target.get(VMI, "vm-1", "default") is None:
            self.target.put(VMI, here("vm-1", status={"phase": self.phase}))

    def run(self, *, check_mode: bool = False, **params: Any) -> Object:
        defaults = {"name": "vm-1", "namespace": "default", "state": "present", "wait_timeout": 5}
        clusters = {"source": self.source, "target": self.target}
        call = job(clusters, Ticking(self.step), defaults | params, check_mode=check_mode)
        result = work(call)
        assert "aHVzaA" not in json.dumps(result, default=str), "the content of a Secret got out"
        assert self.source.writes == [], "the source is never written"
        return result


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_everything_is_made_in_order_and_a_repeat_changes_nothing(fleet: Fleet) -> None:
    result = fleet.run()
    assert result["changed"]
    copies = [f"create Secret {name}" for name in ("pull", "init", "net")]
    copies += [f"create ConfigMap {name}" for name in CONFIG_MAPS]
    copies += [f"create Secret {name}" for name in ("keys", "password")]
    assert fleet.target.writes == [*copies, "create VirtualMachine vm-1"]
    shown = result["vm_receiver"]
    assert (shown["relation"], shown["remembered_run_strategy"], shown["firmware_uuid"]) == (
        "absent",
        "Always",
        "f-uuid",
    )
    fleet.target.writes.clear()
    again = fleet.run()
    assert (again["changed"], fleet.target.writes) == (False, [])


def test_check_mode_says_the_same_and_writes_nothing(fleet: Fleet) -> None:
    predicted = fleet.run(check_mode=True)
    assert fleet.target.writes == []
    assert predicted["actions"] == fleet.run()["actions"]


def test_a_receiver_that_does_not_wait_is_reported(fleet: Fleet) -> None:
    fleet.receives = False
    with pytest.raises(DeadlineExceeded, match="WaitingForSync"):
        fleet.run()


@pytest.mark.parametrize("phase", ["Scheduling", "Running"])
def test_a_guest_that_arrives_meanwhile_is_not_waited_past(fleet: Fleet, phase: str) -> None:
    """An earlier run was killed after its last write that KubeVirt needed: the move ends under this one's eyes."""
    fleet.phase = phase
    assert fleet.run()["changed"]


def test_our_own_copy_is_brought_up_to_date(fleet: Fleet) -> None:
    fleet.run()
    fleet.source.put(SECRET, here("init", data={"key": "bmV3"}))
    fleet.target.writes.clear()
    assert fleet.run()["changed"]
    assert fleet.target.writes == ["replace Secret init"]


def test_an_object_of_somebody_else_is_compared_and_never_overwritten(fleet: Fleet) -> None:
    fleet.target.put(SECRET, here("init", data={"key": "aHVzaA=="}))
    assert "create Secret init" not in str(fleet.run(check_mode=True)["actions"])
    fleet.target.put(SECRET, here("init", data={"key": "b3RoZXI="}))
    with pytest.raises(BadInput) as caught:
        fleet.run()
    assert (caught.value.reason, caught.value.found) == (
        "dependency_differs",
        "other content under key: somebody else made it",
    )
    assert fleet.target.writes == []


def test_what_is_missing_is_named_before_anything_is_written(fleet: Fleet) -> None:
    del fleet.target.objects[("serviceaccounts", "default", "web")]
    del fleet.source.objects[("secrets", "default", "keys")]
    with pytest.raises(BadInput) as caught:
        fleet.run()
    assert caught.value.object == "ServiceAccount default/web"
    assert "Secret default/keys" in caught.value.hint
    assert fleet.target.writes == []


def test_a_volume_that_is_too_small_is_refused(fleet: Fleet) -> None:
    fleet.target.put(PVC, here("data", status={"capacity": {"storage": "1Gi"}}))
    with pytest.raises(BadInput, match="1073741824 bytes of 2147483648"):
        fleet.run()


def test_a_missing_namespace_is_refused(fleet: Fleet) -> None:
    with pytest.raises(BadInput) as caught:
        fleet.run(target_namespace="elsewhere")
    assert caught.value.reason == "namespace_missing"


def test_a_missing_vm_is_refused(fleet: Fleet) -> None:
    with pytest.raises(Missing):
        fleet.run(name="vm-2")
    assert fleet.run(name="vm-2", state="absent")["changed"] is False


def test_a_stopped_vm_is_refused(fleet: Fleet) -> None:
    fleet.source.put(VMI, vmi("Succeeded"))
    with pytest.raises(BadInput, match="a running guest"):
        fleet.run()


def marked(strategy: str, uid: str = "uid-of-vm-1") -> Object:
    body = vm(runStrategy=strategy)
    body["metadata"] |= {"annotations": {SOURCE_VM: uid, SOURCE_CLUSTER: "c"}, "uid": "other"}
    return body


def test_a_move_under_way_and_one_that_is_done_are_left_alone(fleet: Fleet) -> None:
    fleet.target.put(VM, marked("WaitAsReceiver"))
    fleet.target.put(VMI, vmi("Scheduling"))
    assert fleet.run()["vm_receiver"]["relation"] == "arriving"
    fleet.target.put(VM, marked("Always"))
    fleet.target.put(VMI, vmi("Running"))
    del fleet.source.objects[("virtualmachineinstances", "default", "vm-1")]
    assert fleet.run()["vm_receiver"]["relation"] == "arrived"
    assert fleet.target.writes == []


def test_a_guest_on_both_sides_and_a_stranger_are_refused(fleet: Fleet) -> None:
    fleet.target.put(VM, marked("Always"))
    fleet.target.put(VMI, vmi("Running"))
    with pytest.raises(BadInput) as caught:
        fleet.run()
    assert caught.value.reason == "already_on_target"
    fleet.target.put(VM, marked("Always", "somebody-else"))
    with pytest.raises(BadInput) as caught:
        fleet.run()
    assert caught.value.reason == "name_taken"
    assert fleet.target.writes == []


def test_the_halted_vm_of_an_earlier_move_becomes_the_receiver(fleet: Fleet) -> None:
    fleet.target.put(VM, marked("Halted"))
    result = fleet.run()
    assert result["vm_receiver"]["relation"] == "left_over"
    assert fleet.target.writes[-1] == "replace VirtualMachine vm-1"
    assert fleet.target.objects[("virtualmachines", "default", "vm-1")]["metadata"]["uid"] == "other"


def test_a_vm_that_was_there_before_is_halted_again_and_not_deleted(fleet: Fleet) -> None:
    before = marked("Halted")
    before["metadata"]["annotations"] = {MOVED_TO: "c/default/vm-1/u", "theirs": "x"}
    before["spec"]["template"]["spec"]["domain"]["firmware"] = {"uuid": "f-uuid"}
    source = vm()
    source["spec"]["template"]["spec"]["domain"]["firmware"] = {"uuid": "f-uuid"}
    fleet.source.put(VM, source)
    fleet.target.put(VM, before)
    fleet.run()
    assert not fleet.run()["changed"]
    fleet.target.writes.clear()
    assert "halted" in fleet.run(state="absent")["actions"][0]
    assert fleet.target.writes == ["patch VirtualMachine vm-1"]
    left = fleet.target.objects[("virtualmachines", "default", "vm-1")]
    assert left["spec"]["runStrategy"] == "Halted"
    assert left["metadata"]["annotations"] == {MOVED_TO: "c/default/vm-1/u", "theirs": "x", "owner": "team-web"}
    assert not fleet.run(state="absent")["changed"]
    assert fleet.run()["vm_receiver"]["relation"] == "left_over", "it can receive again"


def test_a_receiver_whose_vmi_does_not_go_is_not_called_gone(fleet: Fleet) -> None:
    fleet.run()
    fleet.removes = False
    with pytest.raises(DeadlineExceeded, match="its VMI is WaitingForSync"):
        fleet.run(state="absent")


def test_a_receiver_follows_changes_of_the_source(fleet: Fleet) -> None:
    fleet.run()
    changed = vm()
    changed["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 7
    fleet.source.put(VM, changed)
    fleet.target.writes.clear()
    fleet.run()
    assert fleet.target.writes == ["replace VirtualMachine vm-1", "delete VirtualMachineInstance vm-1"]


def test_only_an_empty_receiver_of_ours_is_taken_away(fleet: Fleet) -> None:
    fleet.run()
    fleet.target.writes.clear()
    assert fleet.run(state="absent", check_mode=True)["changed"]
    fleet.target.put(VMI, here("vm-1", status={"phase": "Scheduling"}))
    with pytest.raises(Busy):
        fleet.run(state="absent")
    fleet.target.put(VMI, here("vm-1", status={"phase": "WaitingForSync"}))
    labels = {"kubevirt.io/vmi-name": "vm-1"}
    open_move = {"metadata": {"name": "m", "namespace": "default", "labels": labels}, "status": {"phase": "Pending"}}
    fleet.target.put(VMIM, open_move)
    with pytest.raises(Busy):
        fleet.run(state="absent")
    fleet.target.put(VMIM, open_move | {"status": {"phase": "Failed"}})
    assert fleet.target.writes == []
    fleet.run(state="absent")
    assert fleet.target.writes == ["delete VirtualMachine vm-1"]
    fleet.target.put(VM, vm(runStrategy="WaitAsReceiver"))
    assert fleet.run(state="absent")["changed"] is False
