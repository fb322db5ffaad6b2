# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clusters ready to migrate between, whose time-outs are short, for the tests of single facts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.pair import Pair
from conformance.vm_scenarios import Play, play

_SETTINGS = (
    "openperouter=false",
    "strategy_seconds=0.1",
    "lease_seconds=0.2",
    "virt_api_gap_seconds=0.2",
    "sync_patience=0.05",
)


@pytest.fixture(scope="session")
def hasty_pair() -> Iterator[Pair]:
    from testbed.testing import own_bed

    with own_bed("moves", ("cluster-a", "cluster-b"), *_SETTINGS) as bed:
        made = Pair(bed)
        made.prepare()
        yield made


@pytest.fixture
def move(hasty_pair: Pair, request: pytest.FixtureRequest) -> Iterator[Play]:
    """A VM of the test's own name, running at a and awaited at b."""
    hasty_pair.bed.calm()
    hasty_pair.trust()
    name = request.node.name.replace("_", "-").removeprefix("test-").partition("[")[0][:40].strip("-")
    with play(hasty_pair, name) as acted:
        acted.start("a")
        acted.receive("b")
        yield acted
        hasty_pair.bed.calm()
