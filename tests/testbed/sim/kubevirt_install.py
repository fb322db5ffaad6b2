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
    await _create(site, "deployments", manifest("virt-operator", namespace, site.kubevirt_version))
    if not site.settings.hco:  # HCO makes its own
        await _create(site, "kubevirts", _kubevirt(site))


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


def _kubevirt(site: Site) -> Object:
    gates = list(_HARVESTER_GATES) if site.settings.harvester else []
    meta: Object = {"name": "kubevirt", "namespace": site.kubevirt_namespace}
    spec: Object = {"configuration": {"developerConfiguration": {"featureGates": gates, "useEmulation": True}}}
    if site.settings.harvester:
        meta |= {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": _HARVESTER_RELEASE}
        spec["workloadUpdateStrategy"] = {"workloadUpdateMethods": ["LiveMigrate"]}
    return {"metadata": meta, "spec": spec}


# Harvester's chart writes the CR, the list of gates included.
_HARVESTER_GATES = ("LiveMigration", "HotplugVolumes", "HostDevices", "GPU", "CPUManager", "ExpandDisks")
_HARVESTER_RELEASE = {
    "meta.helm.sh/release-name": "harvester",
    "meta.helm.sh/release-namespace": "harvester-system",
}
_NAMESPACE_LABELS = {
    "kubevirt.io": "",
    "pod-security.kubernetes.io/enforce": "privileged",
}
