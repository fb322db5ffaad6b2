# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubevirt_migrations: what is written, what is refused, what is waited for."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _kubevirt_migrations as work
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Busy,
    Conflict,
    DeadlineExceeded,
    Missing,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._kubevirt_settings import BY_OPTION
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    DAEMON_SET,
    DEPLOYMENT,
    KUBEVIRT,
    NAD,
    POD,
)
from unit.kubevirt_site import NAMESPACE, SYNC, Site
from unit.memory_cluster import Ticking, job

GATE = "DecentralizedLiveMigration"
ON = {"developerConfiguration": {"featureGates": ["Sidecar", GATE]}, "migrations": {"network": "migration-evpn"}}


@pytest.fixture
def site() -> Site:
    site = Site()
    site.nad()
    return site


def run(site: Site, *, check_mode: bool = False, **params: Any) -> dict[str, Any]:
    defaults = dict.fromkeys(BY_OPTION) | {
        "state": "present",
        "namespace": None,
        "name": None,
        "decentralized": None,
        "reset": None,
        "allow_during_migrations": False,
        "wait_timeout": 60,
    }
    call = job({"cluster": site.cluster}, Ticking(site.step), defaults | params, check_mode=check_mode)
    return {"told": call.tell, **work.work(call)}


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
    assert "configuration.migrations.network" in result["actions"][0]


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
    wish = {"decentralized": True, "network": "migration-evpn"}
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
    assert any("virt-operator works on generation 2 (done: 1)" in line for line in result["told"])
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
    assert [action.split(": ")[2].split(" ")[0] for action in result["actions"]] == [
        "configuration.migrations.network",
        "configuration.developerConfiguration.featureGates",
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


@pytest.mark.parametrize("phase", ["", "Running", "WaitingForSync"])
def test_refuses_to_write_while_migrations_are_unfinished(site: Site, phase: str) -> None:
    site.migration("done", "Succeeded")
    site.migration("open", phase)
    with pytest.raises(Busy, match=r"default/open .*allow_during_migrations"):
        run(site, decentralized=True)
    assert site.cluster.writes == []
    result = run(site, decentralized=True, allow_during_migrations=True)
    assert "allow_during_migrations" in result["warnings"][0]
    assert not run(site, decentralized=True)["changed"]


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"ownerReferences": [{"kind": "HyperConverged", "name": "hco-1"}]}, "HyperConverged hco-1"),
        ({"labels": {"app.kubernetes.io/managed-by": "hco-operator"}}, "HyperConverged kubevirt-hyperconverged"),
        ({"annotations": {"meta.helm.sh/release-name": "harvester"}}, "Harvester"),
        ({"ownerReferences": [{"kind": "Platform", "name": "p", "controller": True}]}, "Platform p"),
    ],
)
def test_names_the_owner_of_a_cr_instead_of_fighting_it(site: Site, metadata: dict[str, Any], owner: str) -> None:
    site.edit(KUBEVIRT, "kubevirt", {"metadata": metadata})
    with pytest.raises(Conflict, match=owner):
        run(site, decentralized=True)
    assert site.cluster.writes == []
    assert run(site, check_mode=True)["kubevirt_migrations"]["flavour"] != "kubevirt"


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, "Flux"),
    ],
)
def test_warns_of_a_gitops_tool(site: Site, metadata: dict[str, Any], tool: str) -> None:
    site.edit(KUBEVIRT, "kubevirt", {"metadata": metadata})
    assert tool in run(site, decentralized=True)["warnings"][0]


@pytest.mark.parametrize("name", ["", " ", "kubevirt/migration-evpn", "Upper", "-x", "x" * 254])
def test_refuses_names_that_kubevirt_would_take_without_a_word(site: Site, name: str) -> None:
    with pytest.raises(BadInput, match="option network"):
        run(site, network=name)


def test_refuses_a_network_that_does_not_exist(site: Site) -> None:
    with pytest.raises(Missing, match="NetworkAttachmentDefinition kubevirt/other"):
        run(site, network="other")
    result = run(site, network="other", check_mode=True)
    assert "unverified" in result["warnings"][0]


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ("", "no JSON"),
        ("[]", "without a CNI type"),
        ('{"plugins": []}', "without a CNI type"),
        ('{"plugins": [{"ipam": {}}]}', "without a CNI type"),
        ('{"type": "bridge"}', "no ipam"),
    ],
)
def test_refuses_a_network_that_gives_no_address(site: Site, config: str, found: str) -> None:
    site.edit(NAD, "migration-evpn", {"spec": {"config": config}})
    with pytest.raises(BadInput, match=found):
        run(site, network="migration-evpn")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"parallel_migrations_per_cluster": 0}, "at least 1"),
        ({"bandwidth_per_migration": "fast"}, "Kubernetes quantity"),
        ({"bandwidth_per_migration": "-1"}, "Kubernetes quantity"),
        ({"bandwidth_per_migration": "1m"}, "Kubernetes quantity"),
        ({"ca_duration": "7d"}, "Go writes"),
        ({"ca_duration": "0"}, "Go writes"),
        ({"node_drain_taint_key": ""}, "reset"),
        ({"ca_duration": "10h", "ca_renew_before": "11h"}, "at most ca_duration"),
        ({"ca_duration": "23h"}, "server.duration"),
        ({"network": "migration-evpn", "reset": ["network"]}, "set or reset"),
        ({"state": "absent", "decentralized": False}, "state: absent"),
        ({"state": "absent", "progress_timeout": 3}, "progress_timeout"),
    ],
)
def test_refuses_bad_values_before_the_first_write(site: Site, params: dict[str, Any], found: str) -> None:
    with pytest.raises(BadInput, match=found):
        run(site, **params)
    assert site.cluster.writes == []


def test_refuses_to_mix_styles_of_rotation(site: Site) -> None:
    site.configure({}, certificateRotateStrategy={"selfSigned": {"caRotateInterval": "48h"}})
    with pytest.raises(BadInput, match="caRotateInterval"):
        run(site, ca_duration="96h")


def test_refuses_a_gate_that_is_disabled_on_purpose(site: Site) -> None:
    site.configure({"developerConfiguration": {"disabledFeatureGates": [GATE]}})
    with pytest.raises(BadInput, match="disabledFeatureGates"):
        run(site, decentralized=True)
    assert not run(site, decentralized=False)["changed"]


@pytest.mark.parametrize(
    ("version", "params"),
    [
        ("v1.5.2", {"decentralized": True}),
        ("v1.8.4", {"max_downtime_ms": 5}),
        ("v1.7.4", {"utility_volumes_timeout": 9}),
    ],
)
def test_refuses_what_the_version_does_not_know(site: Site, version: str, params: dict[str, Any]) -> None:
    site.edit(KUBEVIRT, "kubevirt", {"status": {"observedKubeVirtVersion": version}})
    with pytest.raises(BadInput, match=version):
        run(site, **params)


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
    with pytest.raises(DeadlineExceeded, match=r"virt-operator works on generation 2 \(done: 1\)"):
        run(site, decentralized=True)


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
