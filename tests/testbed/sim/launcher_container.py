# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a virt-launcher pod."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from ..resources import Object
from .launcher_volumes import mounts
from .virt_api_defaults import QEMU_USER, quantity

_MI = 1024**2
_PRIVATE = "/var/run/kubevirt-private"


def non_root() -> Object:
    return {"runAsNonRoot": True, "runAsUser": QEMU_USER}


def grace(spec: Mapping[str, Any]) -> int:
    """Seconds the guest gets to shut down."""
    return int(spec.get("terminationGracePeriodSeconds", 30))


def overhead_bytes(spec: Mapping[str, Any]) -> int:
    """What a launcher needs beside the guest's memory."""
    return (260 + 8 * _vcpus(spec)) * _MI + _guest_bytes(spec) // 512


def compute(vmi: Mapping[str, Any], image: str) -> Object:
    """The container that holds the guest."""
    spec = vmi["spec"]
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
        "runAsGroup": QEMU_USER,
    }
    return {
        "name": "compute",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": _command(vmi),
        "env": [
            {"name": "XDG_CACHE_HOME", "value": _PRIVATE},
            {"name": "XDG_CONFIG_HOME", "value": _PRIVATE},
            {"name": "XDG_RUNTIME_DIR", "value": "/var/run"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "resources": _resources(spec),
        "securityContext": security | non_root(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts(spec),
    }


def console_log(vmi: Mapping[str, Any], image: str) -> Object:
    """The side car that keeps what the guest's serial console says."""
    return {
        "name": "guest-console-log",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/bin/virt-tail"],
        "args": ["--logfile", f"{_PRIVATE}/{vmi['metadata']['uid']}/virt-serial0-log"],
        "env": [{"name": "VIRT_LAUNCHER_LOG_VERBOSITY", "value": "2"}],
        "resources": {
            "limits": {"cpu": "15m", "memory": "60M"},
            "requests": {"cpu": "5m", "memory": "35M"},
        },
        "restartPolicy": "Always",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}} | non_root(),
        "volumeMounts": [{"mountPath": _PRIVATE, "name": "private", "readOnly": True}],
    }


def _resources(spec: Mapping[str, Any]) -> Object:
    """The guest's memory and the overhead, a tenth of a CPU for each virtual one, and the tun device."""
    asked = spec["domain"].get("resources") or {}
    requests = dict(asked.get("requests") or {})
    requests.setdefault("cpu", f"{100 * _vcpus(spec)}m")
    requests["memory"] = str(_requested_bytes(spec) + overhead_bytes(spec))
    requests["ephemeral-storage"] = "50M"
    limits = dict(asked.get("limits") or {})
    if spec["domain"]["devices"].get("interfaces"):
        requests["devices.kubevirt.io/tun"] = limits["devices.kubevirt.io/tun"] = "1"
    return {"limits": limits, "requests": requests}


def _command(vmi: Mapping[str, Any]) -> list[str]:
    meta = vmi["metadata"]
    options = {
        # Spread, so that many launchers do not give up on a dead virtqemud in the same second.
        "qemu-timeout": f"{random.randrange(240, 360)}s",
        "name": meta["name"],
        "uid": meta["uid"],
        "namespace": meta["namespace"],
        "kubevirt-share-dir": "/var/run/kubevirt",
        "ephemeral-disk-dir": "/var/run/kubevirt-ephemeral-disks",
        "container-disk-dir": "/var/run/kubevirt/container-disks",
        "grace-period-seconds": str(grace(vmi["spec"]) + 15),
        "hook-sidecars": "0",
        "ovmf-path": "/usr/share/edk2/ovmf",
        "disk-memory-limit": "2097152000",
        "hypervisor": "kvm",
    }
    flags = ("run-as-nonroot", "image-volume", "libvirt-hook-server-and-client", "upgrade-ordinal-ifaces")
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    return ["/usr/bin/virt-launcher-monitor", *given, *(f"--{flag}" for flag in flags), "--allow-emulation"]


def _vcpus(spec: Mapping[str, Any]) -> int:
    cpu = spec["domain"].get("cpu") or {}
    return int(cpu.get("sockets") or 1) * int(cpu.get("cores") or 1) * int(cpu.get("threads") or 1)


def _guest_bytes(spec: Mapping[str, Any]) -> int:
    return int(quantity((spec["domain"].get("memory") or {}).get("guest"))) or _requested_bytes(spec)


def _requested_bytes(spec: Mapping[str, Any]) -> int:
    """What the user requests, else the guest's own memory."""
    domain = spec["domain"]
    requested = ((domain.get("resources") or {}).get("requests") or {}).get("memory")
    return int(quantity(requested or (domain.get("memory") or {}).get("guest")))
