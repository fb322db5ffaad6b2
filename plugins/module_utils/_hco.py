# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HyperConverged (HCO): which of its fields stand for a KubeVirt setting, and whether it has carried them over.

HCO rewrites the KubeVirt CR from its own resource, so a setting is written there or nowhere. Releases differ in
their fields, and in what holds when a field is left out; both are read from the CRD's schema.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from . import _kubevirt as kv
from ._cluster import Cluster, Object, Resource, namespaced_name
from ._errors import Missing
from ._kubevirt_settings import GATES, SETTINGS, Path, Setting, at, same
from ._resources import CRD
from ._wait import Verdict

GROUP = "hco.kubevirt.io"
PLURAL = "hyperconvergeds"
JSON_PATCH = "kubevirt.kubevirt.io/jsonpatch"
"""The annotation by which users change the KubeVirt CR past HCO's fields; it wins over them."""

_GATE = "decentralizedLiveMigration"
_LIMITS = {"v1beta1": ("spec", "liveMigrationConfig"), "v1": ("spec", "virtualization", "liveMigrationConfig")}
_CERTIFICATES = {"v1beta1": ("spec", "certConfig"), "v1": ("spec", "security", "certConfig")}
_VERSIONS = ("v1beta1", "v1")
"""The versions of its API in which the fields are known. The first that is served counts: v1 was served before it
was ready, and v1beta1 is served by every release so far."""


@dataclasses.dataclass(frozen=True, slots=True)
class Hyperconverged:
    """The HyperConverged resource of a cluster.

    :param schema: the schema of its API version, in which absent fields are what this release cannot express.
    """

    body: Object
    version: str
    schema: Mapping[str, Any]

    @property
    def resource(self) -> Resource:
        """Its kind, in the version that is used."""
        return kind(self.version)

    @property
    def title(self) -> str:
        """The resource as messages name it."""
        return f"HyperConverged {namespaced_name(self.body)}"

    @property
    def release(self) -> str:
        """The release of HCO, empty while it does not say."""
        versions = (self.body.get("status") or {}).get("versions") or []
        return next((str(each.get("version")) for each in versions if each.get("name") == "operator"), "")

    def place(self, setting: Setting) -> Path | None:
        """The field that stands for a setting, ``None`` when this release has none."""
        limits, certificates = _LIMITS[self.version], _CERTIFICATES[self.version]
        place = (*certificates, "ca", setting.path[-1]) if "ca" in setting.path else (*limits, setting.path[-1])
        return place if self._field(place) is not None else None

    def value(self, setting: Setting) -> Any:
        """What HCO makes of a setting: its field, or what holds without."""
        place = self.place(setting)
        found = at(self.body, place) if place else None
        return self.default(setting) if found is None else found

    def default(self, setting: Setting) -> Any:
        """What the API server fills in where the field is left out."""
        place = self.place(setting)
        return (self._field(place) or {}).get("default") if place else None

    @property
    def gate_place(self) -> Path | None:
        """Where the gate for moves between clusters is; ``None`` when this release has no gate for it."""
        place = ("spec", "featureGates")
        if self._lists_gates:
            return place
        return (*place, _GATE) if self._field((*place, _GATE)) is not None else None

    def gate(self, kubevirt: Object) -> bool:
        """Whether HCO wants the gate on. Where only HCO knows what holds without an entry, the KubeVirt CR tells."""
        if not self._lists_gates:
            found = at(self.body, self.gate_place or ())
            return bool((self._field(self.gate_place or ()) or {}).get("default") if found is None else found)
        entry = next((each for each in self._gates if each["name"].lower() == _GATE.lower()), None)
        if entry is None:
            return kv.GATE in kv.feature_gates(kubevirt)
        return bool(entry.get("state", "Enabled") == "Enabled")

    def with_gate(self, on: bool) -> Any:
        """The value of ``gate_place`` that switches the gate."""
        if not self._lists_gates:
            return on
        others = [each for each in self._gates if each["name"].lower() != _GATE.lower()]
        return [*others, {"name": _GATE, "state": "Enabled" if on else "Disabled"}]

    def overrules(self, path: Path) -> bool:
        """Whether the annotation with JSON patches decides about a field of the KubeVirt CR."""
        return any(_touches(operation, path) for operation in self._operations)

    @property
    def _operations(self) -> list[Object]:
        text = (self.body["metadata"].get("annotations") or {}).get(JSON_PATCH) or "[]"
        try:
            found = json.loads(text)
        except ValueError:
            return []
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    @property
    def _lists_gates(self) -> bool:
        return (self._field(("spec", "featureGates")) or {}).get("type") == "array"

    @property
    def _gates(self) -> list[Object]:
        return list(at(self.body, ("spec", "featureGates")) or [])

    def _field(self, place: Path) -> Mapping[str, Any] | None:
        schema: Mapping[str, Any] | None = self.schema
        for name in place:
            schema = ((schema or {}).get("properties") or {}).get(name)
        return schema


def kind(version: str) -> Resource:
    """The kind HyperConverged in one version of its API."""
    return Resource(GROUP, version, PLURAL, "HyperConverged")


def find(cluster: Cluster, kubevirt: Object) -> Hyperconverged:
    """The HyperConverged resource that owns a KubeVirt CR.

    :raises Missing: when there is none, or only in an API version that is not known.
    """
    crd = cluster.get(CRD, f"{PLURAL}.{GROUP}")
    namespace = kv.namespace_of(kubevirt)
    if crd is None:
        hint = "Use flavour: kubevirt, or auto, on a cluster without HCO."
        raise Missing("a HyperConverged resource", "a cluster without HCO", cluster.name, "HyperConverged", hint)
    served = {each["name"]: each for each in crd["spec"]["versions"] if each.get("served")}
    version = next((each for each in _VERSIONS if each in served), None)
    if version is None:
        found = ", ".join(served) or "none"
        hint = "This release of HCO is not known to the collection."
        raise Missing(f"{GROUP} in {' or '.join(_VERSIONS)}", found, cluster.name, "HyperConverged", hint)
    bodies = cluster.list(kind(version), namespace)
    if not bodies:
        hint = "Use flavour: kubevirt, or auto, for a KubeVirt that HCO does not own."
        found = f"none in namespace {namespace}"
        raise Missing("a HyperConverged resource", found, cluster.name, "HyperConverged", hint)
    schema = (served[version].get("schema") or {}).get("openAPIV3Schema") or {}
    return Hyperconverged(bodies[0], version, schema)


def carried(hco: Hyperconverged, kubevirt: Object) -> Verdict:
    """Whether the KubeVirt CR says what HCO's fields say."""
    for setting in SETTINGS:
        if hco.place(setting) is None or hco.overrules(setting.path):
            continue
        have, want = at(kubevirt, setting.path), hco.value(setting)
        if not same(setting.kind, have, want):
            field = ".".join(setting.path[1:])
            return Verdict(False, f"HCO has not written {field} yet: {_said(have)}, not {_said(want)}{_why(hco)}")
    if hco.gate_place is None or hco.overrules(GATES):
        return Verdict(True)
    if (kv.GATE in kv.feature_gates(kubevirt)) != (wanted := hco.gate(kubevirt)):
        return Verdict(False, f"HCO has not switched the gate {kv.GATE} {'on' if wanted else 'off'} yet{_why(hco)}")
    return Verdict(True)


def _said(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _why(hco: Hyperconverged) -> str:
    for condition in (hco.body.get("status") or {}).get("conditions") or []:
        bad = {"ReconcileComplete": "False", "Degraded": "True"}.get(condition.get("type"))
        if bad is not None and condition.get("status") == bad and condition.get("message"):
            return f" ({condition['type']} is {bad}: {condition['message']})"
    return ""


def _touches(operation: Object, path: Path) -> bool:
    steps = tuple(str(operation.get("path") or "").strip("/").split("/"))
    if path == GATES and steps[:-1] == path:
        # An entry added to the list of gates concerns ours only when it is ours.
        return bool(operation.get("value") == kv.GATE)
    return steps == path[: len(steps)] or path == steps[: len(path)]
