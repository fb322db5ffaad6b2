# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""harvester_migration_network: what is written and in which order, and what Harvester makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Busy,
    Conflict,
    DeadlineExceeded,
    MigrationError,
    Missing,
    Rejected,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    KUBEVIRT,
    NAD,
    SETTING,
    VMIM,
)
from unit.harvester_site import ATTACHED, HASH, LIMITS, NAMESPACE, NETWORK, TEXT, Site, absent, refused, run, sha1

GATE = "DecentralizedLiveMigration"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


def test_writes_the_value_and_waits_until_every_pod_has_an_address(site: Site) -> None:
    called = run(site)
    assert site.cluster.writes == [f"patch Setting {NETWORK}"]
    assert site.value == TEXT
    facts = called["harvester_migration_network"]
    assert facts["settled"]
    assert facts["nad"] == facts["network"] == site.nads[0]
    assert facts["slice"] == {"first": "192.170.10.2", "last": "192.170.10.127", "size": 126}
    assert facts["exclude"] == ["192.170.10.1/32", "192.170.10.128/25"]


def test_a_repeat_writes_nothing_and_takes_any_text_of_the_same_meaning(site: Site) -> None:
    text = json.dumps(
        {"range": "192.170.10.0/24", "exclude": ["192.170.10.128/25", "192.170.10.0/31"], "vlan": 100}, indent=1
    )
    site.setting(NETWORK, text.replace("{", '{"clusterNetwork": "migration", ', 1))
    for _ in range(12):
        site.step()
    site.cluster.writes.clear()
    called = run(site)
    assert (called["changed"], called["actions"], site.cluster.writes) == (False, [], [])
    assert called["harvester_migration_network"]["settled"]


def test_check_mode_writes_nothing_and_foresees_the_same(site: Site) -> None:
    wish: dict[str, Any] = {"bandwidth_per_migration": "64Mi", "allow_decentralized": True}
    told = run(site, check_mode=True, **wish)
    assert site.cluster.writes == []
    assert not told["harvester_migration_network"]["settled"]
    assert told["harvester_migration_network"]["value"] == TEXT
    assert [each.partition(":")[2] for each in told["actions"]] == [
        each.partition(":")[2] for each in run(site, **wish)["actions"]
    ]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("GetKubeVirtError", Missing),
        ("CreateNadError", Rejected),
        ("UpdateKubeVirtError", Conflict),
        ("RemoveOldNadError", Busy),
        ("Other", Rejected),
    ],
)
def test_what_harvester_gave_up_is_tried_again_then_named(site: Site, reason: str, kind: type[MigrationError]) -> None:
    site.failures = [reason, reason]
    called = run(site)
    assert (
        called["actions"][1:]
        == [f"cluster-a: patch Setting {NETWORK}: Harvester tries again what it gave up ({reason})"] * 2
    )
    absent(site)
    site.failures = [reason] * 9
    with pytest.raises(kind) as caught:
        run(site, retries=1)
    assert caught.value.reason.startswith("harvester_")
    assert f"{reason} after 2 tries: why" in caught.value.found


def test_a_later_call_takes_up_what_harvester_gave_up(site: Site) -> None:
    site.failures = ["CreateNadError"]
    with pytest.raises(Rejected):
        run(site, retries=0)
    called = run(site, retries=0)
    assert called["actions"] == [
        f"cluster-a: patch Setting {NETWORK}: Harvester tries again what it gave up (CreateNadError)"
    ]
    assert called["harvester_migration_network"]["settled"]


def test_a_change_that_harvester_gave_up_is_not_taken_for_a_nad_edited_by_hand(site: Site) -> None:
    run(site)
    site.failures = ["UpdateKubeVirtError"]
    with pytest.raises(Conflict):
        run(site, vlan=101, retries=0)
    value = site.value
    assert run(site, vlan=101)["harvester_migration_network"]["settled"]
    assert site.value == value


def test_a_harvester_that_does_not_answer_is_named_at_the_deadline(site: Site) -> None:
    site.asleep = True
    with pytest.raises(DeadlineExceeded) as caught:
        run(site)
    assert "has not yet dealt with" in caught.value.found
    site.asleep = False
    assert not run(site)["changed"]


def test_absent_takes_the_network_then_the_gate(site: Site) -> None:
    run(site, allow_decentralized=True)
    site.cluster.writes.clear()
    called = absent(site)
    assert site.cluster.writes == [f"patch Setting {NETWORK}", "patch KubeVirt kubevirt"]
    assert (site.value, site.nads) == ("", [])
    assert site.read(NETWORK)["metadata"]["annotations"] == {HASH: sha1(""), ATTACHED: ""}
    assert called["warnings"] == ["cluster-a: IPPool 192.170.10.0-24 stays behind; Harvester never removes it"]
    again = absent(site)
    assert (again["changed"], again.get("warnings")) == (False, None)


def test_absent_where_it_never_was_writes_nothing(site: Site) -> None:
    called = absent(site)
    assert (called["changed"], site.cluster.writes) == (False, [])
    assert called["harvester_migration_network"]["settled"]


@pytest.mark.parametrize("wanted", [run, absent])
def test_a_network_set_by_hand_is_taken_back(site: Site, wanted: Any) -> None:
    wanted(site)
    by_hand = {"spec": {"configuration": {"migrations": {"network": "mine"}}}}
    site.edit(KUBEVIRT, "kubevirt", by_hand)
    called = wanted(site)
    assert called["actions"] == [f"cluster-a: patch Setting {NETWORK}: Harvester mends what was changed by hand"]
    assert called["harvester_migration_network"]["network"] == "".join(site.nads)


def test_a_nad_that_was_removed_is_made_again(site: Site) -> None:
    run(site)
    site.cluster.delete(NAD, site.nads[0], namespace=NAMESPACE)
    assert run(site)["harvester_migration_network"]["nad"] == site.nads[0]


def test_a_nad_that_was_edited_is_replaced_by_the_same_network_in_other_words(site: Site) -> None:
    first = run(site)["harvester_migration_network"]["nad"]
    site.edit(NAD, first, {"spec": {"config": '{"type":"bridge","bridge":"other-br","ipam":{"type":"whereabouts"}}'}})
    called = run(site)
    assert json.loads(site.value) == json.loads(TEXT)
    assert site.value != TEXT
    assert site.nads == [called["harvester_migration_network"]["nad"]] != [first]
    assert not run(site)["changed"]


def test_limits_are_merged_into_all_that_is_in_force(site: Site) -> None:
    site.configure({"migrations": {"progressTimeout": 99, "nodeDrainTaintKey": "x"}})
    site.applied = json.dumps({"parallelMigrationsPerCluster": 7, "progressTimeout": 1})
    site.setting(LIMITS, site.applied)
    called = run(site, bandwidth_per_migration="64Mi")
    assert site.cluster.writes == [f"patch Setting {NETWORK}", f"patch Setting {LIMITS}"]
    assert json.loads(site.read(LIMITS)["value"]) == {
        "parallelMigrationsPerCluster": 7,
        "progressTimeout": 99,
        "bandwidthPerMigration": "64Mi",
    }
    assert called["harvester_migration_network"]["migrations"]["bandwidthPerMigration"] == "64Mi"
    assert not run(site, bandwidth_per_migration="65536Ki")["changed"]


def test_limits_need_their_setting(site: Site) -> None:
    del site.cluster.objects[(SETTING.plural, None, LIMITS)]
    assert refused(site, progress_timeout=9).reason == "harvester_too_old"


@pytest.mark.parametrize(
    ("phase", "state", "named"),
    [
        ("Running", None, "Running, without a state"),
        ("Failed", None, "Failed, without a state"),
        ("Succeeded", {"completed": False}, "Succeeded, not completed"),
    ],
)
def test_migrations_that_stop_harvesters_webhook_are_named_before_limits(
    site: Site, phase: str, state: Any, named: str
) -> None:
    status = {"phase": phase} | ({"migrationState": state} if state is not None else {})
    site.put(VMIM, "move", {"namespace": "default"}, status=status)
    error = refused(site, progress_timeout=9, allow_during_migrations=True)
    assert (error.reason, error.found) == ("harvester_migration_open", named)
    assert "default/move" in error.object


def test_a_running_migration_is_not_disturbed(site: Site) -> None:
    site.migration("move", "Running")
    assert isinstance(refused(site), Busy)
    site.cluster.objects.pop((VMIM.plural, "default", "move"))
    run(site)
    site.migration("move", "Running")
    # Nothing to write, so nothing to refuse.
    assert not run(site)["changed"]


def test_an_answer_that_was_lost_is_no_failure(site: Site) -> None:
    site.cluster.lose_answers = 1
    assert run(site)["changed"]


def test_a_webhook_that_is_away_for_a_moment_is_asked_again(site: Site) -> None:
    site.cluster.refusals = 2
    assert run(site)["changed"]
    site.cluster.refusals = 9
    with pytest.raises(MigrationError, match="harvester-webhook"):
        absent(site)


def test_the_gate_is_asked_for_and_warned_about(site: Site) -> None:
    called = run(site, allow_decentralized=True)
    assert called["harvester_migration_network"]["decentralized"]
    assert called["harvester_migration_network"]["synchronization_addresses"]
    assert any("allow_decentralized" in warning for warning in called["warnings"])
    # Not asking for it is not asking to remove it.
    assert not run(site)["changed"]


def test_the_gate_needs_a_kubevirt_that_has_it(site: Site) -> None:
    site.cluster.put(
        KUBEVIRT, site.kubevirt | {"status": site.kubevirt["status"] | {"observedKubeVirtVersion": "v1.5.2"}}
    )
    assert "1.6.0" in refused(site, allow_decentralized=True).wanted
    assert run(site)["changed"]


def test_without_harvester_or_its_setting_nothing_is_done(site: Site) -> None:
    del site.cluster.objects[(SETTING.plural, None, NETWORK)]
    assert refused(site).reason == "harvester_too_old"
    site.cluster.unknown.add(SETTING.plural)
    assert refused(site).reason == "harvester_missing"


def test_limits_have_no_place_in_a_removal(site: Site) -> None:
    with pytest.raises(BadInput):
        absent(site, progress_timeout=9)


def test_a_setting_that_gitops_applies_is_written_only_when_told_to(site: Site) -> None:
    site.setting(NETWORK, "", annotations={"argocd.argoproj.io/tracking-id": "x"})
    assert refused(site).reason == "owned_by_gitops"
    assert any("Argo CD" in warning for warning in run(site, allow_gitops=True)["warnings"])
    assert not run(site)["changed"]
