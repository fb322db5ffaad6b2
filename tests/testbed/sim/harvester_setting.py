# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Harvester's controller of vm-migration-network: NAD and KubeVirt CR are written once, and never looked at again.

A step that fails ends the attempt for good: the hash is stored with the failure, so nothing is tried again until
the hash differs. The NAD of before goes at once, whoever still needs it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import ClassVar

from ..controller import Controller
from ..faults import register
from ..kube import ApiError
from ..resources import Object
from ..site import Site
from . import harvester_config
from .harvester_config import BadConfig
from .harvester_webhook import NETWORK

PREFIX = "vm-migration-network.settings.harvesterhci.io"
HASH = f"{PREFIX}/hash"
NAD = f"{PREFIX}/net-attach-def"
_NADS = "network-attachment-definitions"

FAILURE = register(
    "harvester-failure",
    "Harvester gives up a step of vm-migration-network",
    reason="GetKubeVirtError, CreateNadError, UpdateKubeVirtError or RemoveOldNadError",
)


class GivenUp(Exception):
    """A step failed; `args` are reason and message of the condition."""


class SettingController(Controller):
    """Reacts to one of Harvester's settings alone: not to NADs, KubeVirt, nodes or pods."""

    workers: ClassVar[int] = 1
    setting: ClassVar[str]

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.api = site.api("harvester")

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        if not self.site.settings.harvester:
            return {}
        return {
            "settings": lambda setting: [self.setting] if setting["metadata"]["name"] == self.setting else [],
            "kubevirts": lambda _kubevirt: (),
        }


class VmMigrationNetwork(SettingController):
    """A step that fails is not tried again."""

    name: ClassVar[str] = "harvester-vm-migration-network"
    setting: ClassVar[str] = NETWORK

    async def reconcile(self, key: str) -> None:
        setting = self.store("settings").get(key)
        if setting is None or "deletionTimestamp" in setting["metadata"]:
            return
        annotations = setting["metadata"].get("annotations") or {}
        value = str(setting.get("value") or "")
        if (not annotations and not value) or annotations.get(HASH) == sha1(value):
            return
        before = annotations.get(NAD, "")
        try:
            after = await self._carry_out(value, before)
        except GivenUp as failure:
            await self._tell(setting, "False", *failure.args, nad=before)
            return
        await self._tell(setting, "True", "", "", nad=after)

    async def _carry_out(self, value: str, before: str) -> str:
        kubevirt = self.store("kubevirts").get("kubevirt", self.site.kubevirt_namespace)
        if kubevirt is None or self._struck("GetKubeVirtError"):
            raise GivenUp("GetKubeVirtError", 'get kubevirt error kubevirt.kubevirt.io "kubevirt" not found')
        nad = await self._find_or_create(value) if value else ""
        await self._switch(kubevirt, nad)
        after = f"{self.site.kubevirt_namespace}/{nad}" if nad else ""
        if before and before != after:
            await self._remove(*before.split("/", 1))
        return after

    async def _find_or_create(self, value: str) -> str:
        try:
            if self._struck("CreateNadError"):
                raise ApiError(500, "InternalError", "the network webhook does not answer")
            labels = {HASH: sha1(value)}
            selector = f"{HASH}={labels[HASH]}"
            found = await self.api.list(_NADS, self.site.kubevirt_namespace, selector)
            if found:
                return str(found[0]["metadata"]["name"])
            meta = {
                "generateName": f"{NETWORK}-",
                "namespace": self.site.kubevirt_namespace,
                "labels": labels,
                "annotations": {PREFIX: "true"},
            }
            body = {"metadata": meta, "spec": {"config": harvester_config.read(value).nad()}}
            made = await self.api.create(_NADS, body)
            return str(made["metadata"]["name"])
        except (ApiError, BadConfig) as error:
            raise GivenUp("CreateNadError", f"create nad error {error}") from error

    async def _switch(self, kubevirt: Object, nad: str) -> None:
        """An update of the whole CR as the cache has it; an empty `migrations` stays."""
        migrations = kubevirt["spec"].setdefault("configuration", {}).setdefault("migrations", {})
        if (migrations.get("network") or "") == nad:
            return
        migrations.pop("network", None)
        migrations |= {"network": nad} if nad else {}
        if self._struck("UpdateKubeVirtError"):
            kubevirt["metadata"]["resourceVersion"] = "1"
        try:
            await self.api.update("kubevirts", kubevirt)
        except ApiError as error:
            raise GivenUp("UpdateKubeVirtError", f"update kubevirt error {error}") from error

    async def _remove(self, namespace: str, name: str) -> None:
        try:
            if self._struck("RemoveOldNadError"):
                raise ApiError(500, "InternalError", "the network webhook does not answer")
            await self.api.delete(_NADS, name, namespace)
        except ApiError as error:
            raise GivenUp("RemoveOldNadError", f"remove old nad error {error}") from error

    async def _tell(self, setting: Object, status: str, reason: str, message: str, *, nad: str) -> None:
        """Annotations and condition in one update; when that fails all of it is done again."""
        value = str(setting.get("value") or "")
        meta = setting["metadata"]
        meta["annotations"] = (meta.get("annotations") or {}) | {HASH: sha1(value), NAD: nad}
        set_condition(setting, "configured", status, reason, message, self.site.now())
        await self.api.update("settings", setting)

    def _struck(self, reason: str) -> bool:
        return self.site.faults.take(FAILURE, reason=reason) is not None


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def set_condition(obj: Object, kind: str, status: str, reason: str, message: str, now: str) -> None:
    """One condition of a kind, its transition time moving with its status."""
    conditions = obj.setdefault("status", {}).setdefault("conditions", None) or []
    old: Object = next((each for each in conditions if each["type"] == kind), {})
    moved = old.get("lastTransitionTime", now) if old.get("status") == status else now
    made = {"type": kind, "status": status, "lastUpdateTime": now, "lastTransitionTime": moved}
    made |= {key: text for key, text in (("reason", reason), ("message", message)) if text}
    obj["status"]["conditions"] = [*(each for each in conditions if each["type"] != kind), made]
