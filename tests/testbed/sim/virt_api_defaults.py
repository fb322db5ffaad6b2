# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The defaults that virt-api's mutating webhooks write into VirtualMachines and VirtualMachineInstances."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from ..resources import Object
from . import vmi as it

_UNITS = {"": 1, "m": 0.001}
_UNITS |= {unit: 1000**power for power, unit in enumerate(("k", "M", "G", "T", "P", "E"), 1)}
_UNITS |= {unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}

HOTPLUG_RATIO = 4
QEMU_USER = 107


def quantity(value: str | int | float | None) -> float:
    """A Kubernetes quantity as a number; 0 when there is none or it cannot be read."""
    found = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(value or "0"))
    return float(found[1]) * _UNITS.get(found[2], 0) if found else 0.0


def default_vm(vm: Object, config: Mapping[str, Any], *, creating: bool) -> None:
    """Architecture and machine type always, firmware ids and the PCI topology when it is created."""
    template = vm["spec"].get("template")
    if template is None:
        return
    spec = template.setdefault("spec", {})
    domain = spec.setdefault("domain", {})
    if creating:
        firmware = domain.get("firmware") or {}
        domain["firmware"] = firmware
        firmware["uuid"] = firmware.get("uuid") or str(uuid.uuid4())
        firmware["serial"] = firmware.get("serial") or str(uuid.uuid4())
    _set_architecture_and_machine(spec, config)
    if creating and has_pcie(spec):
        meta = template.get("metadata") or {}
        template["metadata"] = meta
        meta["annotations"] = {it.PCI_TOPOLOGY: "v3"} | (meta.get("annotations") or {})


def default_vmi(vmi: Object, config: Mapping[str, Any], now: str) -> None:
    """Everything a new instance gets: spec defaults, finalizer, phase Pending and the first status fields."""
    spec, meta = vmi["spec"], vmi["metadata"]
    _set_architecture_and_machine(spec, config)
    domain = spec["domain"]
    _set_memory(domain)
    _set_cpu(domain, config)
    _set_disks(spec)
    domain.setdefault("features", {}).setdefault("acpi", {}).setdefault("enabled", True)
    spec.setdefault("evictionStrategy", config.get("evictionStrategy", "None"))
    if has_pcie(spec):
        meta["annotations"] = {it.PCI_TOPOLOGY: "v3"} | (meta.get("annotations") or {})
    meta["finalizers"] = [*(meta.get("finalizers") or []), it.VMI_FINALIZER]
    _set_first_status(vmi, now)


def has_pcie(spec: Mapping[str, Any]) -> bool:
    """Whether the guest has a PCIe bus, whose topology is versioned by an annotation."""
    if spec.get("architecture", "") not in ("", "amd64", "arm64"):
        return False
    machine = (spec.get("domain", {}).get("machine") or {}).get("type", "")
    return not machine or "q35" in machine or machine.startswith("virt")


def _set_architecture_and_machine(spec: Object, config: Mapping[str, Any]) -> None:
    spec["architecture"] = spec.get("architecture") or "amd64"
    machine = spec["domain"].get("machine") or {}
    spec["domain"]["machine"] = machine
    machine["type"] = machine.get("type") or config.get("machineType") or "q35"


def _set_memory(domain: Object) -> None:
    memory = domain.get("memory") or {}
    domain["memory"] = memory
    resources = domain.setdefault("resources", {})
    for asked in (
        (resources.get("requests") or {}).get("memory"),
        (resources.get("limits") or {}).get("memory"),
        (memory.get("hugepages") or {}).get("pageSize"),
    ):
        if "guest" not in memory and asked:
            memory["guest"] = asked


def _set_cpu(domain: Object, config: Mapping[str, Any]) -> None:
    cpu = domain.get("cpu") or {}
    domain["cpu"] = cpu
    if not any(cpu.get(part) for part in ("cores", "sockets", "threads")):
        resources = domain["resources"]
        asked = (resources.get("limits") or {}).get("cpu") or (resources.get("requests") or {}).get("cpu")
        cpu |= {"cores": 1, "threads": 1, "sockets": max(1, -(-int(quantity(asked) * 1000) // 1000))}
    for part in ("cores", "sockets", "threads"):
        cpu.setdefault(part, 1)
    cpu.setdefault("model", config.get("cpuModel") or "host-model")
    cpu.setdefault("maxSockets", cpu["sockets"] * HOTPLUG_RATIO)


def _set_disks(spec: Object) -> None:
    """Pull policies, and a disk for every volume that has no device of its own."""
    devices = spec["domain"]["devices"]
    named = {one["name"] for kind in ("disks", "filesystems") for one in devices.get(kind) or []}
    for volume in spec.get("volumes") or []:
        if image := volume.get("containerDisk"):
            floating = image["image"].endswith(":latest") or not set(":@") & set(image["image"])
            image.setdefault("imagePullPolicy", "Always" if floating else "IfNotPresent")
        if volume["name"] not in named:
            devices.setdefault("disks", []).append({"name": volume["name"], "disk": {"bus": "virtio"}})


def _set_first_status(vmi: Object, now: str) -> None:
    domain = vmi["spec"]["domain"]
    status = vmi.setdefault("status", {})
    status["currentCPUTopology"] = {part: domain["cpu"][part] for part in ("cores", "sockets", "threads")}
    status["guestOSInfo"] = {}
    if guest := domain["memory"].get("guest"):
        status["memory"] = {"guestAtBoot": guest, "guestCurrent": guest, "guestRequested": guest}
    status["runtimeUser"] = QEMU_USER
    it.set_phase(vmi, "Pending", now)
