# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The adapter of the cluster port over the official client: its loaders, its TLS, plain REST with plain dicts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

from ._cluster import Event, JsonPatch, Object, Objects, Resource, namespaced_name
from ._errors import Expired, MigrationError, Missing
from ._http import Http
from ._resources import NAMESPACE

_PAGE = 500


class KubeCluster:
    """One cluster over HTTP. Implements the ``Cluster`` port."""

    def __init__(self, name: str, http: Http) -> None:
        self.name = name
        self._http = http
        self._uid: str | None = None

    def uid(self) -> str:
        """UID of the namespace ``kube-system``, read once."""
        if self._uid is None:
            found = self.get(NAMESPACE, "kube-system")
            if found is None:
                raise Missing("the namespace kube-system", "none", self.name, "Namespace kube-system")
            self._uid = str(found["metadata"]["uid"])
        return self._uid

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """The object, or ``None``. :raises Missing: when the API server does not know the kind."""
        try:
            return self._http.json("GET", _path(resource, namespace, name), target=_target(resource, name, namespace))
        except Missing as error:
            if error.reason == "not_found":
                return None
            raise

    def list(self, resource: Resource, namespace: str | None = None, labels: str = "", fields: str = "") -> Objects:
        """All objects, over all pages."""
        return self._list(resource, namespace, labels, fields)[0]

    def list_version(
        self, resource: Resource, namespace: str | None = None, name: str | None = None, labels: str = ""
    ) -> tuple[Objects, str]:
        """All objects and the version a watch continues from."""
        return self._list(resource, namespace, labels, f"metadata.name={name}" if name else "")

    def _list(self, resource: Resource, namespace: str | None, labels: str, fields: str) -> tuple[Objects, str]:
        items: Objects = []
        query = _selectors(labels, fields) | {"limit": str(_PAGE)}
        while True:
            page = self._http.json("GET", _path(resource, namespace), query, target=_target(resource, "", namespace))
            # The items of a list carry neither kind nor apiVersion.
            kind = {"apiVersion": resource.api_version, "kind": resource.kind}
            items += [kind | item for item in page.get("items") or []]
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return items, str(metadata.get("resourceVersion", ""))
            query["continue"] = metadata["continue"]

    def create(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Object:
        """Create, strictly validated."""
        namespace = (body.get("metadata") or {}).get("namespace")
        target = f"{resource.kind} {namespaced_name(body)}"
        return self._http.json("POST", _path(resource, namespace), _writing(dry_run), body, target=target)

    def patch(
        self,
        resource: Resource,
        name: str,
        body: Object | JsonPatch,
        *,
        namespace: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Merge patch for a mapping, JSON patch for a list."""
        target = _target(resource, name, namespace)
        return self._http.json("PATCH", _path(resource, namespace, name), _writing(dry_run), body, target=target)

    def replace(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Object:
        """Replace; the body's resourceVersion guards it."""
        metadata = body["metadata"]
        path = _path(resource, metadata.get("namespace"), metadata["name"])
        target = f"{resource.kind} {namespaced_name(body)}"
        return self._http.json("PUT", path, _writing(dry_run), body, target=target)

    def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        dry_run: bool = False,
    ) -> bool:
        """Delete in the background; the UID guards against deleting a successor of the same name."""
        options: Object = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        query = {"dryRun": "All"} if dry_run else {}
        target = _target(resource, name, namespace)
        try:
            self._http.json("DELETE", _path(resource, namespace, name), query, options, target=target)
        except Missing as error:
            if error.reason == "not_found":
                return False
            raise
        return True

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
        """Changes as they happen; bookmarks are consumed here."""
        query = _selectors(labels, f"metadata.name={name}" if name else "")
        query |= {"watch": "1", "timeoutSeconds": str(max(1, int(seconds))), "resourceVersion": version}
        target = _target(resource, name or "", namespace)
        for line in self._http.lines(_path(resource, namespace), query, seconds=seconds, target=target):
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise self._watch_error(event["object"], target)
            if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                yield Event(event["type"], event["object"])

    def _watch_error(self, status: Object, target: str) -> MigrationError:
        if status.get("code") == 410:
            return Expired("a watch that continues", str(status.get("message", "")), self.name, target)
        return self._http.error(int(status.get("code") or 500), status, "watch", target)

    def allowed(self, verb: str, resource: Resource, namespace: str | None = None) -> bool:
        """Ask the API server what these credentials may do; nothing is stored by asking."""
        attributes = {"verb": verb, "group": resource.group, "resource": resource.plural}
        if namespace and resource.namespaced:
            attributes["namespace"] = namespace
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = self._http.json("POST", path, {}, review, target="SelfSubjectAccessReview")
        return bool((answer.get("status") or {}).get("allowed"))

    def serves(self, resource: Resource) -> bool:
        """Whether the group and version are served and list the kind."""
        path = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
        try:
            found = self._http.json("GET", path, target=resource.api_version)
        except Missing:
            return False
        return any(entry.get("name") == resource.plural for entry in found.get("resources") or [])


def _path(resource: Resource, namespace: str | None, name: str | None = None) -> str:
    parts = ["/apis", resource.group, resource.version] if resource.group else ["/api", resource.version]
    if namespace and resource.namespaced:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(resource.plural)
    if name is not None:
        parts.append(quote(name, safe=""))
    return "/".join(parts)


def _target(resource: Resource, name: str, namespace: str | None) -> str:
    if not name:
        return resource.full_name
    return f"{resource.kind} {namespace}/{name}" if namespace else f"{resource.kind} {name}"


def _selectors(labels: str, fields: str) -> dict[str, str]:
    query = {"labelSelector": labels, "fieldSelector": fields}
    return {key: value for key, value in query.items() if value}


def _writing(dry_run: bool) -> dict[str, str]:
    query = {"fieldValidation": "Strict", "fieldManager": "livemigration.kubevirt"}
    return query | {"dryRun": "All"} if dry_run else query
