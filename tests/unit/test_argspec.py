# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options as values: they compose, and neither side of two falls back to the environment."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._argspec import (
    ArgumentSpec,
    cluster_options,
    secrets_of,
    source_and_target,
)


def keys(options: dict[str, dict[str, Any]]) -> set[str]:
    found = {key for option in options.values() for key in option}
    return found.union(*(keys(option["options"]) for option in options.values() if "options" in option))


def test_specs_merge_with_their_rules() -> None:
    one = ArgumentSpec({"a": {}}, mutually_exclusive=(("a", "b"),), required_by={"a": ("b",)})
    other = ArgumentSpec({"b": {}}, required_if=(("b", 1, ("a",)),))
    merged = one.merge(other, ArgumentSpec({"c": {}}))
    assert merged.options.keys() == {"a", "b", "c"}
    assert merged.rules() == {
        "mutually_exclusive": (("a", "b"),),
        "required_together": (),
        "required_one_of": (),
        "required_if": (("b", 1, ("a",)),),
        "required_by": {"a": ("b",)},
    }


def test_an_option_stands_in_one_spec_only() -> None:
    with pytest.raises(ValueError, match="twice"):
        ArgumentSpec({"a": {}}).merge(ArgumentSpec({"a": {}}))


def test_one_cluster_takes_the_environment_and_two_do_not() -> None:
    assert "env" in keys(cluster_options().options)
    assert "env" not in keys(source_and_target().options)
    assert all(option["required"] for option in source_and_target().options.values())


def test_secrets_of_a_kubeconfig_given_as_content_are_found_wherever_it_stands() -> None:
    users = [
        {"name": "cluster-a", "user": {"token": "hush-1", "client-key-data": "hush-2"}},
        {"name": "b", "user": {"exec": {"command": "get", "env": [{"name": "K", "value": "hush-3"}, {"name": "E"}]}}},
        {"name": "c", "user": {"auth-provider": {"config": {"id-token": "hush-4", "idp": "https://idp"}}}},
    ]
    kubeconfig = {"apiVersion": "v1", "users": users, "clusters": [{"name": "cluster-a", "cluster": {}}]}
    found = secrets_of({"name": "vm", "source": {"kubeconfig": kubeconfig}, "target": {"kubeconfig": "/a/path"}})
    assert found == {"hush-1", "hush-2", "hush-3", "hush-4"}
    assert secrets_of({"kubeconfig": "/a/path", "api_key": None}) == set()
