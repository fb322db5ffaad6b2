# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No write that breaks migrations while some run: refused, waited for, and looked at again before the write."""

from __future__ import annotations

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _kubevirt_migrations as module
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Busy, DeadlineExceeded
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import VMIM
from unit.kubevirt_call import DEFAULTS
from unit.kubevirt_site import Site
from unit.memory_cluster import Ticking, Told, job


@pytest.fixture
def site() -> Site:
    site = Site()
    site.nad()
    site.migration("evacuation-1", "Running")
    return site


def run(site: Site, clock: Ticking, seconds: int, *, check_mode: bool = False) -> tuple[dict[str, object], Told]:
    params = DEFAULTS | {"decentralized": True, "network": "migration-evpn", "wait_for_migrations": seconds}
    called = job({"cluster": site.cluster}, clock, params, check_mode=check_mode)
    assert isinstance(called.tell, Told)
    return module.work(called), called.tell


def test_refused_at_once(site: Site) -> None:
    with pytest.raises(Busy, match=r"default/evacuation-1 \(Running\)") as caught:
        run(site, Ticking(site.step), 0)
    assert "wait_for_migrations" in caught.value.hint
    assert site.cluster.writes == []


def test_waited_for_and_then_written(site: Site) -> None:
    clock = Ticking(site.step)

    def end() -> None:
        if clock.seconds > 20:
            site.migration("evacuation-1", "Succeeded")

    clock.steps = (*clock.steps, end)
    result, told = run(site, clock, 60)
    assert result["changed"]
    assert "cluster-a: 0 s, 1 left, such as default/evacuation-1 (Running)" in told
    assert site.cluster.writes == ["patch KubeVirt kubevirt"]


def test_not_waited_for_longer_than_told(site: Site) -> None:
    with pytest.raises(DeadlineExceeded, match="evacuation-1"):
        run(site, Ticking(site.step), 60)
    assert site.cluster.writes == []


def test_check_mode_says_that_it_would_wait(site: Site) -> None:
    result, _told = run(site, Ticking(), 60, check_mode=True)
    assert "would wait for 1 unfinished migrations: default/evacuation-1 (Running)" in str(result["warnings"])


def test_one_that_begins_between_check_and_write_is_seen(site: Site) -> None:
    """The first write loses against another writer; before the second attempt a migration has begun."""
    site.migration("evacuation-1", "Succeeded")

    def meanwhile() -> None:
        site.configure({"network": "other"})
        site.cluster.put(VMIM, {"metadata": {"name": "new", "namespace": "default"}, "status": {"phase": "Pending"}})

    site.cluster.before_write = meanwhile
    with pytest.raises(Busy, match="default/new"):
        run(site, Ticking(site.step), 0)
