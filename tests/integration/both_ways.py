# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same calls of every module inside the Ansible worker and as ordinary modules, in a form to be compared."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml
from integration.calls import connection
from integration.moves import NAMESPACE, PATIENCE
from integration.networks import PLAN
from repo.project import NAME
from testbed.testing import TestBed

Case = tuple[str, str, dict[str, Any]]

NAD = {"name": "both-ways", "namespace": "kubevirt", "bridge": "br-hs-777", "mtu": 1400, "range": "192.0.2.0/24"}
NAD |= {"slot": 0, "max_clusters": 2}
NOBODY = {"name": "no-such-vm", "namespace": NAMESPACE}
GUEST = {"name": "GUEST", "namespace": NAMESPACE}
SLOTS = {"range": PLAN["range"], "max_clusters": PLAN["max_clusters"], "source_slot": 0, "target_slot": 1}

# A name, a module, its options beside the connection: each module, for real where that is over in a moment.
ONE: list[Case] = [
    ("what the cluster is", "cluster_info", {}),
    ("bad input", "l2vni", {"name": "both-ways", "vni": 0}),
    ("a VRF", "l3vni", {"name": "both-ways", "vni": 776, "vrf": "both"}),
    ("a segment", "l2vni", {"name": "both-ways", "vni": 777, "vrf": "both"}),
    (
        "an uplink that nobody can check",
        "node_uplink",
        {"name": "both-ways", "interface": "eth1", "bridge": "br1", "trunk": [100], "mtu": 1500},
    ),
    ("a slice", "migration_nad", NAD),
    ("who holds addresses", "migration_addresses_info", {"slot": 0, **PLAN}),
    ("a network of VMs", "vm_nad", {"name": "both-ways", "namespace": NAMESPACE, "vni": 777}),
    ("a setting", "kubevirt_migrations", {"bandwidth_per_migration": "64Mi", "wait_timeout": 60}),
    ("a plan of restarts", "kubevirt_restart", {"older_than": "2999-01-01T00:00:00Z"}),
    ("a look", "migration_network_info", {}),
    ("an unknown option", "migration_network_info", {"colour": "red"}),
    ("no Harvester", "harvester_migration_network", {"state": "absent"}),
]
TWO: list[Case] = [
    # The setting renewed the CA of one side.
    ("trust", "migration_trust", {}),
    ("a VM that is not there", "vm_receiver", NOBODY),
    ("a wrong choice", "vm_receiver", GUEST | {"state": "sideways"}),
    ("a receiver", "vm_receiver", GUEST),
    ("a move", "vmim_crosscluster", GUEST | SLOTS | PATIENCE),
]
AFTER: list[Case] = [("whom it trusts", "trust_bundle", {})]
SEVERAL: list[Case] = [("a plan of a probe", "migration_probe", {"mtu": 1400})]
FAILING = ["bad input", "an unknown option", "no Harvester", "a VM that is not there", "a wrong choice"]
WRITING = [
    "a VRF",
    "a segment",
    "a slice",
    "a network of VMs",
    "a setting",
    "trust",
    "a receiver",
    "a move",
]
# These take long: it is the plan that is compared.
CHECKED = ["a plan of restarts", "a plan of a probe"]

# What differs from run to run in either way: times, and the CAs, of which each setting makes a new one.
VOLATILE = {"durations", "timeline", "invocation", "seconds", "exception", "resourceVersion", "generation", "versions"}
VOLATILE |= {"days_left", "expires_in_days", "dropped_in_hours", "not_before", "not_after"}
VOLATILE |= {"subject", "others", "fingerprints", "room", "ca-bundle"}
NEW = (
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
    r"\b\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)",
    r'"fingerprints": \[[^]]*\]',
    r"\b[0-9a-f]{12,64}\b",
    r"(?<=again in )[\d.]+(?= h)",
    r"(?<=start the move to )[\d.]+",
    r"(?<=virt-launcher-GUEST-)\w{5}\b",
    r"(?<=-)(?:send|receive)-[0-9a-f]{8}\b",
)


def tasks(bed: TestBed, guest: str) -> list[dict[str, Any]]:
    source, target = (connection(cluster) for cluster in list(bed.clusters.values())[:2])
    both, several = {"source": source, "target": target}, {"clusters": [source, target]}
    every = [(source, ONE), (both, TWO), (source, AFTER), (several, SEVERAL)]
    cases = [(case, reach) for reach, group in every for case in group]
    return [
        {
            "name": name,
            f"{NAME}.{module}": reach | options | ({"name": guest} if options.get("name") == "GUEST" else {}),
            "check_mode": name in CHECKED,
            "diff": True,
            "register": f"result_{number}",
            "ignore_errors": name in FAILING,
        }
        for number, ((name, module, options), reach) in enumerate(cases)
    ]


def run(bed: TestBed, folder: Path, interpreter: Path, guest: str, **environment: str) -> dict[str, Any]:
    """Run every case with an interpreter; the results by the name of the case."""
    steps = tasks(bed, guest)
    collected = "{{ {" + ", ".join(f"'{step['name']}': {step['register']}" for step in steps) + "} }}"
    steps.append({"name": "Write", "ansible.builtin.copy": {"content": collected, "dest": str(folder / "out.json")}})
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": steps}]
    (folder / "play.yml").write_text(yaml.safe_dump(play, sort_keys=False))
    given = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={interpreter}"]
    done = subprocess.run(
        ["ansible-playbook", *given, str(folder / "play.yml")],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PRIVATE KEY" not in done.stdout
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


def undo(bed: TestBed) -> None:
    """Take away what the cases have made on the first cluster, all but the guest that moved."""
    cluster = next(iter(bed.clusters.values()))
    client = cluster.client
    for kind, namespace in (
        ("network-attachment-definitions", "kubevirt"),
        ("network-attachment-definitions", NAMESPACE),
    ):
        client.delete(kind, "both-ways", namespace)
    for kind in ("l2vnis", "l3vnis"):
        client.delete(kind, "both-ways", "openperouter-system")
    migrations = {"configuration": {"migrations": {"bandwidthPerMigration": None}}}
    client.patch("kubevirts", "kubevirt", {"spec": migrations}, "kubevirt")


def same(result: dict[str, Any], guest: str) -> Any:
    """What of a result is the same in every run of its case."""
    move = result.get("vmim_crosscluster")
    if not move:
        return stable(result, guest)
    # KubeVirt may remove a migration that is over before the move does: not all orders and numbers are ours.
    made = [action for action in result["actions"] if "the move is over" not in action]
    told = {key: sorted(value) if isinstance(value, dict) else type(value).__name__ for key, value in move.items()}
    return stable({"changed": result["changed"], "made": made, "told": told, "outcome": move["outcome"]}, guest)


def stable(value: Any, guest: str) -> Any:
    """A result without what is another one every time."""
    if isinstance(value, dict):
        return {key: stable(inner, guest) for key, inner in value.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [stable(inner, guest) for inner in value]
    if not isinstance(value, str):
        return value
    text = value.replace(guest, "GUEST")
    for pattern in NEW:
        text = re.sub(pattern, "NEW", text)
    return text
