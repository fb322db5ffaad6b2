# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the adapter asks of an API server: every write strictly validated and signed, and a dry run that is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._http import Http
from ansible_collections.livemigration.kubevirt.plugins.module_utils._kube import KubeCluster
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP

STRICT = {"fieldValidation": "Strict", "fieldManager": "livemigration.kubevirt"}
BODY: Object = {"metadata": {"name": "map", "namespace": "default"}, "data": {"key": "value"}}


class Recorder:
    """Takes the place of HTTP: notes what is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

    def json(
        self, verb: str, path: str, query: dict[str, str] | None = None, body: Any = None, *, target: str
    ) -> Object:
        assert target
        self.asked.append((verb, path, query or {}, body))
        return {"metadata": {}}


WRITES: list[tuple[str, Callable[[KubeCluster, bool], object]]] = [
    ("POST", lambda cluster, dry: cluster.create(CONFIG_MAP, BODY, dry_run=dry)),
    ("PUT", lambda cluster, dry: cluster.replace(CONFIG_MAP, BODY, dry_run=dry)),
    ("PATCH", lambda cluster, dry: cluster.patch(CONFIG_MAP, "map", {}, namespace="default", dry_run=dry)),
    ("PATCH", lambda cluster, dry: cluster.patch(CONFIG_MAP, "map", [], namespace="default", dry_run=dry)),
]


def asked(act: Callable[[KubeCluster, bool], object], dry: bool = False) -> tuple[str, str, dict[str, str], Any]:
    recorder = Recorder()
    act(KubeCluster("cluster-a", cast("Http", recorder)), dry)
    (one,) = recorder.asked
    return one


@pytest.mark.parametrize(("verb", "act"), WRITES, ids=["create", "replace", "merge patch", "JSON patch"])
@pytest.mark.parametrize("dry", [False, True], ids=["for real", "dry run"])
def test_a_write_is_validated_strictly(verb: str, act: Callable[[KubeCluster, bool], object], dry: bool) -> None:
    method, path, query, _body = asked(act, dry)
    assert (method, query) == (verb, STRICT | ({"dryRun": "All"} if dry else {}))
    assert path.startswith("/api/v1/namespaces/default/configmaps")


def test_a_deletion_is_of_this_one_object() -> None:
    method, _path, query, body = asked(
        lambda cluster, dry: cluster.delete(CONFIG_MAP, "map", namespace="default", uid="u-1", dry_run=dry), True
    )
    assert (method, query) == ("DELETE", {"dryRun": "All"})
    assert body == {"propagationPolicy": "Background", "preconditions": {"uid": "u-1"}}


def test_a_read_asks_for_no_more() -> None:
    assert asked(lambda cluster, _dry: cluster.get(CONFIG_MAP, "map", "default"))[2] == {}
