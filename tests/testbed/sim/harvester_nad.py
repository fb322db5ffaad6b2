# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhooks of Harvester's network controller for NADs: the migration network's own is not exempt."""

from __future__ import annotations

import json
from typing import Any

from ..resources import Object
from ..site import Site
from ..webhooks import ALLOWED, Verdict, denied
from .harvester_config import read
from .harvester_network import MTU
from .harvester_webhook import version

_MUTATE = "/v1/webhook/network/mutation"
_VALIDATE = "/v1/webhook/network/validation"
_KERNEL_MTU = 1500


def configurations(site: Site) -> dict[str, Object]:
    """Both webhook configurations by kind."""
    return {
        "mutatingwebhookconfigurations": _configuration(site, "mutator", _MUTATE, "CREATE", "UPDATE"),
        "validatingwebhookconfigurations": _configuration(site, "validator", _VALIDATE, "CREATE", "UPDATE", "DELETE"),
    }


def serve(site: Site) -> None:
    """Answer from now on."""
    webhook = NadWebhook(site)
    site.webhooks.add(_MUTATE, webhook.mutate)
    site.webhooks.add(_VALIDATE, webhook.validate)


class NadWebhook:
    """Answers for one cluster."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def mutate(self, request: Object) -> Verdict:
        """The MTU of the cluster network goes into the configuration, unless it is the usual one."""
        nad = request["object"]
        config = _config(nad)
        mtu = self._mtu(config)
        if mtu is None:
            return denied(f"cluster network of bridge {config.get('bridge')} not found", code=422, reason="Invalid")
        if mtu == _KERNEL_MTU or config.get("mtu") == mtu:
            return ALLOWED
        text = json.dumps(config | {"mtu": mtu}, separators=(",", ":"))
        return Verdict(patch=({"op": "replace", "path": "/spec/config", "value": text},))

    async def validate(self, request: Object) -> Verdict:
        if request.get("object") is None:
            return self._deletion(request["oldObject"])
        config = _config(request["object"])
        bridge, vlan = str(config.get("bridge", "")), config.get("vlan") or 0
        if not bridge.endswith("-br") or len(bridge) > 15:
            return _refused(f"the bridge name {bridge} must end in -br and have at most 15 characters")
        if not isinstance(vlan, int) or not 0 <= vlan <= 4094:
            return _refused(f"VLAN ID {vlan} is out of range")
        if int(config.get("mtu") or _KERNEL_MTU) != self._mtu(config):
            return _refused(f"MTU {config.get('mtu')} is not that of the cluster network")
        storage = self._storage()
        if version(self._site) >= (1, 9) and storage and storage.exclusive_vlan and storage.vlan == vlan:
            return _refused(f"VLAN ID {vlan} is used exclusively by storage-network")
        return ALLOWED

    def _deletion(self, nad: Object) -> Verdict:
        name = f"{nad['metadata']['namespace']}/{nad['metadata']['name']}"
        users = [
            each["metadata"]["name"]
            for kind in ("virtualmachines", "virtualmachineinstances")
            for each in self._site.store(kind).list()
            if name in _networks(each)
        ]
        return _refused(f"{name} is used by {', '.join(sorted(set(users)))}") if users else ALLOWED

    def _mtu(self, config: Object) -> int | None:
        network = self._site.store("clusternetworks").get(str(config.get("bridge", "")).removesuffix("-br"))
        if network is None:
            return None
        return int((network["metadata"].get("annotations") or {}).get(MTU) or _KERNEL_MTU)

    def _storage(self) -> Any:
        text = (self._site.store("settings").get("storage-network") or {}).get("value")
        return read(text) if text else None


def _networks(owner: Object) -> set[str]:
    """The NADs of a VM or VMI as namespace/name."""
    spec = owner["spec"].get("template", {}).get("spec") or owner["spec"]
    names = [str((each.get("multus") or {}).get("networkName", "")) for each in spec.get("networks") or []]
    return {name if "/" in name else f"{owner['metadata']['namespace']}/{name}" for name in names if name}


def _config(nad: Object) -> Object:
    found = json.loads((nad.get("spec") or {}).get("config") or "{}")
    return found if isinstance(found, dict) else {}


def _refused(message: str) -> Verdict:
    return denied(message, code=422, reason="Invalid")


def _configuration(site: Site, kind: str, path: str, *operations: str) -> Object:
    hook = {
        "name": f"{kind}.network.harvesterhci.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": site.webhooks.client_config(path),
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "rules": [
            {
                "apiGroups": ["k8s.cni.cncf.io"],
                "apiVersions": ["v1"],
                "operations": list(operations),
                "resources": ["network-attachment-definitions"],
            }
        ],
    }
    return {"metadata": {"name": f"harvester-network-webhook-{kind}"}, "webhooks": [hook]}
