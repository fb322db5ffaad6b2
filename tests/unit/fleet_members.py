# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sound fleet of three clusters, but for what a test changes, and what is found in it."""

from __future__ import annotations

from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _fleet
from ansible_collections.livemigration.kubevirt.plugins.module_utils._fleet_member import Member

NAMES = ("munich", "zurich", "vienna")
FLEET: dict[str, Any] = {
    "range": "10.77.0.0/22",
    "max_clusters": 8,
    "vni": 666,
    "mtu": 1400,
    "gateway": "10.77.0.1",
    "reserved": ["10.77.0.8/29"],
}


def segment(number: int = 666, port: int = 4789) -> dict[str, Any]:
    return {
        "kind": "L2VNI",
        "name": "openperouter-system/migration",
        "vni": number,
        "vxlan_port": port,
        "vrf": None,
        "bridge": f"br-hs-{number}",
        "gateways": [],
        "import_rts": [],
        "export_rts": [],
    }


def routed(**targets: list[str]) -> dict[str, Any]:
    name = {"kind": "L3VNI", "name": "openperouter-system/rouge", "vni": 700, "vrf": "rouge", "bridge": None}
    return segment() | name | {"import_rts": [], "export_rts": []} | targets


def underlay(number: int, **changed: Any) -> dict[str, Any]:
    found = {"vtep_cidrs": [f"100.65.{number}.0/24"], "router_id_cidr": f"10.0.{number}.0/24"}
    return {"name": "openperouter-system/underlay", "asn": 64512 + number} | found | changed


def net(kind: str, cidr: str, name: str = "it") -> dict[str, str]:
    return {"kind": kind, "what": f"the {kind} network {name}", "cidr": cidr, "object": name, "bridge": ""}


def member(index: int, *nets: dict[str, str], **options: Any) -> Member:
    """A sound cluster of a sound fleet, but for what a test changes."""
    vnis, ends = options.pop("vnis", [segment()]), options.pop("underlays", [underlay(index)])
    facts = {
        "uid": options.pop("uid", f"uid-{index}"),
        "openperouter": {"shape": options.pop("shape", "B"), "vnis": vnis, "underlays": ends},
        "networks": [net("pod", "10.244.0.0/16"), net("service", "10.96.0.0/12"), *nets],
        "unreadable": options.pop("unreadable", []),
    }
    info = options.pop("info", facts)
    apps = {"vm_network_networks": options.pop("apps", [])}
    variables = apps | {f"migration_network_{key}": value for key, value in (FLEET | {"slot": index} | options).items()}
    return Member(NAMES[index], variables, info)


def fleet(*changed: Member) -> list[Member]:
    own = {each.name: each for each in changed}
    return [own.get(NAMES[index]) or member(index) for index in range(3)]


def ids(*changed: Member) -> list[str]:
    return [finding.id for finding in _fleet.findings(fleet(*changed))]


def only(*changed: Member) -> Any:
    (finding,) = _fleet.findings(fleet(*changed))
    return finding
