# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volumes of a virt-launcher pod, and where its guest's disks are found in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..resources import Object

if TYPE_CHECKING:
    from ..store import Store

_OWN = ("private", "public", "sockets", "virt-bin-share-dir", "libvirt-runtime", "ephemeral-disks")
_OWN_PATHS = {
    "private": "/var/run/kubevirt-private",
    "public": "/var/run/kubevirt",
    "ephemeral-disks": "/var/run/kubevirt-ephemeral-disks",
    "libvirt-runtime": "/var/run/libvirt",
    "sockets": "/var/run/kubevirt/sockets",
}
_DISKS = "/var/run/kubevirt-private/vmi-disks"
_CLOUD_INIT = ("cloudInitNoCloud", "cloudInitConfigDrive")


def volumes(spec: Mapping[str, Any], image: str) -> list[Object]:
    made: list[Object] = [{"name": name, "emptyDir": {}} for name in _OWN]
    made += [volume for one in _of(spec) for volume in _pod_volumes(one)]
    if any("containerDisk" in one for one in _of(spec)):
        made.append({"name": "launcher-volume", "image": _image(image)})
    return [*made, {"name": "hotplug-disks", "emptyDir": {}}]


def mounts(spec: Mapping[str, Any]) -> list[Object]:
    """Where the compute container sees them."""
    made: list[Object] = [{"name": name, "mountPath": path} for name, path in _OWN_PATHS.items()]
    disks = 0
    for one in _of(spec):
        for volume in _pod_volumes(one):
            if "image" in volume:
                path = f"/var/run/kubevirt-image-volume/disk_{disks}"
                disks += 1
                made.append({"name": volume["name"], "mountPath": path, "readOnly": True})
            elif "persistentVolumeClaim" in volume:
                made.append({"name": volume["name"], "mountPath": f"{_DISKS}/{volume['name']}"})
            else:
                path = f"/var/run/kubevirt-private/{_kind(volume)}/{volume['name']}"
                made.append({"name": volume["name"], "mountPath": path, "readOnly": True})
    hotplug = "/var/run/kubevirt/hotplug-disks"
    return [*made, {"name": "hotplug-disks", "mountPath": hotplug, "mountPropagation": "HostToContainer"}]


def container_disks(spec: Mapping[str, Any]) -> list[Object]:
    """An init container for each image a disk comes from: it makes the kubelet pull it."""
    return [
        {
            "name": f"volume{one['name']}",
            "image": one["containerDisk"]["image"],
            "imagePullPolicy": one["containerDisk"].get("imagePullPolicy", "IfNotPresent"),
            "command": ["/container-disk-binary/usr/bin/container-disk"],
            "args": ["--no-op"],
            "resources": {
                "limits": {"cpu": "10m", "memory": "40M"},
                "requests": {"cpu": "1m", "ephemeral-storage": "50M", "memory": "1M"},
            },
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "runAsNonRoot": True,
                "runAsUser": 107,
            },
            "volumeMounts": [{"mountPath": "/container-disk-binary", "name": "launcher-volume", "readOnly": True}],
        }
        for one in _of(spec)
        if "containerDisk" in one
    ]


def claims(spec: Mapping[str, Any]) -> dict[str, str]:
    """The claim behind each volume that has one; a DataVolume's claim bears its name."""
    found = {}
    for one in _of(spec):
        if "persistentVolumeClaim" in one:
            found[one["name"]] = one["persistentVolumeClaim"]["claimName"]
        elif "dataVolume" in one:
            found[one["name"]] = one["dataVolume"]["name"]
    return found


def claims_of(store: Store, vmi: Mapping[str, Any]) -> dict[str, Object]:
    """Those of an instance's claims that exist, by name."""
    names = set(claims(vmi["spec"]).values())
    found = store.list(vmi["metadata"]["namespace"], lambda claim: claim["metadata"]["name"] in names) if names else []
    return {claim["metadata"]["name"]: claim for claim in found}


def _of(spec: Mapping[str, Any]) -> list[Object]:
    return spec.get("volumes") or []


def _pod_volumes(one: Mapping[str, Any]) -> Iterator[Object]:
    name = one["name"]
    if "containerDisk" in one:
        yield {"name": name, "image": _image(one["containerDisk"]["image"], one["containerDisk"])}
    elif claim := claims({"volumes": [one]}).get(name):
        yield {"name": name, "persistentVolumeClaim": {"claimName": claim}}
    elif "configMap" in one:
        yield {"name": name, "configMap": _without_label(one["configMap"])}
    elif "secret" in one:
        yield {"name": name, "secret": _without_label(one["secret"])}
    for kind in _CLOUD_INIT:
        for ref, suffix in (("secretRef", "udata"), ("networkDataSecretRef", "ndata")):
            if secret := (one.get(kind) or {}).get(ref):
                yield {"name": f"{name}-{suffix}", "secret": {"secretName": secret["name"]}}


def _without_label(source: Mapping[str, Any]) -> Object:
    return {key: value for key, value in source.items() if key != "volumeLabel"}


def _image(reference: str, source: Mapping[str, Any] | None = None) -> Object:
    return {"reference": reference, "pullPolicy": (source or {}).get("imagePullPolicy", "IfNotPresent")}


def _kind(volume: Mapping[str, Any]) -> str:
    return "secret" if "secret" in volume else "config-map"
