# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clusters each play is about, by the playbooks' own expressions: who leaves is trusted by nobody new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.livemigration.kubevirt.plugins.filter.fleet_connections import fleet_connections
from jinja2.nativetypes import NativeEnvironment

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
HOSTS: dict[str, dict[str, Any]] = {
    "munich": {"cluster_connection": {"context": "m"}},
    "zurich": {"cluster_connection": {"context": "z"}, "migration_network_state": "absent"},
    "bern": {"cluster_connection": {"context": "b"}, "migration_network_type": "none"},
    "jumphost": {},
}
CLUSTERS = ["munich", "zurich", "bern"]


@pytest.mark.parametrize(
    ("playbook", "variable", "expected"),
    [
        ("site", "trust_clusters", ["munich", "bern"]),
        ("trust", "trust_clusters", ["munich", "bern"]),
        ("site", "migration_probe_clusters", ["munich"]),
        # One leaves; all others of the inventory are asked.
        ("teardown", "trust_clusters", CLUSTERS),
        ("teardown", "trust_leaving", ["zurich"]),
    ],
)
def test_a_play_is_about(playbook: str, variable: str, expected: list[str]) -> None:
    plays = yaml.safe_load((PLAYBOOKS / f"{playbook}.yml").read_text(encoding="utf-8"))
    (text,) = {play["vars"][variable] for play in plays if variable in play.get("vars", {})}
    here = ["zurich"] if playbook == "teardown" else CLUSTERS
    known = {"hostvars": HOSTS, "groups": {"all": [*HOSTS]}, "ansible_play_hosts_all": here}
    environment = NativeEnvironment()
    environment.filters["livemigration.kubevirt.fleet_connections"] = fleet_connections
    assert list(environment.from_string(text).render(known)) == expected


def test_the_connections_come_with_the_names() -> None:
    assert fleet_connections(["munich", "zurich"], HOSTS) == {"munich": {"context": "m"}}
    named = {"munich": {"reach": {"context": "n"}}}
    assert fleet_connections(named, named, variable="reach") == {"munich": {"context": "n"}}
