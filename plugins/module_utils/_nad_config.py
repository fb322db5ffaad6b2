# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CNI configuration inside a migration NAD: JSON in a string that nothing validates but us. Pure."""

from __future__ import annotations

import copy
import dataclasses
import ipaddress
import json
from typing import Any

from . import _whereabouts as whereabouts
from ._addresses import Slice, Style
from ._checks import Finding
from ._cluster import Object
from ._errors import BadInput, Conflict
from ._nad_kinds import OWNED, Attachment
from ._whereabouts import Network, Span

_BOUNDS = ("range_start", "range_end", "exclude")
_REFUSED = {
    "isGateway": "it puts the gateway's address on the bridge of every node",
    "isDefaultGateway": "it puts the gateway's address on the bridge of every node",
    "disableContainerInterface": "it leaves the pod without the interface that KubeVirt needs",
    "linkInContainer": "it looks for the master inside of the pod, where there is none",
}
_REFUSED_IPAM = {
    "node_slice_size": "it makes whereabouts ignore exclude and the bounds, so that clusters get the same addresses",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """The migration network as a pod's second interface.

    :param link: how it joins a network of the nodes.
    :param slice: the addresses of this cluster within the range of the fleet.
    :param avoid: networks that the user knows of and the cluster does not name.
    :param second: its addresses of the other family, which KubeVirt itself does not use.
    """

    name: str
    namespace: str
    link: Attachment
    mtu: int
    slice: Slice
    style: Style = "bounds"
    cni_version: str = "0.3.1"
    avoid: tuple[tuple[str, Network], ...] = ()
    second: Slice | None = None

    @property
    def pieces(self) -> tuple[Slice, ...]:
        """The slices of all its ranges."""
        return (self.slice, self.second) if self.second else (self.slice,)

    @property
    def title(self) -> str:
        """The NAD as messages name it."""
        return f"NetworkAttachmentDefinition {self.namespace}/{self.name}"


def parse(attachment: Object, kind: str, *kinds: str, ipam: str | None = "whereabouts") -> Object:
    """The configuration of an existing NAD.

    :param kinds: other types than the wanted one that it may have.
    :param ipam: what gives out its addresses, ``None`` for nobody.
    :raises Conflict: when it is none that this collection can have written or can continue.
    """
    text = (attachment.get("spec") or {}).get("config")
    wanted = f"a CNI configuration of type {kind} {f'with {ipam} addresses' if ipam else 'without addresses'}"
    hint = "It is somebody else's network: choose another name, or remove it first."
    try:
        config = json.loads(text or "null")
    except ValueError as error:
        raise Conflict(wanted, f"text that is not JSON ({error})", hint=hint, reason="foreign_nad") from error
    if not isinstance(config, dict):
        found = "no configuration (multus would look for a file on the node)" if config is None else "no JSON object"
        raise Conflict(wanted, found, hint=hint, reason="foreign_nad")
    plugin = main_plugin(config)
    given = (plugin.get("ipam") or {}).get("type")
    if plugin.get("type") not in (kind, *kinds) or given != ipam:
        found = f"type {plugin.get('type')} with ipam {given}"
        raise Conflict(wanted, found, hint=hint, reason="foreign_nad")
    return config


def main_plugin(config: Object) -> Object:
    """The plugin that makes the interface: the first of a chain, or the configuration itself."""
    plugins = config.get("plugins")
    return plugins[0] if isinstance(plugins, list) and plugins else config


def plugins(attachment: Object) -> list[Object]:
    """The plugins of anybody's NAD; none where it is no CNI configuration, with which multus attaches nothing."""
    try:
        config = json.loads((attachment.get("spec") or {}).get("config") or "{}")
        return [plugin for plugin in config.get("plugins") or [config] if isinstance(plugin, dict)]
    except (ValueError, AttributeError, TypeError):
        return []


def poison(config: Object, wanted: Wanted, cluster: str) -> list[Finding]:
    """Keys of an existing configuration with which the network cannot work, though nothing complains."""
    plugin = main_plugin(config)
    ipam = plugin.get("ipam") or {}
    found = [(key, why) for key, why in _REFUSED.items() if plugin.get(key)]
    found += [(f"ipam.{key}", why) for key, why in _REFUSED_IPAM.items() if ipam.get(key)]
    return [
        Finding(
            "nad-key-refused",
            "error",
            cluster,
            wanted.title,
            f"no {key}",
            f"{key} is set",
            f"Remove it from the NAD: {why}.",
        )
        for key, why in found
    ]


def desired(wanted: Wanted, before: Object | None = None) -> Object:
    """The configuration as it should be; keys of the user's that we have no opinion on stay.

    A new one is a single plugin: whereabouts frees addresses only for the first plugin of a chain.
    """
    config = copy.deepcopy(before) if before else {}
    config |= {"cniVersion": wanted.cni_version, "name": config.get("name") or wanted.name}
    plugin = main_plugin(config)
    for key in OWNED:
        plugin.pop(key, None)
    plugin |= wanted.link.plugin(wanted.mtu)
    ipam = plugin.get("ipam") or {}
    kept = {key: value for key, value in ipam.items() if key not in ("ipRanges", *_BOUNDS)}
    plugin["ipam"] = kept | wanted.slice.ipam(wanted.style)
    if wanted.second:
        entry = wanted.second.ipam(wanted.style)
        plugin["ipam"]["ipRanges"] = [{key: value for key, value in entry.items() if key != "type"}]
    return config


def same(one: Object, other: Object) -> bool:
    """Whether two configurations mean the same: the order of keys and of excludes means nothing."""
    return _normal(one) == _normal(other)


def network_of(config: Object) -> Object:
    """What a configuration gives its pods, however it is written: neither its name nor the style counts."""
    config = _normal(config)
    given = [[network, [[str(end) for end in span] for span in spans]] for network, spans in allocatable(config)]
    ipam = main_plugin(config).get("ipam") or {}
    for key in ("range", "ipRanges", *_BOUNDS) if given else _BOUNDS:
        ipam.pop(key, None)
    return {key: value for key, value in config.items() if key not in ("name", "cniVersion")} | {"given": given}


def _normal(config: Object) -> Object:
    config = copy.deepcopy(config)
    ipam = main_plugin(config).get("ipam") or {}
    for entry in (ipam, *(ipam.get("ipRanges") or [])):
        if entry.get("exclude"):
            entry["exclude"] = sorted({_normal_network(text) for text in entry["exclude"]})
        if entry.get("range"):
            entry["range"] = _normal_network(entry["range"])
    return config


def _normal_network(text: Any) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return str(text)


def render(config: Object) -> str:
    """The one text for a configuration."""
    return json.dumps(config, sort_keys=True, separators=(",", ":"))


def allocatable(config: Object) -> tuple[tuple[str, tuple[Span, ...]], ...]:
    """Every range of a configuration with what whereabouts would give out; empty where it would fail."""
    try:
        ranges = whereabouts.ranges(main_plugin(config).get("ipam") or {})
        return tuple((str(each.network), whereabouts.spans(each)) for each in ranges)
    except ValueError:
        return ()


def network_name(config: Object) -> str:
    """The name that separates pools of equal ranges."""
    return str((main_plugin(config).get("ipam") or {}).get("network_name") or "")


def check_mtu(mtu: int | None, *, overlay: bool, version: int, underlay_mtu: int | None, family: str) -> list[str]:
    """Refuse an MTU that cannot work; the warnings that remain.

    Frames that are too large are dropped without a word: connections open, and the copy stalls.

    :param overlay: whether the network is carried in VXLAN.
    :param version: address family of the range.
    """
    lowest = 1280 if version == 6 else 576
    if mtu is None:
        # Ansible takes an option that is given as null for one that is there.
        hint = "Take the underlay's MTU less 50 bytes, or 70 where the tunnels run over IPv6."
        raise BadInput("a value for mtu", "none", hint=hint, reason="mtu_missing")
    if not lowest <= mtu <= 65535:
        wanted = f"mtu from {lowest} to 65535 for an IPv{version} range"
        hint = f"IPv{version} hosts must take packets of {lowest} bytes." if mtu < lowest else "No link carries more."
        raise BadInput(wanted, str(mtu), hint=hint, reason="mtu_too_small" if mtu < lowest else "mtu_too_large")
    overhead = (70 if family == "ipv6" else 50) if overlay else 0
    if underlay_mtu is not None and mtu > underlay_mtu - overhead:
        carried = f" minus {overhead} bytes of VXLAN over {family}" if overlay else ""
        raise BadInput(
            f"mtu of at most {underlay_mtu - overhead} (underlay {underlay_mtu}{carried})",
            str(mtu),
            hint="Take the smallest value over all clusters and the fabric between them.",
            reason="mtu_above_underlay",
        )
    if underlay_mtu is None and overlay and mtu > 1500 - overhead:
        needs = f"mtu {mtu} fits only an underlay of {mtu + overhead} or more on every path between the clusters"
        return [f"{needs}; underlay_mtu is not set, so this could not be checked."]
    return []
