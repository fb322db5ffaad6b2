# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Harvester's validating webhook for its settings, as the API server calls it, crashes and hangs included."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from ..resources import Object
from ..site import Site
from ..webhooks import ALLOWED, Crash, Verdict, denied
from .harvester_config import Endless
from .harvester_validator import Refused, Version, World, check

CONFIGURATION = "harvester-validator"
PATH = "/v1/webhook/validation"
NETWORK = "vm-migration-network"
LIMITS = "kubevirt-migration"
_NEVER = 3600.0


def configuration(site: Site) -> Object:
    """The ValidatingWebhookConfiguration."""
    rule = {"apiGroups": ["harvesterhci.io"], "apiVersions": ["v1beta1"], "resources": ["settings"]}
    hook = {
        "name": "validator.harvesterhci.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": site.webhooks.client_config(PATH),
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 10,
        "rules": [{**rule, "operations": ["CREATE", "UPDATE", "DELETE"], "scope": "Cluster"}],
    }
    return {"metadata": {"name": CONFIGURATION}, "webhooks": [hook]}


def version(site: Site) -> Version:
    """Major and minor number of the release."""
    major, minor, *_rest = site.settings.harvester.lstrip("v").split(".")
    return int(major), int(minor)


class SettingsWebhook:
    """Answers for one cluster; what it must look up comes from caches, as in Harvester."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def validate(self, request: Object) -> Verdict:
        new, old = request.get("object"), request.get("oldObject")
        if new is None:
            return denied("delete setting is not supported", code=405, reason="MethodNotAllowed")
        match new["metadata"]["name"]:
            case "vm-migration-network":
                return await self._network(new, old)
            case "kubevirt-migration":
                return self._limits(new)
        return ALLOWED

    async def _network(self, new: Object, old: Object | None) -> Verdict:
        if old is None and self._migrating():
            return denied("there is a migration in progress")
        if old is not None and _texts(new) == _texts(old):
            return ALLOWED
        for field, text in _texts(new).items():
            try:
                check(text, self._world())
            except Refused as refusal:
                return _invalid(str(refusal), refusal.field or field)
            except Endless:
                await asyncio.sleep(_NEVER)
        return ALLOWED

    def _limits(self, new: Object) -> Verdict:
        """Every update, also one of annotations only, is refused while VMs migrate."""
        for field, text in _texts(new).items():
            if not text:
                continue
            try:
                found: Any = json.loads(text)
                wrong = next((key for key in ("nodeDrainTaintKey", "network") if found.get(key)), None)
            except (ValueError, AttributeError) as error:
                return _invalid(f"failed to unmarshal the setting value, {error}", field)
            if wrong:
                return _invalid(f"{wrong} cannot be set here", field)
        if self._migrating():
            return denied("there is a migration in progress")
        return ALLOWED

    def _migrating(self) -> bool:
        """A migration without a state is not expected, and ends the request's thread."""
        for vmim in self._site.store("virtualmachineinstancemigrations").list():
            if "deletionTimestamp" in vmim["metadata"]:
                continue
            state = (vmim.get("status") or {}).get("migrationState")
            if state is None:
                raise Crash("invalid memory address or nil pointer dereference")
            if not state.get("completed"):
                return True
        return False

    def _world(self) -> World:
        store = self._site.store
        return World(
            version(self._site),
            store("nodes").list(),
            store("clusternetworks").list(),
            store("vlanconfigs").list(),
            store("vlanstatuses").list(),
            self._value("storage-network"),
            self._value("rwx-network"),
        )

    def _value(self, name: str) -> str:
        setting = self._site.store("settings").get(name) or {}
        return str(setting.get("value") or setting.get("default") or "")


def _texts(setting: Object) -> dict[str, str]:
    return {field: str(setting.get(field) or "") for field in ("default", "value")}


def _invalid(message: str, field: str) -> Verdict:
    cause = {"reason": "FieldValueInvalid", "message": message, "field": field}
    return denied(message, code=422, reason="Invalid", causes=(cause,))
