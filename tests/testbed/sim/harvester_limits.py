# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Harvester's controller of kubevirt-migration: it replaces all of KubeVirt's migration settings but the network."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar

from .harvester_setting import SettingController, set_condition
from .harvester_webhook import LIMITS

HASH = "harvesterhci.io/hash"
_UPGRADED = "harvesterhci.io/upgrade-patched"
# The JSON is decoded into the type of the KubeVirt that Harvester was built with; other keys are dropped.
_KNOWN = (
    "allowAutoConverge",
    "allowPostCopy",
    "allowWorkloadDisruption",
    "bandwidthPerMigration",
    "completionTimeoutPerGiB",
    "disableTLS",
    "matchSELinuxLevelOnMigration",
    "parallelMigrationsPerCluster",
    "parallelOutboundMigrationsPerNode",
    "progressTimeout",
    "unsafeMigrationOverride",
    "utilityVolumesTimeout",
)
DEFAULT = {
    "parallelOutboundMigrationsPerNode": 2,
    "parallelMigrationsPerCluster": 5,
    "allowAutoConverge": False,
    "bandwidthPerMigration": "0",
    "completionTimeoutPerGiB": 150,
    "progressTimeout": 150,
    "unsafeMigrationOverride": False,
    "allowPostCopy": False,
    "allowWorkloadDisruption": False,
    "disableTLS": False,
    "matchSELinuxLevelOnMigration": False,
}


class KubevirtMigration(SettingController):
    """Errors are tried again, unlike those of the network."""

    name: ClassVar[str] = "harvester-kubevirt-migration"
    setting: ClassVar[str] = LIMITS

    async def reconcile(self, key: str) -> None:
        setting = self.store("settings").get(key)
        value = str((setting or {}).get("value") or "")
        if setting is None or not value:
            return
        meta = setting["metadata"]
        annotations = meta.get("annotations") or {}
        digest = hashlib.sha224((value + annotations.get(_UPGRADED, "")).encode()).hexdigest()
        if annotations.get(HASH) == digest:
            return
        await self._carry_out(json.loads(value))
        meta["annotations"] = annotations | {HASH: digest}
        set_condition(setting, "configured", "True", "", "", self.site.now())
        await self.api.update("settings", setting)

    async def _carry_out(self, wanted: dict[str, Any]) -> None:
        kubevirt = self.store("kubevirts").get("kubevirt", self.site.kubevirt_namespace)
        if kubevirt is None:
            raise LookupError("kubevirt not found")
        configuration = kubevirt["spec"].setdefault("configuration", {})
        network = (configuration.get("migrations") or {}).get("network")
        migrations = {key: wanted[key] for key in _KNOWN if wanted.get(key) is not None}
        migrations |= {} if network is None else {"network": network}
        if migrations != configuration.get("migrations"):
            configuration["migrations"] = migrations
            await self.api.update("kubevirts", kubevirt)
