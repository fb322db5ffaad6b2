# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of one cluster: one authority that signs servers and clients.

Python 3.13 verifies strictly (RFC 5280), so the authority carries key usage and key identifiers.
"""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFE = timedelta(days=365)
_EARLIER = timedelta(hours=1)  # clocks of a moved virtual machine may go back a little
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """NAME.crt and NAME.key, the latter for the owner only."""
        certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
        certificate.write_bytes(self.certificate)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        return certificate, key


class Authority:
    """Signs what one cluster needs; lives in memory."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _authority_certificate(name, self._key)
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def pair(self) -> Pair:
        """The authority itself, for components that sign on their own."""
        return Pair(self.pem, _pem(self._key))

    def server(self, name: str, hosts: Sequence[str]) -> Pair:
        return self._sign(name, [], _alternative_names(hosts), ExtendedKeyUsageOID.SERVER_AUTH)

    def client(self, name: str, groups: Sequence[str] = ()) -> Pair:
        """User `name` of `groups` as the API server reads them from the subject."""
        return self._sign(name, groups, None, ExtendedKeyUsageOID.CLIENT_AUTH)

    def client_context(self, name: str, groups: Sequence[str] = ()) -> ssl.SSLContext:
        """Trusts this authority and shows a client certificate."""
        context = ssl.create_default_context(cadata=self.pem.decode())
        _load(context, self.client(name, groups))
        return context

    def server_context(self, hosts: Sequence[str] = ("127.0.0.1", "localhost")) -> ssl.SSLContext:
        """Serves under these hosts; clients may stay anonymous."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        _load(context, self.server("testbed", hosts))
        return context

    def _sign(
        self,
        name: str,
        groups: Sequence[str],
        alternative: x509.SubjectAlternativeName | None,
        usage: x509.ObjectIdentifier,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_subject(name, groups), key)
            .issuer_name(self._certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage("digital_signature"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(_issuer_identifier(self._key), critical=False)
        )
        if alternative is not None:
            builder = builder.add_extension(alternative, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Pair(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))


def service_account_keys() -> Pair:
    """Public key (in place of the certificate) and private key that service account tokens are signed with."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Pair(public, _pem(key))


def _authority_certificate(name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = _subject(name, [])
    return (
        _builder(subject, key)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage("digital_signature", "key_cert_sign", "crl_sign"), critical=True)
        .add_extension(_issuer_identifier(key), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(name: str, groups: Sequence[str]) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    # The 64 characters X.520 allows are too few for some service accounts; Go, who reads this, does not mind.
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False)])


def _issuer_identifier(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def key_usage(*allowed: str) -> x509.KeyUsage:
    """For these uses alone, by cryptography's own names."""
    return x509.KeyUsage(**{use: use in allowed for use in _USES})


def _alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return x509.SubjectAlternativeName(names)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load(context: ssl.SSLContext, pair: Pair) -> None:
    # The ssl module reads a chain only from a file.
    with tempfile.TemporaryDirectory() as directory:
        context.load_cert_chain(*pair.write(Path(directory), "pair"))
