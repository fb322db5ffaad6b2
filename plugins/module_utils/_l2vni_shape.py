# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the L2VNI API that a cluster serves, read from its CRD.

OpenPERouter changed the kind three times without a conversion, once the API group with it, and commits between
releases mix the shapes. So every field is built from what the schema offers; the letter is only for people.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from ._cluster import Object, Resource
from ._errors import Missing

GROUPS = ("network.openperouter.io", "openpe.openperouter.github.io")
"""The API groups of OpenPERouter, the current one first."""

_GATEWAY: dict[str, Literal["A", "B", "C"]] = {"l2gatewayip": "A", "l2gatewayips": "B", "gatewayIPs": "C"}
_MAX_VNI = 16777215

Schema = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """What the L2VNI of one cluster looks like.

    :param letter: A for v0.0.x, B for v0.1.0 and v0.2.0, C for the API after the group was renamed.
    :param fields: the schema of ``spec``'s fields.
    """

    group: str
    version: str
    letter: Literal["A", "B", "C"]
    fields: Schema

    def kind(self, plural: str, kind: str) -> Resource:
        """A kind of the same group and version."""
        return Resource(self.group, self.version, plural, kind)

    @property
    def l2vni(self) -> Resource:
        """The L2VNI itself."""
        return self.kind("l2vnis", "L2VNI")

    @property
    def l3vni(self) -> Resource:
        """The L3VNI that provides a VRF."""
        return self.kind("l3vnis", "L3VNI")

    def spelled(self, name: str) -> str | None:
        """The field of that name in this shape's capitals, ``None`` when there is none."""
        return _spelled(self.fields, name)

    @property
    def gateway(self) -> str:
        """The field of the gateway: one address in shape A, a list in the others."""
        return next(field for field in _GATEWAY if field in self.fields)

    @property
    def host(self) -> Schema:
        """The schema of how the host side is attached."""
        return _properties(self.fields[self.spelled("hostmaster") or ""])

    @property
    def node_selector(self) -> bool:
        """Whether an L2VNI can be confined to some nodes."""
        return "nodeSelector" in self.fields

    @property
    def detached(self) -> bool:
        """Whether an L2VNI without a VRF has none (v0.2.0 and later), rather than one of its own name."""
        return "underlayAddressFamily" in self.fields or "routingDomain" in self.fields

    @property
    def reports(self) -> bool:
        """Whether the nodes report what they could not provision (v0.2.0 and later)."""
        return self.detached

    @property
    def release(self) -> str:
        """Release and shape in words, for messages."""
        if self.letter == "A":
            return "OpenPERouter v0.0.x (shape A)"
        if self.letter == "B":
            return f"OpenPERouter {'v0.2.0' if self.detached else 'v0.1.0'} (shape B)"
        return "OpenPERouter after v0.2.0 (shape C)"

    def bridge_type(self, wanted: str) -> str | None:
        """This shape's word for a ``linux`` or ``ovs`` bridge."""
        words = ("linuxbridge", "bridge") if wanted == "linux" else ("ovsbridge",)
        return _word(self.host.get("type"), words)

    def address_family(self, wanted: str) -> str | None:
        """This shape's word for ``ipv4`` or ``ipv6``."""
        return _word(self.fields.get("underlayAddressFamily"), (wanted,))

    def highest_vni(self) -> int:
        """The largest number the schema and VXLAN both take (shape A takes what no interface name can carry)."""
        return min(_MAX_VNI, int(self.fields.get("vni", {}).get("maximum", _MAX_VNI)))


def shape_of(crd: Object, cluster: str) -> Shape:
    """The shape that a CRD defines. :raises Missing: when it is none that is known."""
    name = crd["metadata"]["name"]
    for version in crd["spec"]["versions"]:
        if not version.get("served"):
            continue
        schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        fields = _properties(_properties(schema).get("spec") or {})
        gateway = next((field for field in _GATEWAY if field in fields), None)
        if gateway and _spelled(fields, "hostmaster") and "vni" in fields:
            return Shape(crd["spec"]["group"], version["name"], _GATEWAY[gateway], fields)
    raise Missing(
        "an L2VNI of a known shape (a field for gateways, the VNI and the host side)",
        "a schema with none of them",
        cluster,
        f"CustomResourceDefinition {name}",
        "This release of OpenPERouter is not known to the collection; see its support matrix.",
        reason="unknown_shape",
    )


def shape_of_l3vni(crd: Object, shape: Shape) -> Shape:
    """The shape of the L3VNI beside an L2VNI's, of the same group and release."""
    for version in crd["spec"]["versions"]:
        if version["name"] == shape.version:
            schema = (version.get("schema") or {}).get("openAPIV3Schema") or {}
            fields = _properties(_properties(schema).get("spec") or {})
            return dataclasses.replace(shape, fields=fields)
    return dataclasses.replace(shape, fields={})


def gateways_of(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The gateways of an existing L2VNI, in whichever shape."""
    single = spec.get("l2gatewayip")
    return (single,) if single else tuple(spec.get("l2gatewayips") or spec.get("gatewayIPs") or ())


def bridge_of(spec: Mapping[str, Any]) -> str:
    """The bridge of an existing L2VNI: the one it names, or the one that OpenPERouter makes."""
    host = spec.get("hostMaster") or spec.get("hostmaster") or {}
    parts = (host, host.get("linuxBridge") or {}, host.get("ovsBridge") or {})
    return next((str(part["name"]) for part in parts if part.get("name")), f"br-hs-{spec.get('vni')}")


def _properties(schema: Schema) -> Schema:
    found = schema.get("properties")
    return found if isinstance(found, Mapping) else {}


def _spelled(fields: Schema, name: str) -> str | None:
    return next((field for field in fields if field.lower() == name), None)


def _word(schema: Schema | None, words: tuple[str, ...]) -> str | None:
    offered = (schema or {}).get("enum") or []
    return next((str(value) for value in offered if str(value).lower().replace("-", "") in words), None)
