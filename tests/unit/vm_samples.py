# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM with one of everything it can refer to, and the guest that runs in it."""

from __future__ import annotations

import copy
from typing import Any

Object = dict[str, Any]

_VM: Object = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {
        "name": "vm-1",
        "namespace": "default",
        "uid": "uid-of-vm-1",
        "resourceVersion": "7",
        "labels": {"app": "web"},
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{}",
            "kubevirt.io/latest-observed-api-version": "v1",
            "livemigration.kubevirt/attempt": "an-old-one",
            "owner": "team-web",
        },
    },
    "spec": {
        "runStrategy": "Always",
        "instancetype": {"name": "small", "kind": "VirtualMachineInstancetype", "revisionName": "small-v1"},
        "preference": {"name": "fedora"},
        "dataVolumeTemplates": [
            {
                "metadata": {"name": "root", "namespace": "default"},
                "spec": {"sourceRef": {"name": "fedora"}, "storage": {"resources": {"requests": {"storage": "10Gi"}}}},
            }
        ],
        "template": {
            "metadata": {"labels": {"kubevirt.io/vm": "vm-1"}},
            "spec": {
                "domain": {
                    "devices": {
                        "disks": [{"name": "root", "disk": {"bus": "virtio"}}],
                        "interfaces": [{"name": "stretched", "bridge": {}}, {"name": "spare", "bridge": {}}],
                    }
                },
                "networks": [
                    {"name": "stretched", "multus": {"networkName": "evpn"}},
                    {"name": "spare", "multus": {"networkName": "infra/evpn"}},
                ],
                "accessCredentials": [
                    {"sshPublicKey": {"source": {"secret": {"secretName": "keys"}}}},
                    {"userPassword": {"source": {"secret": {"secretName": "password"}}}},
                ],
                "volumes": [
                    {"name": "root", "dataVolume": {"name": "root"}},
                    {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                    {"name": "boot", "containerDisk": {"image": "i", "imagePullSecret": "pull"}},
                    {
                        "name": "init",
                        "cloudInitNoCloud": {"secretRef": {"name": "init"}, "networkDataSecretRef": {"name": "net"}},
                    },
                    {"name": "answers", "sysprep": {"configMap": {"name": "answers"}}},
                    {"name": "settings", "configMap": {"name": "settings"}},
                    {"name": "again", "configMap": {"name": "settings"}},
                    {"name": "account", "serviceAccount": {"serviceAccountName": "web"}},
                ],
            },
        },
    },
}

_VMI: Object = {
    "metadata": {"name": "vm-1", "namespace": "default", "uid": "uid-of-vmi-1"},
    "spec": {
        "domain": {
            "firmware": {"uuid": "f-uuid", "serial": "f-serial"},
            "devices": {"interfaces": [{"name": "spare", "macAddress": "02:00:00:00:00:02"}]},
        }
    },
    "status": {
        "phase": "Running",
        "interfaces": [{"name": "stretched", "mac": "02:00:00:00:00:01"}, {"mac": "no name"}],
        "conditions": [{"type": "LiveMigratable", "status": "True"}],
    },
}


def vm(**spec: Any) -> Object:
    """The VM; fields of its spec can be replaced, ``None`` removes one."""
    body = copy.deepcopy(_VM)
    body["spec"] = {key: value for key, value in (body["spec"] | spec).items() if value is not None}
    return body


def vmi(phase: str = "Running", **status: Any) -> Object:
    """The guest."""
    body = copy.deepcopy(_VMI)
    body["status"] |= {"phase": phase, **status}
    return body
