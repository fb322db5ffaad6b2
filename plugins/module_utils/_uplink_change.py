# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the interfaces that a policy of nmstate makes to those that are wanted, without a gap for who uses them. Pure.

An interface, a VLAN of a bridge's trunk and an MTU can stay beside what is wanted until nobody uses them any more.
What cannot stand side by side is named: a bridge leads out through one port, and a port belongs to one bridge.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import _nad_config as cni
from ._cluster import Object, namespaced_name


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """A NAD that plugs pods into an interface of the nodes.

    :param tags: the 802.1Q numbers with which it does; empty for untagged frames.
    :param mtu: of its pods, 0 where it does not say.
    """

    nad: str
    tags: frozenset[int] = frozenset()
    mtu: int = 0


Uses = Mapping[str, list[Use]]
"""The NADs by the bridge or interface that they name."""


def uses(attachments: Iterable[Object]) -> dict[str, list[Use]]:
    """What the NADs of a cluster use."""
    found: dict[str, list[Use]] = {}
    for item in attachments:
        for plugin in cni.plugins(item):
            use = Use(namespaced_name(item), frozenset(_tags(plugin)), _number(plugin.get("mtu")))
            for name in sorted({str(plugin[key]) for key in ("bridge", "master") if plugin.get(key)}):
                found.setdefault(name, []).append(use)
    return found


def _tags(plugin: Object) -> Iterator[int]:
    if tag := _number(plugin.get("vlan")):
        yield tag
    for entry in plugin.get("vlanTrunk") or []:
        if not isinstance(entry, dict):
            continue
        if tag := _number(entry.get("id")):
            yield tag
        if entry.get("minID"):
            yield from range(_number(entry.get("minID")), _number(entry.get("maxID")) + 1)


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def up(links: Iterable[Object]) -> list[Object]:
    """Those that a policy makes; the others it takes away."""
    return [link for link in links if link.get("state") != "absent"]


def gone(link: Object) -> Object:
    """The entry that takes an interface away: one that is only left out stays on the nodes."""
    return {"name": link["name"], "type": link.get("type"), "state": "absent"}


def trunk(link: Object) -> frozenset[int] | None:
    """The VLANs that pass a bridge; ``None`` where it does not filter them."""
    ports = [port for port in _ports(link) if port.get("vlan")]
    return frozenset(tag["id"] for port in ports for tag in port["vlan"].get("trunk-tags") or []) if ports else None


def conflicts(wanted: Iterable[Object], found: Iterable[Object]) -> Iterator[tuple[Object, str]]:
    """What a policy makes and cannot make any more beside what is wanted, with the reason."""
    new = {link["name"]: link for link in wanted}
    taken = {port["name"]: link["name"] for link in new.values() for port in _ports(link)}
    for link in found:
        same = new.get(link["name"])
        before = [str(port["name"]) for port in _ports(link)]
        if same is not None:
            after = [str(port["name"]) for port in _ports(same)]
            if before != after:
                yield link, f"bridge {link['name']} leads out through {', '.join(before)}, not {', '.join(after)}"
            elif (trunk(link) is None) != (trunk(same) is None):
                yield link, f"bridge {link['name']} {'does not filter' if trunk(link) is None else 'filters'} VLANs"
            continue
        for port in before:
            if port in taken:
                yield link, f"{port} is the port of bridge {link['name']}, not of {taken[port]}"


def union(wanted: Iterable[Object], kept: Iterable[Object]) -> list[Object]:
    """The wanted interfaces with what is kept beside them; the larger MTU of both."""
    found = {link["name"]: link for link in kept}
    links = [_joined(link, found.pop(link["name"], None)) for link in wanted]
    return [*links, *(copy.deepcopy(link) for link in found.values())]


def _joined(link: Object, kept: Object | None) -> Object:
    if kept is None or kept.get("state") == "absent":
        return link
    link = copy.deepcopy(link)
    link["mtu"] = max(_number(link.get("mtu")), _number(kept.get("mtu")))
    tags = (trunk(link) or frozenset()) | (trunk(kept) or frozenset())
    if trunk(link) is not None and trunk(kept) is not None:
        _retag(link, tags)
    return link


def used(found: Iterable[Object], nads: Uses) -> list[Object]:
    """What NADs still use of the interfaces that a policy makes, and no more."""
    links = {link["name"]: copy.deepcopy(link) for link in up(found)}
    needed = {name: list(nads[name]) for name in links if nads.get(name)}
    for name, link in links.items():
        # The way out of a bridge is used by who uses the bridge.
        for port in _ports(link):
            if port["name"] in links and name in needed:
                needed.setdefault(port["name"], []).extend(needed[name])
    return [_needed(link, needed[name]) for name, link in links.items() if name in needed]


def _needed(link: Object, each: Iterable[Use]) -> Object:
    users = list(each)
    mtu = max(use.mtu for use in users)
    if mtu:
        link["mtu"] = min(_number(link.get("mtu")) or mtu, mtu)
    tags = (trunk(link) or frozenset()) & {tag for use in users for tag in use.tags}
    if tags:
        _retag(link, tags)
    return link


def _retag(link: Object, tags: Iterable[int]) -> None:
    for port in _ports(link):
        if port.get("vlan"):
            port["vlan"] = port["vlan"] | {"trunk-tags": [{"id": tag} for tag in sorted(tags)]}


def surplus(links: Iterable[Object], wanted: Iterable[Object], nads: Uses) -> dict[str, list[str]]:
    """What NADs keep on the nodes beyond what is wanted, with their names."""
    new = {link["name"]: link for link in wanted}
    told: dict[str, list[str]] = {}
    for link in links:
        name, users, same = str(link["name"]), nads.get(str(link["name"]), []), new.get(link["name"])
        if same is None:
            told |= {name: [use.nad for use in users]} if users else {}
            continue
        for tag in sorted((trunk(link) or frozenset()) - (trunk(same) or frozenset())):
            told[f"VLAN {tag} on {name}"] = [use.nad for use in users if tag in use.tags]
        if _number(link.get("mtu")) > _number(same.get("mtu")) and users:
            told[f"mtu {link['mtu']} of {name}"] = [use.nad for use in users if use.mtu > same["mtu"]]
    return {what: sorted(set(names)) for what, names in told.items()}


def _ports(link: Object) -> list[Object]:
    return list((link.get("bridge") or {}).get("port") or [])
