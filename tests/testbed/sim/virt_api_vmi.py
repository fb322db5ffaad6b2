# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission of VirtualMachineInstances: defaults on create, and who may write what afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..resources import Object
from . import vmi as it
from .virt_api_defaults import default_vmi
from .virt_api_refusal import Cause, refuse
from .virt_api_vm import check_instance_spec

_SERVICE_ACCOUNT = re.compile(
    r"system:serviceaccount:[^:]+:kubevirt-(apiserver|controller|handler|synchronization-controller)"
)
"""Of KubeVirt's own namespace, which differs; nobody else has accounts of these names here."""

_RESERVED = (
    it.CREATED_BY,
    "kubevirt.io/migrationJobUID",
    it.NODE_NAME,
    it.TARGET_NODE_NAME,
    "kubevirt.io/domain",
    "kubevirt.io/attachment-pod",
)


def mutate(new: Object, old: Object | None, writer: str, config: Mapping[str, Any], now: str) -> Object:
    """Defaults for a new instance. A status written by anybody but KubeVirt itself is put back in silence."""
    if old is None:
        default_vmi(new, config, now)
    elif it.status(new) != it.status(old) and not _ours(writer):
        if "status" in old:
            new["status"] = old["status"]
        else:
            new.pop("status", None)
    return new


def check_create(vmi: Object, writer: str) -> None:
    if not _ours(writer) and any(label in it.labels(vmi) for label in _RESERVED):
        text = "creation of the following reserved kubevirt.io/ labels on a VMI object is prohibited"
        refuse(Cause(text, "metadata.labels", "FieldValueNotSupported"))
    refuse(*check_instance_spec(vmi["spec"], "spec", {}))


def check_update(new: Object, old: Object, writer: str) -> None:
    if _ours(writer):
        return
    if new["spec"] != old["spec"]:
        refuse(Cause("update of VMI object is restricted", reason="FieldValueNotSupported"))
    if _reserved(new) != _reserved(old):
        text = "modification of the following reserved kubevirt.io/ labels on a VMI object is prohibited"
        refuse(Cause(text, reason="FieldValueNotSupported"))


def _ours(writer: str) -> bool:
    return _SERVICE_ACCOUNT.fullmatch(writer) is not None


def _reserved(vmi: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key, value in it.labels(vmi).items() if key in _RESERVED}
