# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the property tests run, and the two sites of the tests about trust."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from unit.kubevirt_site import Site

# A busy machine is not a bug, so no deadline; continuous integration looks at the same examples every time.
settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
# Some minutes' work for what every fleet stands on: pytest --hypothesis-profile=thorough FILE, a step of its own.
settings.register_profile("thorough", settings.get_profile("project"), max_examples=10_000)
settings.load_profile("project")


@pytest.fixture
def source() -> Site:
    """A simulated site to migrate from."""
    return Site("cluster-a")


@pytest.fixture
def target() -> Site:
    """A simulated site to migrate to."""
    return Site("cluster-b", slice_start=128)
