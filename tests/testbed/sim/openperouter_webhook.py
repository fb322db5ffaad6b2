# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPERouter's admission webhooks, each release with its own checks and its own holes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..resources import Object
from ..site import Site
from ..webhooks import ALLOWED, Verdict, denied
from .openperouter_checks import Overlay, early, early_vrfs, late
from .openperouter_shape import Release, release, selects, spec_of

_PATH = "/validate-openperouter-io-v1alpha1-"
# A client certificate carries the name, in at most 64 characters.
_IDENTITY = "openperouter-webhook"
CONFIGURATION = "openpe-validating-webhook-configuration"


def paths(site: Site) -> dict[str, Callable[[Object], Awaitable[Verdict]]]:
    """Path to handler."""
    webhook = Webhook(site, release(site))
    return {f"{_PATH}l2vni": webhook.l2vni, f"{_PATH}l3vni": webhook.l3vni, f"{_PATH}underlay": webhook.underlay}


def configuration(site: Site) -> Object:
    """The ValidatingWebhookConfiguration, without which a wrong object would be stored."""
    shape = release(site)
    group = "network.openperouter.io" if shape.kinds else "openpe.openperouter.github.io"
    return {
        "metadata": {"name": CONFIGURATION},
        "webhooks": [
            {
                "name": f"{kind}validationwebhook.openperouter.io",
                "admissionReviewVersions": ["v1"],
                "clientConfig": site.webhooks.client_config(f"{_PATH}{kind}"),
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "rules": [
                    {
                        "apiGroups": [group],
                        "apiVersions": ["v1alpha1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": [f"{kind}s"],
                    }
                ],
            }
            for kind in ("l2vni", "l3vni", "underlay")
        ],
    }


class Webhook:
    """The handlers of one site."""

    def __init__(self, site: Site, shape: Release) -> None:
        self._site = site
        self._release = shape

    async def l2vni(self, request: Object) -> Verdict:
        new, old = request["object"], request.get("oldObject")
        shape = self._release
        if old:
            field = {"l2gatewayip": "L2GatewayIP", "l2gatewayips": "L2GatewayIPs", "gatewayIPs": "GatewayIPs"}
            if shape.gateways(new) != shape.gateways(old):
                return _denied(f"{field[shape.gateway]} cannot be changed")
            if shape.swapped:
                # These releases hand old and new over in the wrong order: an edit is judged by what it replaces.
                new = old
        overlay = await self._overlay()
        changed = Overlay(_with(overlay.l2vnis, new), overlay.l3vnis, overlay.l3vpns)
        return await self._judge(changed, "L2VNI")

    async def l3vni(self, request: Object) -> Verdict:
        new, old = request["object"], request.get("oldObject")
        if old and _local_cidr(new) != _local_cidr(old):
            return _denied("LocalCIDR cannot be changed")
        overlay = await self._overlay()
        changed = Overlay(overlay.l2vnis, _with(overlay.l3vnis, new), overlay.l3vpns)
        return await self._judge(changed, "L3VNI")

    async def underlay(self, request: Object) -> Verdict:
        items = _with(tuple(await self._list("underlays")), request["object"])
        if not self._release.per_node:
            return _denied("validation failed: can't have more than one underlay") if len(items) > 1 else ALLOWED
        for node in await self._nodes():
            here = [item for item in items if selects(spec_of(item).get("nodeSelector"), node)]
            if len(here) > 1:
                name = here[0]["metadata"]["name"]
                which = f'failed to validate underlays for node "{node["metadata"]["name"]}"'
                return _denied(
                    f"validation failed: {which}: Underlay/{name}: can't have more than one underlay per node"
                )
        return ALLOWED

    async def _overlay(self) -> Overlay:
        l2vnis, l3vnis = await self._list("l2vnis"), await self._list("l3vnis")
        l3vpns = await self._list("l3vpns") if self._release.detached else []
        return Overlay(tuple(l2vnis), tuple(l3vnis), tuple(l3vpns))

    async def _nodes(self) -> list[Object]:
        nodes = await self._site.api(_IDENTITY).list("nodes")
        return sorted(nodes, key=lambda node: str(node["metadata"]["name"]))

    async def _list(self, plural: str) -> list[Object]:
        return await self._site.api(_IDENTITY).list(self._release.key(plural))

    async def _judge(self, overlay: Overlay, kind: str) -> Verdict:
        shape = self._release
        if not shape.per_node:
            items = overlay.l2vnis if kind == "L2VNI" else overlay.l3vnis
            wrong = early(shape, items, kind, overlay)
            return _denied(f"validation failed: {wrong}") if wrong else ALLOWED
        # Without any node nothing is checked.
        nodes = await self._nodes()
        judge = _late_text if shape.detached else _early_text
        found = [text for node in nodes if (text := judge(shape, overlay.on(node), kind, node["metadata"]["name"]))]
        if not found:
            return ALLOWED
        return _denied("validation failed: " + ("\n".join(found) if shape.detached else found[0]))


def _early_text(shape: Release, overlay: Overlay, kind: str, node: str) -> str:
    items = overlay.l2vnis if kind == "L2VNI" else overlay.l3vnis
    if wrong := early(shape, items, kind, overlay):
        # The release calls them underlays.
        return f'failed to validate underlays for node "{node}": {wrong}'
    wrong = early_vrfs(shape, overlay)
    return f'failed to validate VRFs for node "{node}": {wrong}' if wrong else ""


def _late_text(shape: Release, overlay: Overlay, kind: str, node: str) -> str:
    for stage, failures in late(shape, overlay):
        if failures:
            return f'{stage} "{node}": ' + "\n".join(str(one) for one in failures)
    return ""


def _with(items: tuple[Object, ...], changed: Object) -> tuple[Object, ...]:
    """The items with one of them replaced, or added."""
    mine = (changed["metadata"]["name"], changed["metadata"].get("namespace"))
    replaced = [
        changed if (item["metadata"]["name"], item["metadata"].get("namespace")) == mine else item for item in items
    ]
    return tuple(replaced) if changed in replaced else (*replaced, changed)


def _local_cidr(item: Object) -> Object:
    spec = spec_of(item)
    session = spec.get("hostSession") or spec.get("hostsession") or {}
    return dict(session.get("localCIDR") or session.get("localcidr") or {})


def _denied(message: str) -> Verdict:
    return denied(message, code=403, reason="Forbidden")
