# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of Secrets and ConfigMaps on the target: whose each is, and when it may follow the source's. Pure.

Several VMs of one source may share a Secret, so a copy belongs to the place it comes from and not to one VM. It
follows the source as long as nobody else can mind: it was not edited since, and no guest that is at home on the
target uses it. After that it is the target's own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import _attempt
from ._cluster import Cluster, Object, namespaced_name
from ._dependencies import COPIED, Need, needs
from ._plan import Change, create, guarded, remove
from ._resources import VM


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where the receiver and the copies come from, as their annotations say it."""

    cluster_uid: str
    vm_uid: str

    def annotations(self) -> dict[str, str]:
        """The marks of what was made for a VM."""
        return {_attempt.SOURCE_CLUSTER: self.cluster_uid, _attempt.SOURCE_VM: self.vm_uid}


_COMPARED = ("data", "binaryData")
_CONTENT = (*_COMPARED, "stringData", "type", "immutable")


def copy_of(body: Object, namespace: str, origin: Origin) -> Object:
    """A Secret or ConfigMap as it is created on the target: its content, its labels, and our marks."""
    metadata: Object = {"name": body["metadata"]["name"], "namespace": namespace}
    if body["metadata"].get("labels"):
        metadata["labels"] = dict(body["metadata"]["labels"])
    metadata["annotations"] = origin.annotations() | {
        _attempt.SOURCE_NAMESPACE: str(body["metadata"].get("namespace") or ""),
        _attempt.COPIED_CONTENT: digest(body),
    }
    content = {key: body[key] for key in _CONTENT if key in body}
    return {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": metadata} | content


def digest(body: Object) -> str:
    """A digest of the content. Slow and salted on purpose: it must not help in guessing a Secret."""
    content = [body.get(part) or {} for part in _COMPARED] + [_type(body)]
    text = json.dumps(content, sort_keys=True).encode()
    return hashlib.pbkdf2_hmac("sha256", text, body["metadata"]["name"].encode(), 10_000).hex()


def different_keys(one: Object, other: Object) -> list[str]:
    """The keys whose content differs between two Secrets or ConfigMaps; never the content itself."""
    keys: set[str] = set()
    for part in _COMPARED:
        left: Mapping[str, Any] = one.get(part) or {}
        right: Mapping[str, Any] = other.get(part) or {}
        keys |= {key for key in left.keys() | right.keys() if left.get(key) != right.get(key)}
    if _type(one) != _type(other):
        keys.add("type")
    return sorted(keys)


def _type(body: Object) -> str:
    return str(body.get("type") or "Opaque")


def obstacle(need: Need, mine: Object, theirs: Object, origin: Origin, vms: Iterable[Object]) -> str:
    """Why what the target has, other than the source's, may not be overwritten; empty when it may.

    :param vms: the VMs of the target's namespace but the one that is to be moved.
    """
    marks = theirs["metadata"].get("annotations") or {}
    if not _marked(theirs):
        return "somebody else made it"
    if marks[_attempt.SOURCE_CLUSTER] != origin.cluster_uid:
        return f"it was copied from another cluster ({marks[_attempt.SOURCE_CLUSTER]})"
    namespace = mine["metadata"].get("namespace") or ""
    if marks.get(_attempt.SOURCE_NAMESPACE) != namespace:
        return f"it was copied from another namespace ({marks.get(_attempt.SOURCE_NAMESPACE) or 'unknown'})"
    if marks.get(_attempt.COPIED_CONTENT) != digest(theirs):
        return "it was edited since it was copied"
    users = [namespaced_name(vm) for vm in vms if _at_home(vm, origin) and need in needs(vm)]
    return f"it is in use there by VirtualMachine {', '.join(users)}" if users else ""


def _marked(theirs: Object) -> bool:
    return _attempt.SOURCE_CLUSTER in (theirs["metadata"].get("annotations") or {})


def _at_home(vm: Object, origin: Origin) -> bool:
    """Whether a VM of the target is more than a place for a guest that is still, or again, on the source."""
    marks, strategy = vm["metadata"].get("annotations") or {}, _attempt.strategy(vm["spec"])
    if strategy == _attempt.RECEIVER:
        return marks.get(_attempt.SOURCE_CLUSTER) != origin.cluster_uid
    left = str(marks.get(_attempt.MOVED_TO) or "").startswith(f"{origin.cluster_uid}/")
    return not (strategy == "Halted" and left)


def changes(
    target: Cluster, need: Need, mine: Object, theirs: Object | None, namespace: str, origin: Origin
) -> Iterator[Change]:
    """What gives the target the source's content; that it may be overwritten was decided before (``obstacle``)."""
    if theirs is None:
        yield create(target, need.resource, copy_of(mine, namespace, origin), "the VM uses it")
        return
    if not different_keys(mine, theirs):
        return
    wanted, why = copy_of(mine, namespace, origin), "our copy is out of date"
    if theirs.get("immutable") or _type(theirs) != _type(mine):
        yield remove(target, need.resource, theirs, f"{why}, and its content cannot be changed")
        yield create(target, need.resource, wanted, "the VM uses it")
        return
    # Nothing of the former content stays, neither a key nor a whole part that the source has no more.
    after = {key: value for key, value in theirs.items() if key not in _CONTENT}
    after |= {key: wanted[key] for key in _CONTENT if key in wanted}
    annotations = (theirs["metadata"].get("annotations") or {}) | wanted["metadata"]["annotations"]
    after["metadata"] = theirs["metadata"] | {"annotations": annotations}
    change = guarded(target, need.resource, theirs, after, why)
    if change is not None:
        yield change


def read_users(
    target: Cluster,
    namespace: str,
    name: str,
    mine: Mapping[Need, Object | None],
    theirs: Mapping[Need, Object | None],
) -> list[Object]:
    """The other VMs of the target's namespace; only where a copy is out of date there is a question of who uses it."""
    for need, body in mine.items():
        there = theirs[need]
        if need.resource in COPIED and body and there and _marked(there) and different_keys(body, there):
            return [vm for vm in target.list(VM, namespace) if vm["metadata"]["name"] != name]
    return []
