# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubevirt_migrations: what is refused, before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Busy,
    Conflict,
    Missing,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    KUBEVIRT,
    NAD,
)
from unit.kubevirt_call import GATE, run
from unit.kubevirt_site import Site


@pytest.fixture
def site() -> Site:
    site = Site()
    site.nad()
    return site


@pytest.mark.parametrize("phase", ["", "Running", "WaitingForSync"])
def test_refuses_to_write_while_migrations_are_unfinished(site: Site, phase: str) -> None:
    site.migration("done", "Succeeded")
    site.migration("failed", "Failed")
    site.migration("open", phase)
    with pytest.raises(Busy, match=r"found default/open \(\w+\)\. .*allow_during_migrations"):
        run(site, decentralized=True)
    assert site.cluster.writes == []
    result = run(site, decentralized=True, allow_during_migrations=True)
    assert "allow_during_migrations" in result["warnings"][0]
    assert not run(site, decentralized=True)["changed"]


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "check mode"])
def test_refuses_to_take_the_settings_away_while_migrations_are_unfinished(site: Site, check_mode: bool) -> None:
    run(site, decentralized=True, network="migration-evpn")
    written = list(site.cluster.writes)
    site.migration("open", "Running")
    with pytest.raises(Busy, match=r"found default/open \(Running\)"):
        run(site, state="absent", check_mode=check_mode)
    assert site.cluster.writes == written
    site.migration("open", "Succeeded")
    assert run(site, state="absent", check_mode=check_mode)["changed"]


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
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
    ("metadata", "owner"),
    [
        ({"ownerReferences": [{"kind": "HyperConverged", "name": "hco-1"}]}, "HyperConverged hco-1"),
        ({"labels": {"app.kubernetes.io/managed-by": "hco-operator"}}, "HyperConverged kubevirt-hyperconverged"),
    ],
)
def test_told_that_nobody_owns_the_cr_it_still_does_not_fight_hco(
    site: Site, metadata: dict[str, Any], owner: str
) -> None:
    site.edit(KUBEVIRT, "kubevirt", {"metadata": metadata})
    with pytest.raises(Conflict, match=owner):
        run(site, flavour="kubevirt", decentralized=True)
    assert site.cluster.writes == []


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, "Flux"),
        ({"managedFields": [{"manager": "argocd-controller"}]}, "Argo CD"),
    ],
)
def test_does_not_fight_a_gitops_tool_unless_told_to(site: Site, metadata: dict[str, Any], tool: str) -> None:
    site.edit(KUBEVIRT, "kubevirt", {"metadata": metadata})
    with pytest.raises(Conflict, match=f"{tool} does.*featureGates becomes .*allow_gitops"):
        run(site, decentralized=True)
    assert site.cluster.writes == []
    assert tool in run(site, decentralized=True, allow_gitops=True)["warnings"][0]
    # Once it is as wanted there is nothing to fight about.
    assert "warnings" not in run(site, decentralized=True)


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
        ({"ca_duration": "100h", "ca_renew_before": "101h"}, "ca_renew_before at most ca_duration"),
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
