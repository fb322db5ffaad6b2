# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device plugin on every node, and the network resources injector that lets pods ask for what it offers."""

from __future__ import annotations

from ..kube import Conflict
from ..resources import Object
from ..site import Site
from ..webhooks import ALLOWED, Verdict
from .multus import REQUEST, MultusError, requests

RESOURCE = "k8s.v1.cni.cncf.io/resourceName"
_PATH = "/mutate-network-resources"
_NADS = "network-attachment-definitions"


def offered(site: Site) -> dict[str, str]:
    """What every node reports beside its own capacity."""
    pairs = (text.partition("=") for text in filter(None, site.settings.device_plugin.split(",")))
    return {name: number for name, _, number in pairs}


async def install(site: Site) -> None:
    """The webhook, where there is a device plugin."""
    if not offered(site):
        return
    site.webhooks.add(_PATH, Injector(site))
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
    webhook = {
        "name": "network-resources-injector-config.k8s.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": site.webhooks.client_config(_PATH),
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "rules": rules,
    }
    key, name = "mutatingwebhookconfigurations", "network-resources-injector-config"
    api = site.api("network-resources-injector")
    try:
        await api.create(key, {"metadata": {"name": name}, "webhooks": [webhook]})
    except Conflict:
        # The bed was started before; the port is a new one each time.
        await api.patch(key, name, {"webhooks": [webhook]})


class Injector:
    """Adds what the pod's networks need to its first container."""

    def __init__(self, site: Site) -> None:
        self._api = site.api("network-resources-injector")

    async def __call__(self, request: Object) -> Verdict:
        pod = request["object"]
        counted = await self._counted(pod, request["namespace"])
        if not counted:
            return ALLOWED
        resources = dict(pod["spec"]["containers"][0].get("resources") or {})
        for part in ("requests", "limits"):
            resources[part] = {**(resources.get(part) or {}), **counted}
        return Verdict(patch=({"op": "add", "path": "/spec/containers/0/resources", "value": resources},))

    async def _counted(self, pod: Object, namespace: str) -> dict[str, str]:
        found: dict[str, int] = {}
        try:
            wanted = requests((pod["metadata"].get("annotations") or {}).get(REQUEST, ""), namespace)
        except MultusError:
            return {}  # multus will say it better
        for each in wanted:
            nad = await self._api.get(_NADS, each.name, each.namespace)
            name = ((nad or {}).get("metadata", {}).get("annotations") or {}).get(RESOURCE)
            if name:
                found[name] = found.get(name, 0) + 1
        return {name: str(number) for name, number in found.items()}
