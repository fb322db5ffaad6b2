# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port to a Kubernetes cluster: what the collection needs of an API server, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Protocol

Object = dict[str, Any]
"""A Kubernetes object as the API server sends it."""

Objects = list[Object]
"""Objects of one kind. Named here because the port has a method ``list``."""

JsonPatch = list[dict[str, Any]]
"""The operations of a JSON patch (RFC 6902)."""


class Resource(NamedTuple):
    """A kind of object and where the API server keeps it. Known beforehand: no discovery on the hot path."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The value of ``apiVersion`` in an object of this kind."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """Plural and group as RBAC rules and CRD names spell them."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


class Event(NamedTuple):
    """A change that a watch reports."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


class Cluster(Protocol):
    """One cluster. Every method raises only errors of the family in ``_errors``.

    Reads are repeated on transport errors, 429 and 5xx for a few seconds; writes only where repeating is safe.
    """

    name: str

    def uid(self) -> str:
        """UID of the namespace ``kube-system``: the identity of the cluster."""

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """The object, or ``None`` when there is none of that name."""

    def list(self, resource: Resource, namespace: str | None = None, labels: str = "", fields: str = "") -> Objects:
        """All objects of the kind (all namespaces when none is given), complete over all pages."""

    def create(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Object:
        """Create with strict field validation. :raises Conflict: when it exists."""

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Object | JsonPatch,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Change: a mapping is a merge patch, a list a JSON patch. :raises Missing: when it is gone."""

    def replace(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Object:
        """Replace the object whose ``resourceVersion`` the body carries. :raises Conflict: when it moved on."""

    def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        dry_run: bool = False,
    ) -> bool:
        """Delete, only if it still has that UID when one is given. ``False``: it was gone already."""

    def watch(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        name: str | None = None,
        labels: str = "",
        version: str = "",
        seconds: float = 300,
    ) -> Iterator[Event]:
        """Changes since a version, until ``seconds`` have passed. :raises Expired: when the version is too old."""

    def list_version(
        self, resource: Resource, namespace: str | None = None, name: str | None = None, labels: str = ""
    ) -> tuple[Objects, str]:
        """Like ``list``, with the version from which a watch continues."""

    def allowed(self, verb: str, resource: Resource, namespace: str | None = None) -> bool:
        """Whether these credentials may do that (a SelfSubjectAccessReview: nothing is stored)."""

    def serves(self, resource: Resource) -> bool:
        """Whether the API server knows the kind (its CRD is installed)."""


def namespaced_name(body: Object) -> str:
    """``namespace/name`` of an object, only the name where it has no namespace."""
    metadata = body.get("metadata") or {}
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata.get('name', '')}" if namespace else str(metadata.get("name", ""))
