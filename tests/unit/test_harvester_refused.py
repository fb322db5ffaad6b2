# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Harvester's webhook refuses is told with the field it names; a bad default is found before it is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import (
    BadInput,
    MigrationError,
    Rejected,
    ServerTrouble,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import SETTING
from ansible_collections.livemigration.kubevirt.plugins.module_utils._status import error_of
from unit.harvester_site import NETWORK, TEXT, Site, absent, refused, run

GOOD = {"clusterNetwork": "migration", "vlan": 7, "range": "10.9.0.0/24"}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


def answer(status: int, text: str, field: str = "") -> MigrationError:
    """What the API server makes of a refusal."""
    causes = [{"reason": "FieldValueInvalid", "message": text, "field": field}] if field else []
    message = f'admission webhook "validator.harvesterhci.io" denied the request: {text}'
    body = {"message": message, "details": {"causes": causes}}
    return error_of(status, body, verb="PATCH", target=f"Setting {NETWORK}", cluster="cluster-a")


@pytest.mark.parametrize(
    ("status", "field", "kind", "found", "hint"),
    [
        (422, "value", Rejected, "no (field value)", "the new value"),
        (422, "default", Rejected, "no (field default)", "empty the field default"),
        (422, NETWORK, Rejected, f"no (field {NETWORK})", "Another setting"),
        (422, "spec", Rejected, "no (field spec)", "the field it names"),
        (400, "", Rejected, "no", "migrations"),
        (500, "", ServerTrouble, "no", "could not read what it compares with"),
    ],
)
def test_a_refusal_names_the_field_and_what_to_do(
    site: Site, status: int, field: str, kind: type[MigrationError], found: str, hint: str
) -> None:
    def refuse() -> None:
        site.cluster.before_write = refuse
        raise answer(status, "no", field)

    site.cluster.before_write = refuse
    with pytest.raises(kind) as caught:
        run(site)
    assert caught.value.found.endswith(found)
    assert hint in caught.value.hint
    assert (caught.value.cluster, caught.value.object) == ("cluster-a", f"Setting {NETWORK}")


@pytest.mark.parametrize(
    "change",
    [
        {"vlan": 4095},
        {"clusterNetwork": "mgmt", "vlan": 1},
        {"range": "10.9.0.1/24"},
        {"range": "10.8.0.0/15"},
        # This one would not be refused by releases before v1.9: it would hang them.
        {"range": "2001:db8::/64"},
        {"clusterNetwork": "other"},
        {"range": "10.7.0.0/24"},
    ],
    ids=str,
)
def test_a_default_that_harvester_would_refuse_is_refused_before_it_is_asked(site: Site, change: Any) -> None:
    site.setting("storage-network", json.dumps(GOOD | {"range": "10.7.0.0/24"}))
    run(site)
    put(site, TEXT, json.dumps(GOOD | change))
    assert refused(site, vlan=101).reason == "harvester_default_refused"
    # Harvester looks at it, too, when the network goes.
    with pytest.raises(BadInput, match="default"):
        absent(site)
    # Nothing to write, so it is only told.
    called = run(site)
    assert not called["changed"]
    assert [each["id"] for each in called["harvester_migration_network"]["findings"]] == ["harvester-default-refused"]


@pytest.mark.parametrize("text", ["x", "[]", "{}"])
def test_a_default_that_says_nothing_is_refused(site: Site, text: str) -> None:
    put(site, "", text)
    assert refused(site).found.endswith("(it says no network)")


def test_a_default_that_harvester_takes_is_no_matter(site: Site) -> None:
    put(site, "", json.dumps(GOOD))
    assert run(site)["changed"]


def put(site: Site, value: str, default: str) -> None:
    """The default is set beside the value, whose marks stay."""
    site.cluster.put(SETTING, site.read(NETWORK) | {"value": value, "default": default})
