# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM needs beside itself."""

from __future__ import annotations

from ansible_collections.livemigration.kubevirt.plugins.module_utils._attempt import SOURCE_CLUSTER, SOURCE_VM
from ansible_collections.livemigration.kubevirt.plugins.module_utils._dependencies import (
    Need,
    Origin,
    copy_of,
    different_keys,
    needs,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    CLUSTER_PREFERENCE,
    CONFIG_MAP,
    INSTANCETYPE,
    NAD,
    PVC,
    SECRET,
    SERVICE_ACCOUNT,
)
from unit.vm_samples import vm

SECRET_BODY = {
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


def test_every_reference_is_found_once_and_in_order() -> None:
    assert needs(vm()) == [
        Need(PVC, "root"),
        Need(PVC, "data"),
        Need(SECRET, "pull"),
        Need(SECRET, "init"),
        Need(SECRET, "net"),
        Need(CONFIG_MAP, "answers"),
        Need(CONFIG_MAP, "settings"),
        Need(SERVICE_ACCOUNT, "web"),
        Need(SECRET, "keys"),
        Need(SECRET, "password"),
        Need(NAD, "evpn"),
        Need(NAD, "evpn", "infra"),
        Need(INSTANCETYPE, "small"),
        Need(CLUSTER_PREFERENCE, "fedora"),
    ]


def test_a_vm_that_needs_nothing() -> None:
    assert needs({"spec": {"template": {"spec": {}}}}) == []


def test_a_copy_takes_the_content_and_says_where_it_comes_from() -> None:
    assert copy_of(SECRET_BODY, "there", Origin("cluster", "vm")) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "init",
            "namespace": "there",
            "labels": {"app": "web"},
            "annotations": {SOURCE_CLUSTER: "cluster", SOURCE_VM: "vm"},
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
