# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HCO makes of its resource."""

from __future__ import annotations

import json
from typing import Any

import pytest
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
