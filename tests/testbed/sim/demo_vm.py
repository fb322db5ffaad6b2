# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines for the demo and for tests, of many kinds, with all the objects each of them uses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from ..resources import Object

NETWORK = "evpn"
BRIDGE = "br-hs-110"
MAC = "02:03:04:05:06:07"
IMAGE = "quay.io/kubevirt/fedora-with-test-tooling-container-disk:v1.9.0"
STORAGE_CLASS = "standard"
_USER_DATA = "#cloud-config\npassword: fedora\nchpasswd: { expire: False }\n"
_SETTINGS = "greeting=hello\n"


@dataclass(frozen=True, slots=True)
class Disk:
    """One disk besides the image. `how`: a claim made beforehand, or one from the VM's own template."""

    name: str
    size: str = "1Gi"
    how: Literal["claim", "template"] = "claim"
    device: Literal["disk", "lun", "filesystem"] = "disk"
    shareable: bool = False
    mode: str = "ReadWriteOnce"
    volume_mode: str = "Filesystem"
    storage_class: str = STORAGE_CLASS


@dataclass(frozen=True, slots=True)
class DemoVm:
    """The VM of the published procedure unless told otherwise."""

    name: str = "vm-1"
    namespace: str = "default"
    run_strategy: str = "Always"
    running: bool | None = None
    """The deprecated way to say Always or Halted; then `run_strategy` is left out."""
    mac: str = MAC
    """Empty: no MAC in the spec, the cluster makes one up."""
    binding: Literal["bridge", "masquerade"] = "bridge"
    """masquerade: on the pod network, without a network of its own."""
    bridge: str = BRIDGE
    """What its network is on."""
    cpu_model: str = ""
    cores: int = 0
    memory: str = "256M"
    cloud_init: bool = True
    config_map: bool = True
    disks: tuple[Disk, ...] = ()
    node_selector: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


def objects(wanted: DemoVm) -> list[tuple[str, Object]]:
    """Everything in the order it is created, each under its key in RESOURCES; the VM comes last."""
    made: list[tuple[str, Object]] = []
    if wanted.binding == "bridge":
        made.append(("network-attachment-definitions", network(wanted.namespace, wanted.bridge)))
    if wanted.cloud_init:
        secret = {"metadata": _meta(wanted, "cloudinit"), "stringData": {"userdata": _USER_DATA}}
        made.append(("secrets", secret))
    if wanted.config_map:
        made.append(("configmaps", {"metadata": _meta(wanted, "settings"), "data": {"settings": _SETTINGS}}))
    made += [("persistentvolumeclaims", _claim(wanted, disk)) for disk in wanted.disks if disk.how == "claim"]
    return [*made, ("virtualmachines", manifest(wanted))]


def network(namespace: str, bridge: str = BRIDGE, name: str = NETWORK) -> Object:
    """What the VM hangs on; it finds a network of this name wherever it moves."""
    config = {"cniVersion": "0.3.1", "type": "bridge", "name": name, "bridge": bridge, "macspoofchk": False}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"config": json.dumps(config)}}


def manifest(wanted: DemoVm) -> Object:
    metadata: Object = {"name": wanted.name, "namespace": wanted.namespace}
    for part, entries in (("labels", wanted.labels), ("annotations", wanted.annotations)):
        if entries:
            metadata[part] = dict(entries)
    spec: Object = {
        "template": {"metadata": {"labels": {"kubevirt.io/vm": wanted.name}}, "spec": _template(wanted)},
    }
    if wanted.running is None:
        spec["runStrategy"] = wanted.run_strategy
    else:
        spec["running"] = wanted.running
    if templates := [_data_volume(wanted, disk) for disk in wanted.disks if disk.how == "template"]:
        spec["dataVolumeTemplates"] = templates
    return {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": metadata, "spec": spec}


def claim_name(wanted: DemoVm, disk: Disk) -> str:
    return f"{wanted.name}-{disk.name}"


def _template(wanted: DemoVm) -> Object:
    domain: Object = {
        "devices": {"disks": _devices(wanted), "interfaces": [_interface(wanted)]},
        "resources": {"requests": {"memory": wanted.memory}},
    }
    if shared := [disk.name for disk in wanted.disks if disk.device == "filesystem"]:
        domain["devices"]["filesystems"] = [{"name": name, "virtiofs": {}} for name in shared]
    if wanted.cpu_model or wanted.cores:
        cpu = {"model": wanted.cpu_model, "cores": wanted.cores}
        domain["cpu"] = {key: value for key, value in cpu.items() if value}
    spec: Object = {
        "domain": domain,
        "networks": [_network(wanted)],
        "terminationGracePeriodSeconds": 0,
        "volumes": _volumes(wanted),
    }
    if wanted.node_selector:
        spec["nodeSelector"] = dict(wanted.node_selector)
    return spec


def _devices(wanted: DemoVm) -> list[Object]:
    bus = {"bus": "virtio"}
    devices: list[Object] = [{"name": "containerdisk", "disk": bus}]
    if wanted.config_map:
        devices.append({"name": "settings", "disk": bus})
    for disk in wanted.disks:
        if disk.device != "filesystem":
            device: Object = {"name": disk.name, disk.device: {"bus": "scsi"} if disk.device == "lun" else bus}
            devices.append(device | ({"shareable": True} if disk.shareable else {}))
    return [*devices, {"name": "cloudinit", "disk": bus}] if wanted.cloud_init else devices


def _volumes(wanted: DemoVm) -> list[Object]:
    volumes: list[Object] = [{"name": "containerdisk", "containerDisk": {"image": IMAGE}}]
    if wanted.config_map:
        volumes.append({"name": "settings", "configMap": {"name": f"{wanted.name}-settings"}})
    for disk in wanted.disks:
        name = claim_name(wanted, disk)
        source = (
            {"dataVolume": {"name": name}} if disk.how == "template" else {"persistentVolumeClaim": {"claimName": name}}
        )
        volumes.append({"name": disk.name} | source)
    if wanted.cloud_init:
        volumes.append({"name": "cloudinit", "cloudInitNoCloud": {"secretRef": {"name": f"{wanted.name}-cloudinit"}}})
    return volumes


def _interface(wanted: DemoVm) -> Object:
    if wanted.binding == "masquerade":
        return {"name": "default", "masquerade": {}}
    return {"name": NETWORK, "bridge": {}} | ({"macAddress": wanted.mac} if wanted.mac else {})


def _network(wanted: DemoVm) -> Object:
    if wanted.binding == "masquerade":
        return {"name": "default", "pod": {}}
    return {"name": NETWORK, "multus": {"networkName": NETWORK}}


def _claim(wanted: DemoVm, disk: Disk) -> Object:
    return {"metadata": _meta(wanted, disk.name), "spec": _claim_spec(disk)}


def _data_volume(wanted: DemoVm, disk: Disk) -> Object:
    return {
        "metadata": {"name": claim_name(wanted, disk)},
        "spec": {"source": {"blank": {}}, "pvc": _claim_spec(disk)},
    }


def _claim_spec(disk: Disk) -> Object:
    return {
        "accessModes": [disk.mode],
        "volumeMode": disk.volume_mode,
        "storageClassName": disk.storage_class,
        "resources": {"requests": {"storage": disk.size}},
    }


def _meta(wanted: DemoVm, suffix: str) -> Object:
    return {"name": f"{wanted.name}-{suffix}", "namespace": wanted.namespace}
