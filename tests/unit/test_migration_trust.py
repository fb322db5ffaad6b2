# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""migration_trust: what is written, waited for, refused and said."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _pem as pem
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _trust_side as trust_side
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Busy,
    DeadlineExceeded,
    Missing,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    CONFIG_MAP,
    KUBEVIRT,
    SECRET,
)
from hypothesis import given
from hypothesis import strategies as st
from unit.kubevirt_site import NAMESPACE, Site, certificate, fingerprint
from unit.memory_cluster import START
from unit.trust_call import handed_over, run

KEEPING = {"selfSigned": {"ca": {"duration": "168h", "renewBefore": "84h"}}}
INBOX = "kubevirt-external-ca"


def trusted(source: Site, target: Site) -> bool:
    return fingerprint(target.ca) in pem.read(source.text()) and fingerprint(source.ca) in pem.read(target.text())


def test_both_sides_trust_each_other_and_a_repeat_writes_nothing(source: Site, target: Site) -> None:
    result = run(source, target)
    assert trusted(source, target)
    assert result["migration_trust"]["trusted"]
    assert result["migration_trust"]["source"]["trusts_peer"]
    assert source.cluster.writes == ["create ConfigMap livemigration-trust", "patch ConfigMap kubevirt-external-ca"]
    again = run(source, target)
    assert (again["changed"], again["actions"], again["diff"]) == (False, [], [])
    assert len(source.cluster.writes) == 2


def test_check_mode_writes_nothing_and_says_the_same(source: Site, target: Site) -> None:
    told = run(source, target, check_mode=True)
    assert (told["changed"], source.cluster.writes, target.cluster.writes) == (True, [], [])
    assert not told["migration_trust"]["trusted"]
    assert told["actions"] == run(source, target)["actions"]


def test_only_the_missing_direction_is_written(source: Site, target: Site) -> None:
    target.edit(CONFIG_MAP, INBOX, {"data": {"ca-bundle": source.ca}})
    target.step()
    result = run(source, target)
    assert handed_over(result) == ["cluster-a"]
    assert target.cluster.writes == ["create ConfigMap livemigration-trust"]


def test_a_ca_that_already_waits_is_not_written_again(source: Site, target: Site) -> None:
    run(source, target)
    target.renew()
    source.edit(CONFIG_MAP, INBOX, {"data": {"ca-bundle": target.ca}})
    result = run(source, target)
    assert handed_over(result) == []
    assert trusted(source, target)


def test_a_swallowed_write_is_repeated(source: Site, target: Site) -> None:
    source.swallow = 2
    result = run(source, target)
    assert trusted(source, target)
    assert result["migration_trust"]["repeats"] == 2
    assert handed_over(result) == ["cluster-a", "cluster-b"]
    assert any("written 3 times" in line for line in result["told"])


def test_a_renewed_ca_makes_the_old_exchange_void(source: Site, target: Site) -> None:
    run(source, target)
    target.renew()
    result = run(source, target)
    assert handed_over(result) == ["cluster-a"]
    assert trusted(source, target)


def test_waits_until_kubevirt_has_settled_and_exchanges_what_is_current_then(source: Site, target: Site) -> None:
    before = source.ca
    changed = source.kubevirt | {"spec": {"configuration": {"developerConfiguration": {"logVerbosity": {}}}}}
    source.cluster.put(KUBEVIRT, changed)
    result = run(source, target)
    assert source.ca != before
    assert trusted(source, target)
    assert fingerprint(before) not in pem.read(target.text())
    assert any("KubeVirt on cluster-a is not settled" in line for line in result["told"])


def test_waits_while_the_ca_is_between_the_steps_of_a_renewal(source: Site, target: Site) -> None:
    source.edit(SECRET, "kubevirt-ca", {"metadata": {"annotations": {"kubevirt.io/duration": None}}})
    warnings = run(source, target, check_mode=True)["warnings"]
    assert "about to renew the CA" in warnings[0]
    with pytest.raises(DeadlineExceeded, match="about to renew the CA"):
        run(source, target)
    assert source.cluster.writes == target.cluster.writes == []


def test_what_waits_in_the_inbox_is_kept_and_foreign_cas_are_not_handed_on(source: Site, target: Site) -> None:
    third, fourth = certificate("third"), certificate("fourth")
    source.edit(CONFIG_MAP, INBOX, {"data": {"ca-bundle": third}})
    target.edit(CONFIG_MAP, "kubevirt-ca", {"data": {"ca-bundle": target.text() + fourth}})
    result = run(source, target)
    assert fingerprint(third) in pem.read(source.text())
    assert fingerprint(fourth) not in pem.read(source.text())
    others = [each["fingerprint"] for each in result["migration_trust"]["target"]["others"]]
    assert others == [fingerprint(fourth)]


def test_an_unreadable_inbox_does_not_spoil_the_exchange(source: Site, target: Site) -> None:
    source.edit(CONFIG_MAP, INBOX, {"data": {"ca-bundle": "rubbish" + target.ca + "-----BEGIN CERTIFICATE-----"}})
    assert run(source, target)["changed"]
    assert trusted(source, target)


def test_a_missing_inbox_is_made(source: Site, target: Site) -> None:
    source.cluster.delete(CONFIG_MAP, INBOX, namespace=NAMESPACE)
    source.cluster.writes.clear()
    run(source, target)
    assert "create ConfigMap kubevirt-external-ca" in source.cluster.writes
    assert trusted(source, target)


def test_somebody_else_at_the_same_time_is_no_failure(source: Site, target: Site) -> None:
    def somebody() -> None:
        source.cluster.put(CONFIG_MAP, source.cluster.get(CONFIG_MAP, INBOX, NAMESPACE) or {})

    source.cluster.before_write = somebody
    result = run(source, target)
    assert trusted(source, target)
    assert any("changed by somebody else" in line for line in result["told"])
    assert handed_over(result) == ["cluster-a", "cluster-b"]


def test_a_write_whose_answer_is_lost_counts_as_made(source: Site, target: Site) -> None:
    target.cluster.lose_answers = 1
    result = run(source, target)
    assert trusted(source, target)
    assert handed_over(result) == ["cluster-a", "cluster-b"]


def test_the_deadline_says_who_has_not_taken_in_what(source: Site, target: Site) -> None:
    source.frozen = True
    with pytest.raises(DeadlineExceeded, match="cluster-a has not taken in the CA of cluster-b"):
        run(source, target)


def test_absent_cuts_out_the_peer_and_nothing_else(source: Site, target: Site) -> None:
    run(source, target)
    third = certificate("third")
    source.edit(CONFIG_MAP, "kubevirt-ca", {"data": {"ca-bundle": f"# kept\n{third}{source.text()}"}})
    result = run(source, target, state="absent")
    assert source.text() == f"# kept\n{third}{source.ca}"
    assert target.text() == target.ca
    assert not result["migration_trust"]["trusted"]
    assert "warnings" not in result
    assert not run(source, target, state="absent")["changed"]


def test_absent_takes_back_what_still_waits(source: Site, target: Site) -> None:
    source.frozen = True
    source.edit(CONFIG_MAP, INBOX, {"data": {"ca-bundle": target.ca}})
    run(source, target, state="absent")
    assert source.text(INBOX) == ""


def test_absent_is_refused_while_migrations_are_unfinished(source: Site, target: Site) -> None:
    run(source, target)
    target.migration("open", "Running")
    with pytest.raises(Busy, match="default/open"):
        run(source, target, state="absent")
    run(source, target, state="absent", allow_during_migrations=True)
    run(source, target, state="absent")


def test_one_ca_for_both_is_trust_already_and_cannot_be_ended(source: Site, target: Site) -> None:
    secret = source.cluster.get(SECRET, "kubevirt-ca", NAMESPACE) or {}
    target.cluster.put(SECRET, secret)
    target.edit(CONFIG_MAP, "kubevirt-ca", {"data": {"ca-bundle": source.ca}})
    assert handed_over(run(source, target)) == []
    with pytest.raises(BadInput, match="one and the same"):
        run(source, target, state="absent")


def test_refuses_an_expired_ca_an_old_kubevirt_and_a_missing_one(source: Site, target: Site) -> None:
    source._secret(certificate("old", age_hours=200), renewing=False)
    with pytest.raises(BadInput, match="expired"):
        run(source, target)
    source.edit(KUBEVIRT, "kubevirt", {"status": {"observedKubeVirtVersion": "v1.5.0"}})
    with pytest.raises(BadInput, match=r"v1\.5\.0"):
        run(source, target)
    source.edit(SECRET, "kubevirt-ca", {"data": {"tls.crt": "%%%"}})
    with pytest.raises(Missing, match="Secret kubevirt/kubevirt-ca"):
        run(source, target)
    source.cluster.objects.clear()
    source.cluster.put(KUBEVIRT, target.kubevirt)
    source.cluster.put(SECRET, target.cluster.get(SECRET, "kubevirt-ca", NAMESPACE) or {})
    with pytest.raises(Missing, match="CA bundle"):
        run(source, target)


def test_warns_when_kubevirt_will_drop_the_peer_again(source: Site, target: Site) -> None:
    result = run(source, target)
    assert len(result["warnings"]) == 2
    assert "cluster-a will drop the CA of cluster-b again in 32.6 h" in result["warnings"][0]
    assert result["migration_trust"]["source"]["dropped_in_hours"] == 32.6
    assert result["migration_trust"]["source"]["ca"]["expires_in_days"] == 7.0


def test_does_not_warn_with_a_strategy_that_keeps_peers(source: Site, target: Site) -> None:
    source.configure({}, certificateRotateStrategy=KEEPING)
    target.configure({}, certificateRotateStrategy=KEEPING)
    result = run(source, target)
    assert "warnings" not in result
    assert result["migration_trust"]["source"]["dropped_in_hours"] is None


HOURS = st.integers(0, 167)


def kept(own: int, entries: list[int], overlap: int, now: float) -> list[int]:
    """KubeVirt's own rule (v1.9.0), as ages at ``now`` hours from the start; newest first."""
    result: list[int] = []
    for place, age in enumerate(sorted(entries)):
        before = own if place == 0 else sorted(entries)[place - 1]
        if before + now > overlap:
            break
        result.append(age)
    return result


@given(HOURS, HOURS, st.lists(HOURS, max_size=4, unique=True), st.integers(1, 160))
def test_foresees_when_a_peer_is_dropped(own: int, peer: int, others: list[int], overlap: int) -> None:
    if len({own, peer, *others}) < len(others) + 2:
        return
    strategy = {"selfSigned": {"ca": {"duration": "168h", "renewBefore": f"{overlap}h"}}}
    kubevirt = {"spec": {"certificateRotateStrategy": strategy}}
    text = {age: certificate(f"ca-{age}", age_hours=age) for age in (own, peer, *others)}
    entries = [own, peer, *others]
    bundle = pem.read("".join(text[age] for age in entries))
    mine, theirs = (pem.read(text[age]).certificates[0] for age in (own, peer))
    side = trust_side.Side("a", kubevirt, mine, False, {}, bundle, None, pem.Bundle())
    other = trust_side.Side("b", kubevirt, theirs, False, {}, bundle, None, pem.Bundle())
    end = side.dropped_at(other)
    renewal, peer_renewal = 168 - overlap - own, 168 - overlap - peer
    # Only as long as neither CA is renewed the bundle is what it is now.
    horizon = min(renewal, peer_renewal)
    for hour in range(horizon):
        gone = peer not in kept(own, entries, overlap, hour + 0.5)
        said = end is not None and end <= START + datetime.timedelta(hours=hour + 0.5)
        assert gone == said
