# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the objects of the API server to the values of a situation: objects of a move are read here only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _attempt as attempt
from . import _multus as multus
from ._cluster import Object
from ._kubevirt import INTERFACE
from ._situation import Condition, Migration, Pod, State, Vm, Vmi

CREATE_TARGET = "kubevirt.io/create-migration-target"
GATE = "DecentralizedLiveMigration"


def read_vm(raw: Object) -> Vm:
    """A VirtualMachine from its object."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    return Vm(
        raw=raw,
        uid=str(metadata.get("uid", "")),
        strategy=attempt.strategy(raw["spec"]),
        printable=str(status.get("printableStatus", "")),
        annotations=metadata.get("annotations") or {},
        deleting="deletionTimestamp" in metadata,
    )


def read_vmi(raw: Object) -> Vmi:
    """A VirtualMachineInstance from its object."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    state = status.get("migrationState")
    return Vmi(
        raw=raw,
        uid=str(metadata["uid"]),
        phase=str(status.get("phase", "")),
        node=str(status.get("nodeName", "")),
        receiver=(metadata.get("annotations") or {}).get(CREATE_TARGET) == "true",
        deleting="deletionTimestamp" in metadata,
        state=read_state(state) if state else None,
        conditions=_conditions(status),
    )


def read_state(state: Mapping[str, Any]) -> State:
    """A migration state from its object."""
    source, target = state.get("sourceState") or {}, state.get("targetState") or {}
    return State(
        uid=str(state.get("migrationUid", "")),
        source_uid=str(source.get("migrationUID", "")),
        target_uid=str(target.get("migrationUID", "")),
        source_vmi=str(source.get("virtualMachineInstanceUID", "")),
        handed_over=bool(target.get("pod") or target.get("nodeAddress") or state.get("targetNodeAddress")),
        address=str(state.get("targetNodeAddress") or target.get("nodeAddress") or ""),
        started=bool(state.get("startTimestamp")),
        ended=bool(state.get("endTimestamp")),
        completed=bool(state.get("completed")),
        failed=bool(state.get("failed")),
        reason=str(state.get("failureReason", "")),
    )


def read_migration(raw: Object) -> Migration:
    """A VirtualMachineInstanceMigration from its object."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    return Migration(
        raw=raw,
        name=str(metadata["name"]),
        uid=str(metadata["uid"]),
        phase=str(status.get("phase", "")),
        attempt=str((metadata.get("annotations") or {}).get(attempt.ATTEMPT, "")),
        deleting="deletionTimestamp" in metadata,
        finalizers=bool(metadata.get("finalizers")),
        addresses=tuple(status.get("synchronizationAddresses") or ()),
        conditions=_conditions(status),
    )


def read_pod(raw: Object) -> Pod:
    """A launcher pod from its object."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    refused = (
        found.message or found.reason
        for found in _conditions(status)
        if found.type == "PodScheduled" and found.status == "False" and found.reason == "Unschedulable"
    )
    return Pod(
        name=str(metadata["name"]),
        vmi=str((metadata.get("labels") or {}).get("kubevirt.io/created-by", "")),
        phase=str(status.get("phase", "")),
        node=str(raw.get("spec", {}).get("nodeName", "")),
        unschedulable=next(refused, ""),
    )


def read_gate(kubevirt: Object) -> bool:
    """Whether decentralized migration is on: the gate is listed, or KubeVirt listens although it is not (Beta)."""
    configuration = (kubevirt.get("spec") or {}).get("configuration") or {}
    developer = configuration.get("developerConfiguration") or {}
    return GATE in (developer.get("featureGates") or []) or bool(read_addresses(kubevirt))


def read_settings(kubevirt: Object) -> Mapping[str, Any]:
    """The settings of migrations; the target's count."""
    configuration = (kubevirt.get("spec") or {}).get("configuration") or {}
    return configuration.get("migrations") or {}


def read_addresses(kubevirt: Object) -> tuple[str, ...]:
    """``status.synchronizationAddresses``, verbatim."""
    return tuple(str(found) for found in (kubevirt.get("status") or {}).get("synchronizationAddresses") or [])


def _conditions(status: Mapping[str, Any]) -> tuple[Condition, ...]:
    return tuple(
        Condition(
            str(found.get("type", "")),
            str(found.get("status", "")),
            str(found.get("reason") or ""),
            str(found.get("message") or ""),
        )
        for found in status.get("conditions") or []
    )


def migration_addresses(pod: Object) -> frozenset[str]:
    """Where a virt-handler receives copies: the addresses of ``migration0``, or else those of its pod."""
    found = multus.interface(pod, INTERFACE) or {}
    if found.get("ips"):
        return frozenset(str(address) for address in found["ips"])
    status = pod.get("status") or {}
    return frozenset(str(found["ip"]) for found in status.get("podIPs") or [] if found.get("ip"))
