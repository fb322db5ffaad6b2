# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-operator's certificates: the CA and its renewal, component certificates, trust bundle and inbox."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature

from ..faults import register
from ..kube import Conflict
from ..resources import Object
from ..site import Site
from . import kubevirt_ca
from .kubevirt_ca import Authority, Strategy
from .kubevirt_config import Target
from .kubevirt_workloads import CUSTOMIZER, LABELS, customizer, marks

CA = "kubevirt-ca"
INBOX = "kubevirt-external-ca"
BUNDLE = "ca-bundle"
_DURATION = "kubevirt.io/duration"

SWALLOWED = register(
    "inbox-swallowed", "virt-operator empties kubevirt-external-ca without having merged what is in it"
)

RENEWAL = register("ca-renewal", "virt-operator issues a new kubevirt-ca once, without any change of the CR")

# Secret of each component and the name its certificate carries; peers check that name.
_COMPONENTS = {
    "kubevirt-synchronization-controller-certs": "kubevirt.io:system:client:virt-synchronization-controller",
    "kubevirt-synchronization-controller-server-certs": ("kubevirt.io:system:node:virt-synchronization-controller"),
    "kubevirt-virt-handler-server-certs": "kubevirt.io:system:node:virt-handler",
    "kubevirt-virt-handler-certs": "kubevirt.io:system:client:virt-handler",
    "kubevirt-virt-handler-migration-client-certs": "kubevirt.io:system:client:migration",
}


class _Wanted(NamedTuple):
    """What a pass of virt-operator goes by."""

    kubevirt: Object
    target: Target
    strategy: Strategy
    now: datetime


class Trust:
    """One pass each time: Secret, component certificates, bundle, inbox."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._api = site.api("kubevirt-operator")

    async def reconcile(self, kubevirt: Object, target: Target) -> bool:
        """True when the pass is not enough: the metadata of the CA was rewritten and cost it its duration."""
        strategy = kubevirt_ca.strategy(kubevirt["spec"])
        # Whole seconds: that is what certificates hold.
        wanted = _Wanted(kubevirt, target, strategy, datetime.now(UTC).replace(microsecond=0))
        # Read before and emptied after the merge: what is written in between is lost, as in reality.
        inbox = self._site.store("configmaps").get(INBOX, kubevirt["metadata"]["namespace"])
        authority, stripped = await self._authority(wanted)
        await self._sign_components(authority, wanted)
        await asyncio.sleep(self._site.settings.ca_seconds)
        await self._bundle(authority, inbox, wanted)
        await self._empty(inbox, wanted)
        return stripped

    async def _authority(self, wanted: _Wanted) -> tuple[Authority, bool]:
        """The CA in force, and whether its annotations lost the duration in this pass.

        Two updates for every change of the CR: the first rewrites the annotations and so drops the duration,
        the second finds it missing and rotates. This is how each change of the CR renews the CA.
        """
        secret = self._site.store("secrets").get(CA, _namespace(wanted))
        if secret is None:
            fresh = self._new_authority(wanted)
            await self._api.create("secrets", self._secret(CA, fresh.pem, _key(fresh), wanted, duration=True))
            return fresh, False
        authority = kubevirt_ca.load_authority(_data(secret, "tls.crt"), _data(secret, "tls.key"))
        meta = secret["metadata"]
        if meta.get("annotations", {}).get(_DURATION) == _duration(wanted.strategy.ca_duration):
            if _outdated(secret, wanted):
                meta["annotations"] = _annotations(wanted)
                await self._api.update("secrets", secret)
                return authority, True
            if self._site.faults.take(RENEWAL) is not None:
                self._site.faults.clear(RENEWAL)
            elif not _expiring(authority, wanted):
                return authority, False
        fresh = self._new_authority(wanted)
        secret |= {"data": _encoded(fresh.pem, _key(fresh))}
        meta["annotations"] = _annotations(wanted) | {_DURATION: _duration(wanted.strategy.ca_duration)}
        await self._api.update("secrets", secret)
        return fresh, False

    def _new_authority(self, wanted: _Wanted) -> Authority:
        return kubevirt_ca.new_authority(wanted.now, wanted.strategy.ca_duration)

    async def _sign_components(self, authority: Authority, wanted: _Wanted) -> None:
        for name, subject in _COMPONENTS.items():
            secret = self._site.store("secrets").get(name, _namespace(wanted))
            if secret is not None and not _resign(secret, authority, wanted):
                continue
            life = wanted.strategy.server_duration
            certificate, key = kubevirt_ca.sign(authority, subject, wanted.now, life)
            made = self._secret(name, certificate, key, wanted, duration=False)
            made["metadata"]["annotations"][_DURATION] = _duration(life)
            if secret is None:
                await self._api.create("secrets", made)
            else:
                await self._api.update("secrets", secret | {"data": made["data"]})

    async def _bundle(self, authority: Authority, inbox: Object | None, wanted: _Wanted) -> None:
        known = self._site.store("configmaps").get(CA, _namespace(wanted))
        try:
            before = kubevirt_ca.parse((known or {}).get("data", {}).get(BUNDLE, ""))
        except ValueError:
            before = []
        overlap = wanted.strategy.ca_renew_before
        merged = kubevirt_ca.merge_bundle(authority.certificate, before, overlap, wanted.now)
        offered = (inbox or {}).get("data", {}).get(BUNDLE, "")
        if offered and self._site.faults.take(SWALLOWED) is not None:
            offered = ""
        merged += kubevirt_ca.accept(offered, merged, wanted.now)
        data = {BUNDLE: kubevirt_ca.to_pem(*merged)}
        if known is None:
            await self._api.create("configmaps", self._config_map(CA, data, wanted))
        elif known.get("data") != data or _outdated(known, wanted):
            known["data"] = data
            known["metadata"].setdefault("annotations", {}).update(marks(wanted.kubevirt, wanted.target))
            await self._api.update("configmaps", known)

    async def _empty(self, inbox: Object | None, wanted: _Wanted) -> None:
        """Unconditionally: no resourceVersion guards it. An empty inbox stays as it is, without a write."""
        if inbox is None:
            try:
                await self._api.create("configmaps", self._config_map(INBOX, {BUNDLE: ""}, wanted))
            except Conflict:
                return  # the user was first: next pass
        patch = {
            "metadata": {"annotations": marks(wanted.kubevirt, wanted.target)},
            "data": {BUNDLE: ""},
        }
        await self._api.patch("configmaps", INBOX, patch, _namespace(wanted))

    def _secret(self, name: str, certificate: str, key: str, wanted: _Wanted, *, duration: bool) -> Object:
        meta = _metadata(name, wanted) | {"annotations": _annotations(wanted)}
        if duration:
            meta["annotations"][_DURATION] = _duration(wanted.strategy.ca_duration)
        return {"metadata": meta, "type": "kubernetes.io/tls", "data": _encoded(certificate, key)}

    def _config_map(self, name: str, data: dict[str, str], wanted: _Wanted) -> Object:
        meta = _metadata(name, wanted) | {"annotations": marks(wanted.kubevirt, wanted.target)}
        return {"metadata": meta, "data": data}


def names() -> list[str]:
    """Every Secret that is kept here."""
    return [CA, *_COMPONENTS]


def _outdated(obj: Object, wanted: _Wanted) -> bool:
    has = obj["metadata"].get("annotations") or {}
    return any(has.get(key) != value for key, value in marks(wanted.kubevirt, wanted.target).items())


def _expiring(authority: Authority, wanted: _Wanted) -> bool:
    deadline = authority.certificate.not_valid_after_utc - wanted.strategy.ca_renew_before
    return wanted.now >= deadline


def _resign(secret: Object, authority: Authority, wanted: _Wanted) -> bool:
    """A component's certificate is not from the CA in force, or runs out."""
    try:
        leaf = kubevirt_ca.parse(_data(secret, "tls.crt"))[0]
        leaf.verify_directly_issued_by(authority.certificate)
    except (ValueError, IndexError, InvalidSignature):
        return True
    return wanted.now >= leaf.not_valid_after_utc - wanted.strategy.server_renew_before


def _namespace(wanted: _Wanted) -> str:
    return str(wanted.kubevirt["metadata"]["namespace"])


def _metadata(name: str, wanted: _Wanted) -> Object:
    return {"name": name, "namespace": _namespace(wanted), "labels": dict(LABELS)}


def _annotations(wanted: _Wanted) -> dict[str, str]:
    return marks(wanted.kubevirt, wanted.target) | {CUSTOMIZER: customizer(wanted.kubevirt)}


def _duration(value: timedelta) -> str:
    return f"&Duration{{Duration:{kubevirt_ca.go_text(value)},}}"


def _key(authority: Authority) -> str:
    return kubevirt_ca.key_pem(authority.key)


def _encoded(certificate: str, key: str) -> dict[str, str]:
    fields = {"tls.crt": certificate, "tls.key": key}
    return {name: base64.b64encode(text.encode()).decode() for name, text in fields.items()}


def _data(secret: Object, field: str) -> str:
    return base64.b64decode(secret.get("data", {}).get(field, "")).decode()
