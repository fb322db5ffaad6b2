# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receiver: the VM on the target that waits for the guest, derived from the live source VM. Pure."""

from __future__ import annotations

import copy
from typing import Any, Literal

from . import _attempt
from ._cluster import Object
from ._copies import Origin
from ._errors import BadInput
from ._resources import FINAL, VM

Relation = Literal["absent", "receiver", "left_over", "arriving", "arrived", "stranger"]
"""What stands on the target under the VM's name:

``absent`` nothing · ``receiver`` ours, empty, waiting · ``left_over`` the same guest's VM, halted by a move before ·
``arriving`` ours, with a move under way · ``arrived`` the same guest, running · ``stranger`` something else.
"""

# Annotations that belong to one object on one cluster.
_LOCAL_ANNOTATIONS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubevirt.io/latest-observed-api-version",
    "kubevirt.io/storage-observed-api-version",
    "kubevirt.io/restore-run-strategy",
    "kubemacpool.io/transaction-timestamp",
)


def receiver(vm: Object, vmi: Object, namespace: str, origin: Origin) -> Object:
    """The receiver VM for a source VM and its running VMI.

    The guest brings its own MAC addresses, firmware UUID and serial along; they are pinned in the receiver's spec,
    so that the guest still has them after its next boot there. Labels and annotations are the source's.

    :raises BadInput: when the running VMI does not say what its firmware UUID is.
    """
    spec = copy.deepcopy(vm["spec"])
    spec.pop("running", None)
    spec["runStrategy"] = _attempt.RECEIVER
    for matcher in ("instancetype", "preference"):
        # A ControllerRevision lives on one cluster; the target resolves the name anew.
        (spec.get(matcher) or {}).pop("revisionName", None)
    spec["dataVolumeTemplates"] = [_blank(template, namespace) for template in spec.get("dataVolumeTemplates") or []]
    if not spec["dataVolumeTemplates"]:
        del spec["dataVolumeTemplates"]
    _pin(spec["template"]["spec"], vm, vmi)
    return {
        "apiVersion": VM.api_version,
        "kind": VM.kind,
        "metadata": {
            "name": vm["metadata"]["name"],
            "namespace": namespace,
            "labels": dict(vm["metadata"].get("labels") or {}),
            "annotations": _annotations(vm) | origin.annotations() | {_attempt.REMEMBERED: _attempt.remember(vm)},
        },
        "spec": spec,
    }


def _annotations(vm: Object) -> dict[str, str]:
    given: dict[str, str] = vm["metadata"].get("annotations") or {}
    local = (*_LOCAL_ANNOTATIONS, _attempt.PREFIX)
    return {name: value for name, value in given.items() if not name.startswith(local)}


def _pin(pod: Object, vm: Object, vmi: Object) -> None:
    firmware = vmi["spec"]["domain"].get("firmware") or {}
    if not firmware.get("uuid"):
        place = f"VirtualMachineInstance {vmi['metadata'].get('namespace')}/{vmi['metadata']['name']}"
        hint = "Restart the VM once: KubeVirt then writes the UUID into its spec."
        raise BadInput("a guest whose firmware UUID is known", "none in its spec", object=place, hint=hint)
    pinned = {key: firmware[key] for key in ("uuid", "serial") if firmware.get(key)}
    domain = pod["domain"]
    domain["firmware"] = (domain.get("firmware") or {}) | pinned
    addresses = macs(vmi)
    for interface in (domain.get("devices") or {}).get("interfaces") or []:
        if interface["name"] in addresses:
            interface["macAddress"] = addresses[interface["name"]]


def macs(vmi: Object) -> dict[str, str]:
    """MAC address of each interface the guest has, as reported by the running guest, otherwise as specified."""
    devices = vmi["spec"]["domain"].get("devices") or {}
    specified = {i["name"]: i["macAddress"] for i in devices.get("interfaces") or [] if i.get("macAddress")}
    reported = (vmi.get("status") or {}).get("interfaces") or []
    return specified | {i["name"]: i["mac"] for i in reported if i.get("name") and i.get("mac")}


def _blank(template: Object, namespace: str) -> Object:
    """A disk of the same size with nothing in it: the migration fills it."""
    blank = copy.deepcopy(template)
    spec = blank.get("spec") or {}
    spec.pop("sourceRef", None)
    spec["source"] = {"blank": {}}
    blank["spec"] = spec
    if "namespace" in (blank.get("metadata") or {}):
        blank["metadata"]["namespace"] = namespace
    return blank


def relation(source_vm: Object, target_vm: Object | None, target_vmi: Object | None) -> Relation:
    """What the VM of that name on the target is to the source VM."""
    if target_vm is None:
        return "absent"
    annotations = target_vm["metadata"].get("annotations") or {}
    ours = annotations.get(_attempt.SOURCE_VM) == source_vm["metadata"]["uid"]
    same_guest = ours or (_firmware_uuid(source_vm) != "" and _firmware_uuid(source_vm) == _firmware_uuid(target_vm))
    if not same_guest:
        return "stranger"
    phase = str(((target_vmi or {}).get("status") or {}).get("phase") or "")
    strategy = _attempt.strategy(target_vm["spec"])
    if strategy == _attempt.RECEIVER:
        # A receiver that somebody else made is theirs, whatever its firmware UUID.
        waiting = phase in ("", "Pending", "WaitingForSync", *FINAL)
        return ("receiver" if waiting else "arriving") if ours else "stranger"
    if strategy == "Halted" and (target_vmi is None or phase in FINAL):
        return "left_over"
    return "arrived" if phase not in ("", *FINAL) else "stranger"


def _firmware_uuid(vm: Object) -> str:
    domain = vm["spec"]["template"]["spec"].get("domain") or {}
    return str((domain.get("firmware") or {}).get("uuid") or "")


def adapted(target_vm: Object, wanted: Object) -> Object:
    """An existing VM of the target turned into the wanted receiver: metadata of others and status stay."""
    after = copy.deepcopy(target_vm)
    metadata = after["metadata"]
    metadata["labels"] = (metadata.get("labels") or {}) | wanted["metadata"]["labels"]
    if not metadata["labels"]:
        del metadata["labels"]
    known = metadata.get("annotations") or {}
    stay = (_attempt.MOVED_TO, _attempt.LEFT_OVER)
    kept = {name: value for name, value in known.items() if name in stay or not name.startswith(_attempt.PREFIX)}
    if _attempt.strategy(target_vm["spec"]) == "Halted":
        kept[_attempt.LEFT_OVER] = "true"
    metadata["annotations"] = kept | wanted["metadata"]["annotations"]
    after["spec"] = copy.deepcopy(wanted["spec"])
    _keep_defaults(after["spec"], target_vm["spec"])
    return after


def left_again(vm: Object) -> Object:
    """The patch after which a left-over VM that became a receiver is what it was; it may be the only copy of a disk."""
    gone = (_attempt.SOURCE_CLUSTER, _attempt.SOURCE_VM, _attempt.REMEMBERED, _attempt.LEFT_OVER)
    metadata = {"annotations": dict.fromkeys(gone), "resourceVersion": vm["metadata"].get("resourceVersion")}
    return {"metadata": metadata, "spec": {"runStrategy": "Halted"}}


def _keep_defaults(spec: Any, known: Any) -> None:
    """Fields the target's webhook has filled in (machine type, architecture) are no difference."""
    for path in (("architecture",), ("domain", "machine"), ("domain", "resources")):
        wanted, found = spec["template"]["spec"], known["template"]["spec"]
        for part in path[:-1]:
            wanted, found = wanted.setdefault(part, {}), (found.get(part) or {})
        if path[-1] not in wanted and path[-1] in found:
            wanted[path[-1]] = copy.deepcopy(found[path[-1]])
    if "metadata" in known["template"]:
        metadata = spec["template"].setdefault("metadata", {})
        annotations = (known["template"]["metadata"].get("annotations") or {}) | (metadata.get("annotations") or {})
        if annotations:
            metadata["annotations"] = annotations
