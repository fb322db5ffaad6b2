# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of Secrets and ConfigMaps: followed as long as they are only copies, never taken from who else uses them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _attempt as attempt
from ansible_collections.livemigration.kubevirt.plugins.module_utils._copies import (
    Origin,
    copy_of,
    different_keys,
    digest,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput, Conflict
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP, SECRET, VM
from unit.test_vm_receiver import Fleet, here

Object = dict[str, Any]
NEW = {"key": "bmV3"}
SECRET_BODY: Object = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "init",
        "namespace": "default",
        "uid": "1",
        "labels": {"app": "web"},
        "annotations": {"a": "b"},
    },
    "data": {"userdata": "aGk="},
    "type": "Opaque",
}


@pytest.fixture
def fleet() -> Fleet:
    """The VM's receiver waits on the target, with its copies; nothing was written since."""
    made = Fleet()
    made.run()
    made.target.writes.clear()
    return made


def other_vm(strategy: str, **annotations: str) -> Object:
    """Another VM of the namespace that boots from the same Secret."""
    return {
        "metadata": {"name": "vm-2", "namespace": "default", "annotations": annotations},
        "spec": {
            "runStrategy": strategy,
            "template": {"spec": {"volumes": [{"name": "i", "cloudInitNoCloud": {"secretRef": {"name": "init"}}}]}},
        },
    }


def copy_on_target(fleet: Fleet, name: str = "init") -> Object:
    found = fleet.target.get(SECRET, name, "default")
    assert found
    return found


def test_a_copy_takes_the_content_and_says_where_it_comes_from() -> None:
    assert copy_of(SECRET_BODY, "there", Origin("cluster", "vm")) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "init",
            "namespace": "there",
            "labels": {"app": "web"},
            "annotations": {
                attempt.SOURCE_CLUSTER: "cluster",
                attempt.SOURCE_VM: "vm",
                attempt.SOURCE_NAMESPACE: "default",
                attempt.COPIED_CONTENT: digest(SECRET_BODY),
            },
        },
        "data": {"userdata": "aGk="},
        "type": "Opaque",
    }
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
    assert "labels" not in copy_of(bare, "there", Origin("cluster", "vm"))["metadata"]


def test_content_is_compared_key_by_key() -> None:
    assert different_keys(SECRET_BODY, SECRET_BODY) == []
    other = SECRET_BODY | {"data": {"userdata": "eW8=", "more": "eA=="}, "type": "kubernetes.io/tls"}
    assert different_keys(SECRET_BODY, other) == ["more", "type", "userdata"]
    assert different_keys({"data": {}}, {"type": "Opaque"}) == []


def test_a_digest_is_of_the_content_alone() -> None:
    relabelled = SECRET_BODY | {"metadata": {"name": "init", "labels": {}}, "binaryData": None}
    assert digest(relabelled) == digest(SECRET_BODY)
    changed = ({"data": {"userdata": "aGo="}}, {"data": {}, "binaryData": {"userdata": "aGk="}}, {"type": "x/y"})
    assert len({digest(SECRET_BODY | change) for change in changed} | {digest(SECRET_BODY)}) == 4
    assert "aGk" not in digest(SECRET_BODY)


FOREIGN: dict[str, tuple[Object, str]] = {
    "another cluster": ({attempt.SOURCE_CLUSTER: "uid-of-cluster-c"}, "another cluster"),
    "another namespace": ({attempt.SOURCE_NAMESPACE: "team-b"}, "another namespace"),
    "edited": ({attempt.COPIED_CONTENT: "0" * 64}, "edited since"),
    "no digest": ({attempt.COPIED_CONTENT: None}, "edited since"),
}


@pytest.mark.parametrize(("marks", "told"), FOREIGN.values(), ids=FOREIGN)
def test_a_copy_of_another_origin_or_that_was_edited_is_not_overwritten(fleet: Fleet, marks: Object, told: str) -> None:
    theirs = copy_on_target(fleet)
    theirs["metadata"]["annotations"] |= marks
    fleet.target.put(SECRET, theirs)
    assert not fleet.run()["changed"], "equal content is enough"
    fleet.source.put(SECRET, here("init", data=NEW))
    with pytest.raises(BadInput) as caught:
        fleet.run()
    assert caught.value.reason == "dependency_differs"
    assert told in caught.value.found
    assert (fleet.target.writes, copy_on_target(fleet)["data"]) == ([], {"key": "aHVzaA=="})


def test_what_was_edited_where_the_guest_lives_is_not_set_back(fleet: Fleet) -> None:
    fleet.target.put(SECRET, copy_on_target(fleet) | {"data": {"key": "bGl2ZQ=="}})
    with pytest.raises(BadInput, match="edited since it was copied"):
        fleet.run()
    fleet.source.put(SECRET, here("init", data={"key": "bGl2ZQ=="}))
    assert not fleet.run()["changed"], "made equal by hand"


@pytest.mark.parametrize(
    "user",
    [
        other_vm("Always", **{attempt.SOURCE_CLUSTER: "uid-of-cluster-a"}),
        other_vm("Halted"),
        other_vm("Halted", **{attempt.MOVED_TO: "uid-of-cluster-c/default/vm-2/u"}),
        other_vm(attempt.RECEIVER, **{attempt.SOURCE_CLUSTER: "uid-of-cluster-c"}),
    ],
    ids=["arrived", "their own", "gone elsewhere", "to come from elsewhere"],
)
def test_a_copy_that_another_vm_of_the_target_uses_is_not_overwritten(fleet: Fleet, user: Object) -> None:
    fleet.target.put(VM, user)
    assert not fleet.run()["changed"], "equal content is shared"
    fleet.source.put(SECRET, here("init", data=NEW))
    with pytest.raises(BadInput, match="in use there by VirtualMachine default/vm-2"):
        fleet.run()
    assert fleet.target.writes == []


@pytest.mark.parametrize(
    "user",
    [
        other_vm(attempt.RECEIVER, **{attempt.SOURCE_CLUSTER: "uid-of-cluster-a"}),
        other_vm("Halted", **{attempt.MOVED_TO: "uid-of-cluster-a/default/vm-2/u"}),
    ],
    ids=["still to come", "gone back"],
)
def test_vms_of_one_source_share_a_copy_that_follows_it(fleet: Fleet, user: Object) -> None:
    """Whichever VM's move made it: as long as the guests are on the source, the source's content is the right one."""
    theirs = copy_on_target(fleet)
    theirs["metadata"]["annotations"][attempt.SOURCE_VM] = "uid-of-vm-2"
    fleet.target.put(SECRET, theirs)
    fleet.target.put(VM, user)
    fleet.source.put(SECRET, here("init", data=NEW))
    assert fleet.run()["changed"]
    assert (fleet.target.writes, copy_on_target(fleet)["data"]) == (["replace Secret init"], NEW)
    fleet.source.put(SECRET, here("init", data={"key": "bmV3ZXI="}))
    assert fleet.run()["changed"], "a copy that was brought up to date is followed again"


def test_two_moves_that_bring_the_same_secret_do_not_disturb_each_other() -> None:
    fleet = Fleet()
    mine = fleet.source.get(SECRET, "net", "default")
    assert mine
    theirs = copy_of(mine, "default", Origin("uid-of-cluster-a", "uid-of-vm-2"))
    create, fresh = fleet.target.create, iter([theirs])

    def slower(resource: Any, body: Object, **more: Any) -> Object:
        if body["metadata"]["name"] == "net":
            for faster in fresh:
                fleet.target.put(SECRET, faster)
        return create(resource, body, **more)

    fleet.target.create = slower  # type: ignore[method-assign]  # one method of one cluster, for this test
    result = fleet.run()
    assert fleet.target.writes[-1] == "create VirtualMachine vm-1"
    created = [f"create {line.split('create ')[1].split(':')[0].replace('default/', '')}" for line in result["actions"]]
    assert created == fleet.target.writes, "what is told is what was written"
    assert copy_on_target(fleet, "net")["metadata"]["annotations"][attempt.SOURCE_VM] == "uid-of-vm-2"


def test_who_is_never_fast_enough_is_told_so() -> None:
    fleet = Fleet()

    def never(resource: Any, body: Object, **_more: Any) -> Object:
        place = f"{resource.kind} default/{body['metadata']['name']}"
        raise Conflict("to create", "already exists", "cluster-b", place, "", "already_exists")

    fleet.target.create = never  # type: ignore[method-assign]  # one method of one cluster, for this test
    with pytest.raises(Conflict, match="already exists"):
        fleet.run()


@pytest.mark.parametrize("left", [{}, {"data": {"key": "bG91ZA=="}}, {"data": {}, "binaryData": {"more": "eA=="}}])
def test_nothing_of_the_former_content_stays(left: Object) -> None:
    fleet = Fleet()
    fleet.source.put(CONFIG_MAP, here("settings", data={"key": "loud", "old": "1"}, binaryData={"blob": "eA=="}))
    fleet.run()
    fleet.source.put(CONFIG_MAP, here("settings", **left))
    assert fleet.run()["changed"]
    theirs = fleet.target.get(CONFIG_MAP, "settings", "default")
    assert theirs
    assert {part: theirs[part] for part in ("data", "binaryData") if part in theirs} == left
    assert not fleet.run()["changed"]


CONSTANT: dict[str, tuple[Object, Object]] = {
    "immutable": ({"data": {"key": "b2xk"}, "immutable": True}, {"data": NEW, "immutable": True}),
    "no longer immutable": ({"data": {"key": "b2xk"}, "immutable": True}, {"data": NEW}),
    "type": ({"data": NEW, "type": "Opaque"}, {"data": NEW, "type": "example.org/key"}),
}


@pytest.mark.parametrize(("before", "after"), CONSTANT.values(), ids=CONSTANT)
@pytest.mark.parametrize("killed", [False, True])
def test_a_copy_whose_content_cannot_be_changed_is_made_anew(before: Object, after: Object, killed: bool) -> None:
    fleet = Fleet()
    fleet.source.put(SECRET, here("init", **before))
    fleet.run()
    fleet.target.writes.clear()
    fleet.source.put(SECRET, here("init", **after))
    if killed:
        # Right between both writes.
        fleet.target.objects.pop(("secrets", "default", "init"))
    assert fleet.run()["changed"]
    assert fleet.target.writes == ["delete Secret init", "create Secret init"][killed:]
    theirs = copy_on_target(fleet)
    assert {part: theirs[part] for part in ("data", "type", "immutable") if part in theirs} == after
    assert not fleet.run()["changed"]


def test_a_copy_becomes_immutable_with_its_origin(fleet: Fleet) -> None:
    fleet.source.put(SECRET, here("init", data=NEW, immutable=True))
    assert fleet.run()["changed"]
    assert (fleet.target.writes, copy_on_target(fleet)["immutable"]) == (["replace Secret init"], True)


def test_the_content_and_its_digest_stay_out_of_the_result(fleet: Fleet) -> None:
    fleet.source.put(SECRET, here("init", data=NEW))
    result = json.dumps(fleet.run(), default=str)
    assert NEW["key"] not in result
    assert digest(here("init", data=NEW)) not in result


def test_another_vm_that_uses_nothing_of_it_is_not_asked(fleet: Fleet) -> None:
    stranger = other_vm("Always")
    stranger["spec"]["template"]["spec"]["volumes"] = []
    fleet.target.put(VM, stranger)
    fleet.source.put(SECRET, here("init", data=NEW))
    assert fleet.run()["changed"]
