# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a VM can be moved, judged before anything is written. Pure.

What KubeVirt's API accepts without a word and then never finishes is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from . import _attempt
from ._checks import Finding, Severity
from ._cluster import Object
from ._resources import FINAL

NAME_LIMIT = 63
"""KubeVirt derives labels from the name; a longer one is accepted and then never starts."""

NAME_ADVICE = 47
"""Live migration of longer names fails in some products (OpenShift Virtualization, CNV-61066)."""


def movable(cluster: str, vm: Object, vmi: Object | None, vmims: Iterable[Object]) -> list[Finding]:
    """Everything on the source that keeps a VM from being moved.

    :param vmims: the migration objects of that VM, of any phase.
    """
    return [
        *suitable_name(cluster, vm),
        *_guest(cluster, vm, vmi),
        *suitable_disks(cluster, vm),
        *_in_flight(cluster, vm, vmims),
    ]


def _in_flight(cluster: str, vm: Object, vmims: Iterable[Object]) -> Iterator[Finding]:
    """Migrations of the VM that are not finished and not ours to continue."""
    for vmim in vmims:
        metadata = vmim["metadata"]
        phase = (vmim.get("status") or {}).get("phase") or "no phase yet"
        if phase in FINAL or _attempt.ATTEMPT in (metadata.get("annotations") or {}):
            continue
        deleting = " and is being deleted" if metadata.get("deletionTimestamp") else ""
        yield _finding(
            "migration-in-flight",
            cluster,
            vm,
            "no other migration of this VM",
            f"VirtualMachineInstanceMigration {metadata['name']} in phase {phase}{deleting}",
            "Wait until it has ended, or delete it if nobody needs it.",
        )


def suitable_name(cluster: str, vm: Object) -> Iterator[Finding]:
    """Whether KubeVirt can use the VM's name."""
    length = len(vm["metadata"]["name"])
    if length > NAME_LIMIT:
        hint = "Rename the VM: KubeVirt accepts the name and then cannot use it as a label."
        yield _finding("name-too-long", cluster, vm, f"at most {NAME_LIMIT} characters", f"{length}", hint)
    elif length > NAME_ADVICE:
        hint = "Some products fail to migrate longer names (OpenShift Virtualization, CNV-61066)."
        found = f"{length}"
        yield _finding("name-long", cluster, vm, f"at most {NAME_ADVICE} characters", found, hint, "warning")


def _guest(cluster: str, vm: Object, vmi: Object | None) -> Iterator[Finding]:
    status = (vmi or {}).get("status") or {}
    if vmi is None or status.get("phase") != "Running":
        found = "no VirtualMachineInstance" if vmi is None else f"phase {status.get('phase') or 'unset'}"
        hint = "Start the VM, or move it while it is stopped by other means."
        yield _finding("vm-not-running", cluster, vm, "a running guest", found, hint)
        return
    if vmi["metadata"].get("deletionTimestamp"):
        hint = "Somebody is stopping the VM: decide first where it is to run."
        yield _finding("vm-stopping", cluster, vm, "a running guest", "one that is being stopped", hint)
    if (vmi["metadata"].get("annotations") or {}).get("kubevirt.io/create-migration-target") == "true":
        hint = "It is the target of another migration: finish that one first."
        yield _finding("vm-receiving", cluster, vm, "a running guest", "a receiver", hint)
    yield from migratable(cluster, vm, vmi)


def migratable(cluster: str, vm: Object, vmi: Object) -> Iterator[Finding]:
    """What KubeVirt itself says of the running guest."""
    listed = (vmi.get("status") or {}).get("conditions") or []
    conditions: dict[Any, Object] = {condition.get("type"): condition for condition in listed}
    live = conditions.get("LiveMigratable", {})
    # Disks are copied by a decentralized migration, so their condition does not matter here.
    if live.get("status") == "False" and live.get("reason") != "DisksNotLiveMigratable":
        found = f"LiveMigratable=False, {live.get('reason')}: {live.get('message')}"
        hint = "Mend what KubeVirt names, then restart the VM."
        yield _finding("vm-not-migratable", cluster, vm, "a VM that can be live-migrated", found, hint)
    storage = conditions.get("StorageLiveMigratable", {})
    if storage.get("status") == "False":
        found = f"StorageLiveMigratable=False, {storage.get('reason')}: {storage.get('message')}"
        hint = "Replace the disk that KubeVirt names."
        yield _finding("storage-not-migratable", cluster, vm, "storage that can be copied", found, hint)


def suitable_disks(cluster: str, vm: Object) -> Iterator[Finding]:
    """Disks that decentralized live migration does not support (KubeVirt user guide)."""
    pod: Object = ((vm.get("spec") or {}).get("template") or {}).get("spec") or {}
    domain = pod.get("domain") or {}
    devices = domain.get("devices") or {}
    wanted = "disks that can be copied"
    for disk in devices.get("disks") or []:
        name = disk.get("name")
        if disk.get("shareable"):
            hint = "Give the VM a disk of its own: a shareable disk cannot be copied while others write to it."
            yield _finding("disk-shareable", cluster, vm, wanted, f"disk {name} is shareable", hint)
        if "lun" in disk:
            hint = "Attach it as an ordinary disk."
            yield _finding("disk-lun", cluster, vm, wanted, f"disk {name} is a LUN", hint)
    for filesystem in devices.get("filesystems") or []:
        hint = "Use a disk instead: virtiofs shares cannot be migrated to another cluster."
        found = f"filesystem {filesystem.get('name')} is shared with virtiofs"
        yield _finding("disk-virtiofs", cluster, vm, wanted, found, hint)
    for volume in pod.get("volumes") or []:
        if "hostDisk" in volume:
            found = f"volume {volume.get('name')} is a file of the node"
            yield _finding("disk-of-node", cluster, vm, wanted, found, "Use a PersistentVolumeClaim.")


def _finding(
    check: str,
    cluster: str,
    vm: Object,
    wanted: str,
    found: str,
    hint: str,
    severity: Severity = "error",
) -> Finding:
    metadata = vm["metadata"]
    place = f"VirtualMachine {metadata.get('namespace')}/{metadata['name']}"
    return Finding(check, severity, cluster, place, wanted, found, hint)
