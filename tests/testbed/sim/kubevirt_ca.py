# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""KubeVirt's certificates: its authority, what that signs, and the merging of trust bundles.

Pure but for the clock given in; the rules are those of v1.9.0 (`pkg/virt-operator/resource/generate/components/
secrets.go` and `.../apply/core.go`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..pki import key_usage

MAX_CERTIFICATES = 50

_CA_DURATION = timedelta(days=7)
_SERVER_DURATION = timedelta(days=1)
_RENEW_SHARE = 0.2
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Strategy:
    """`spec.certificateRotateStrategy`, with defaults filled in."""

    ca_duration: timedelta
    ca_renew_before: timedelta
    server_duration: timedelta
    server_renew_before: timedelta


@dataclass(frozen=True, slots=True)
class Authority:
    """A signing CA: the two fields of Secret `kubevirt-ca`."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return to_pem(self.certificate)


def strategy(spec: Mapping[str, Any]) -> Strategy:
    """Durations of a KubeVirt CR; the deprecated intervals count where the new fields are missing."""
    signed = (spec.get("certificateRotateStrategy") or {}).get("selfSigned") or {}
    ca, server = signed.get("ca") or {}, signed.get("server") or {}
    ca_duration = _first(ca.get("duration"), signed.get("caRotateInterval")) or _CA_DURATION
    server_duration = _first(server.get("duration"), signed.get("certRotateInterval")) or _SERVER_DURATION
    return Strategy(
        ca_duration=ca_duration,
        ca_renew_before=_first(ca.get("renewBefore"), signed.get("caOverlapInterval")) or ca_duration * _RENEW_SHARE,
        server_duration=server_duration,
        server_renew_before=_first(server.get("renewBefore")) or server_duration * _RENEW_SHARE,
    )


def duration(text: str) -> timedelta:
    """A Go duration such as `168h0m0s`; ValueError when it is none."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"invalid duration {text!r}")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def go_text(value: timedelta) -> str:
    """A duration as Go prints it: `168h0m0s`."""
    seconds = int(value.total_seconds())
    return f"{seconds // 3600}h{seconds % 3600 // 60}m{seconds % 60}s"


def new_authority(now: datetime, life: timedelta) -> Authority:
    """A fresh CA that begins now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"kubevirt.io@{int(now.timestamp())}")])
    certificate = (
        _builder(subject, key, now, life)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage("digital_signature", "key_encipherment", "key_cert_sign"), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def sign(authority: Authority, name: str, now: datetime, life: timedelta) -> tuple[str, str]:
    """Certificate and key (PEM) for a component, both server and client."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    issuer = authority.key.public_key()
    certificate = (
        _builder(subject, key, now, life)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage("digital_signature", "key_encipherment"), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return to_pem(certificate), key_pem(key)


def merge_bundle(
    current: x509.Certificate, bundle: list[x509.Certificate], overlap: timedelta, now: datetime
) -> list[x509.Certificate]:
    """What virt-operator keeps of a bundle: the current CA, then the others newest first.

    An entry goes, and all after it, once the one before it is older than the overlap; the first is held
    against the current CA. So foreign CAs vanish when our own has grown old, which is what users trip over.
    """
    valid = sorted(
        (each for each in bundle if each.not_valid_after_utc >= now),
        key=lambda each: int(each.not_valid_before_utc.timestamp()),
        reverse=True,
    )[:MAX_CERTIFICATES]
    kept = [current]
    before = current
    for each in valid:
        if before.not_valid_before_utc + overlap < now:
            break
        if each != current:
            kept.append(each)
        before = each
    return kept


def accept(inbox: str, bundle: list[x509.Certificate], now: datetime) -> list[x509.Certificate]:
    """Certificates of the inbox to append: none at all when one block is bad, none we have, none out of time."""
    try:
        offered = parse(inbox)
    except ValueError:
        return []
    known = {each.fingerprint(hashes.SHA256()) for each in bundle}
    taken: list[x509.Certificate] = []
    for each in offered:
        fingerprint = each.fingerprint(hashes.SHA256())
        in_time = each.not_valid_before_utc <= now <= each.not_valid_after_utc
        if in_time and fingerprint not in known:
            known.add(fingerprint)
            taken.append(each)
    return taken


def parse(pem: str) -> list[x509.Certificate]:
    """Every certificate of a text; blocks of another kind are skipped, a broken certificate is a ValueError."""
    blocks = (match for match in _PEM_BLOCK.finditer(pem) if match.group(1) == "CERTIFICATE")
    return [x509.load_pem_x509_certificate(match.group(0).encode()) for match in blocks]


def to_pem(*certificates: x509.Certificate) -> str:
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def load_authority(certificate: str, key: str) -> Authority:
    """The CA of a Secret's two fields; ValueError when they are no such pair."""
    loaded = serialization.load_pem_private_key(key.encode(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise ValueError("not a key of this test bed")
    return Authority(x509.load_pem_x509_certificate(certificate.encode()), loaded)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _first(*texts: str | None) -> timedelta | None:
    return next((duration(text) for text in texts if text), None)
