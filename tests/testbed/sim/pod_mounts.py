# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod mounts and cannot start without; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..resources import Object

Exists = Callable[[str, str], bool]
"""Whether there is an object of a kind (its key in RESOURCES) of a name, in the pod's namespace."""


def missing(pod: Object, exists: Exists) -> list[str]:
    """In the kubelet's words, one for each Secret or ConfigMap that is not there and not optional."""
    return [
        f'MountVolume.SetUp failed for volume "{volume}" : {kind.removesuffix("s")} "{name}" not found'
        for volume, kind, name in mounted(pod)
        if not exists(kind, name)
    ]


def mounted(pod: Object) -> Iterator[tuple[str, str, str]]:
    """(volume, kind, name) of what must exist."""
    for volume in pod["spec"].get("volumes") or []:
        secret, config_map = volume.get("secret") or {}, volume.get("configMap") or {}
        if secret and not secret.get("optional"):
            yield volume["name"], "secrets", secret["secretName"]
        if config_map and not config_map.get("optional"):
            yield volume["name"], "configmaps", config_map["name"]
