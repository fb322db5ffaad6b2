# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The trust bundle by the rules of v1.9.0; the dropping cases were executed with the real MergeCABundle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from testbed.sim import kubevirt_ca

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OVERLAP = timedelta(hours=33.6)
LIFE = timedelta(days=7)


def aged(hours: float, life: timedelta = LIFE) -> x509.Certificate:
    """A CA that began so many hours ago."""
    return kubevirt_ca.new_authority(NOW - timedelta(hours=hours), life).certificate


def merged(own: x509.Certificate, *others: x509.Certificate, overlap: timedelta = OVERLAP) -> list[bool]:
    """Which of the others stay."""
    kept = kubevirt_ca.merge_bundle(own, [own, *others], overlap, NOW)
    assert kept[0] == own
    return [other in kept for other in others]


@pytest.mark.parametrize(
    ("own", "others", "stays"),
    [
        (10, [0.1], [True]),
        (40, [0.1], [False]),
        (10, [50, 100], [True, False]),
    ],
)
def test_executed_cases(own: float, others: list[float], stays: list[bool]) -> None:
    assert merged(aged(own), *(aged(each) for each in others)) == stays


def test_executed_cases_with_other_strategies() -> None:
    assert merged(aged(20, timedelta(hours=48)), aged(1), overlap=timedelta(hours=24)) == [True]
    half = timedelta(hours=84)
    assert merged(aged(80), aged(90), overlap=half) == [True]
    assert merged(aged(80), aged(90), aged(150), overlap=half) == [True, False]


def test_the_current_comes_first_then_newest_first() -> None:
    own, newer, older = aged(5), aged(1), aged(9)
    assert kubevirt_ca.merge_bundle(own, [older, own, newer], OVERLAP, NOW) == [own, newer, older]


def test_expired_entries_go() -> None:
    assert merged(aged(1), aged(10, timedelta(hours=9))) == [False]


def test_at_most_fifty() -> None:
    own = aged(1)
    kept = kubevirt_ca.merge_bundle(own, [aged(2 + number / 10) for number in range(60)], OVERLAP, NOW)
    assert len(kept) == 1 + kubevirt_ca.MAX_CERTIFICATES


def test_one_bad_block_voids_the_whole_inbox() -> None:
    good = kubevirt_ca.to_pem(aged(1))
    bad = "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n"
    assert len(kubevirt_ca.accept(good, [], NOW)) == 1
    assert kubevirt_ca.accept(good + bad, [], NOW) == []
    assert kubevirt_ca.accept("no PEM at all", [], NOW) == []


def test_known_doubled_and_untimely_certificates_are_left_out() -> None:
    known, new = aged(1), aged(2)
    inbox = kubevirt_ca.to_pem(known, new, new, aged(-1), aged(10, timedelta(hours=9)))
    assert kubevirt_ca.accept(inbox, [known], NOW) == [new]


def test_strategy_defaults_and_fields() -> None:
    plain = kubevirt_ca.strategy({})
    assert plain.ca_renew_before == OVERLAP
    assert plain.server_duration == timedelta(days=1)
    signed = {"ca": {"duration": "48h0m0s", "renewBefore": "24h"}, "server": {"duration": "1h30m"}}
    chosen = kubevirt_ca.strategy({"certificateRotateStrategy": {"selfSigned": signed}})
    assert (chosen.ca_duration, chosen.ca_renew_before) == (timedelta(hours=48), timedelta(hours=24))
    assert chosen.server_renew_before == timedelta(minutes=18)
    deprecated = {"caRotateInterval": "100h", "caOverlapInterval": "40h"}
    old = kubevirt_ca.strategy({"certificateRotateStrategy": {"selfSigned": deprecated}})
    assert (old.ca_duration, old.ca_renew_before) == (timedelta(hours=100), timedelta(hours=40))


@pytest.mark.parametrize("text", ["", "12", "1d", "h", "1h x"])
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        kubevirt_ca.duration(text)


def test_durations_read_and_written() -> None:
    assert kubevirt_ca.go_text(kubevirt_ca.duration("168h")) == "168h0m0s"


def test_what_the_authority_signs_verifies_against_it() -> None:
    authority = kubevirt_ca.new_authority(NOW, LIFE)
    pem, key = kubevirt_ca.sign(authority, "kubevirt.io:system:node:virt-handler", NOW, LIFE)
    leaf = kubevirt_ca.parse(pem)[0]
    leaf.verify_directly_issued_by(authority.certificate)
    assert "BEGIN EC PRIVATE KEY" in key


def test_the_authority_survives_its_secret() -> None:
    authority = kubevirt_ca.new_authority(NOW, LIFE)
    again = kubevirt_ca.load_authority(authority.pem, kubevirt_ca.key_pem(authority.key))
    assert again.certificate == authority.certificate
    assert isinstance(again.key, ec.EllipticCurvePrivateKey)
