# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VM needs beside itself: which objects it names. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ._cluster import Object, Resource
from ._resources import (
    CLUSTER_INSTANCETYPE,
    CLUSTER_PREFERENCE,
    CONFIG_MAP,
    INSTANCETYPE,
    NAD,
    PREFERENCE,
    PVC,
    SECRET,
    SERVICE_ACCOUNT,
)

COPIED = (SECRET, CONFIG_MAP)
"""Kinds whose content goes along with the VM. The others must be on the target already."""


class Need(NamedTuple):
    """An object a VM refers to. ``namespace`` is ``None`` for the VM's own and for cluster-wide kinds."""

    resource: Resource
    name: str
    namespace: str | None = None


def needs(vm: Object) -> list[Need]:
    """Every object the VM refers to, each once, in the order of its spec."""
    spec = vm["spec"]
    pod = spec["template"]["spec"]
    found = [
        *_volumes(pod.get("volumes") or []),
        *_credentials(pod.get("accessCredentials") or []),
        *_networks(pod.get("networks") or []),
        *_matcher(spec.get("instancetype"), INSTANCETYPE, CLUSTER_INSTANCETYPE),
        *_matcher(spec.get("preference"), PREFERENCE, CLUSTER_PREFERENCE),
    ]
    return list(dict.fromkeys(found))


# Volume type -> the references in it: (path to the name, kind).
_REFERENCES: dict[str, tuple[tuple[tuple[str, ...], Resource], ...]] = {
    "secret": ((("secretName",), SECRET),),
    "configMap": ((("name",), CONFIG_MAP),),
    "cloudInitNoCloud": ((("secretRef", "name"), SECRET), (("networkDataSecretRef", "name"), SECRET)),
    "cloudInitConfigDrive": ((("secretRef", "name"), SECRET), (("networkDataSecretRef", "name"), SECRET)),
    "sysprep": ((("secret", "name"), SECRET), (("configMap", "name"), CONFIG_MAP)),
    "containerDisk": ((("imagePullSecret",), SECRET),),
    "serviceAccount": ((("serviceAccountName",), SERVICE_ACCOUNT),),
    "persistentVolumeClaim": ((("claimName",), PVC),),
    "dataVolume": ((("name",), PVC),),
    "ephemeral": ((("persistentVolumeClaim", "claimName"), PVC),),
    "memoryDump": ((("claimName",), PVC),),
}


def _volumes(volumes: list[Object]) -> Iterator[Need]:
    for volume in volumes:
        for kind, references in _REFERENCES.items():
            for path, resource in references:
                name = _at(volume.get(kind), path)
                if name:
                    yield Need(resource, name)


def _credentials(credentials: list[Object]) -> Iterator[Need]:
    for credential in credentials:
        for kind in ("sshPublicKey", "userPassword"):
            name = _at(credential.get(kind), ("source", "secret", "secretName"))
            if name:
                yield Need(SECRET, name)


def _networks(networks: list[Object]) -> Iterator[Need]:
    for network in networks:
        name = _at(network.get("multus"), ("networkName",))
        if name:
            namespace, _slash, short = name.rpartition("/")
            yield Need(NAD, short, namespace or None)


def _matcher(matcher: Object | None, own: Resource, cluster_wide: Resource) -> Iterator[Need]:
    if matcher and matcher.get("name"):
        # Without a kind, KubeVirt looks for the cluster-wide one.
        namespaced = str(matcher.get("kind") or "").lower() == own.kind.lower()
        yield Need(own if namespaced else cluster_wide, matcher["name"])


def _at(value: Any, path: tuple[str, ...]) -> str:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return str(value or "")
