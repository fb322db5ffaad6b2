# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of kubevirt_migrations on a simulated site."""

from __future__ import annotations

from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _kubevirt_migrations as work
from ansible_collections.livemigration.kubevirt.plugins.module_utils._kubevirt_settings import BY_OPTION
from unit.kubevirt_site import Site
from unit.memory_cluster import Ticking, job

GATE = "DecentralizedLiveMigration"
ON = {"developerConfiguration": {"featureGates": ["Sidecar", GATE]}, "migrations": {"network": "migration-evpn"}}


DEFAULTS: dict[str, Any] = dict.fromkeys(BY_OPTION) | {
    "state": "present",
    "namespace": None,
    "name": None,
    "decentralized": None,
    "reset": None,
    "flavour": "auto",
    "keep_peers": False,
    "allow_during_migrations": False,
    "allow_gitops": False,
    "wait_for_migrations": 0,
    "wait_timeout": 60,
}


def run(site: Site, *, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    call = job({"cluster": site.cluster}, Ticking(site.step), DEFAULTS | params, check_mode=check_mode)
    return {"told": call.tell, **work.work(call)}
