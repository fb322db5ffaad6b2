# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds that simulators and tests of the bed speak about, each under a short key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
Objects = list[Object]


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a kind lives in the API."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path; without a namespace a namespaced kind means all namespaces."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if self.namespaced and namespace:
            parts.append(f"namespaces/{namespace}")
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)


_KUBEVIRT = "kubevirt.io"
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_HARVESTER = "network.harvesterhci.io"
_WHEREABOUTS = "whereabouts.cni.cncf.io"

RESOURCES: dict[str, Resource] = {
    "namespaces": Resource("", "v1", "namespaces", "Namespace", namespaced=False),
    "nodes": Resource("", "v1", "nodes", "Node", namespaced=False),
    "pods": Resource("", "v1", "pods", "Pod"),
    "configmaps": Resource("", "v1", "configmaps", "ConfigMap"),
    "secrets": Resource("", "v1", "secrets", "Secret"),
    "services": Resource("", "v1", "services", "Service"),
    "serviceaccounts": Resource("", "v1", "serviceaccounts", "ServiceAccount"),
    "events": Resource("", "v1", "events", "Event"),
    "persistentvolumeclaims": Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    "persistentvolumes": Resource("", "v1", "persistentvolumes", "PersistentVolume", namespaced=False),
    "resourcequotas": Resource("", "v1", "resourcequotas", "ResourceQuota"),
    "daemonsets": Resource("apps", "v1", "daemonsets", "DaemonSet"),
    "deployments": Resource("apps", "v1", "deployments", "Deployment"),
    "replicasets": Resource("apps", "v1", "replicasets", "ReplicaSet"),
    "controllerrevisions": Resource("apps", "v1", "controllerrevisions", "ControllerRevision"),
    "leases": Resource("coordination.k8s.io", "v1", "leases", "Lease"),
    "poddisruptionbudgets": Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"),
    "storageclasses": Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False),
    "priorityclasses": Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False),
    "roles": Resource(_RBAC, "v1", "roles", "Role"),
    "rolebindings": Resource(_RBAC, "v1", "rolebindings", "RoleBinding"),
    "clusterroles": Resource(_RBAC, "v1", "clusterroles", "ClusterRole", namespaced=False),
    "clusterrolebindings": Resource(_RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    "customresourcedefinitions": Resource(
        "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
    ),
    "validatingwebhookconfigurations": Resource(
        _ADMISSION, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", namespaced=False
    ),
    "mutatingwebhookconfigurations": Resource(
        _ADMISSION, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", namespaced=False
    ),
    "kubevirts": Resource(_KUBEVIRT, "v1", "kubevirts", "KubeVirt"),
    "hyperconvergeds": Resource("hco.kubevirt.io", "v1beta1", "hyperconvergeds", "HyperConverged"),
    "hyperconvergeds-v1": Resource("hco.kubevirt.io", "v1", "hyperconvergeds", "HyperConverged"),
    "virtualmachines": Resource(_KUBEVIRT, "v1", "virtualmachines", "VirtualMachine"),
    "virtualmachineinstances": Resource(_KUBEVIRT, "v1", "virtualmachineinstances", "VirtualMachineInstance"),
    "virtualmachineinstancemigrations": Resource(
        _KUBEVIRT, "v1", "virtualmachineinstancemigrations", "VirtualMachineInstanceMigration"
    ),
    "migrationpolicies": Resource(
        "migrations.kubevirt.io", "v1alpha1", "migrationpolicies", "MigrationPolicy", namespaced=False
    ),
    "virtualmachineinstancetypes": Resource(
        "instancetype.kubevirt.io", "v1beta1", "virtualmachineinstancetypes", "VirtualMachineInstancetype"
    ),
    "virtualmachineclusterinstancetypes": Resource(
        "instancetype.kubevirt.io",
        "v1beta1",
        "virtualmachineclusterinstancetypes",
        "VirtualMachineClusterInstancetype",
        namespaced=False,
    ),
    "datavolumes": Resource("cdi.kubevirt.io", "v1beta1", "datavolumes", "DataVolume"),
    "network-attachment-definitions": Resource(
        "k8s.cni.cncf.io", "v1", "network-attachment-definitions", "NetworkAttachmentDefinition"
    ),
    "ippools": Resource(_WHEREABOUTS, "v1alpha1", "ippools", "IPPool"),
    "overlappingrangeipreservations": Resource(
        _WHEREABOUTS, "v1alpha1", "overlappingrangeipreservations", "OverlappingRangeIPReservation"
    ),
    "settings": Resource("harvesterhci.io", "v1beta1", "settings", "Setting", namespaced=False),
    "clusternetworks": Resource(_HARVESTER, "v1beta1", "clusternetworks", "ClusterNetwork", namespaced=False),
    "vlanconfigs": Resource(_HARVESTER, "v1beta1", "vlanconfigs", "VlanConfig", namespaced=False),
    "vlanstatuses": Resource(_HARVESTER, "v1beta1", "vlanstatuses", "VlanStatus", namespaced=False),
    "l2vnis": Resource("openpe.openperouter.github.io", "v1alpha1", "l2vnis", "L2VNI"),
    "l3vnis": Resource("openpe.openperouter.github.io", "v1alpha1", "l3vnis", "L3VNI"),
    "underlays": Resource("openpe.openperouter.github.io", "v1alpha1", "underlays", "Underlay"),
    "l3vpns": Resource("openpe.openperouter.github.io", "v1alpha1", "l3vpns", "L3VPN"),
    "routernodeconfigurationstatuses": Resource(
        "openpe.openperouter.github.io",
        "v1alpha1",
        "routernodeconfigurationstatuses",
        "RouterNodeConfigurationStatus",
    ),
    # OpenPERouter renamed its group; both can be on one cluster.
    "network-l2vnis": Resource("network.openperouter.io", "v1alpha1", "l2vnis", "L2VNI"),
    "network-l3vnis": Resource("network.openperouter.io", "v1alpha1", "l3vnis", "L3VNI"),
    "network-l3vpns": Resource("network.openperouter.io", "v1alpha1", "l3vpns", "L3VPN"),
    "network-underlays": Resource("network.openperouter.io", "v1alpha1", "underlays", "Underlay"),
    "network-routernodeconfigurationstatuses": Resource(
        "network.openperouter.io",
        "v1alpha1",
        "routernodeconfigurationstatuses",
        "RouterNodeConfigurationStatus",
    ),
    "nodenetworkconfigurationpolicies": Resource(
        "nmstate.io", "v1", "nodenetworkconfigurationpolicies", "NodeNetworkConfigurationPolicy", namespaced=False
    ),
    "nodenetworkconfigurationenactments": Resource(
        "nmstate.io",
        "v1beta1",
        "nodenetworkconfigurationenactments",
        "NodeNetworkConfigurationEnactment",
        namespaced=False,
    ),
    "nodenetworkstates": Resource("nmstate.io", "v1beta1", "nodenetworkstates", "NodeNetworkState", namespaced=False),
}
