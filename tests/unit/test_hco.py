# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""kubevirt_migrations where HCO owns the KubeVirt CR: which field is written in which API, and when it is done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _hco as hco
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    Conflict,
    DeadlineExceeded,
    Missing,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._kubevirt_settings import BY_OPTION, GATES
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CRD, KUBEVIRT
from hypothesis import given
from hypothesis import strategies as st
from unit.kubevirt_call import GATE, run
from unit.kubevirt_site import NAMESPACE, Site

NAME = "kubevirt-hyperconverged"
V1BETA1, V1 = hco.kind("v1beta1"), hco.kind("v1")


def schema(version: str, *, gate: bool | None = True) -> dict[str, Any]:
    """The part of a release's schema that matters, in one version of its API."""
    limits = {
        "properties": {
            "network": {"type": "string"},
            "bandwidthPerMigration": {"type": "string"},
            "completionTimeoutPerGiB": {"type": "integer", "default": 150},
        }
    }
    times = {"properties": {"duration": {"default": "48h0m0s"}, "renewBefore": {"default": "24h0m0s"}}}
    certificates = {"properties": {"ca": times, "server": times}}
    if version == "v1":
        spec = {
            "virtualization": {"properties": {"liveMigrationConfig": limits}},
            "security": {"properties": {"certConfig": certificates}},
            "featureGates": {"type": "array"},
        }
    else:
        gates = {} if gate is None else {"decentralizedLiveMigration": {"type": "boolean", "default": gate}}
        spec = {"liveMigrationConfig": limits, "certConfig": certificates, "featureGates": {"properties": gates}}
    return {"openAPIV3Schema": {"properties": {"spec": {"properties": spec}}}}


class HcoSite(Site):
    """A site whose KubeVirt CR is HCO's; ``step`` lets HCO and virt-operator take one each."""

    def __init__(self, *versions: str, gate: bool | None = True) -> None:
        super().__init__()
        self.version = (versions or ("v1beta1",))[0]
        self.kind = hco.kind(self.version)
        self.stuck = False
        self.defaults = gate
        served = [
            {"name": each, "served": True, "schema": schema(each, gate=gate)} for each in versions or ("v1beta1",)
        ]
        crd = {"metadata": {"name": "hyperconvergeds.hco.kubevirt.io"}, "spec": {"versions": served}}
        self.cluster.put(CRD, crd)
        owner = {"kind": "HyperConverged", "name": NAME, "controller": True}
        self.cluster.put(
            KUBEVIRT, self.kubevirt | {"metadata": self.kubevirt["metadata"] | {"ownerReferences": [owner]}}
        )
        self.cluster.put(self.kind, {"metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": {}})
        self.nad()
        self.work_off()

    @property
    def body(self) -> dict[str, Any]:
        found = self.cluster.get(self.kind, NAME, NAMESPACE)
        assert found is not None
        return found

    def step(self) -> None:
        if not self.stuck:
            self._carry()
        super().step()

    def work_off(self) -> None:
        for _ in range(12):
            self.step()
        self.cluster.writes.clear()

    def say(self, spec: dict[str, Any], **annotations: str) -> None:
        """What the user wrote into the resource, carried out in full."""
        metadata = self.body["metadata"] | {"annotations": annotations}
        self.cluster.put(self.kind, self.body | {"metadata": metadata, "spec": spec})
        self.work_off()

    def _carry(self) -> None:
        spec = self.body["spec"]
        inner = spec.get("virtualization", {}) if self.version == "v1" else spec
        limits = {"completionTimeoutPerGiB": 150} | (inner.get("liveMigrationConfig") or {})
        outer = spec.get("security", {}) if self.version == "v1" else spec
        ca = {"duration": "48h0m0s", "renewBefore": "24h0m0s"} | ((outer.get("certConfig") or {}).get("ca") or {})
        gates = ["HostDevices", *([GATE] if self._gate() else [])]
        wanted: dict[str, Any] = {
            "configuration": {"developerConfiguration": {"featureGates": gates}, "migrations": limits},
            "certificateRotateStrategy": {"selfSigned": {"ca": ca}},
        }
        for operation in json.loads((self.body["metadata"].get("annotations") or {}).get(hco.JSON_PATCH, "[]")):
            wanted["configuration"]["migrations"][operation["path"].split("/")[-1]] = operation["value"]
        if wanted != self.kubevirt["spec"]:
            self.cluster.put(KUBEVIRT, self.kubevirt | {"spec": wanted})

    def _gate(self) -> bool:
        gates = self.body["spec"].get("featureGates")
        if self.version == "v1":
            return all(
                each["state"] != "Disabled" for each in gates or [] if each["name"] == "decentralizedLiveMigration"
            )
        return bool((gates or {}).get("decentralizedLiveMigration", self.defaults))


WISH: dict[str, Any] = {
    "network": "migration-evpn",
    "decentralized": True,
    "ca_duration": "168h",
    "ca_renew_before": "84h",
}


def test_the_fields_of_v1beta1() -> None:
    site = HcoSite(gate=False)
    result = run(site, bandwidth_per_migration="64Mi", **WISH)
    assert site.body["spec"] == {
        "liveMigrationConfig": {"network": "migration-evpn", "bandwidthPerMigration": "64Mi"},
        "certConfig": {"ca": {"duration": "168h", "renewBefore": "84h"}},
        "featureGates": {"decentralizedLiveMigration": True},
    }
    assert site.cluster.writes == ["patch HyperConverged kubevirt-hyperconverged"]
    assert result["kubevirt_migrations"]["settled"]
    assert not run(site, bandwidth_per_migration="65536Ki", **WISH)["changed"]


def test_the_fields_of_v1_where_v1beta1_is_gone() -> None:
    site = HcoSite("v1")
    other = {"name": "alignCPUs", "state": "Enabled"}
    site.say({"featureGates": [other, {"name": "DecentralizedLiveMigration", "state": "Enabled"}]})
    run(site, **{**WISH, "decentralized": False})
    assert site.body["spec"]["virtualization"] == {"liveMigrationConfig": {"network": "migration-evpn"}}
    assert site.body["spec"]["security"]["certConfig"]["ca"] == {"duration": "168h", "renewBefore": "84h"}
    assert site.body["spec"]["featureGates"] == [other, {"name": "decentralizedLiveMigration", "state": "Disabled"}]
    assert not run(site, **{**WISH, "decentralized": False})["changed"]


def test_v1beta1_is_used_where_both_are_served_and_other_versions_are_named() -> None:
    assert hco.find(HcoSite("v1beta1", "v1").cluster, HcoSite().kubevirt).version == "v1beta1"
    site = HcoSite()
    versions = {"versions": [{"name": "v2", "served": True}]}
    site.cluster.put(CRD, {"metadata": {"name": "hyperconvergeds.hco.kubevirt.io"}, "spec": versions})
    with pytest.raises(Missing, match="v2"):
        run(site, **WISH)


def test_a_gate_that_is_on_by_default_needs_no_entry_and_can_be_switched_off() -> None:
    for site in (HcoSite(), HcoSite("v1")):
        assert not run(site, decentralized=True)["changed"]
        result = run(site, decentralized=False)
        assert result["changed"]
        assert "warnings" not in result
        assert not result["kubevirt_migrations"]["decentralized"]
        assert not run(site, decentralized=False)["changed"]


def test_a_release_without_the_gate_is_named() -> None:
    site = HcoSite(gate=None)
    with pytest.raises(BadInput, match="HyperConverged for decentralized; found HCO has none"):
        run(site, decentralized=True)
    assert not run(site, decentralized=False)["changed"]


def test_reset_leaves_what_hco_fills_in_again() -> None:
    site = HcoSite()
    site.say({"liveMigrationConfig": {"completionTimeoutPerGiB": 150, "network": "migration-evpn"}})
    result = run(site, reset=["completion_timeout_per_gib", "network"])
    assert result["actions"][0].endswith("liveMigrationConfig.network is removed")


def test_what_hco_has_no_field_for_is_refused_unless_it_is_so_already() -> None:
    site = HcoSite()
    with pytest.raises(BadInput, match=r"HyperConverged for disable_tls.*TaintedConfiguration"):
        run(site, disable_tls=True)
    patch = [{"op": "add", "path": "/spec/configuration/migrations/disableTLS", "value": True}]
    site.say({}, **{hco.JSON_PATCH: json.dumps(patch)})
    assert not run(site, disable_tls=True)["changed"]
    with pytest.raises(BadInput, match="the annotation kubevirt"):
        run(site, disable_tls=False)
    with pytest.raises(BadInput, match="the annotation"):
        run(site, reset=["disable_tls"])


def test_an_annotation_about_our_field_is_named_instead_of_waited_for() -> None:
    site = HcoSite()
    patch = [{"op": "add", "path": "/spec/configuration/migrations/network", "value": "other"}]
    site.say({}, **{hco.JSON_PATCH: json.dumps(patch)})
    with pytest.raises(BadInput, match="the annotation"):
        run(site, network="migration-evpn")
    # Settings beside it are not concerned.
    assert run(site, bandwidth_per_migration="1Gi")["changed"]


def test_the_deadline_names_the_resource_and_its_trouble() -> None:
    site = HcoSite()
    site.stuck = True
    trouble = {"type": "ReconcileComplete", "status": "False", "message": "boom"}
    site.cluster.put(site.kind, site.body | {"status": {"conditions": [trouble]}})
    with pytest.raises(DeadlineExceeded, match=r"HCO has not written configuration.migrations.network yet.*boom"):
        run(site, network="migration-evpn")
    told = run(site, check_mode=True, network="migration-evpn")
    assert not told["kubevirt_migrations"]["settled"]


def test_peers_are_kept_by_an_early_renewal_wherever_it_is_written() -> None:
    site = HcoSite()
    assert not run(site, keep_peers=True)["changed"], "HCO's own 48h and 24h keep them"
    site.say({"certConfig": {"ca": {"duration": "49h", "renewBefore": "10h"}}})
    run(site, keep_peers=True)
    assert site.body["spec"]["certConfig"]["ca"]["renewBefore"] == "24h30m"
    plain = Site()
    assert run(plain, keep_peers=True)["actions"][0].endswith("selfSigned.ca.renewBefore becomes 84h")
    assert not run(plain, keep_peers=True)["changed"]
    assert "dropped again" in run(plain, keep_peers=True, ca_renew_before="9h")["warnings"][0]


def test_peers_cannot_be_kept_where_the_deprecated_fields_are() -> None:
    site = Site()
    site.configure({}, certificateRotateStrategy={"selfSigned": {"caRotateInterval": "48h", "caOverlapInterval": "5h"}})
    result = run(site, keep_peers=True)
    assert not result["changed"]
    assert "dropped again" in result["warnings"][0]


def test_a_gitops_tool_on_either_object_is_named() -> None:
    site = HcoSite()
    mark = {"metadata": {"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}}
    site.cluster.patch(KUBEVIRT, "kubevirt", mark, namespace=NAMESPACE)
    with pytest.raises(Conflict, match=r"HyperConverged kubevirt/kubevirt-hyperconverged: .*Flux"):
        run(site, network="migration-evpn")


def test_hco_without_its_resource_is_said() -> None:
    site = HcoSite()
    site.cluster.delete(site.kind, NAME, namespace=NAMESPACE)
    with pytest.raises(Missing, match="none in namespace kubevirt"):
        run(site, flavour="hco", decentralized=True)
    with pytest.raises(Missing, match="a cluster without HCO"):
        run(Site(), flavour="hco", decentralized=True)


PATHS = st.sampled_from(
    [
        "/spec/configuration",
        "/spec/configuration/migrations",
        "/spec/configuration/migrations/network",
        "/spec/configuration/migrations/network/0",
        "/spec/configuration/developerConfiguration/featureGates/-",
        "/spec/configurationX",
        "/spec/certificateRotateStrategy",
    ]
)


@given(PATHS, st.sampled_from(sorted(BY_OPTION)), st.sampled_from([GATE, "Other"]))
def test_an_operation_decides_about_what_it_contains_or_is_part_of(path: str, option: str, value: str) -> None:
    body = {"metadata": {"annotations": {hco.JSON_PATCH: json.dumps([{"op": "add", "path": path, "value": value}])}}}
    found = hco.Hyperconverged(body, "v1beta1", {})
    field = "/" + "/".join(BY_OPTION[option].path) + "/"
    assert found.overrules(BY_OPTION[option].path) == (field.startswith(path + "/") or (path + "/").startswith(field))
    about_ours = path == "/spec/configuration" or (path.endswith("featureGates/-") and value == GATE)
    assert found.overrules(GATES) == about_ours
