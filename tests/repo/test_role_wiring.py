# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role migration_network and the modules behind it: no option is dropped on the way from one to the other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.livemigration.kubevirt.plugins.module_utils._argspec import cluster_options
from ansible_collections.livemigration.kubevirt.plugins.module_utils._harvester_options import LIMITS
from ansible_collections.livemigration.kubevirt.plugins.module_utils._kubevirt_settings import BY_OPTION

from .project import NAME, ROOT, data, spec_of, text

ROLE = ROOT / "roles/migration_network"
SPECS: dict[str, Any] = data(ROLE / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
CONNECTION = cluster_options().options.keys()

NOT_OFFERED: dict[str, dict[str, str]] = {
    "kubevirt_migrations": {
        "name": "a cluster has one KubeVirt",
        "allow_during_migrations": "a rollout of a fleet waits or stops",
    },
    "migration_nad": {
        "cni_version": "every Multus takes the default",
        "range_start": "slots give the slice",
        "range_end": "slots give the slice",
        "required_addresses": "the cluster itself is counted",
    },
    "node_uplink": {},
    "l2vni": {
        "allow_bare_nodes": "a virt-handler without the migration network would hang",
        "bridge_managed": "the NAD joins the bridge that OpenPERouter names",
        "bridge_name": "the NAD joins the bridge that OpenPERouter names",
        "bridge_type": "the NAD joins a Linux bridge",
    },
    "l3vni": {
        "import_rts": "a migration network needs no route targets",
        "export_rts": "a migration network needs no route targets",
        "wait_timeout": "the default is long enough for an object without pods",
    },
    "harvester_migration_network": {
        "allow_during_migrations": "a rollout of a fleet waits or stops",
        "required_addresses": "the cluster itself is counted",
        "retries": "the default is what Harvester needs",
    },
}
"""Options of modules that the role does not have, with the reason."""


def tasks(module: str) -> list[dict[str, Any]]:
    """The arguments of every call of a module in the role."""
    found = []
    for path in sorted((ROLE / "tasks").glob("*.yml")):
        found += [task[f"{NAME}.{module}"] for task in data(path) or [] if f"{NAME}.{module}" in task]
    return found


@pytest.mark.parametrize("module", sorted(NOT_OFFERED))
def test_every_option_of_a_module_is_passed_or_left_out_for_a_reason(module: str) -> None:
    passed = {name for task in tasks(module) for name in task}
    assert spec_of(module).options.keys() - CONNECTION - passed == NOT_OFFERED[module].keys()


@pytest.mark.parametrize("option", sorted(SPECS))
def test_every_option_of_the_role_is_used(option: str) -> None:
    used = "\n".join(text(path.relative_to(ROOT)) for path in [*ROLE.glob("tasks/*.yml"), *ROLE.glob("vars/*.yml")])
    assert re.search(rf"\b{option}\b", used)


@pytest.mark.parametrize(
    ("module", "limits"),
    [("kubevirt_migrations", [*BY_OPTION.keys() - {"network"}]), ("harvester_migration_network", [*LIMITS])],
)
def test_every_limit_gets_to_the_module(module: str, limits: list[str]) -> None:
    offered = SPECS["migration_network_limits"]["options"]
    assert BY_OPTION.keys() - {"network"} == offered.keys()
    assert {name: option["type"] for name, option in offered.items() if name in limits} == {
        name: spec_of(module).options[name]["type"] for name in limits
    }
    (call,) = [task for task in tasks(module) if task.get("state") != "absent" and "reset" not in task]
    assert {name: call.get(name) for name in limits} == {
        name: f"{{{{ migration_network_limits.{name} | default(omit) }}}}" for name in limits
    }


@pytest.mark.parametrize("call", tasks("kubevirt_migrations"), ids=lambda call: call.get("state", "present"))
def test_the_flavour_that_was_set_counts(call: dict[str, Any]) -> None:
    assert "migration_network_flavour" in call["flavour"]


def test_what_the_clusters_say_counts_where_the_inventory_says_nothing() -> None:
    (call,) = [task for task in tasks("migration_nad") if "mtu" in task]
    assert call["underlay_address_family"] == (
        "{{ migration_network_underlay_address_family or _migration_network_tunnels | default(omit, true) }}"
    )
    for module in ("l2vni", "l3vni"):
        (call,) = [task for task in tasks(module) if task.get("state") != "absent"]
        assert call["vxlan_port"] == "{{ migration_network_vxlan_port | default(omit, true) }}"
    assert data(ROLE / "defaults/main.yml")["migration_network_vxlan_port"] == 0


@pytest.mark.parametrize("limits", [{"progress_timeuot": 7}, {"progress_timeout": "soon"}], ids=str)
def test_a_limit_that_is_none_is_refused(limits: dict[str, Any]) -> None:
    spec = {"migration_network_limits": SPECS["migration_network_limits"]}
    found = ArgumentSpecValidator(spec).validate({"migration_network_limits": limits})
    assert [each for each in found.error_messages if next(iter(limits)) in each]


def test_limits_that_harvester_has_no_setting_for_are_said() -> None:
    tasks_file = data(ROLE / "tasks/harvester_present.yml")
    (told,) = [str(task["vars"]) for task in tasks_file if "ansible.builtin.debug" in task]
    assert {name for name in BY_OPTION if f"'{name}'" in told} == BY_OPTION.keys() - {"network"} - {*LIMITS}


def test_who_takes_the_overlay_away_takes_all_of_its_segments() -> None:
    gone = [call for call in tasks("l2vni") if call.get("state") == "absent" and "item" not in call["name"]]
    assert [call.get("beside") for call in gone] == [True] * 2
