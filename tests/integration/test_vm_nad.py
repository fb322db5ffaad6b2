# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""vm_nad against a real API server."""

from __future__ import annotations

from integration.calls import on
from integration.networks import vm_on
from testbed.resources import Object
from testbed.testing import TestBed

NADS = "network-attachment-definitions"


def test_the_module_alone_leaves_the_network_of_a_vm_alone(bed: TestBed, namespace: str) -> None:
    cluster = next(iter(bed.clusters.values()))
    wish: Object = {"name": "layer2", "namespace": namespace, "vni": 110, "mtu": 1400}
    mark = cluster.mark()
    told = on(cluster, "vm_nad", check_mode=True, **wish)
    assert not cluster.writes(mark)
    made = on(cluster, "vm_nad", **wish)
    assert (made["diff"], made["vm_nad"]) == (told["diff"], told["vm_nad"])
    cluster.client.create("virtualmachines", vm_on(f"{namespace}/layer2", "holder"))
    mark = cluster.mark()
    assert not on(cluster, "vm_nad", **wish).changed
    for change in ({"state": "absent"}, {"vni": 111}):
        failure = on(cluster, "vm_nad", **(wish | change)).failure
        assert (failure["reason"], failure["found"]) == ("nad_in_use", "VirtualMachine default/holder")
    assert not cluster.writes(mark)
    cluster.client.delete("virtualmachines", "holder", "default")
    cluster.client.until(lambda found: found is None, "virtualmachines", "holder", "default")
    for expected in (True, False):
        assert on(cluster, "vm_nad", **wish, state="absent").changed is expected
