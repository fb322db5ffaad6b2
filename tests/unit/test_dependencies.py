# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM needs beside itself."""

from __future__ import annotations

from ansible_collections.livemigration.kubevirt.plugins.module_utils._dependencies import Need, needs
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
