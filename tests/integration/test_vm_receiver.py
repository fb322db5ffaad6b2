# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receivers on a real API server with KubeVirt's webhooks and controllers behind it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from integration.calls import Called, between, call
from integration.moves import NAMESPACE, READER, Road, outcome, prepare, reader
from testbed.testing import TestBed


@pytest.fixture(scope="module")
def prepared(separate_bed: TestBed) -> TestBed:
    """Two clusters ready for moves."""
    return prepare(separate_bed)


@pytest.fixture
def road(prepared: TestBed) -> Road:
    """A running VM on the first cluster, nothing of it on the second."""
    return Road.between(prepared, f"vm-{uuid.uuid4().hex[:6]}")


def receiver(road: Road, *, check_mode: bool = False, **options: Any) -> Called:
    return between(road.bed, "vm_receiver", check_mode=check_mode, name=road.name, namespace=NAMESPACE, **options)


def writes(road: Road, marks: dict[str, int]) -> list[Any]:
    """What we have written since the marks, on either side."""
    sides = (road.source, road.target)
    return [write for side in sides for write in side.writes(marks[side.name])]


def marks(road: Road) -> dict[str, int]:
    return {side.name: side.mark() for side in (road.source, road.target)}


def test_it_waits_for_the_guest_with_everything_pinned(road: Road) -> None:
    guest = road.guest(road.source)
    assert guest is not None
    made = receiver(road)
    assert made.changed
    vm = road.vm(road.target)
    assert vm["spec"]["runStrategy"] == "WaitAsReceiver"
    domain = vm["spec"]["template"]["spec"]["domain"]
    assert domain["firmware"]["uuid"] == guest["spec"]["domain"]["firmware"]["uuid"]
    assert domain["firmware"].get("serial") == guest["spec"]["domain"]["firmware"].get("serial")
    macs = {one["name"]: one["mac"] for one in guest["status"]["interfaces"]}
    assert {one["name"]: one["macAddress"] for one in domain["devices"]["interfaces"]} == macs
    assert made["vm_receiver"]["macs"] == macs
    assert made["vm_receiver"]["remembered_run_strategy"] == "Always"
    waiting = road.guest(road.target)
    assert waiting is not None
    assert waiting["status"]["phase"] == "WaitingForSync"


def test_secrets_come_along_and_are_never_shown(road: Road) -> None:
    made = receiver(road)
    names = [text.rpartition("/")[2] for text in made["vm_receiver"]["dependencies"] if text.startswith("Secret ")]
    assert names
    for name in names:
        source, target = (side.client.get("secrets", name, NAMESPACE) for side in (road.source, road.target))
        assert source is not None
        assert target is not None
        assert source["data"] == target["data"]
        assert not any(value in str(made.result) for value in source["data"].values())


def test_a_repeat_and_check_mode_write_nothing(road: Road) -> None:
    before = marks(road)
    foretold = receiver(road, check_mode=True)
    assert foretold.changed
    assert writes(road, before) == []
    made = receiver(road)
    assert made["actions"] == foretold["actions"]
    before = marks(road)
    assert not receiver(road).changed
    assert writes(road, before) == []


def test_it_goes_away_again_and_leaves_the_source_alone(road: Road) -> None:
    receiver(road)
    strategy = road.vm(road.source)["spec"]["runStrategy"]
    assert receiver(road, state="absent").changed
    road.target.client.until(lambda vm: vm is None, "virtualmachines", road.name, NAMESPACE)
    assert road.vm(road.source)["spec"]["runStrategy"] == strategy
    assert road.guest(road.source) is not None
    assert not receiver(road, state="absent").changed


def test_a_vm_of_somebody_else_is_left_alone(road: Road) -> None:
    road.target.vm(road.name, NAMESPACE)
    before = marks(road)
    failure = receiver(road).failure
    assert failure["cluster"] == road.target.name
    assert failure["hint"]
    # There is nothing of ours to take away.
    assert not receiver(road, state="absent").changed
    assert writes(road, before) == []


def test_a_vm_that_does_not_run_has_nothing_to_receive(road: Road) -> None:
    road.source.client.patch("virtualmachines", road.name, {"spec": {"runStrategy": "Halted"}}, NAMESPACE)
    road.source.client.until(lambda vmi: vmi is None, "virtualmachineinstances", road.name, NAMESPACE)
    before = marks(road)
    failure = receiver(road).failure
    assert failure["cluster"] == road.source.name
    assert writes(road, before) == []


@pytest.mark.parametrize("check_mode", [False, True])
def test_who_may_read_and_change_vms_and_not_migrate_them(road: Road, check_mode: bool) -> None:
    """Such a user could set the guard and not take the next step; neither module begins what it may not end."""
    receiver(road)
    options, sides = road.options(), (road.source, road.target)
    for key, side in zip(("source", "target"), sides, strict=True):
        options[key] |= {"kubeconfig": reader(side)}
    before = [side.mark() for side in sides]
    moved = call("vmim_crosscluster", options, check_mode=check_mode)
    road.target.client.delete("virtualmachines", road.name, NAMESPACE)
    road.target.client.until(lambda vm: vm is None, "virtualmachines", road.name, NAMESPACE)
    made = call("vm_receiver", {key: options[key] for key in ("source", "target", "name", "namespace")})
    for called, verb in ((moved, "create virtualmachineinstancemigrations"), (made, "create virtualmachines")):
        failure = called.failure
        assert (failure["reason"], failure["cluster"]) == ("forbidden", road.target.name)
        assert f"{verb}.kubevirt.io" in failure["wanted"]
    written = [write.path for side, mark in zip(sides, before, strict=True) for write in side.writes(mark, READER)]
    assert [path for path in written if not path.endswith("/selfsubjectaccessreviews")] == []
    assert outcome(moved) == "refused"
    assert bool(moved.result["actions"]) == check_mode, "who may only read learns what there is to do"
