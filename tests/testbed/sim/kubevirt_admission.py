# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-operator's webhooks on the KubeVirt CR: what they refuse, in their words, and all they let pass.

They know nothing of networks or gates: a missing definition, a name with a slash and a gate that does not
exist are all accepted.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from ..kube import Conflict
from ..resources import Object
from ..site import Site
from ..webhooks import ALLOWED, Verdict, denied
from .kubevirt_ca import strategy

_CONFIGURATION = "virt-operator-validator"
_PATHS = {
    # name of the webhook: path, operation
    "kubevirt-validator.kubevirt.io": ("/kubevirt-validate-delete", "DELETE"),
    "kubevirt-update-validator.kubevirt.io": ("/kubevirt-validate-update", "UPDATE"),
    "kubevirt-create-validator.kubevirt.io": ("/kubevirt-validate-create", "CREATE"),
}
_SIGNED = "spec.certificateRotationStrategy.selfSigned"
_DEPRECATED = ("caRotateInterval", "certRotateInterval", "caOverlapInterval")
_BLOCKING = "BlockUninstallIfWorkloadsExist"


async def install(site: Site) -> None:
    """Serve the webhooks and register them."""
    if not site.settings.kubevirt:
        return
    admission = KubevirtAdmission(site)
    site.webhooks.add("/kubevirt-validate-delete", admission.delete)
    site.webhooks.add("/kubevirt-validate-update", admission.update)
    site.webhooks.add("/kubevirt-validate-create", admission.create)
    hooks = [_webhook(site, name, path, operation) for name, (path, operation) in _PATHS.items()]
    body = {"metadata": {"name": _CONFIGURATION}, "webhooks": hooks}
    api = site.api("kubevirt-operator")
    try:
        await api.create("validatingwebhookconfigurations", body)
    except Conflict:
        await api.patch("validatingwebhookconfigurations", _CONFIGURATION, {"webhooks": hooks})


class KubevirtAdmission:
    """Answers for one cluster."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def create(self, request: Object) -> Verdict:
        others = self._site.store("kubevirts").list()
        if others:
            return denied("KubeVirt is already created")
        return await self.update(request)

    async def update(self, request: Object) -> Verdict:
        spec = request["object"].get("spec") or {}
        causes = [*_customization(spec), *_certificates(spec), *_ratio(spec), *_ciphers(spec), *_replicas(spec)]
        if not causes:
            return ALLOWED
        message = causes[0]["message"] if len(causes) == 1 else ", ".join(each["message"] for each in causes)
        return denied(message, code=422, reason="Invalid", causes=tuple(causes))

    async def delete(self, request: Object) -> Verdict:
        old = request.get("oldObject") or {}
        if (old.get("spec") or {}).get("uninstallStrategy") != _BLOCKING:
            return ALLOWED
        for key, what in (
            ("virtualmachines", "Virtual Machines"),
            ("virtualmachineinstances", "Virtual Machine Instances"),
        ):
            if self._site.store(key).list():
                return denied(f"Rejecting the uninstall request, since there are still {what} present")
        return ALLOWED


def _customization(spec: Object) -> list[Object]:
    patches = (spec.get("customizeComponents") or {}).get("patches") or []
    return [
        _cause("FieldValueNotSupported", f'patch "{each["patch"]}" is not valid JSON')
        for each in patches
        if not _is_json(each.get("patch", ""))
    ]


def _certificates(spec: Object) -> list[Object]:
    signed = (spec.get("certificateRotateStrategy") or {}).get("selfSigned")
    if signed is None:
        return []
    causes = []
    if any(key in signed for key in _DEPRECATED) and ("ca" in signed or "server" in signed):
        causes.append(
            _cause(
                "FieldValueNotSupported",
                "caRotateInterval, certRotateInterval and caOverlapInterval are deprecated and conflict with "
                "CertConfig defined rotation parameters",
            )
        )
    try:
        found = strategy(spec)
    except ValueError as error:
        return [_cause("FieldValueInvalid", str(error))]
    causes += _exceeds("CA RenewBefore cannot exceed Duration", found.ca_duration, found.ca_renew_before, "ca")
    causes += _exceeds(
        "Cert RenewBefore cannot exceed Duration", found.server_duration, found.server_renew_before, "server"
    )
    if found.server_duration > found.ca_duration:
        rule = f"{_SIGNED}.server.duration > {_SIGNED}.ca.duration"
        causes.append(_cause("FieldValueInvalid", f"Certificate duration cannot exceed CA ({rule})"))
    return causes


def _exceeds(text: str, duration: timedelta, renew_before: timedelta, part: str) -> list[Object]:
    if duration >= renew_before:
        return []
    return [_cause("FieldValueInvalid", f"{text} ({_SIGNED}.{part}.duration < {_SIGNED}.{part}.renewBefore)")]


def _ratio(spec: Object) -> list[Object]:
    text = (spec.get("configuration") or {}).get("additionalGuestMemoryOverheadRatio")
    if text is None:
        return []
    try:
        ratio = float(text)
    except ValueError:
        return [_cause("FieldValueNotSupported", f"ratio provided, {text}, cannot be parsed into float: invalid")]
    if ratio < 1.0:
        return [_cause("FieldValueNotSupported", f"ratio provided, {text}, cannot be smaller than 1.0")]
    return []


def _ciphers(spec: Object) -> list[Object]:
    tls = (spec.get("configuration") or {}).get("tlsConfiguration") or {}
    if not tls.get("ciphers") or tls.get("minTLSVersion", "") not in ("", "VersionTLS13"):
        return []
    field = "spec.configuration.tlsConfiguration"
    return [
        _cause(
            "FieldValueNotSupported",
            f"You cannot specify ciphers when {field}.minTLSVersion is empty or VersionTLS13",
            f"{field}.ciphers",
        )
    ]


def _replicas(spec: Object) -> list[Object]:
    if (spec.get("infra") or {}).get("replicas") == 0:
        return [_cause("FieldValueInvalid", "infra replica count can't be 0")]
    return []


def _cause(reason: str, message: str, field: str = "") -> Object:
    cause: dict[str, Any] = {"reason": reason, "message": message}
    return cause | ({"field": field} if field else {})


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _webhook(site: Site, name: str, path: str, operation: str) -> Object:
    rule = {
        "apiGroups": ["kubevirt.io"],
        "apiVersions": ["v1alpha3", "v1"],
        "operations": [operation],
        "resources": ["kubevirts"],
        "scope": "*",
    }
    return {
        "name": name,
        "clientConfig": site.webhooks.client_config(path),
        "rules": [rule],
        "failurePolicy": "Fail",
        "sideEffects": "NoneOnDryRun",
        "admissionReviewVersions": ["v1", "v1beta1"],
        "timeoutSeconds": 10,
    }
