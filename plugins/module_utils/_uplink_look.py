# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the nodes have a bridge that somebody else has made, and whether it leads anywhere.

The bridge CNI plugin makes a bridge that is missing, with nothing but pods on it: they start, look healthy, and reach
nobody beyond their node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ._checks import Finding, refuse, warnings
from ._cluster import Object
from ._errors import Forbidden
from ._job import Job, Result
from ._plan import Plan
from ._uplink_seen import observe
from ._uplink_spec import Uplink

_HINT = "Make it on that node, or let this collection make it: name the card that leads to the network."


def looked(job: Job, uplink: Uplink) -> Result:
    """Only look: what can be seen and cannot work is refused; what cannot be seen is said."""
    cluster = job.cluster
    try:
        seen = observe(cluster, uplink.name, dict(uplink.node_selector))
    except Forbidden as error:
        return _unchecked(job, uplink, f"{error.wanted} is not allowed")
    if seen is None:
        return _unchecked(job, uplink, "nmstate is not installed")
    if not seen.states:
        return _unchecked(job, uplink, "nmstate reports no node that runs VMs")
    found = [each for node, links in seen.states.items() for each in _judged(uplink, node, links, cluster.name)]
    refuse(found)
    facts = _facts(uplink, "found", sorted(seen.states))
    return job.finish(Plan(), warnings=warnings(found), node_uplink=facts)


def _unchecked(job: Job, uplink: Uplink, why: str) -> Result:
    text = (
        f"{job.cluster.name}: {why}, so bridge {uplink.bridge} is unchecked: where it is missing, pods start all the "
        "same, and reach nobody beyond their node."
    )
    return job.finish(Plan(), warnings=[text], node_uplink=_facts(uplink, "unchecked", []))


def _facts(uplink: Uplink, readiness: str, nodes: list[str]) -> Object:
    ends = {"interface": None, "bridge": uplink.bridge}
    return {"name": uplink.name, **ends, "readiness": readiness, "nodes": nodes}


def _judged(uplink: Uplink, node: str, links: Mapping[str, Object], cluster: str) -> Iterator[Finding]:
    name, title = uplink.bridge, f"Node {node}"
    bridge = links.get(name)
    wanted = f"linux-bridge {name} with mtu {uplink.mtu}"
    if bridge is None or bridge.get("type") != "linux-bridge":
        found = "none" if bridge is None else f"type {bridge.get('type')}"
        yield Finding("uplink-missing", "error", cluster, title, wanted, found, _HINT)
        return
    if int(bridge.get("mtu") or 0) < uplink.mtu:
        yield Finding("uplink-mtu", "error", cluster, title, wanted, f"mtu {bridge.get('mtu')}", _HINT)
    ways = list(_ways_out(bridge, links))
    if not ways:
        out = f"a port of {name} that leads out of the node"
        yield Finding("uplink-missing", "error", cluster, title, out, "none but pods", _HINT)
        return
    for tag in uplink.trunk:
        yield from _passes(tag, name, ways, cluster, title)


def _ways_out(bridge: Object, links: Mapping[str, Object]) -> Iterator[Object]:
    for port in (bridge.get("bridge") or {}).get("port") or []:
        link = links.get(str(port.get("name")))
        # nmstate leaves most of the pods' own interfaces out of its report.
        if link is not None and link.get("type") != "veth":
            yield port


def _passes(tag: int, name: str, ways: list[Object], cluster: str, title: str) -> Iterator[Finding]:
    filters = [port["vlan"] for port in ways if port.get("vlan")]
    wanted = f"VLAN {tag} to pass bridge {name} with its tag"
    if not filters:
        hint = "Switch VLAN filtering on: without it the tags of the pods are not set."
        yield Finding("uplink-vlan", "warning", cluster, title, wanted, "a bridge that filters no VLANs", hint)
    elif not any(tag in tags for each in filters for tags in _trunk(each)):
        found = ", ".join(f"{tags[0]} to {tags[-1]}" for each in filters for tags in _trunk(each)) or "none"
        hint = "Add the VLAN to the trunk of the bridge's port on that node."
        yield Finding("uplink-vlan", "error", cluster, title, wanted, f"VLANs {found}", hint)


def _trunk(vlan: Object) -> Iterator[range]:
    for entry in vlan.get("trunk-tags") or []:
        span = entry.get("id-range") or {"min": entry.get("id") or 0, "max": entry.get("id") or 0}
        yield range(int(span["min"]), int(span["max"]) + 1)
