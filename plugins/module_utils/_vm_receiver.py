# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the receiver on the target, with the Secrets and ConfigMaps the VM uses, or takes it away again."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from . import _attempt, _copies, _receiver_wait
from ._argspec import ArgumentSpec, source_and_target
from ._checks import Finding, refuse, warnings
from ._cluster import Cluster, Object
from ._copies import Origin
from ._dependencies import COPIED, Need, needs
from ._errors import BadInput, Busy, Conflict, Missing
from ._job import Job, Result
from ._kubevirt_values import quantity
from ._plan import Change, Plan, create, guarded, merge, plan_of, remove
from ._receiver import Relation, adapted, left_again, macs, receiver, relation
from ._resources import FINAL, NAMESPACE, PVC, VM, VMI, VMIM
from ._vm_checks import movable

SPEC = source_and_target().merge(
    ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "target_namespace": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "wait_timeout": {"type": "int", "default": 300},
        }
    )
)


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What both sides hold. Only reads produce it."""

    source_vm: Object | None
    source_vmi: Object | None
    source_vmims: list[Object]
    source_objects: dict[Need, Object | None]
    target_namespace_exists: bool
    target_vm: Object | None
    target_vmi: Object | None
    target_vmims: list[Object]
    target_objects: dict[Need, Object | None]
    target_users: list[Object]
    origin: Origin

    @property
    def relation(self) -> Relation:
        """What the target has under that name."""
        return relation(self.source_vm, self.target_vm, self.target_vmi) if self.source_vm else "absent"


def work(job: Job) -> Result:
    """Observe both sides, plan, apply, and wait until the receiver waits."""
    wanted, made = job.params["state"] == "present", Plan()
    for last in (False, False, True):
        seen = observe(job)
        plan = plan_present(job, seen) if wanted else plan_absent(job, seen)
        try:
            job.apply(plan)
            break
        except Conflict as error:
            # The move of another VM that uses the same Secret may have been faster: look at what there is now.
            if last:
                raise
            made += _until(plan, error.object)
    plan = made + plan
    if wanted and not job.check_mode and seen.relation not in ("arriving", "arrived"):
        _receiver_wait.until_it_waits(job, _target_namespace(job))
    if not wanted and plan.changes and not job.check_mode:
        _receiver_wait.until_it_is_gone(job, _target_namespace(job))
    return _result(job, plan, seen)


def _until(plan: Plan, place: str) -> Plan:
    """The part of a plan that was written before the write that failed."""
    return Plan(tuple(itertools.takewhile(lambda change: str(change.ref) != place, plan.changes)))


def observe(job: Job) -> Seen:
    """Read everything the plan needs."""
    source, target, name = job.clusters["source"], job.clusters["target"], job.params["name"]
    namespace, there = job.params["namespace"], _target_namespace(job)
    vm = source.get(VM, name, namespace)
    wanted = needs(vm) if vm else []
    mine = {need: _read(source, need, namespace) for need in wanted}
    theirs = {need: _read(target, need, there) for need in wanted}
    return Seen(
        source_vm=vm,
        source_vmi=source.get(VMI, name, namespace),
        source_vmims=_vmims(source, namespace, name),
        source_objects=mine,
        target_namespace_exists=target.get(NAMESPACE, there) is not None,
        target_vm=target.get(VM, name, there),
        target_vmi=target.get(VMI, name, there),
        target_vmims=_vmims(target, there, name),
        target_objects=theirs,
        target_users=_copies.read_users(target, there, name, mine, theirs),
        origin=Origin(source.uid(), vm["metadata"]["uid"] if vm else ""),
    )


def plan_present(job: Job, seen: Seen) -> Plan:
    """Decide what the target needs. Everything that can be refused is refused here, before the first write."""
    if seen.source_vm is None:
        hint = "Check name, namespace, and which cluster is the source."
        raise Missing("the VM to move", "none of that name", job.clusters["source"].name, _place(job), hint)
    if seen.relation in ("arriving", "arrived"):
        if _live(seen.source_vmi) and seen.relation == "arrived":
            raise _refused(job, "already_on_target", "a VM of that name runs there and the source runs, too")
        return Plan()
    if seen.relation == "stranger":
        raise _refused(job, "name_taken", "another VM of that name, not a receiver for this guest")
    found = list(_findings(job, seen))
    refuse(found)
    wanted = receiver(seen.source_vm, seen.source_vmi or {}, _target_namespace(job), seen.origin)
    return plan_of([*_copy_changes(job, seen), *_receiver_changes(job, seen, wanted)], warnings(found))


def plan_absent(job: Job, seen: Seen) -> Plan:
    """Take our receiver away, but only one that is proven empty: no guest can be in a VMI that never got a pod."""
    vm = seen.target_vm
    marks = ((vm or {}).get("metadata") or {}).get("annotations") or {}
    waiting = vm is not None and _attempt.strategy(vm["spec"]) == _attempt.RECEIVER
    if vm is None or _attempt.SOURCE_VM not in marks or not waiting:
        return Plan()
    open_moves = [vmim for vmim in seen.target_vmims if (vmim.get("status") or {}).get("phase") not in FINAL]
    phase = ((seen.target_vmi or {}).get("status") or {}).get("phase") or ""
    if open_moves or phase not in ("", "Pending", "WaitingForSync"):
        hint = "Cancel the move first (state=absent of vmim_crosscluster)."
        found = f"phase {phase or 'unset'}, {len(open_moves)} migration objects"
        raise Busy("an empty receiver", found, job.clusters["target"].name, _place(job, target=True), hint)
    target, why = job.clusters["target"], "the receiver is not wanted any more"
    if _attempt.LEFT_OVER in marks:
        return plan_of([merge(target, VM, vm, left_again(vm), f"{why}; it was here before, halted")])
    return Plan((remove(target, VM, vm, why),))


def _findings(job: Job, seen: Seen) -> Iterator[Finding]:
    source, target = job.clusters["source"], job.clusters["target"]
    yield from movable(source.name, seen.source_vm or {}, seen.source_vmi, seen.source_vmims)
    there = _target_namespace(job)
    if not seen.target_namespace_exists:
        hint = "Create it; quotas and policies of a namespace are yours to decide."
        wanted = f"the namespace {there}"
        yield Finding("namespace-missing", "error", target.name, f"Namespace {there}", wanted, "none", hint)
        return
    # KubeVirt makes these volumes on the target itself.
    templates = {t["metadata"]["name"] for t in (seen.source_vm or {})["spec"].get("dataVolumeTemplates") or []}
    for need, theirs in seen.target_objects.items():
        if need.resource in COPIED:
            yield from _copied(job, need, seen)
        else:
            yield from _given(job, need, seen.source_objects[need], theirs, templates)


def _given(job: Job, need: Need, mine: Object | None, theirs: Object | None, templates: set[str]) -> Iterator[Finding]:
    """What must be on the target already."""
    target, there = job.clusters["target"], _at(need, _target_namespace(job))
    if theirs is None and need.name in templates:
        return
    if theirs is None:
        hint = "Create it on the target before the move."
        yield Finding("dependency-missing", "error", target.name, there, "the object the VM uses", "none", hint)
    elif need.resource is PVC and mine is not None and _capacity(theirs) < _capacity(mine):
        hint = "Recreate it at least as large as the source's."
        sizes = f"{_capacity(theirs)} bytes of {_capacity(mine)}"
        yield Finding("volume-too-small", "error", target.name, there, "a volume as large", sizes, hint)


def _copied(job: Job, need: Need, seen: Seen) -> Iterator[Finding]:
    """What goes along with the VM, unless the target has something of its own under that name."""
    source, target = job.clusters["source"], job.clusters["target"]
    mine, theirs = seen.source_objects[need], seen.target_objects[need]
    if mine is None:
        hint, place = "Restore it, or remove it from the VM.", _at(need, job.params["namespace"])
        yield Finding("dependency-missing", "error", source.name, place, "the object the VM uses", "none", hint)
    elif theirs is not None and (keys := _copies.different_keys(mine, theirs)):
        reason = _copies.obstacle(need, mine, theirs, seen.origin, seen.target_users)
        if reason:
            hint = "Make both equal, or rename one: only a copy that nobody else has changed or uses is overwritten."
            wanted = f"the same content as on {source.name}"
            found, place = f"other content under {', '.join(keys)}: {reason}", _at(need, _target_namespace(job))
            yield Finding("dependency-differs", "error", target.name, place, wanted, found, hint)


def _copy_changes(job: Job, seen: Seen) -> Iterator[Change]:
    target, there = job.clusters["target"], _target_namespace(job)
    for need, mine in seen.source_objects.items():
        if need.resource in COPIED and mine is not None:
            yield from _copies.changes(target, need, mine, seen.target_objects[need], there, seen.origin)


def _receiver_changes(job: Job, seen: Seen, wanted: Object) -> Iterator[Change | None]:
    target, vm = job.clusters["target"], seen.target_vm
    if vm is None:
        yield create(target, VM, wanted, f"it receives the guest from {job.clusters['source'].name}")
        return
    after = adapted(vm, wanted)
    why = "the halted VM of this guest becomes the receiver"
    if seen.relation == "receiver":
        why = "the source VM has changed since the receiver was made"
    yield guarded(target, VM, vm, after, why)
    final = ((seen.target_vmi or {}).get("status") or {}).get("phase") in FINAL
    stale = seen.relation == "receiver" and after["spec"] != vm["spec"]
    if seen.target_vmi is not None and (final or stale):
        # KubeVirt makes a fresh one from the spec; this one never held a running guest, or holds it no more.
        yield remove(target, VMI, seen.target_vmi, "KubeVirt makes it anew from the receiver's spec")


def _result(job: Job, plan: Plan, seen: Seen) -> Result:
    there = _target_namespace(job)
    shown: dict[str, Any] = {
        "name": job.params["name"],
        "namespace": there,
        "relation": seen.relation,
        "remembered_run_strategy": _attempt.remember(seen.source_vm) if seen.source_vm else "",
        "macs": macs(seen.source_vmi) if seen.source_vmi else {},
        "firmware_uuid": _firmware(seen.source_vmi),
        "dependencies": [_at(need, there) for need in seen.source_objects],
    }
    return job.finish(plan, vm_receiver=shown)


def _firmware(vmi: Object | None) -> str:
    return str(((((vmi or {}).get("spec") or {}).get("domain") or {}).get("firmware") or {}).get("uuid") or "")


def _live(vmi: Object | None) -> bool:
    return vmi is not None and (vmi.get("status") or {}).get("phase") not in FINAL


def _refused(job: Job, reason: str, found: str) -> BadInput:
    hint = "Rename or remove one of them, after making sure which one holds the guest."
    place = _place(job, target=True)
    return BadInput("no VM of that name, or a receiver", found, job.clusters["target"].name, place, hint, reason)


def _target_namespace(job: Job) -> str:
    return str(job.params.get("target_namespace") or job.params["namespace"])


def _place(job: Job, target: bool = False) -> str:
    namespace = _target_namespace(job) if target else job.params["namespace"]
    return f"VirtualMachine {namespace}/{job.params['name']}"


def _at(need: Need, namespace: str) -> str:
    where = f"{need.namespace or namespace}/" if need.resource.namespaced else ""
    return f"{need.resource.kind} {where}{need.name}"


def _read(cluster: Cluster, need: Need, namespace: str) -> Object | None:
    return cluster.get(need.resource, need.name, (need.namespace or namespace) if need.resource.namespaced else None)


def _vmims(cluster: Cluster, namespace: str, name: str) -> list[Object]:
    return cluster.list(VMIM, namespace, labels=f"kubevirt.io/vmi-name={name}")


def _capacity(claim: Object) -> Fraction:
    status = (claim.get("status") or {}).get("capacity") or {}
    requested = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return quantity(str(status.get("storage") or requested.get("storage") or "0")) or Fraction(0)
