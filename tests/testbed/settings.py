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
    kubevirt_version: str = "v1.9.0"
    openperouter: bool = True
    """OpenPERouter is installed."""
    l2vni_shape: str = "A"
    """Which of the three L2VNI API shapes OpenPERouter has: A, B or C."""
    cni: bool = True
    """multus and whereabouts are installed."""
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
    lease_seconds: float = 1.0
    """Until a new synchronization leader takes the lease of one that vanished (15 s in reality)."""
    sync_seconds: float = 0.01
    """One message between synchronization controllers."""
    copy_seconds: float = 1.0
    """The copy of a guest's memory and disks."""

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
