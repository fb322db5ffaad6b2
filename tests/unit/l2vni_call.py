# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the l2vni module on a cluster in memory."""

from __future__ import annotations

from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _l2vni
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    MigrationError,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_options import SPEC
from unit.memory_cluster import MemoryCluster, Ticking, job, refusal
from unit.openperouter import Site

DEFAULTS = {name: option.get("default") for name, option in SPEC.options.items()}


def run(site: MemoryCluster, *, check_mode: bool = False, clock: Ticking | None = None, **options: Any) -> Object:
    params = DEFAULTS | {"name": "migration", "vni": 666, "wait_timeout": 5} | options
    return _l2vni.work(job({"cluster": site}, clock or Ticking(), params, check_mode=check_mode))


def refused(site: MemoryCluster, **options: Any) -> MigrationError:
    return refusal(site, lambda: run(site, **options))


def ready(folder: str) -> Site:
    site = Site(folder)
    if site.shape.reports:
        site.report("node-1")
        site.report("node-2")
    return site
