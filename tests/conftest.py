# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the tests that need clusters; see tests/testbed/README.md."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testbed.testing import TestBed

_LONGEST = (
    "test_fleet",
    "test_change",
    "test_killed",
    "test_vmim_crosscluster",
    "test_full_inventory",
    "test_migration_probe",
    "test_harvester_migration_network",
    "test_verify",
    "test_network_types",
    "test_refusals",
)
"""Files of more than a minute and a half."""

_MOST_WORKERS = 3
"""The beds of a worker take up to 7 GB."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "simulated: needs what only the test bed can do (faults, logs, its own rules)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Every worker has a bed of its own; clusters that are there already are one worker's alone."""
    given = os.environ.get("TESTBED_KUBECONFIGS") or os.environ.get("TESTBED_NAME")
    return 0 if given else min(os.cpu_count() or 1, _MOST_WORKERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the longest files first, so that the workers end together; on real clusters leave out what is simulated."""
    items.sort(key=lambda item: _LONGEST.index(item.path.stem) if item.path.stem in _LONGEST else len(_LONGEST))
    if not os.environ.get("TESTBED_KUBECONFIGS"):
        return
    out = [item for item in items if _simulated(item)]
    config.hook.pytest_deselected(items=out)
    items[:] = [item for item in items if item not in out]


def _simulated(item: pytest.Item) -> bool:
    return item.get_closest_marker("simulated") is not None or "quiet_bed" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session")
def session_bed() -> Iterator[TestBed]:
    """One bed for the whole run."""
    from testbed.testing import open_bed

    with open_bed("shared") as bed:
        yield bed


@pytest.fixture
def bed(session_bed: TestBed) -> Iterator[TestBed]:
    """Two clusters: a test bed of this run, a running one (TESTBED_NAME) or real ones (TESTBED_KUBECONFIGS).

    Faults that a test left on end with it.
    """
    yield session_bed
    session_bed.calm()


@pytest.fixture
def quiet_bed(bed: TestBed) -> TestBed:
    """The bed for tests that set faults: never real clusters."""
    bed.calm()
    return bed


@pytest.fixture(scope="module")
def separate_bed() -> Iterator[TestBed]:
    """A bed for one test module that changes the clusters as a whole (KubeVirt's settings, trust, networks)."""
    from testbed.testing import own_bed

    with own_bed("own") as bed:
        yield bed


@pytest.fixture
def cluster_a(bed: TestBed) -> Path:
    """The kubeconfig of the first cluster."""
    return next(iter(bed.clusters.values())).kubeconfig


@pytest.fixture
def cluster_b(bed: TestBed) -> Path:
    """The kubeconfig of the second cluster."""
    _first, second = list(bed.clusters.values())[:2]
    return second.kubeconfig


@pytest.fixture
def namespace(bed: TestBed) -> Iterator[str]:
    """A fresh namespace on every cluster."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    for cluster in bed.clusters.values():
        cluster.client.create("namespaces", {"metadata": {"name": name}})
    yield name
    for cluster in bed.clusters.values():
        cluster.client.delete("namespaces", name)
