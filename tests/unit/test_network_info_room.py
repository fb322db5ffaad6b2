# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""For how many more nodes the addresses suffice, and what is known of the MTU."""

from __future__ import annotations

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import DAEMON_SET
from unit.kubevirt_site import Site
from unit.network_info_site import PLAN, allocate, ids, migration0, network_status, prepared, run

H1, H2, SYNC = "virt-handler-1", "virt-handler-2", "virt-synchronization-controller"


@pytest.fixture
def site() -> Site:
    return prepared()


def test_room_for_more_nodes(site: Site) -> None:
    # 126 addresses, 4 in use, 1 for the rollout, 2 for nodes that restart.
    assert run(site, **PLAN)["room_for_nodes"] == 119
    # What leaked is what the spare ones are for; the third is one less.
    for number, room in ((77, 119), (78, 119), (79, 118)):
        allocate(site, number, f"kubevirt/gone-{number}")
        assert run(site, **PLAN)["room_for_nodes"] == room
    site.edit(DAEMON_SET, "virt-handler", {"status": {"desiredNumberScheduled": 5}})
    assert run(site, **PLAN)["room_for_nodes"] == 115


def test_finds_addresses_that_do_not_suffice_for_a_rollout(site: Site) -> None:
    tight = {"range": "192.170.10.0/24", "range_start": "192.170.10.2", "range_end": "192.170.10.7"}
    found = run(site, **tight)
    assert (ids(found), found["room_for_nodes"]) == (["pool-short"], 0)
    assert found["findings"][0]["wanted"].startswith("1 more free addresses")
    enough = tight | {"range_end": "192.170.10.8"}
    assert (ids(run(site, **enough)), run(site, **enough)["room_for_nodes"]) == ([], 0)


def test_the_mtu_as_far_as_it_is_known(site: Site) -> None:
    assert run(site)["mtu"] == {"network": 1400, "pods": None}
    for name, last, mtu in ((H1, 2, 1400), (H2, 3, 1400), (f"{SYNC}-1", 4, 1400), (f"{SYNC}-2", 5, 1400)):
        network_status(site, name, migration0(f"192.170.10.{last}", f"02:00:00:00:00:{last:02x}") | {"mtu": mtu})
    assert run(site)["mtu"] == {"network": 1400, "pods": 1400}
    site.nad()
    assert run(site)["mtu"]["network"] is None
