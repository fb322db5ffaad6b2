# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubevirt_migrations: what is written and what is waited for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Conflict,
    DeadlineExceeded,
    Missing,
    ServerTrouble,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    DAEMON_SET,
    DEPLOYMENT,
    KUBEVIRT,
    POD,
)
from unit.kubevirt_call import GATE, ON, run
from unit.kubevirt_site import NAMESPACE, SYNC, Site


@pytest.fixture
def site() -> Site:
    site = Site()
    site.nad()
    return site


def test_sets_gate_and_network_and_leaves_other_gates_alone(site: Site) -> None:
    site.configure({"developerConfiguration": {"featureGates": ["Sidecar"], "useEmulation": True}})
    result = run(site, decentralized=True, network="migration-evpn", bandwidth_per_migration="64Mi")
    configuration = site.kubevirt["spec"]["configuration"]
    assert configuration["developerConfiguration"] == {"featureGates": ["Sidecar", GATE], "useEmulation": True}
    assert configuration["migrations"] == {"network": "migration-evpn", "bandwidthPerMigration": "64Mi"}
    assert result["changed"]
    assert site.cluster.writes == ["patch KubeVirt kubevirt"]
    assert result["kubevirt_migrations"]["synchronization_addresses"] == ["192.170.10.4:9185"]
    assert result["kubevirt_migrations"]["settled"]
    assert "configuration.migrations.network becomes migration-evpn" in result["actions"][0]
    assert f"featureGates becomes [Sidecar, {GATE}]" in result["actions"][0]


def test_writes_nothing_when_nothing_differs_in_meaning(site: Site) -> None:
    migrations = {"network": "migration-evpn", "bandwidthPerMigration": "64Mi", "parallelMigrationsPerCluster": 3}
    rotate = {"selfSigned": {"ca": {"duration": "168h0m0s", "renewBefore": "84h"}}}
    site.configure(ON | {"migrations": migrations}, certificateRotateStrategy=rotate)
    result = run(
        site,
        decentralized=True,
        network="migration-evpn",
        bandwidth_per_migration="65536Ki",
        parallel_migrations_per_cluster=3,
        ca_duration="7h161h",
        ca_renew_before="5040m",
    )
    assert (result["changed"], result["diff"], result["actions"], site.cluster.writes) == (False, [], [], [])
    assert result["kubevirt_migrations"]["settled"]


def test_check_mode_writes_nothing_and_says_the_same(site: Site) -> None:
    wish: dict[str, Any] = {"decentralized": True, "network": "migration-evpn"}
    told = run(site, check_mode=True, **wish)
    assert (told["changed"], site.cluster.writes) == (True, [])
    assert told["kubevirt_migrations"]["network"] == "migration-evpn"
    assert not told["kubevirt_migrations"]["settled"]
    done = run(site, **wish)
    assert told["actions"] == done["actions"]
    assert told["diff"] == done["diff"]


def test_waits_for_an_unfinished_rollout_though_nothing_is_to_be_written(site: Site) -> None:
    site.cluster.put(KUBEVIRT, site.kubevirt | {"spec": {"configuration": ON}})
    result = run(site, decentralized=True, network="migration-evpn")
    assert not result["changed"]
    assert result["kubevirt_migrations"]["settled"]
    assert any("waiting for the migration settings in force on every pod" in line for line in result["told"])
    checked = run(site, decentralized=True, check_mode=True)
    assert "warnings" not in checked


def test_check_mode_warns_of_an_unfinished_rollout(site: Site) -> None:
    site.cluster.put(KUBEVIRT, site.kubevirt | {"spec": {"configuration": ON}})
    site.frozen = True
    result = run(site, decentralized=True, check_mode=True)
    assert "not settled" in result["warnings"][0]


def test_absent_removes_the_network_everywhere_before_the_gate(site: Site) -> None:
    site.configure(ON)
    result = run(site, state="absent")
    configuration = site.kubevirt["spec"]["configuration"]
    assert configuration == {"developerConfiguration": {"featureGates": ["Sidecar"]}, "migrations": {}}
    assert [action.split(": ")[2] for action in result["actions"]] == [
        "configuration.migrations.network is removed",
        "configuration.developerConfiguration.featureGates becomes [Sidecar]",
    ]
    assert site.cluster.get(DEPLOYMENT, SYNC, NAMESPACE) is None
    assert result["kubevirt_migrations"]["synchronization_addresses"] == []
    again = run(site, state="absent")
    assert not again["changed"]


def test_check_mode_of_absent_foresees_both_steps(site: Site) -> None:
    site.configure(ON)
    result = run(site, state="absent", check_mode=True)
    assert len(result["actions"]) == 2
    assert result["diff"][1]["after"]["spec"]["configuration"]["migrations"] == {}
    assert site.cluster.writes == []


def test_reset_removes_a_field_and_never_empties_it(site: Site) -> None:
    site.configure(ON | {"migrations": {"network": "migration-evpn", "progressTimeout": 9}})
    run(site, reset=["network", "progress_timeout", "disable_tls"])
    assert site.kubevirt["spec"]["configuration"]["migrations"] == {}


def test_a_gate_that_somebody_adds_in_between_is_not_lost(site: Site) -> None:
    def somebody() -> None:
        changed = {"configuration": {"developerConfiguration": {"featureGates": ["Snapshot"]}}}
        site.cluster.put(KUBEVIRT, site.kubevirt | {"spec": changed})

    site.cluster.before_write = somebody
    run(site, decentralized=True)
    assert site.kubevirt["spec"]["configuration"]["developerConfiguration"]["featureGates"] == ["Snapshot", GATE]


def test_gives_up_when_somebody_is_always_faster(site: Site) -> None:
    def somebody() -> None:
        site.cluster.put(KUBEVIRT, site.kubevirt)
        site.cluster.before_write = somebody

    site.cluster.before_write = somebody
    with pytest.raises(Conflict, match="it changed"):
        run(site, decentralized=True)


def test_warns_of_what_is_unsafe(site: Site) -> None:
    site.edit(KUBEVIRT, "kubevirt", {"status": {"observedKubeVirtVersion": "v1.8.1"}})
    result = run(site, disable_tls=True, unsafe_migration_override=True, ca_renew_before="24h", check_mode=True)
    text = "\n".join(result["warnings"])
    for word in ("disable_tls", "unsafe_migration_override", "1.8.4", "half of ca_duration"):
        assert word in text


def test_finds_the_cr_by_itself_or_by_name(site: Site) -> None:
    site.cluster.put(KUBEVIRT, {"metadata": {"name": "other", "namespace": "kv2"}, "spec": {}})
    with pytest.raises(BadInput, match="kubevirt/kubevirt, kv2/other"):
        run(site)
    assert run(site, name="kubevirt")["kubevirt_migrations"]["namespace"] == NAMESPACE
    assert run(site, namespace=NAMESPACE, name="kubevirt")["kubevirt_migrations"]["name"] == "kubevirt"
    with pytest.raises(Missing, match="none in namespace nowhere"):
        run(site, namespace="nowhere", name="kubevirt")


def test_the_deadline_says_what_is_missing(site: Site) -> None:
    site.frozen = True
    with pytest.raises(DeadlineExceeded, match="there is no Deployment virt-synchronization-controller yet"):
        run(site, decentralized=True)
    with pytest.raises(DeadlineExceeded, match=r"virt-operator works on generation 3 \(done: 1\)"):
        run(site, decentralized=False, bandwidth_per_migration="1Mi")


def test_the_deadline_names_the_pod_that_does_not_start(site: Site) -> None:
    site.configure(ON)
    site.frozen = True
    waiting = {"state": {"waiting": {"reason": "ContainerCreating", "message": "no address left"}}}
    conditions = [{"type": "Ready", "status": "False"}]
    status = {"conditions": conditions, "containerStatuses": [waiting]}
    site.edit(POD, "virt-handler-2", {"status": status})
    site.edit(DAEMON_SET, "virt-handler", {"status": {"numberReady": 1}})
    with pytest.raises(DeadlineExceeded, match=r"1 of 2 pods ready; virt-handler-2 on .*no address left"):
        run(site)


def test_a_write_whose_answer_is_lost_counts_as_made(site: Site) -> None:
    site.cluster.lose_answers = 1
    result = run(site, decentralized=True)
    assert result["changed"]
    assert len(result["actions"]) == 1
    assert site.cluster.writes == ["patch KubeVirt kubevirt"]


def test_a_webhook_that_is_down_for_a_moment_is_waited_for(site: Site) -> None:
    site.cluster.refusals = 3
    assert run(site, decentralized=True)["changed"]
    site.cluster.refusals = 9
    with pytest.raises(ServerTrouble, match="webhook"):
        run(site, decentralized=False)


def test_a_gate_that_is_on_by_default_stays_on(site: Site) -> None:
    site.configure(ON)
    site.edit(KUBEVIRT, "kubevirt", {"status": {"observedKubeVirtVersion": "v1.10.0"}})
    result = run(site, decentralized=False, allow_auto_converge=True, check_mode=True)
    assert "on by default" in result["warnings"][0]
    assert result["kubevirt_migrations"]["decentralized"]
    assert "migrations.allowAutoConverge becomes true" in result["actions"][0]
    disabled = {"developerConfiguration": {"disabledFeatureGates": [GATE]}}
    site.edit(KUBEVIRT, "kubevirt", {"spec": {"configuration": disabled | {"migrations": None}}})
    assert run(site, decentralized=False, check_mode=True)["kubevirt_migrations"]["decentralized"] is False
