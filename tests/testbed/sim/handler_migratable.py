# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a guest can be migrated: virt-handler's two conditions, with its reasons and texts; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..resources import Object
from . import vmi as it
from .launcher_volumes import claims

ALLOW_POD_BRIDGE = "kubevirt.io/allow-pod-bridge-network-live-migration"
_SHARED = "live migration requires that all PVCs must be shared (using ReadWriteMany access mode)"


class Obstacle(NamedTuple):
    reason: str
    message: str


def conditions(vmi: Mapping[str, Any], known_claims: Mapping[str, Object]) -> list[dict[str, Any]]:
    """LiveMigratable: the first obstacle, disks last. StorageLiveMigratable: all of them, disks left aside."""
    device = list(_of_devices(vmi))
    disks = _of_disks(vmi, known_claims)
    first = next(iter(device), disks)
    storage = device + list(_of_reservations(vmi))
    return [
        _condition("LiveMigratable", first),
        _condition("StorageLiveMigratable", _together(storage) if storage else None),
    ]


def method(vmi: Mapping[str, Any], known_claims: Mapping[str, Object]) -> str:
    """With disks that nobody else can reach, the disks are copied too."""
    return "BlockMigration" if _of_disks(vmi, known_claims) else "LiveMigration"


def _of_devices(vmi: Mapping[str, Any]) -> Iterator[Obstacle]:
    domain = vmi["spec"]["domain"]
    devices, security = domain.get("devices") or {}, domain.get("launchSecurity") or {}
    if not _network_moves(vmi):
        text = "cannot migrate VMI which does not use masquerade or a migratable plugin to connect to the pod network"
        yield Obstacle("InterfaceNotLiveMigratable", text)
    if text := _of_host_devices(devices):
        yield Obstacle("HostDeviceNotLiveMigratable", text)
    for kind in ("SEV", "TDX"):
        if kind.lower() in security:
            yield Obstacle(f"{kind}NotLiveMigratable", f"VMI uses {kind}")
    if ((domain.get("features") or {}).get("hypervPassthrough") or {}).get("enabled"):
        yield Obstacle("HypervPassthroughNotLiveMigratable", "VMI uses hyperv passthrough")


def _of_host_devices(devices: Mapping[str, Any]) -> str:
    gpus = devices.get("gpus") or []
    if devices.get("hostDevices"):
        return "VMI specifies non-migratable generic PCI host device"
    if len(gpus) > 1:
        return "VMI specifies too many GPUs"
    return "VMI specifies a GPU but feature gate VGPULiveMigration is not enabled" if gpus else ""


def _network_moves(vmi: Mapping[str, Any]) -> bool:
    """Only the pod network can be in the way: its address changes with the pod."""
    spec = vmi["spec"]
    pod = {network["name"] for network in spec.get("networks") or [] if "pod" in network}
    interfaces = (spec["domain"].get("devices") or {}).get("interfaces") or []
    for interface in interfaces if pod else []:
        if interface["name"] in pod:
            return "masquerade" in interface or ("bridge" in interface and ALLOW_POD_BRIDGE in it.annotated(vmi))
    return True


def _of_reservations(vmi: Mapping[str, Any]) -> Iterator[Obstacle]:
    disks = (vmi["spec"]["domain"].get("devices") or {}).get("disks") or []
    if any((disk.get("lun") or {}).get("reservation") for disk in disks):
        yield Obstacle("PersistentReservationNotLiveMigratable", "VMI uses SCSI persistent reservation")


def _of_disks(vmi: Mapping[str, Any], known_claims: Mapping[str, Object]) -> Obstacle | None:
    migrated = {one["volumeName"] for one in it.status(vmi).get("migratedVolumes") or []}
    behind = claims(vmi["spec"])
    for volume in vmi["spec"].get("volumes") or []:
        name = behind.get(volume["name"])
        if name is not None and volume["name"] not in migrated:
            modes = (known_claims.get(name) or {"spec": {}})["spec"].get("accessModes") or []
            if "ReadWriteMany" not in modes:
                return Obstacle("DisksNotLiveMigratable", f"cannot migrate VMI: PVC {name} is not shared, {_SHARED}")
        elif "hostDisk" in volume and not volume["hostDisk"].get("shared"):
            return Obstacle("DisksNotLiveMigratable", "cannot migrate VMI with non-shared HostDisk")
    return None


def _together(obstacles: list[Obstacle]) -> Obstacle:
    return Obstacle("NotMigratable", "; ".join(f"{one.reason}: {one.message}" for one in obstacles))


def _condition(kind: str, obstacle: Obstacle | None) -> dict[str, Any]:
    """virt-handler gives these no probe time; the moment of a change is filled in where they are written."""
    if obstacle is None:
        return it.make_condition(kind, "True", None, probed=False)
    return it.make_condition(kind, "False", None, reason=obstacle.reason, message=obstacle.message, probed=False)
