# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver: the same VM, with the identity of the running guest."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._attempt import (
    LEFT_OVER,
    REMEMBERED,
    SOURCE_CLUSTER,
    SOURCE_VM,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._copies import Origin
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from ansible_collections.livemigration.kubevirt.plugins.module_utils._receiver import adapted, macs, receiver, relation
from unit.vm_samples import vm, vmi

ORIGIN = Origin("cluster-uid", "uid-of-vm-1")
Object = dict[str, Any]


def made(source: Object | None = None) -> Object:
    return receiver(source or vm(), vmi(), "default", ORIGIN)


def with_firmware(body: Object, uuid: str = "f-uuid") -> Object:
    body["spec"]["template"]["spec"]["domain"]["firmware"] = {"uuid": uuid}
    return body


def test_it_is_the_same_vm() -> None:
    source, result = vm(), made()
    assert result["metadata"]["labels"] == {"app": "web"}
    assert result["spec"]["runStrategy"] == "WaitAsReceiver"
    assert result["spec"]["template"]["spec"]["volumes"] == source["spec"]["template"]["spec"]["volumes"]
    assert result["spec"]["template"]["metadata"] == source["spec"]["template"]["metadata"]


def test_the_guest_keeps_its_identity() -> None:
    domain = made()["spec"]["template"]["spec"]["domain"]
    assert domain["firmware"] == {"uuid": "f-uuid", "serial": "f-serial"}
    assert [interface["macAddress"] for interface in domain["devices"]["interfaces"]] == [
        "02:00:00:00:00:01",
        "02:00:00:00:00:02",
    ]
    assert macs(vmi()) == {"stretched": "02:00:00:00:00:01", "spare": "02:00:00:00:00:02"}


def test_only_what_belongs_to_the_source_stays_there() -> None:
    annotations = made()["metadata"]["annotations"]
    assert annotations == {
        "owner": "team-web",
        SOURCE_CLUSTER: "cluster-uid",
        SOURCE_VM: "uid-of-vm-1",
        REMEMBERED: "Always",
    }
    assert "revisionName" not in made()["spec"]["instancetype"]


@pytest.mark.parametrize(
    ("spec", "remembered"),
    [
        ({"runStrategy": "RerunOnFailure"}, "RerunOnFailure"),
        ({"runStrategy": None, "running": True}, "running"),
        ({"runStrategy": None, "running": False}, "Halted"),
    ],
)
def test_the_run_strategy_is_remembered_in_either_field(spec: Object, remembered: str) -> None:
    result = made(vm(**spec))
    assert result["metadata"]["annotations"][REMEMBERED] == remembered
    assert "running" not in result["spec"]


def test_volumes_of_templates_are_made_blank() -> None:
    template = receiver(vm(), vmi(), "there", ORIGIN)["spec"]["dataVolumeTemplates"][0]
    assert template["spec"]["source"] == {"blank": {}}
    assert "sourceRef" not in template["spec"]
    assert template["metadata"]["namespace"] == "there"
    assert template["spec"]["storage"]["resources"]["requests"]["storage"] == "10Gi"
    assert "dataVolumeTemplates" not in made(vm(dataVolumeTemplates=None))["spec"]


def test_a_guest_without_a_known_firmware_uuid_is_refused() -> None:
    unknown = vmi()
    del unknown["spec"]["domain"]["firmware"]
    with pytest.raises(BadInput, match="firmware UUID"):
        receiver(vm(), unknown, "default", ORIGIN)


def test_the_source_is_left_as_it_is() -> None:
    source, guest = vm(), vmi()
    kept = copy.deepcopy((source, guest))
    receiver(source, guest, "there", ORIGIN)
    assert (source, guest) == kept


def other(strategy: str = "WaitAsReceiver", *, ours: bool = True, uuid: str = "f-uuid") -> Object:
    body = with_firmware(made(), uuid)
    body["spec"]["runStrategy"] = strategy
    if not ours:
        body["metadata"]["annotations"] = {}
    return body


@pytest.mark.parametrize(
    ("target_vm", "phase", "expected"),
    [
        (None, None, "absent"),
        (other(), None, "receiver"),
        (other(), "WaitingForSync", "receiver"),
        (other(), "Failed", "receiver"),
        (other(), "Scheduling", "arriving"),
        (other(), "Running", "arriving"),
        (other(ours=False), "WaitingForSync", "stranger"),
        (other("Halted", ours=False), None, "left_over"),
        (other("Halted", ours=False), "Succeeded", "left_over"),
        (other("Halted", ours=False), "Running", "arrived"),
        (other("Always", ours=False), "Running", "arrived"),
        (other("Always"), None, "stranger"),
        (other("Halted", ours=False, uuid="another"), None, "stranger"),
        (other("Always", ours=False, uuid="another"), "Running", "stranger"),
    ],
)
def test_what_stands_on_the_target(target_vm: Object | None, phase: str | None, expected: str) -> None:
    assert relation(with_firmware(vm()), target_vm, vmi(phase) if phase else None) == expected


def test_a_vm_without_a_firmware_uuid_is_never_taken_for_another_without() -> None:
    nameless = other("Halted", ours=False, uuid="")
    assert relation(vm(), nameless, None) == "stranger"


def test_adapting_an_existing_vm_keeps_what_is_not_ours() -> None:
    known = other("Halted", ours=False)
    known["metadata"] |= {"annotations": {"theirs": "x", SOURCE_VM: "old"}, "labels": {"theirs": "y"}, "uid": "u"}
    known["spec"]["template"]["spec"]["architecture"] = "amd64"
    known["spec"]["template"]["spec"]["domain"]["machine"] = {"type": "q35"}
    known["spec"]["template"]["metadata"]["annotations"] = {"kubevirt.io/pci-topology-version": "v3"}
    result = adapted(known, made())
    assert result["metadata"]["annotations"] == {
        "theirs": "x",
        LEFT_OVER: "true",
        **made()["metadata"]["annotations"],
    }
    assert result["metadata"]["labels"] == {"theirs": "y", "app": "web"}
    assert result["metadata"]["uid"] == "u"
    assert result["spec"]["runStrategy"] == "WaitAsReceiver"
    assert result["spec"]["template"]["spec"]["domain"]["machine"] == {"type": "q35"}
    assert result["spec"]["template"]["metadata"]["annotations"] == {"kubevirt.io/pci-topology-version": "v3"}


def test_adapting_what_is_right_already_changes_nothing() -> None:
    once = adapted(other(), made())
    assert adapted(once, made()) == once


def test_adapting_without_labels_leaves_none() -> None:
    bare = vm()
    bare["metadata"]["labels"] = {}
    known = other("Halted", ours=False)
    known["metadata"]["labels"] = {}
    assert "labels" not in adapted(known, receiver(bare, vmi(), "default", ORIGIN))["metadata"]
