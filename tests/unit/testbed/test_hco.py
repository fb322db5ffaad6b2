# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HCO makes of its resource, and its resource in both versions of the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from testbed.sim.hco_conversion import V1, V1_ONLY, V1BETA1, converted
from testbed.sim.hco_spec import JSON_PATCH, BadPatch, kubevirt_spec, refusal, same_spec

CA = {"duration": "48h0m0s", "renewBefore": "24h0m0s"}
SERVER = {"duration": "24h", "renewBefore": "12h0m0s"}


def resource(patch: Any = None, **spec: Any) -> dict[str, Any]:
    annotations = {} if patch is None else {JSON_PATCH: patch if isinstance(patch, str) else json.dumps(patch)}
    defaults = {
        "certConfig": {"ca": CA, "server": SERVER},
        "featureGates": {"decentralizedLiveMigration": False},
        "liveMigrationConfig": {"completionTimeoutPerGiB": 150},
        "uninstallStrategy": "BlockUninstallIfWorkloadsExist",
    }
    return {"metadata": {"annotations": annotations}, "spec": defaults | spec}


def test_the_fields_become_kubevirts() -> None:
    limits = {"network": "net", "completionTimeoutPerGiB": 20}
    made = kubevirt_spec(resource(featureGates={"decentralizedLiveMigration": True}, liveMigrationConfig=limits), "1")
    assert made["configuration"]["migrations"] == limits
    assert "DecentralizedLiveMigration" in made["configuration"]["developerConfiguration"]["featureGates"]
    assert made["certificateRotateStrategy"]["selfSigned"]["server"]["duration"] == "24h0m0s"


def test_the_annotation_wins_and_reaches_the_spec_alone() -> None:
    gates = "/spec/configuration/developerConfiguration/featureGates/-"
    made = kubevirt_spec(resource([{"op": "add", "path": gates, "value": "Mine"}]), "1")
    assert made["configuration"]["developerConfiguration"]["featureGates"][-1] == "Mine"
    gone = kubevirt_spec(resource([{"op": "remove", "path": "/spec/configuration/migrations"}]), "1")
    assert "migrations" not in gone["configuration"]
    for patch in ("{", [{"op": "add", "path": "/status/x", "value": 1}], [{"op": "remove", "path": "/spec/x/y"}]):
        with pytest.raises(BadPatch):
            kubevirt_spec(resource(patch), "1")


@pytest.mark.parametrize(
    ("ca", "server", "words"),
    [
        (CA, SERVER, None),
        ({"duration": "9m", "renewBefore": "5m"}, SERVER, "spec.certConfig.ca.duration: value is too small"),
        ({"duration": "24h", "renewBefore": "25h"}, SERVER, "spec.certConfig.ca: duration is smaller than renewBefore"),
        ({"duration": "23h", "renewBefore": "1h"}, SERVER, "ca.duration is smaller than server.duration"),
        ({"duration": "2d", "renewBefore": "1h"}, SERVER, "invalid duration"),
    ],
)
def test_the_webhook_minds_durations(ca: dict[str, str], server: dict[str, str], words: str | None) -> None:
    found = refusal(resource(certConfig={"ca": ca, "server": server}), "1")
    assert found is None if words is None else words in (found or "")
    assert "jsonPatch" in (refusal(resource("["), "1") or "")


def test_what_is_empty_is_no_difference() -> None:
    assert same_spec({"a": {"b": 1}, "customizeComponents": {}}, {"a": {"b": 1, "c": []}})
    assert not same_spec({"a": 1}, {"a": 2})


LIMITS = st.fixed_dictionaries({}, optional={"network": st.just("net"), "progressTimeout": st.integers(1, 9)})
PLACEMENT = st.fixed_dictionaries({}, optional={"nodePlacement": st.just({"nodeSelector": {"zone": "1"}})})
GATES = ("decentralizedLiveMigration", "alignCPUs", "downwardMetrics", "persistentReservation")
V1BETA1_SPECS = st.fixed_dictionaries(
    {
        "certConfig": st.just({"ca": CA, "server": SERVER}),
        "featureGates": st.fixed_dictionaries({name: st.booleans() for name in GATES}),
        "uninstallStrategy": st.just("RemoveWorkloads"),
    },
    optional={"liveMigrationConfig": LIMITS, "infra": PLACEMENT, "workloads": PLACEMENT},
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from([*GATES, "DecentralizedLiveMigration", "onlyInV1"])},
        optional={"state": st.sampled_from(["Enabled", "Disabled"])},
    ),
    unique_by=lambda entry: entry["name"].lower(),
)


def body(version: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "metadata": {"name": "hco"}, "spec": spec}


def full(spec: dict[str, Any]) -> dict[str, Any]:
    """What is empty is not there."""
    return {name: value for name, value in spec.items() if value}


@given(V1BETA1_SPECS)
def test_v1beta1_comes_back_from_v1(spec: dict[str, Any]) -> None:
    there = converted(body(V1BETA1, spec), V1)
    assert not {"certConfig", "liveMigrationConfig"} & there["spec"].keys()
    back = converted(there, V1BETA1)
    back["metadata"].pop("annotations", None)
    assert back == body(V1BETA1, full(spec))


@given(ENTRIES, st.booleans())
def test_what_only_v1_can_say_is_kept_by_the_releases_that_store_it_so(entries: list[Any], keeps: bool) -> None:
    stored = body(V1, {"featureGates": entries, "security": {"certConfig": {"ca": CA, "server": SERVER}}})
    shown = converted(stored, V1BETA1, keeps=keeps)
    assert (V1_ONLY in shown["metadata"].get("annotations", {})) == (keeps and bool(entries))
    back = converted(shown, V1, keeps=keeps)
    assert "annotations" not in back["metadata"]
    found = back["spec"].get("featureGates", [])
    assert found == entries if keeps else "onlyInV1" not in [each["name"] for each in found]


@pytest.mark.parametrize(
    ("entries", "on"),
    [
        ([], True),
        ([{"name": "DecentralizedLiveMigration"}], True),
        ([{"name": "decentralizedLiveMigration", "state": "Disabled"}], False),
    ],
)
def test_the_gate_is_on_in_v1_unless_it_is_switched_off(entries: list[Any], on: bool) -> None:
    shown = converted(body(V1, {"featureGates": entries}), V1BETA1)
    assert shown["spec"]["featureGates"]["decentralizedLiveMigration"] is on


def test_a_write_through_v1beta1_switches_the_entry_of_v1() -> None:
    shown = converted(body(V1, {"featureGates": [{"name": "alignCPUs"}]}), V1BETA1)
    shown["spec"]["featureGates"] |= {"decentralizedLiveMigration": False, "alignCPUs": False}
    assert converted(shown, V1)["spec"]["featureGates"] == [
        {"name": "alignCPUs", "state": "Disabled"},
        {"name": "decentralizedLiveMigration", "state": "Disabled"},
    ]
