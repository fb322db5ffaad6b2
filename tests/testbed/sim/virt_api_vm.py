# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission of VirtualMachines: run strategies, the gate, and what of a template does not fit together.

Not checked, because KubeVirt does not: the length of a VM's name, a running VM patched to WaitAsReceiver.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..resources import Object
from . import vmi as it
from .virt_api_defaults import default_vm, quantity
from .virt_api_refusal import Cause, refuse
from .virt_api_vmim import GATE

RECEIVER_STRATEGY = "WaitAsReceiver"
STRATEGIES = ("Halted", "Manual", "Always", "RerunOnFailure", "Once")

_SOURCES = (
    *("cloudInitConfigDrive", "cloudInitNoCloud", "configMap", "containerDisk", "containerPath"),
    *("dataVolume", "downwardAPI", "downwardMetrics", "emptyDisk", "ephemeral", "hostDisk", "memoryDump"),
    *("persistentVolumeClaim", "secret", "serviceAccount", "sysprep"),
)


def mutate(vm: Object, config: Mapping[str, Any], *, creating: bool) -> Object:
    if not it.deleting(vm):
        default_vm(vm, config, creating=creating)
    return vm


def check(vm: Object, *, gate: bool) -> list[str]:
    """Raise a refusal with all causes; returns warnings."""
    if it.deleting(vm):
        return []
    spec = vm["spec"]
    template = spec["template"]
    causes = check_instance_spec(template.get("spec") or {}, "spec.template.spec", vm["spec"])
    causes += _check_data_volumes(spec)
    causes += _check_run_strategy(spec, gate)
    refuse(*causes)
    return ["spec.running is deprecated, please use spec.runStrategy instead."] if "running" in spec else []


def _check_run_strategy(spec: Mapping[str, Any], gate: bool) -> list[Cause]:
    strategy, causes = spec.get("runStrategy"), []
    if spec.get("running") is not None and strategy is not None:
        text = (
            "Running and RunStrategy are mutually exclusive. "
            "Note that Running is deprecated, please use RunStrategy instead"
        )
        causes.append(Cause(text, "spec.running"))
    if spec.get("running") is None and strategy is None:
        causes.append(Cause("RunStrategy must be specified", "spec.running"))
    if strategy == RECEIVER_STRATEGY:
        if not gate:
            text = f"Invalid RunStrategy ({strategy}), {GATE} feature gate is not enabled in kubevirt resource"
            causes.append(Cause(text, "spec.runStrategy"))
    elif strategy is not None and strategy not in STRATEGIES:
        causes.append(Cause(f"Invalid RunStrategy ({strategy})", "spec.runStrategy"))
    return causes


def check_instance_spec(spec: Mapping[str, Any], path: str, vm: Mapping[str, Any]) -> list[Cause]:
    """What virt-api says of a guest's description; instancetypes bring memory and CPU of their own."""
    domain = spec.get("domain") or {}
    devices = domain.get("devices") or {}
    causes = [] if "instancetype" in vm else _check_memory(domain, f"{path}.domain")
    causes += _check_volumes(spec.get("volumes") or [], devices, path)
    causes += _check_networks(spec.get("networks") or [], devices.get("interfaces") or [], path)
    return causes


def _check_memory(domain: Mapping[str, Any], path: str) -> list[Cause]:
    resources, memory = domain.get("resources") or {}, domain.get("memory") or {}
    requested = (resources.get("requests") or {}).get("memory")
    asked = (requested, (resources.get("limits") or {}).get("memory"), memory.get("guest"))
    if not any(asked) and not memory.get("hugepages"):
        fields = f"'{path}.memory.guest', '{path}.memory.hugepages.size' or '{path}.resources.requests.memory'"
        return [Cause(f"no memory requested, at least one of {fields} must be set")]
    if requested and quantity(requested) < 1_000_000:
        where = f"{path}.resources.requests.memory"
        return [Cause(f"{where} '{requested}': must be greater than or equal to 1M.", where)]
    return []


def _check_volumes(volumes: list[Object], devices: Mapping[str, Any], path: str) -> list[Cause]:
    causes, known = [], [volume["name"] for volume in volumes]
    for place, volume in enumerate(volumes):
        where = f"{path}.volumes[{place}]"
        if sum(source in volume for source in _SOURCES) != 1:
            causes.append(Cause(f"{where} must have exactly one source type set", where))
        if volume["name"] in known[:place]:
            other = f"{path}.volumes[{known.index(volume['name'])}]"
            causes.append(Cause(f"{other} and {where} must not have the same Name.", where))
    for place, disk in enumerate(devices.get("disks") or []):
        where = f"{path}.domain.devices.disks[{place}]"
        if disk["name"] not in known:
            causes.append(Cause(f"{where}.Name '{disk['name']}' not found.", f"{where}.name"))
        elif "lun" in disk and not {"dataVolume", "persistentVolumeClaim"} & set(volumes[known.index(disk["name"])]):
            text = f"{where}.lun can only be mapped to a DataVolume or PersistentVolumeClaim volume."
            causes.append(Cause(text, f"{where}.lun"))
    return causes


def _check_networks(networks: list[Object], interfaces: list[Object], path: str) -> list[Cause]:
    causes = []
    names = [network["name"] for network in networks]
    for place, interface in enumerate(interfaces):
        if interface["name"] not in names:
            where = f"{path}.domain.devices.interfaces[{place}].name"
            causes.append(Cause(f"{where} '{interface['name']}' not found.", where))
    used = [interface["name"] for interface in interfaces]
    for place, name in enumerate(names):
        if name not in used:
            where = f"{path}.networks[{place}].name"
            causes.append(Cause(f"{where} '{name}' not found.", where, "FieldValueRequired"))
    if len(set(used)) != len(used):
        where = f"{path}.domain.devices.interfaces"
        causes.append(Cause("Only one interface can be connected to one specific network", where))
    return causes


def _check_data_volumes(spec: Mapping[str, Any]) -> list[Cause]:
    causes = []
    volumes = (spec["template"].get("spec") or {}).get("volumes") or []
    used = {(volume.get("dataVolume") or {}).get("name") for volume in volumes}
    used |= {(volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in volumes}
    for place, template in enumerate(spec.get("dataVolumeTemplates") or []):
        name = (template.get("metadata") or {}).get("name", "")
        where = f"spec.dataVolumeTemplate[{place}]"
        if not name:
            causes.append(
                Cause(f"'name' field must not be empty for DataVolumeTemplate entry {where}.", f"{where}.name")
            )
        elif name not in used:
            text = f"DataVolumeTemplate entry {where} must be referenced in the VMI template's 'volumes' list"
            causes.append(Cause(text, where))
    return causes
