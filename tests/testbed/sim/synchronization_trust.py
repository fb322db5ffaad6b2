# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two KubeVirt components of different clusters accept each other's certificates, from the real objects.

A component shows a certificate signed by the CA in its cluster's Secret `kubevirt-ca`, and accepts what the
bundle in its cluster's ConfigMap `kubevirt-ca` accepts. Host names and addresses are not looked at.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

if TYPE_CHECKING:
    from ..site import Site

CA = "kubevirt-ca"
BUNDLE_KEY = "ca-bundle"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

UNKNOWN_AUTHORITY = "x509: certificate signed by unknown authority"
_VERIFY = "transport: authentication handshake failed: could not verify peer certificate: {}"
_REFUSED = "error reading server preface: remote error: tls: {}"


class TrustError(Exception):
    """A handshake that failed, in the words the dialling side has for it."""


def current_ca(site: Site) -> x509.Certificate | None:
    """The CA that signs what this cluster's components show; None while there is none."""
    secret = site.store("secrets").get(CA, site.kubevirt_namespace)
    data = ((secret or {}).get("data") or {}).get("tls.crt", "")
    found = certificates(base64.b64decode(data))
    return found[0] if found else None


def bundle(site: Site) -> list[x509.Certificate]:
    """The CAs this cluster's components accept."""
    config_map = site.store("configmaps").get(CA, site.kubevirt_namespace)
    return certificates(((config_map or {}).get("data") or {}).get(BUNDLE_KEY, "").encode())


def certificates(pem: bytes) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(block) for block in _PEM.findall(pem)]


def objection(ca: x509.Certificate, accepted: list[x509.Certificate], now: datetime | None = None) -> str | None:
    """Why certificates of a CA are not accepted; None when they are."""
    now = now or datetime.now(UTC)
    wanted = ca.fingerprint(hashes.SHA256())
    if all(one.fingerprint(hashes.SHA256()) != wanted for one in accepted):
        return UNKNOWN_AUTHORITY
    text = "x509: certificate has expired or is not yet valid: current time {} is {} {}"
    if now > ca.not_valid_after_utc:
        return text.format(_time(now), "after", _time(ca.not_valid_after_utc))
    if now < ca.not_valid_before_utc:
        return text.format(_time(now), "before", _time(ca.not_valid_before_utc))
    return None


def shake_hands(client: Site, server: Site) -> None:
    """The client judges first; that the server refuses the client's certificate shows only after its own part.

    A component without a certificate of its own (the cluster's CA is not there yet) breaks the handshake off.
    """
    server_ca, client_ca = current_ca(server), current_ca(client)
    if server_ca is None:
        raise TrustError("transport: authentication handshake failed: remote error: tls: internal error")
    if why := objection(server_ca, bundle(client)):
        raise TrustError(_VERIFY.format(why))
    if client_ca is None:
        raise TrustError(
            "transport: authentication handshake failed: "
            "No client certificate, client is not yet ready to talk to the server"
        )
    if why := objection(client_ca, bundle(server)):
        raise TrustError(
            _REFUSED.format("unknown certificate authority" if why == UNKNOWN_AUTHORITY else "expired certificate")
        )


def tls_disabled(kubevirt: Mapping[str, Any] | None) -> bool:
    """Whether this cluster's handlers talk plainly; the synchronization never does."""
    spec = (kubevirt or {}).get("spec") or {}
    return bool(((spec.get("configuration") or {}).get("migrations") or {}).get("disableTLS"))


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
