# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose CAs a cluster was given: noted with the exchange, struck out with its end; and the limit of a bundle."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _pem as pem
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP, KUBEVIRT
from unit.kubevirt_site import Site, certificate, fingerprint
from unit.trust_call import memory, run

INBOX = "kubevirt-external-ca"


def test_a_bundle_that_would_overflow_is_refused_and_a_full_one_warned_of(source: Site, target: Site) -> None:
    expired = "".join(certificate(f"old-{number}", age_hours=200) for number in range(9))
    many = "".join(certificate(f"ca-{number}") for number in range(48))
    source.edit(CONFIG_MAP, "kubevirt-ca", {"data": {"ca-bundle": source.text() + expired + many}})
    assert any("has 50 CAs; KubeVirt keeps 50" in warning for warning in run(source, target)["warnings"])
    target.renew()
    with pytest.raises(BadInput, match="at most 50 CAs, all that KubeVirt keeps; found 51"):
        run(source, target)
    assert not pem.read(source.text(INBOX)).certificates


def test_it_is_noted_whose_a_ca_is_until_the_trust_ends(source: Site, target: Site) -> None:
    run(source, target)
    first = fingerprint(target.ca)
    assert memory(source) == {"uid-of-cluster-b": {"name": "cluster-b", "fingerprints": [first]}}
    target.renew()
    run(source, target)
    assert set(memory(source)["uid-of-cluster-b"]["fingerprints"]) == {first, fingerprint(target.ca)}
    # What KubeVirt has dropped meanwhile is noted no more.
    source.edit(CONFIG_MAP, "kubevirt-ca", {"data": {"ca-bundle": source.ca}})
    run(source, target)
    target.renew()
    run(source, target)
    assert first not in memory(source)["uid-of-cluster-b"]["fingerprints"]
    result = run(source, target, state="absent")
    assert (source.text(), memory(source)) == (source.ca, {})
    assert source.cluster.writes[-1] == "delete ConfigMap livemigration-trust"
    assert result["migration_trust"]["source"]["others"] == []


def test_the_memory_of_other_clusters_is_left_alone(source: Site, target: Site) -> None:
    third = Site("cluster-c")
    run(source, target)
    run(source, third)
    run(source, target, state="absent")
    assert list(memory(source)) == ["uid-of-cluster-c"]
    assert fingerprint(third.ca) in pem.read(source.text())


@pytest.mark.parametrize(
    ("metadata", "remedy"),
    [
        ({}, "option keep_peers"),
        ({"labels": {"app.kubernetes.io/managed-by": "hco-operator"}}, "option keep_peers"),
        ({"annotations": {"meta.helm.sh/release-name": "harvester"}}, "Harvester owns the rotation of its CA"),
    ],
)
def test_the_remedy_against_dropped_peers_is_one_that_the_owner_leaves_open(
    source: Site, target: Site, metadata: dict[str, Any], remedy: str
) -> None:
    source.edit(KUBEVIRT, "kubevirt", {"metadata": metadata})
    assert remedy in run(source, target)["warnings"][0]
