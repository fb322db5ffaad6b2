# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""trust_bundle: what it says, and how clusters that left are taken out."""

from __future__ import annotations

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _pem as pem
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import BadInput, Busy, DeadlineExceeded
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP, KUBEVIRT
from unit.kubevirt_site import NAMESPACE, Site, certificate, fingerprint
from unit.trust_call import look, memory, run


@pytest.fixture
def fleet() -> tuple[Site, Site, Site]:
    """Three clusters, of which the first trusts both others."""
    first, second, third = (Site(f"cluster-{letter}") for letter in "abc")
    run(first, second)
    run(first, third)
    first.cluster.writes.clear()
    return first, second, third


def test_says_whom_the_cluster_trusts_and_for_how_long(fleet: tuple[Site, Site, Site]) -> None:
    first, second, _third = fleet
    stranger = certificate("stranger", age_hours=24)
    first.edit(CONFIG_MAP, "kubevirt-ca", {"data": {"ca-bundle": first.text() + stranger}})
    found = look(first)["trust_bundle"]
    assert (found["cluster"], found["uid"], found["ca"]["fingerprint"]) == (
        "cluster-a",
        "uid-of-cluster-a",
        fingerprint(first.ca),
    )
    assert [peer["name"] for peer in found["peers"]] == ["cluster-b", "cluster-c"]
    assert found["peers"][0]["cas"][0]["fingerprint"] == fingerprint(second.ca)
    assert [(each["fingerprint"], each["expires_in_days"]) for each in found["others"]] == [
        (fingerprint(stranger), 6.0)
    ]
    assert (len(found["fingerprints"]), found["room"]) == (4, 46)
    assert first.cluster.writes == []


def test_a_cluster_that_is_gone_is_taken_out_by_its_name(fleet: tuple[Site, Site, Site]) -> None:
    first, second, third = fleet
    third.renew()
    run(first, third)
    told = look(first, "cluster-c", check_mode=True)
    before = list(first.cluster.writes)
    result = look(first, "cluster-c")
    assert told["actions"] == result["actions"]
    assert first.cluster.writes[len(before) :] == ["patch ConfigMap kubevirt-ca", "patch ConfigMap livemigration-trust"]
    assert {each.fingerprint for each in pem.read(first.text()).certificates} == {
        fingerprint(first.ca),
        fingerprint(second.ca),
    }
    assert list(memory(first)) == ["uid-of-cluster-b"]
    again = look(first, "cluster-c")
    assert not again["changed"]
    assert again["warnings"] == ["cluster-a remembers no cluster cluster-c (it remembers cluster-b)"]


def test_a_ca_that_nobody_remembers_is_taken_out_by_its_fingerprint(fleet: tuple[Site, Site, Site]) -> None:
    first = fleet[0]
    stranger = certificate("stranger")
    before = first.text()
    first.edit(CONFIG_MAP, "kubevirt-ca", {"data": {"ca-bundle": stranger + before}})
    text = fingerprint(stranger).upper()
    with_colons = ":".join(text[place : place + 2] for place in range(0, 64, 2))
    assert look(first, with_colons)["changed"]
    assert first.text() == before
    assert not look(first, with_colons)["changed"]


def test_what_still_waits_to_be_taken_in_goes_too(fleet: tuple[Site, Site, Site]) -> None:
    first, _second, third = fleet
    first.frozen = True
    first.edit(CONFIG_MAP, "kubevirt-external-ca", {"data": {"ca-bundle": third.ca}})
    look(first, "cluster-c")
    assert first.text("kubevirt-external-ca") == ""


def test_the_own_ca_stays_and_migrations_are_minded(fleet: tuple[Site, Site, Site]) -> None:
    first = fleet[0]
    with pytest.raises(BadInput, match="the cluster's own CA"):
        look(first, fingerprint(first.ca))
    first.migration("open", "Running")
    with pytest.raises(Busy, match="default/open"):
        look(first, "cluster-c")
    assert first.cluster.writes == []
    assert look(first)["trust_bundle"]["room"] == 47
    told = look(first, "cluster-c", wait_for_migrations=60, check_mode=True)
    assert "would wait for 1 unfinished migrations" in str(told["warnings"])
    with pytest.raises(DeadlineExceeded, match="default/open"):
        look(first, "cluster-c", wait_for_migrations=60)
    assert first.cluster.writes == []
    assert look(first, "cluster-c", allow_during_migrations=True)["changed"]


def test_somebody_else_at_the_same_time_is_no_failure(fleet: tuple[Site, Site, Site]) -> None:
    first = fleet[0]

    def somebody() -> None:
        first.cluster.put(CONFIG_MAP, first.cluster.get(CONFIG_MAP, "kubevirt-ca", NAMESPACE) or {})

    first.cluster.before_write = somebody
    result = look(first, "cluster-c")
    assert any("changed by somebody else" in line for line in result["told"])
    assert list(memory(first)) == ["uid-of-cluster-b"]


def test_waits_until_kubevirt_has_settled(fleet: tuple[Site, Site, Site]) -> None:
    first = fleet[0]
    first.frozen = True
    first.cluster.put(KUBEVIRT, first.kubevirt | {"spec": {"configuration": {"developerConfiguration": {}}}})
    with pytest.raises(DeadlineExceeded, match="KubeVirt is not settled"):
        look(first, "cluster-c")
    assert first.cluster.writes == []


def test_warns_of_a_ca_that_was_not_renewed_in_time(fleet: tuple[Site, Site, Site]) -> None:
    assert "warnings" not in look(fleet[0])
    warning = look(fleet[0], expiry_warning_days=8)["warnings"][0]
    assert warning.startswith("cluster-a: the KubeVirt CA expires in 7.0 days")


def test_an_entry_of_the_memory_that_cannot_be_read_is_left_alone(fleet: tuple[Site, Site, Site]) -> None:
    first = fleet[0]
    first.edit(CONFIG_MAP, "livemigration-trust", {"data": {"odd": "[]", "odder": "{"}})
    look(first, "cluster-b", "cluster-c")
    left = first.cluster.get(CONFIG_MAP, "livemigration-trust", NAMESPACE)
    assert left is not None
    assert left["data"] == {"odd": "[]", "odder": "{"}
