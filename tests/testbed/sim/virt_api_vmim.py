# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission of VirtualMachineInstanceMigrations: the checks of KubeVirt in its order, with its gaps.

Not checked, because KubeVirt does not: form and reachability of `connectURL`, empty strings, whether a
receiving VMI runs already, whether a sending one is a receiver, `sendTo` and `receive` in one object.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..resources import Object
from . import vmi as it
from .virt_api_refusal import Cause, Refusal, refuse

GATE = "DecentralizedLiveMigration"
FINALIZER = "kubevirt.io/migrationJobFinalize"
VMI_NAME = "kubevirt.io/vmi-name"
_CONTROLLER = ":kubevirt-controller"

GetVmi = Callable[[str, str], Awaitable[Object | None]]
ListOpen = Callable[[str, str], Awaitable[list[Object]]]


def mutate(vmim: Object) -> Object:
    """The label migrations are found by, and the finalizer of virt-controller."""
    meta = vmim["metadata"]
    meta["labels"] = (meta.get("labels") or {}) | {VMI_NAME: vmim["spec"].get("vmiName", "")}
    meta["finalizers"] = [*(meta.get("finalizers") or []), FINALIZER]
    return vmim


async def check_create(vmim: Object, *, writer: str, gate: bool, get_vmi: GetVmi, list_open: ListOpen) -> None:
    """Raise the first refusal. `list_open(namespace, name)` lists the migrations of a VMI by its label."""
    spec, namespace = vmim["spec"], vmim["metadata"]["namespace"]
    name = spec.get("vmiName", "")
    if not name:
        refuse(Cause("vmiName is missing", "spec.vmiName", "FieldValueRequired"))
    if "priority" in spec and not writer.endswith(_CONTROLLER):
        text = "Migration priority queue, only virt-controller is allowed to set priority field"
        refuse(Cause(text, "spec.migrationPriority", "FieldValueForbidden"))
    found = await get_vmi(namespace, name)
    if found is None:
        raise Refusal(f'the VMI "{namespace}/{name}" does not exist')
    _check_migratable(found, spec)
    _check_alone(await list_open(namespace, name))
    _check_decentralized(spec, gate)


def is_decentralized(spec: Mapping[str, Any]) -> bool:
    """Exactly one end given; with both set KubeVirt treats the object as a local migration."""
    return ("sendTo" in spec) != ("receive" in spec)


def _check_migratable(found: Object, spec: Mapping[str, Any]) -> None:
    if it.is_final(found):
        raise Refusal("Cannot migrate VMI in finalized state.")
    blocked = it.condition(found, "LiveMigratable")
    if blocked is None or blocked["status"] != "False":
        return
    reason, message = blocked.get("reason", ""), blocked.get("message", "")
    if reason != "DisksNotLiveMigratable" or not is_decentralized(spec):
        raise Refusal(f"Cannot migrate VMI, Reason: {reason}, Message: {message}")


def _check_alone(others: list[Object]) -> None:
    for other in others:
        if it.phase(other) not in ("Succeeded", "Failed"):
            raise Refusal(
                f"in-flight migration detected. Active migration job ({other['metadata']['uid']}) is currently "
                f"already in progress for VMI {other['spec']['vmiName']}."
            )


def _check_decentralized(spec: Mapping[str, Any], gate: bool) -> None:
    send, receive = spec.get("sendTo"), spec.get("receive")
    if send is None and receive is None:
        return
    if not gate:
        text = f"{GATE} feature gate is not enabled in kubevirt resource"
        refuse(Cause(text, reason="FieldValueNotSupported"))
    if send is not None and receive is not None and send["migrationID"] != receive["migrationID"]:
        ours, theirs = send["migrationID"], receive["migrationID"]
        refuse(Cause(f"sendTo migrationID {ours} does not match receive migrationID {theirs}"))


def check_update(new: Object, old: Object) -> None:
    """A migration's spec never changes, nor its label while it is open."""
    if new["spec"] != old["spec"]:
        text = "update of Migration object's spec is restricted"
        refuse(Cause(text, reason="FieldValueNotSupported"))
    if it.phase(new) in ("Succeeded", "Failed") or VMI_NAME not in it.labels(old):
        return
    if not it.labels(new):
        text = "selector label can't be removed from an in-flight migration"
        refuse(Cause(text, reason="FieldValueNotSupported"))
    if it.labels(new).get(VMI_NAME) != it.labels(old)[VMI_NAME]:
        text = "selector label can't be modified on an in-flight migration"
        refuse(Cause(text, reason="FieldValueNotSupported"))
