# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: what differs is what is written, shown and counted; Secrets are not shown."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Forbidden
from ansible_collections.livemigration.kubevirt.plugins.module_utils._plan import (
    Plan,
    apply,
    create,
    guarded,
    merge,
    merged,
    plan_of,
    refuse_forbidden,
    remove,
    visible,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP, SECRET, VM
from hypothesis import given
from hypothesis import strategies as st
from unit.memory_cluster import MemoryCluster, Ticking, job

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def settings_map(**data: str) -> dict[str, Any]:
    return {"metadata": {"name": "settings", "namespace": "default"}, "data": data}


@pytest.fixture
def cluster() -> MemoryCluster:
    return MemoryCluster("cluster-a")


def test_a_merge_without_difference_is_no_change(cluster: MemoryCluster) -> None:
    body = settings_map(colour="red")
    assert merge(cluster, CONFIG_MAP, body, {"data": {"colour": "red"}}, "it is wanted") is None
    assert guarded(cluster, CONFIG_MAP, body, copy.deepcopy(body), "it is wanted") is None
    assert not plan_of([None, None]).changed


def test_a_plan_is_applied_in_order_and_returns_what_the_server_made_of_it(cluster: MemoryCluster) -> None:
    seen = cluster.put(CONFIG_MAP, settings_map(colour="red"))
    old = cluster.put(CONFIG_MAP, {"metadata": {"name": "old", "namespace": "default"}})
    changed = merge(cluster, CONFIG_MAP, seen, {"data": {"colour": "blue"}}, "blue is wanted")
    fresh = {"metadata": {"name": "fresh", "namespace": "default"}}
    plan = plan_of([changed, create(cluster, CONFIG_MAP, fresh, "it is new"), remove(cluster, CONFIG_MAP, old, "done")])
    results = apply(plan, {"cluster": cluster})
    assert cluster.writes == ["patch ConfigMap settings", "create ConfigMap fresh", "delete ConfigMap old"]
    assert {ref.name: body["metadata"]["generation"] for ref, body in results.items()} == {"settings": 1, "fresh": 1}
    assert plan.actions() == [
        "cluster-a: patch ConfigMap default/settings: blue is wanted",
        "cluster-a: create ConfigMap default/fresh: it is new",
        "cluster-a: delete ConfigMap default/old: done",
    ]
    assert [entry["before_header"] for entry in plan.diff()] == [
        "cluster-a ConfigMap default/settings",
        "cluster-a ConfigMap default/fresh",
        "cluster-a ConfigMap default/old",
    ]
    assert plan.diff()[1]["before"] == {}
    assert plan.diff()[2]["after"] == {}


def test_plans_add_up(cluster: MemoryCluster) -> None:
    one = Plan((create(cluster, VM, {"metadata": {"name": "vm"}}, "why"),), ("careful",))
    assert (one + Plan(warnings=("really",))).warnings == ("careful", "really")
    assert (one + Plan()).changes == one.changes
    assert str(one.changes[0].ref) == "VirtualMachine vm"


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(min_size=8, max_size=20), min_size=1))
def test_nothing_of_a_secret_is_visible(data: dict[str, str]) -> None:
    marked = {key: f"hush-{value}" for key, value in data.items()}
    body = {
        "kind": "Secret",
        "metadata": {"name": "s", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": str(marked)}},
        "data": marked,
        "stringData": marked,
    }
    cluster = MemoryCluster()
    plan = Plan((create(cluster, SECRET, body, "it is used"), remove(cluster, SECRET, body, "it is not")))
    assert "hush-" not in json.dumps([plan.diff(), plan.actions()])


def test_what_only_the_server_writes_is_not_shown() -> None:
    body = {"kind": "VirtualMachine", "metadata": {"name": "vm", "uid": "1", "resourceVersion": "2"}, "status": {}}
    assert visible(body) == {"kind": "VirtualMachine", "metadata": {"name": "vm"}}


@given(JSON, JSON)
def test_merging_twice_changes_nothing_more_and_leaves_the_arguments_alone(before: Any, patch: Any) -> None:
    kept = copy.deepcopy((before, patch))
    once = merged(before, patch)
    assert merged(once, patch) == once
    assert (before, patch) == kept


def test_merging_follows_the_examples_of_rfc_7386() -> None:
    assert merged({"a": "b"}, {"a": "c"}) == {"a": "c"}
    assert merged({"a": "b", "b": "c"}, {"a": None}) == {"b": "c"}
    assert merged({"a": ["b"]}, {"a": "c"}) == {"a": "c"}
    assert merged({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}) == {"a": {"b": "d"}}
    assert merged({}, {"a": {"bb": {"ccc": None}}}) == {"a": {"bb": {}}}
    assert merged(["a", "b"], ["c", "d"]) == ["c", "d"]
    assert merged({"a": "foo"}, "bar") == "bar"


def test_a_write_that_may_not_be_made_is_refused_before_the_first(cluster: MemoryCluster) -> None:
    class Limited(MemoryCluster):
        def allowed(self, verb: str, resource: Any, namespace: str | None = None) -> bool:
            return verb != "delete"

    limited = Limited("cluster-b")
    seen = limited.put(CONFIG_MAP, settings_map())
    first = create(limited, CONFIG_MAP, {"metadata": {"name": "new", "namespace": "default"}}, "it is new")
    refuse_forbidden(Plan((first,)), {"cluster": limited})
    with pytest.raises(Forbidden) as caught:
        refuse_forbidden(Plan((first, remove(limited, CONFIG_MAP, seen, "gone"))), {"cluster": limited})
    error = caught.value
    assert (error.cluster, error.wanted) == ("cluster-b", "to delete configmaps in namespace default")
    assert limited.writes == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_only_check_mode_tells_what_may_not_be_made(check_mode: bool) -> None:
    class Closed(MemoryCluster):
        def allowed(self, verb: str, resource: Any, namespace: str | None = None) -> bool:
            return False

    closed = Closed("cluster-b")
    plan = Plan((create(closed, CONFIG_MAP, settings_map(), "it is new"),))
    with pytest.raises(Forbidden) as caught:
        job({"cluster": closed}, Ticking(), {}, check_mode=check_mode).apply(plan)
    # Otherwise nobody could tell it from what was done.
    assert caught.value.result == ({"actions": plan.actions(), "diff": plan.diff()} if check_mode else {})


def test_a_change_that_cannot_be_sent_is_a_mistake_of_ours(cluster: MemoryCluster) -> None:
    broken = create(cluster, VM, {"metadata": {"name": "vm"}}, "why")
    object.__setattr__(broken, "body", None)
    with pytest.raises(ValueError, match="cannot send NoneType"):
        apply(Plan((broken,)), {"cluster": cluster})
