# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fresh Harvester has of its own: settings, the cluster network mgmt, webhooks."""

from __future__ import annotations

import json

from ..kube import Conflict
from ..resources import Object
from ..site import Site
from . import harvester_nad, harvester_network
from .harvester_limits import DEFAULT
from .harvester_webhook import LIMITS, NETWORK, PATH, SettingsWebhook, configuration, version

_SINCE = {NETWORK: (1, 6), LIMITS: (1, 7), "rwx-network": (1, 8)}


async def install(site: Site) -> None:
    """Settings first, so that the webhook never sees them made."""
    if not site.settings.harvester:
        return
    for setting in _settings(site):
        if version(site) >= _SINCE.get(setting["metadata"]["name"], (0, 0)):
            await _create(site, "settings", setting)
    await harvester_network.mgmt(site)
    site.webhooks.add(PATH, SettingsWebhook(site).validate)
    harvester_nad.serve(site)
    for key, made in harvester_nad.configurations(site).items():
        await _create(site, key, made)
    await _create(site, "validatingwebhookconfigurations", configuration(site))


def _settings(site: Site) -> list[Object]:
    defaults = {
        "server-version": "",
        "storage-network": "",
        "rwx-network": "",
        NETWORK: "",
        LIMITS: json.dumps(DEFAULT, separators=(",", ":")),
    }
    made: list[Object] = [{"metadata": {"name": name}, "default": text} for name, text in defaults.items()]
    made[0]["value"] = site.settings.harvester
    return made


async def _create(site: Site, key: str, made: Object) -> None:
    try:
        await site.api("harvester").create(key, made)
    except Conflict:
        if key.endswith("webhookconfigurations"):
            # The port of the webhooks is another one now.
            await site.api("harvester").patch(key, made["metadata"]["name"], {"webhooks": made["webhooks"]})
