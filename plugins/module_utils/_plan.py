# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is going to change, as a value: ``changed``, the diff, the messages and the writes all come from it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from ._cluster import Cluster, JsonPatch, Object, Resource
from ._errors import Forbidden

Verb = Literal["create", "patch", "replace", "delete"]

SERVER_SET = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
"""Metadata the API server writes: it never counts as a difference."""

_REDACTED = "VALUE_HIDDEN"


class Ref(NamedTuple):
    """An object by its name."""

    resource: Resource
    name: str
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.namespace}/{self.name}" if self.namespace else self.short

    @property
    def short(self) -> str:
        """Kind and name without the namespace."""
        return f"{self.resource.kind} {self.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One write to one object of one cluster, and why.

    :param before: the object as it was read, ``None`` when there is none.
    :param after: the object as it will be, ``None`` when it will be gone.
    :param body: what is sent: the object (create, replace) or the patch; ``None`` for delete.
    :param why: the reason, a clause that completes "create X: …".
    """

    verb: Verb
    cluster: str
    ref: Ref
    before: Object | None
    after: Object | None
    body: Object | JsonPatch | None
    why: str

    def sentence(self) -> str:
        """The change in words for ``actions``."""
        return f"{self.cluster}: {self.verb} {self.ref}: {self.why}"


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """The changes in the order in which they are made."""

    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.changes)

    def diff(self) -> list[dict[str, Any]]:
        """Before and after of every object, in Ansible's form; the content of Secrets is hidden."""
        return [
            {
                "before_header": f"{change.cluster} {change.ref}",
                "after_header": f"{change.cluster} {change.ref}",
                "before": visible(change.before) if change.before else {},
                "after": visible(change.after) if change.after else {},
            }
            for change in self.changes
        ]

    def actions(self) -> list[str]:
        """One sentence a change, the same in check mode."""
        return [change.sentence() for change in self.changes]

    def __add__(self, other: Plan) -> Plan:
        return Plan(self.changes + other.changes, self.warnings + other.warnings)


def plan_of(changes: Iterable[Change | None], warnings: Iterable[str] = ()) -> Plan:
    """A plan of those changes that are any."""
    return Plan(tuple(change for change in changes if change is not None), tuple(warnings))


def create(cluster: Cluster, resource: Resource, body: Object, why: str) -> Change:
    """The change that creates ``body``."""
    return Change("create", cluster.name, ref_of(resource, body), None, body, body, why)


def merge(cluster: Cluster, resource: Resource, before: Object, patch: Object, why: str) -> Change | None:
    """The change that merges ``patch`` into ``before`` (RFC 7386), or ``None`` when nothing would differ."""
    after = merged(before, patch)
    if after == before:
        return None
    return Change("patch", cluster.name, ref_of(resource, before), before, after, patch, why)


def guarded(cluster: Cluster, resource: Resource, before: Object, after: Object, why: str) -> Change | None:
    """The change that replaces ``before`` by ``after`` only if nobody else wrote since; ``None`` when equal."""
    if after == before:
        return None
    return Change("replace", cluster.name, ref_of(resource, before), before, after, after, why)


def remove(cluster: Cluster, resource: Resource, before: Object, why: str) -> Change:
    """The change that deletes ``before``, and only it (its UID is sent along)."""
    return Change("delete", cluster.name, ref_of(resource, before), before, None, None, why)


def apply(plan: Plan, clusters: Mapping[str, Cluster], *, dry_run: bool = False) -> dict[Ref, Object]:
    """Make the changes in order: the only function that writes.

    :param clusters: the clusters by the name that the changes carry.
    :returns: the objects as the API server returned them; deleted ones are absent.
    """
    by_name = {cluster.name: cluster for cluster in clusters.values()}
    results: dict[Ref, Object] = {}
    for change in plan.changes:
        result = write(change, by_name[change.cluster], dry_run=dry_run)
        if result is not None:
            results[change.ref] = result
    return results


_ACCESS_VERBS = {"create": "create", "patch": "patch", "replace": "update", "delete": "delete"}


def refuse_forbidden(plan: Plan, clusters: Mapping[str, Cluster]) -> None:
    """Ask each API server whether these credentials may make the changes, before the first one is made.

    :raises Forbidden: naming verb, resource and cluster of the first change that may not be made.
    """
    by_name = {cluster.name: cluster for cluster in clusters.values()}
    asked = {(c.cluster, _ACCESS_VERBS[c.verb], c.ref.resource, c.ref.namespace): c for c in plan.changes}
    for (name, verb, resource, namespace), change in asked.items():
        if not by_name[name].allowed(verb, resource, namespace):
            where = f" in namespace {namespace}" if namespace else ""
            raise Forbidden(
                f"to {verb} {resource.full_name}{where}",
                "credentials that may not do that",
                name,
                str(change.ref),
                f"Grant the verb {verb} on {resource.full_name}{where} to this user, or use other credentials.",
            )


def write(change: Change, cluster: Cluster, *, dry_run: bool = False) -> Object | None:
    """Make one change."""
    resource, name, namespace = change.ref
    match change.verb, change.body:
        case "create", dict() as body:
            return cluster.create(resource, body, dry_run=dry_run)
        case "replace", dict() as body:
            return cluster.replace(resource, body, dry_run=dry_run)
        case "patch", (dict() | list()) as body:
            return cluster.patch(resource, name, body, namespace=namespace, dry_run=dry_run)
        case "delete", None:
            uid = ((change.before or {}).get("metadata") or {}).get("uid")
            cluster.delete(resource, name, namespace=namespace, uid=uid, dry_run=dry_run)
            return None
    raise ValueError(f"a {change.verb} of {change.ref} cannot send {type(change.body).__name__}")


def ref_of(resource: Resource, body: Object) -> Ref:
    """The name of an object."""
    metadata = body["metadata"]
    return Ref(resource, metadata["name"], metadata.get("namespace"))


def merged(before: Any, patch: Any) -> Any:
    """``before`` after a JSON merge patch (RFC 7386); neither argument is changed."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = copy.deepcopy(before) if isinstance(before, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def visible(body: Object) -> Object:
    """The object as a user may see it: no server-set metadata, no status, no content of a Secret."""
    shown = {key: value for key, value in body.items() if key != "status"}
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in SERVER_SET}
    shown["metadata"] = metadata
    if body.get("kind") == "Secret":
        shown.update(
            {part: dict.fromkeys(body[part] or {}, _REDACTED) for part in ("data", "stringData") if part in body}
        )
        annotations = metadata.get("annotations") or {}
        if annotations:
            metadata["annotations"] = dict.fromkeys(annotations, _REDACTED)
    return shown
