# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of objects the collection reads and writes."""

from __future__ import annotations

from ._cluster import Resource

KUBEVIRT_GROUP = "kubevirt.io"

NAMESPACE = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
NODE = Resource("", "v1", "nodes", "Node", namespaced=False)
POD = Resource("", "v1", "pods", "Pod")
SECRET = Resource("", "v1", "secrets", "Secret")
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
SERVICE_ACCOUNT = Resource("", "v1", "serviceaccounts", "ServiceAccount")
PVC = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
DAEMON_SET = Resource("apps", "v1", "daemonsets", "DaemonSet")
DEPLOYMENT = Resource("apps", "v1", "deployments", "Deployment")
LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease")
CRD = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
VM = Resource(KUBEVIRT_GROUP, "v1", "virtualmachines", "VirtualMachine")
VMI = Resource(KUBEVIRT_GROUP, "v1", "virtualmachineinstances", "VirtualMachineInstance")
VMIM = Resource(KUBEVIRT_GROUP, "v1", "virtualmachineinstancemigrations", "VirtualMachineInstanceMigration")
KUBEVIRT = Resource(KUBEVIRT_GROUP, "v1", "kubevirts", "KubeVirt")
INSTANCETYPE = Resource(
    "instancetype.kubevirt.io", "v1beta1", "virtualmachineinstancetypes", "VirtualMachineInstancetype"
)
CLUSTER_INSTANCETYPE = Resource(
    "instancetype.kubevirt.io",
    "v1beta1",
    "virtualmachineclusterinstancetypes",
    "VirtualMachineClusterInstancetype",
    namespaced=False,
)
PREFERENCE = Resource("instancetype.kubevirt.io", "v1beta1", "virtualmachinepreferences", "VirtualMachinePreference")
CLUSTER_PREFERENCE = Resource(
    "instancetype.kubevirt.io",
    "v1beta1",
    "virtualmachineclusterpreferences",
    "VirtualMachineClusterPreference",
    namespaced=False,
)
NAD = Resource("k8s.cni.cncf.io", "v1", "network-attachment-definitions", "NetworkAttachmentDefinition")
IP_POOL = Resource("whereabouts.cni.cncf.io", "v1alpha1", "ippools", "IPPool")
SETTING = Resource("harvesterhci.io", "v1beta1", "settings", "Setting", namespaced=False)
CLUSTER_NETWORK = Resource("network.harvesterhci.io", "v1beta1", "clusternetworks", "ClusterNetwork", namespaced=False)
VLAN_CONFIG = Resource("network.harvesterhci.io", "v1beta1", "vlanconfigs", "VlanConfig", namespaced=False)
VLAN_STATUS = Resource("network.harvesterhci.io", "v1beta1", "vlanstatuses", "VlanStatus", namespaced=False)
NMSTATE_POLICY = Resource(
    "nmstate.io", "v1", "nodenetworkconfigurationpolicies", "NodeNetworkConfigurationPolicy", namespaced=False
)
NMSTATE_ENACTMENT = Resource(
    "nmstate.io", "v1beta1", "nodenetworkconfigurationenactments", "NodeNetworkConfigurationEnactment", namespaced=False
)
NMSTATE_STATE = Resource("nmstate.io", "v1beta1", "nodenetworkstates", "NodeNetworkState", namespaced=False)

FINAL = ("Succeeded", "Failed")
"""Phases of a pod, a VMI or a VMIM after which nothing happens to it any more."""

OPERATORS = {
    KUBEVIRT_GROUP: "KubeVirt",
    "k8s.cni.cncf.io": "Multus",
    "whereabouts.cni.cncf.io": "whereabouts",
    "openpe.openperouter.github.io": "OpenPERouter",
    "network.openperouter.io": "OpenPERouter",
    "nmstate.io": "nmstate",
    "instancetype.kubevirt.io": "KubeVirt",
    "harvesterhci.io": "Harvester",
}
"""What is not installed when the API server does not know a group."""
