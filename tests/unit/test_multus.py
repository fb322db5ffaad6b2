# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What multus is asked for on a pod and what it wrote there, read once for everybody who looks."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _multus as multus
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object

OURS = {"name": "kubevirt/migration", "interface": "migration0", "ips": ["10.0.0.7"]}


def pod(status: Any = None, networks: str | None = None) -> Object:
    written = {"k8s.v1.cni.cncf.io/network-status": status, multus.NETWORKS: networks}
    annotations = {name: text for name, text in written.items() if text is not None}
    return {"metadata": {"name": "it", "namespace": "kubevirt", "annotations": annotations}}


def test_an_interface_is_found_by_its_name() -> None:
    found = pod(json.dumps([{"name": "pods", "interface": "eth0"}, OURS]))
    assert multus.interface(found, "migration0") == OURS
    assert multus.interface(found, "net1") is None


@pytest.mark.parametrize("text", [None, "", "no JSON", "{}", "7", '["text"]'])
def test_what_cannot_be_read_is_nothing(text: str | None) -> None:
    assert multus.attached(pod(text)) == []
    assert multus.attached({"metadata": {"name": "it"}}) == []


def test_one_entry_that_cannot_be_read_does_not_hide_the_others() -> None:
    assert multus.attached(pod(json.dumps(["text", OURS]))) == [OURS]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("migration@migration0", {"kubevirt/migration"}),
        ("vms/one, two", {"vms/one", "kubevirt/two"}),
        ('[{"name": "one", "namespace": "vms"}, {"name": "two"}]', {"vms/one", "kubevirt/two"}),
        ("[no JSON", set()),
        ('["text"]', set()),
        ("", set()),
    ],
)
def test_what_is_asked_for_is_read_in_both_spellings(text: str, asked: set[str]) -> None:
    assert multus.asked(pod(networks=text)) == asked


def test_addresses_may_have_a_prefix_length_and_what_is_none_is_left_out() -> None:
    found = multus.addresses(["10.0.0.7/24", "fd00::7", "text", None])
    assert found == (ipaddress.ip_address("10.0.0.7"), ipaddress.ip_address("fd00::7"))
