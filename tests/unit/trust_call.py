# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of migration_trust and trust_bundle on simulated sites."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _trust as trust
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _trust_bundle as trust_bundle
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP
from unit.kubevirt_site import NAMESPACE, Site
from unit.memory_cluster import Ticking, job


def run(
    source: Site, target: Site, *, check_mode: bool = False, clock: Ticking | None = None, **params: Any
) -> dict[str, Any]:
    defaults = {
        "state": "present",
        "source_namespace": None,
        "target_namespace": None,
        "allow_during_migrations": False,
        "wait_for_migrations": 0,
        "wait_timeout": 30,
    }
    clusters = {"source": source.cluster, "target": target.cluster}
    call = job(clusters, clock or Ticking(source.step, target.step), defaults | params, check_mode=check_mode)
    result = {"told": call.tell, **trust.work(call)}
    assert "UFJJVkFURQ" not in json.dumps(result, default=str), "a private key got out"
    assert "PRIVATE" not in json.dumps(result, default=str)
    return result


def look(site: Site, *forget: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    """A call of trust_bundle."""
    defaults = {
        "namespace": None,
        "forget": list(forget),
        "expiry_warning_days": 1.0,
        "require_rights": False,
        "allow_during_migrations": False,
        "wait_for_migrations": 0,
        "wait_timeout": 30,
    }
    call = job({"cluster": site.cluster}, Ticking(site.step), defaults | params, check_mode=check_mode)
    return {"told": call.tell, **trust_bundle.work(call)}


def handed_over(result: dict[str, Any]) -> list[str]:
    """The clusters that were offered the CA of their peer."""
    return sorted(action.split(":")[0] for action in result["actions"] if "does not trust" in action)


def memory(site: Site) -> dict[str, Any]:
    found = site.cluster.get(CONFIG_MAP, "livemigration-trust", NAMESPACE)
    return {uid: json.loads(text) for uid, text in (found or {"data": {}})["data"].items()}
