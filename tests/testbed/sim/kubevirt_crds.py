# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CRDs and webhook configurations virt-operator lists in `status.generations`."""

from __future__ import annotations

from ..resources import Object

_CRDS = (
    "virtualmachineinstances.kubevirt.io",
    "virtualmachineinstancepresets.kubevirt.io",
    "virtualmachineinstancereplicasets.kubevirt.io",
    "virtualmachines.kubevirt.io",
    "virtualmachineinstancemigrations.kubevirt.io",
    "virtualmachinesnapshots.snapshot.kubevirt.io",
    "virtualmachinesnapshotcontents.snapshot.kubevirt.io",
    "virtualmachinerestores.snapshot.kubevirt.io",
    "virtualmachineinstancetypes.instancetype.kubevirt.io",
    "virtualmachineclusterinstancetypes.instancetype.kubevirt.io",
    "virtualmachinepools.pool.kubevirt.io",
    "migrationpolicies.migrations.kubevirt.io",
    "virtualmachinepreferences.instancetype.kubevirt.io",
    "virtualmachineclusterpreferences.instancetype.kubevirt.io",
    "virtualmachineexports.export.kubevirt.io",
    "virtualmachineclones.clone.kubevirt.io",
)
_VALIDATING = ("virt-operator-validator", "virt-api-validator")
_MUTATING = ("virt-api-mutator",)


def generations() -> list[Object]:
    """Their entries as after a first installation; workloads add theirs."""
    return [
        *(_entry("apiextensions.k8s.io/v1", "customresourcedefinitions", name) for name in _CRDS),
        *(_entry("admissionregistration.k8s.io", "validatingwebhookconfigurations", name) for name in _VALIDATING),
        *(_entry("admissionregistration.k8s.io", "mutatingwebhookconfigurations", name) for name in _MUTATING),
    ]


def _entry(group: str, resource: str, name: str) -> Object:
    return {"group": group, "lastGeneration": 1, "name": name, "resource": resource}
