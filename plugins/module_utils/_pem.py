# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in PEM text: fingerprints, validity, subjects. The only file that imports ``cryptography``."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import re
import ssl
from typing import Any

from ._errors import Missing

try:
    from cryptography import x509
except ImportError:
    x509 = None  # type: ignore[assignment]  # _load() says so in the collection's own words

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----[ \t]*\r?\n?", re.DOTALL)
_ANY = re.compile(r"-----BEGIN ")


@dataclasses.dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate.

    :param fingerprint: SHA-256 of its DER form, lower-case hex: its identity.
    :param pem: its text, ended by a newline.
    """

    fingerprint: str
    subject: str
    not_before: datetime.datetime
    not_after: datetime.datetime
    pem: str

    def days_left(self, now: datetime.datetime) -> float:
        """Days until it expires, negative when it has."""
        return round((self.not_after - now).total_seconds() / 86400, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Bundle:
    """The certificates of a PEM text in their order.

    :param unreadable: how many blocks are no certificates that can be read.
    """

    certificates: tuple[Certificate, ...] = ()
    unreadable: int = 0

    def __contains__(self, fingerprint: object) -> bool:
        return any(each.fingerprint == fingerprint for each in self.certificates)


def read(text: str) -> Bundle:
    """The certificates in ``text``; what cannot be read is only counted."""
    found, unreadable = [], len(_ANY.findall(text)) - len(_BLOCK.findall(text))
    for block in _BLOCK.findall(text):
        certificate = _load(block)
        if certificate is None:
            unreadable += 1
        else:
            found.append(certificate)
    if not found and not unreadable and text.strip():
        unreadable = 1
    return Bundle(tuple(found), unreadable)


def without(text: str, *fingerprints: str) -> str:
    """``text`` with the blocks of some certificates cut out, every other byte as it was."""

    def kept(match: re.Match[str]) -> str:
        certificate = _load(match[0])
        return "" if certificate is not None and certificate.fingerprint in fingerprints else match[0]

    return _BLOCK.sub(kept, text)


def joined(certificates: tuple[Certificate, ...]) -> str:
    """PEM text of these certificates, each once."""
    return "".join({each.fingerprint: each.pem for each in certificates}.values())


def _load(block: str) -> Certificate | None:
    library: Any = x509
    if library is None:
        raise Missing(
            "the Python package cryptography",
            "none for this interpreter",
            hint="Install cryptography for the Python that runs this module.",
            reason="missing_library",
        )
    text = block.strip() + "\n"
    try:
        der = ssl.PEM_cert_to_DER_cert(text)
        parsed = library.load_der_x509_certificate(der)
        subject = parsed.subject.rfc4514_string()
    except ValueError:
        return None
    fingerprint = hashlib.sha256(der).hexdigest()
    return Certificate(fingerprint, subject, parsed.not_valid_before_utc, parsed.not_valid_after_utc, text)
