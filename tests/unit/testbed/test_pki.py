# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that the strict verification of Python 3.13 accepts too."""

from __future__ import annotations

import ssl

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from testbed.pki import Authority


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> ssl.SSLObject:
    """Both sides of a handshake in memory; returns the server's."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    calling = client.wrap_bio(to_client, to_server, server_hostname=host)
    waiting = [calling, serving]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
        if not waiting:
            return serving
    raise AssertionError("the handshake does not end")


def _strict(context: ssl.SSLContext) -> ssl.SSLContext:
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def test_both_sides_pass_strict_verification() -> None:
    authority = Authority("test-ca")
    server = authority.server_context()
    server.load_verify_locations(cadata=authority.pem.decode())
    server.verify_mode = ssl.CERT_REQUIRED
    serving = _shake_hands(_strict(server), _strict(authority.client_context("admin", ["system:masters"])), "127.0.0.1")
    certificate = serving.getpeercert()
    assert certificate is not None
    assert certificate["subject"] == ((("organizationName", "system:masters"),), (("commonName", "admin"),))


def test_another_authority_is_not_trusted() -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(Authority("one").server_context(), Authority("two").client_context("admin"), "127.0.0.1")


def test_a_host_that_is_not_named_is_refused() -> None:
    authority = Authority("test-ca")
    with pytest.raises(ssl.SSLCertVerificationError, match=r"10\.0\.0\.1"):
        _shake_hands(authority.server_context(), authority.client_context("admin"), "10.0.0.1")


def test_every_group_is_an_organisation() -> None:
    pair = Authority("test-ca").client("alice", ["dev", "ops"])
    subject = x509.load_pem_x509_certificate(pair.certificate).subject
    assert [one.value for one in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["dev", "ops"]
