# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes with cards, and nmstate's handlers on them, for the tests of node_uplink."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _uplink
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import MigrationError
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    NAD,
    NMSTATE_ENACTMENT,
    NMSTATE_POLICY,
    NMSTATE_STATE,
    NODE,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._uplink_spec import SPEC
from unit.memory_cluster import MemoryCluster, Ticking, job, refusal

DEFAULTS = {name: option.get("default") for name, option in SPEC.options.items()}
WISH: Object = {"name": "uplink", "interface": "eth1", "bridge": "br1", "mtu": 9000, "wait_timeout": 5}
CARDS = [
    {"name": "eth0", "type": "ethernet", "mtu": 1500, "ipv4": {"address": [{"ip": "172.18.0.2"}]}},
    {"name": "eth1", "type": "ethernet", "mtu": 9000, "ipv6": {"address": [{"ip": "fe80::1"}]}},
    {"name": "eth2", "type": "ethernet", "mtu": 9000, "controller": "bond0"},
]


class Site(MemoryCluster):
    """Two nodes whose handler carries out every policy, unless told how it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, tuple[str, str]] = {}
        for node in ("node-1", "node-2"):
            self.put(NODE, {"metadata": {"name": node, "labels": {"zone": node[-1]}}})
            self.state(node, *CARDS)

    def state(self, node: str, *links: Object) -> None:
        body = {"metadata": {"name": node}, "status": {"currentState": {"interfaces": list(links)}}}
        self.put(NMSTATE_STATE, body)

    def enact(self) -> None:
        """One step of the handlers."""
        policy = self.get(NMSTATE_POLICY, "uplink")
        if policy is None:
            return
        for node in ("node-1", "node-2"):
            kind, text = self.ends.get(node, ("Available", ""))
            labels = {"nmstate.io/policy": "uplink", "nmstate.io/node": node}
            conditions = [{"type": kind, "status": "True", "message": text}]
            status = {"policyGeneration": policy["metadata"]["generation"], "conditions": conditions}
            self.put(NMSTATE_ENACTMENT, {"metadata": {"name": f"{node}.uplink", "labels": labels}, "status": status})

    @property
    def desired(self) -> list[Object]:
        found = self.get(NMSTATE_POLICY, "uplink")
        assert found is not None
        return list(found["spec"]["desiredState"]["interfaces"])


def nad(site: Site, name: str, **plugin: object) -> None:
    """A NAD in KubeVirt's namespace; without keys it is gone."""
    if plugin:
        metadata = {"name": name, "namespace": "kubevirt"}
        site.put(NAD, {"metadata": metadata, "spec": {"config": json.dumps(plugin)}})
    else:
        site.objects.pop((NAD.plural, "kubevirt", name))


def run(site: MemoryCluster, *, check_mode: bool = False, **options: Any) -> Object:
    clock = Ticking(site.enact) if isinstance(site, Site) else Ticking()
    return _uplink.work(job({"cluster": site}, clock, DEFAULTS | WISH | options, check_mode=check_mode))


def refused(site: MemoryCluster, **options: Any) -> MigrationError:
    return refusal(site, lambda: run(site, **options))
