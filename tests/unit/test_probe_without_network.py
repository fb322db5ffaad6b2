# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe of a fleet in which clusters have lost their migration network."""

from __future__ import annotations

import pytest
from unit.kubevirt_site import NAMESPACE
from unit.probe_ground import Ground, grounds, run


@pytest.mark.parametrize(("check", "object_"), [("no-nad", "migration-evpn"), ("no-network", "")])
def test_a_cluster_without_network_is_a_finding_and_the_others_are_probed(check: str, object_: str) -> None:
    all_ = grounds(3)
    lose(all_[0], object_)
    all_[0].cluster.writes.clear()
    found = run(all_)["migration_probe"]
    assert [(each["id"], each["cluster"], each["severity"]) for each in found["findings"]] == [
        (check, "cluster-0", "error")
    ]
    assert (found["passed"], all_[0].cluster.writes) == (False, [])
    assert {(each["source"], each["target"], each["status"]) for each in found["links"]} == {
        ("cluster-1", "cluster-2", "passes"),
        ("cluster-2", "cluster-1", "passes"),
        *((name, "cluster-0", "unknown") for name in ("cluster-1", "cluster-2")),
        *(("cluster-0", name, "unknown") for name in ("cluster-1", "cluster-2")),
    }


@pytest.mark.parametrize("check_mode", [False, True])
def test_one_network_alone_is_not_probed_and_not_blamed(check_mode: bool) -> None:
    all_ = grounds()
    lose(all_[1], "")
    for each in all_:
        each.cluster.writes.clear()
    result = run(all_, check_mode=check_mode)
    found = result["migration_probe"]
    assert [(each["id"], each["cluster"]) for each in found["findings"]] == (
        [] if check_mode else [("no-network", "cluster-1")]
    )
    assert (found["passed"], result["actions"]) == (False, [])
    assert [each.cluster.writes for each in all_] == [[], []]


def lose(ground: Ground, nad: str) -> None:
    """Take the NAD away, or the whole setting."""
    if nad:
        del ground.cluster.objects["network-attachment-definitions", NAMESPACE, nad]
    else:
        ground.site.configure({})
