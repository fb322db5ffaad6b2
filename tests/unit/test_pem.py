# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates in PEM text."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _pem as pem
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Missing
from hypothesis import given
from hypothesis import strategies as st
from unit.kubevirt_site import certificate
from unit.memory_cluster import START

CERTIFICATES = [certificate(f"ca-{number}", age_hours=number) for number in range(4)]
BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_reads_what_a_certificate_says() -> None:
    found = pem.read(certificate("kubevirt.io@1", age_hours=2, life_hours=50)).certificates[0]
    assert found.subject == "CN=kubevirt.io@1"
    assert found.not_before == START - datetime.timedelta(hours=2)
    assert found.days_left(START) == 2.0
    assert len(found.fingerprint) == 64


def test_counts_what_it_cannot_read() -> None:
    assert pem.read("").unreadable == 0
    assert pem.read("no certificate at all").unreadable == 1
    assert pem.read(BROKEN + CERTIFICATES[0] + "-----BEGIN CERTIFICATE-----\nxx").unreadable == 2
    assert len(pem.read(BROKEN + CERTIFICATES[0]).certificates) == 1


@given(st.lists(st.sampled_from(CERTIFICATES)), st.sampled_from(CERTIFICATES), st.sampled_from(["", "\n", "# note\n"]))
def test_without_cuts_one_certificate_and_not_a_byte_more(texts: list[str], gone: str, between: str) -> None:
    fingerprint = pem.read(gone).certificates[0].fingerprint
    kept = between.join([""] + [text if text != gone else "" for text in texts])
    assert pem.without(between.join(["", *texts]), fingerprint) == kept


@given(st.lists(st.sampled_from(CERTIFICATES)))
def test_joined_has_each_certificate_once(texts: list[str]) -> None:
    joined = pem.read(pem.joined(pem.read("".join(texts)).certificates))
    assert len(joined.certificates) == len(set(texts))
    assert not joined.unreadable


def test_a_bundle_knows_its_certificates() -> None:
    bundle = pem.read("".join(CERTIFICATES[:2]))
    known, unknown = (pem.read(text).certificates[0].fingerprint for text in CERTIFICATES[1:3])
    assert known in bundle
    assert unknown not in bundle


def test_says_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pem, "x509", None)
    with pytest.raises(Missing, match="cryptography"):
        pem.read(CERTIFICATES[0])
