# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fresh KubeVirt, as its two published manifests leave it: operator and CR, no gate, no migration network."""

from __future__ import annotations

from ..kube import Conflict
from ..resources import Object
from ..site import Site
from .kubevirt_workloads import manifest

_ACCOUNTS = ("operator", "apiserver", "controller", "handler", "synchronization-controller", "exportproxy")
_PRIORITY = "kubevirt-cluster-critical"


async def install(site: Site) -> None:
    """Namespace, service accounts, priority class, virt-operator and the CR."""
    if not site.settings.kubevirt:
        return
    namespace = site.kubevirt_namespace
    await _create(site, "namespaces", {"metadata": {"name": namespace, "labels": _NAMESPACE_LABELS}})
    for account in _ACCOUNTS:
        meta = {"name": f"kubevirt-{account}", "namespace": namespace}
        await _create(site, "serviceaccounts", {"metadata": meta})
    await _create(site, "priorityclasses", _priority_class())
    await _create(site, "deployments", manifest("virt-operator", namespace, site.settings.kubevirt_version))
    await _create(site, "kubevirts", _kubevirt(namespace))


async def _create(site: Site, key: str, obj: Object) -> None:
    try:
        await site.api("testbed").create(key, obj)
    except Conflict:
        return  # the bed starts again on what it left


def _priority_class() -> Object:
    return {
        "metadata": {"name": _PRIORITY},
        "value": 1_000_000_000,
        "globalDefault": False,
        "description": "This priority class should be used for KubeVirt core components only.",
    }


def _kubevirt(namespace: str) -> Object:
    developer = {"featureGates": [], "useEmulation": True}
    return {
        "metadata": {"name": "kubevirt", "namespace": namespace},
        "spec": {"configuration": {"developerConfiguration": developer}},
    }


_NAMESPACE_LABELS = {
    "kubevirt.io": "",
    "pod-security.kubernetes.io/enforce": "privileged",
}
