# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a KubeVirt CR asks for, and the deployment it stands for; pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ..resources import Object

GATE = "DecentralizedLiveMigration"
REGISTRY = "quay.io/kubevirt"

# Parts of the CR that are in the deployment's id only by their type, whatever they say: a change of these
# rolls nothing out by itself.
_BY_TYPE = {
    "CertificateRotationStrategy": "<v1.KubeVirtCertificateRotateStrategy Value>",
    "Configuration": "<v1.KubeVirtConfiguration Value>",
    "CustomizeComponents": "<v1.CustomizeComponents Value>",
    "ExternalNetResourceInjection": "",
    "HypervisorName": "kvm",
    "ImagePullSecrets": "null",
    "Infra": "<*v1.ComponentConfig Value>",
    "UninstallStrategy": "",
    "VirtTemplateDeploymentEnabled": "",
    "WorkloadUpdateStrategy": "<v1.KubeVirtWorkloadUpdateStrategy Value>",
    "Workloads": "<*v1.ComponentConfig Value>",
}
# Parts that are in it by their value.
_BY_VALUE = {
    "ImagePullPolicy": "imagePullPolicy",
    "MonitorAccount": "monitorAccount",
    "MonitorNamespace": "monitorNamespace",
    "ProductComponent": "productComponent",
    "ProductName": "productName",
    "ProductVersion": "productVersion",
    "ServiceMonitorNamespace": "serviceMonitorNamespace",
    "SynchronizationPort": "synchronizationPort",
}


@dataclass(frozen=True, slots=True)
class Target:
    """One deployment of KubeVirt: version and what of the CR decides about its pods."""

    version: str
    namespace: str
    properties: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        return hashlib.sha1(json.dumps(self._content("")).encode()).hexdigest()

    @property
    def config(self) -> str:
        """The text of `status.targetDeploymentConfig`."""
        text = json.dumps(self._content(self.id), separators=(",", ":"))
        return text.replace("<", "\\u003c").replace(">", "\\u003e")

    def annotations(self) -> dict[str, str]:
        return {
            "kubevirt.io/install-strategy-identifier": self.id,
            "kubevirt.io/install-strategy-registry": REGISTRY,
            "kubevirt.io/install-strategy-version": self.version,
        }

    def _content(self, id_: str) -> dict[str, Any]:
        return {
            "id": id_,
            "namespace": self.namespace,
            "registry": REGISTRY,
            "kubeVirtVersion": self.version,
            "virtOperatorImage": f"{REGISTRY}/virt-operator:{self.version}",
            "additionalProperties": dict(self.properties),
        }


def target(kubevirt: Object, version: str) -> Target:
    """The deployment a CR asks for."""
    spec = kubevirt["spec"]
    properties = dict(_BY_TYPE) | {name: str(spec.get(field) or "") for name, field in _BY_VALUE.items()}
    network = migration_network(kubevirt)
    if network is not None:
        properties["MigrationNetwork"] = network
    ordered = tuple(sorted(properties.items()))
    return Target(spec.get("imageTag") or version, kubevirt["metadata"]["namespace"], ordered)


def gates(kubevirt: Object) -> list[str]:
    """Feature gates that are on: those enabled, whatever else is disabled."""
    developer = (kubevirt["spec"].get("configuration") or {}).get("developerConfiguration") or {}
    return list(developer.get("featureGates") or [])


def migration_network(kubevirt: Object) -> str | None:
    """`migrations.network`; None when absent. The empty string is not absent: KubeVirt takes it for a name."""
    migrations = (kubevirt["spec"].get("configuration") or {}).get("migrations") or {}
    network = migrations.get("network")
    return None if network is None else str(network)
