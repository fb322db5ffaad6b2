# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be turned on one site: versions, shapes, and how long the simulated things take."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Settings:
    """One instance a site; `testbed up --set NAME=VALUE` and `--set CLUSTER.NAME=VALUE` change it.

    Times are in seconds. A simulator that needs another knob adds a field with a default here.
    """

    nodes: int = 2
    """Worker nodes of the cluster."""
    kubevirt: bool = True
    """KubeVirt is installed (False: the API server knows nothing of it)."""
    kubevirt_version: str = ""
    """What KubeVirt calls itself; empty: on Harvester what that release carries, elsewhere v1.9.0."""
    kubevirt_namespace: str = ""
    """Where KubeVirt is installed; empty: kubevirt, with HCO kubevirt-hyperconverged, on Harvester
    harvester-system."""
    harvester: str = ""
    """The release of Harvester that this cluster is (v1.6.0 to v1.9.0); empty: none."""
    hco: str = ""
    """Release of HCO (HyperConverged) that owns KubeVirt: 1.16 (1.17 is like it), 1.18 or 1.19; empty: nobody does."""
    openperouter: bool = True
    """OpenPERouter is installed."""
    l2vni_shape: str = "A"
    """Which L2VNI API shape OpenPERouter has: A (v0.0.5), B (v0.2.0), B1 (v0.1.0) or C (after v0.2.0)."""
    cni: bool = True
    """multus and whereabouts are installed."""
    node_interfaces: str = "eth0:1500,eth1:9000"
    """The interfaces every node has from the start, NAME:MTU, an Open vSwitch bridge as NAME:MTU:ovs-bridge."""
    nmstate: bool = False
    """nmstate is installed: its handler on every node carries out policies and reports the interfaces."""
    device_plugin: str = ""
    """What a device plugin offers on every node, RESOURCE=NUMBER; with it the network resources injector is there."""
    pod_cidr: str = ""
    """Pod network; empty: 10.<64 + number of the site>.0.0/16."""
    service_cidr: str = "10.96.0.0/16"
    cpu_model: str = "Skylake-Client-IBRS"
    cpu_vendor: str = "Intel"
    heartbeat_seconds: float = 30.0
    """How often kubelet and virt-handler renew what says that a node lives."""
    pod_start_seconds: float = 0.05
    """From a pod's binding to its containers being ready."""
    pod_stop_seconds: float = 0.02
    """From a pod's deletion to its end."""
    sandbox_retry_seconds: float = 1.0
    """Until a kubelet tries again to make a pod's sandbox."""
    ca_seconds: float = 0.05
    """How long virt-operator takes for one reconcile."""
    strategy_seconds: float = 0.3
    """How long virt-operator needs to make an install strategy it has not made before (40 s in reality)."""
    virt_api_gap_seconds: float = 0.2
    """How long virt-api's webhooks refuse connections when one of its pods goes (its readers hear late)."""
    lease_seconds: float = 1.0
    """Until a new synchronization leader takes the lease of one that vanished (15 s in reality)."""
    sync_seconds: float = 0.01
    """One message between synchronization controllers."""
    sync_lag_seconds: float = 0.03
    """How far the caches of a synchronization controller are behind the API server."""
    sync_patience: float = 1.0
    """Scale of its pauses and time-outs, and of a source's wait for the target: 0.1 is ten times faster."""
    copy_seconds: float = 1.0
    """The copy of a guest's memory and disks."""
    handler_seconds: float = 0.15
    """One round of virt-handler with the launcher of a guest that moves (0.5 s in reality)."""
    launcher_exit_seconds: float = 0.8
    """From the end of a guest that moved or crashed to the end of its launcher pod."""

    def change(self, name: str, value: str) -> None:
        """Set a field from text, in the field's own type."""
        fields = {field.name: field for field in dataclasses.fields(self)}
        if name not in fields:
            raise ValueError(f"no setting {name!r}; there are: {', '.join(fields)}")
        setattr(self, name, _typed(getattr(self, name), value))

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _typed(now: Any, text: str) -> Any:
    if isinstance(now, bool):
        if text.lower() not in ("true", "false", "yes", "no"):
            raise ValueError(f"wanted true or false, found {text!r}")
        return text.lower() in ("true", "yes")
    return type(now)(text)
