# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold before Harvester's setting is written: what its validator asks, and what it does not. Pure."""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Iterator

from . import _harvester as harvester
from . import _harvester_config as config
from . import _kubevirt as kv
from . import _whereabouts as whereabouts
from ._addresses import Slice, collide
from ._checks import Finding
from ._cluster import Object, namespaced_name
from ._harvester import Seen, annotations_of
from ._harvester_config import MGMT, Network, same
from ._harvester_mtu import MTU, of_nad, of_uplinks
from ._harvester_options import Wanted
from ._nad_capacity import Need, Room
from ._networks import Net
from ._whereabouts import Span

CLUSTER_NETWORK = "network.harvesterhci.io/clusternetwork"
MATCHED_NODES = "network.harvesterhci.io/matched-nodes"

_RESERVED = ("10.42.0.0/16", "10.43.0.0/16", "10.52.0.0/16", "10.53.0.0/16")
"""Harvester's documentation reserves them; its validator does not look."""
_SYNC_REPLICAS = 2


def check(wanted: Wanted, seen: Seen) -> list[Finding]:
    """Everything that is wrong with a wanted network on this cluster, in the order of Harvester's validator."""
    network = wanted.network
    if network is None:
        return [*_default(seen), *_users(network, seen), *_orphans(seen)]
    return [
        *_default(seen),
        *_cluster_network(network, seen),
        *_coverage(network, seen),
        *_count(wanted, network, seen),
        *_other_settings(network, seen),
        *_networks(wanted, network, seen),
        *_mtu(wanted, network, seen),
        *_users(network, seen),
        *_surroundings(network, seen),
        *_orphans(seen),
    ]


def need(wanted: Wanted, seen: Seen) -> Need:
    """How many addresses the cluster needs: more than Harvester counts, which forgets all but the nodes."""
    if wanted.required is not None:
        return Need(0, 0, 0, wanted.growth, 0, wanted.required)
    moves = wanted.settings.gate or kv.gate_on(seen.kubevirt)
    infra = (seen.kubevirt.get("spec") or {}).get("infra") or {}
    replicas = int(infra.get("replicas") or _SYNC_REPLICAS) if moves else 0
    return Need(len(seen.voters), replicas, math.ceil(replicas / 4), wanted.growth)


def room(piece: Slice, seen: Seen) -> Room:
    """What the slice has for KubeVirt's pods: Harvester removes a NAD before its pods could give addresses back."""
    pool = whereabouts.pool_name(piece.network)
    own = {namespaced_name(each) for each in seen.pods}
    held = {
        given.address
        for each in seen.pools
        if each["metadata"]["name"] == pool
        for given in whereabouts.allocations(each)
        if given.pod not in own and given.address in piece
    }
    return Room(len(held), piece.size - len(held))


def _finding(
    seen: Seen, check_id: str, wanted: str, found: str, hint: str, *, object: str = "", warn: bool = False
) -> Finding:
    title = object or f"Setting {harvester.SETTING_NAME}"
    return Finding(
        f"harvester-{check_id}", "warning" if warn else "error", seen.cluster.name, title, wanted, found, hint
    )


def _default(seen: Seen) -> Iterator[Finding]:
    """Harvester judges the default of the setting before its value, also of one that turns the network off."""
    text = str(seen.setting.get("default") or "")
    if not text:
        return
    network = config.parse(text)
    found = config.unacceptable(network) if network else "it says no network"
    if network and not found:
        more = (*_cluster_network(network, seen), *_coverage(network, seen), *_other_settings(network, seen))
        found = "; ".join(f"{each.wanted}: {each.found}" for each in more if each.severity == "error")
    if found:
        hint = "Empty the field default of the setting: Harvester never uses it, and refuses every write because of it."
        yield _finding(seen, "default-refused", "a default that Harvester accepts", f"{text} ({found})", hint)


def _cluster_network(network: Network, seen: Seen) -> Iterator[Finding]:
    name = network.cluster_network
    if _named(seen, name) is None:
        known = ", ".join(sorted(each["metadata"]["name"] for each in seen.cluster_networks)) or "none"
        hint = "Make the ClusterNetwork, with VlanConfigs for all nodes, or name another in cluster_network."
        yield _finding(seen, "cluster-network-missing", f"ClusterNetwork {name}", f"only {known}", hint)
    if name == MGMT:
        return
    statuses = [each for each in seen.vlan_statuses if _of(each, name)]
    title = f"ClusterNetwork {name}"
    if not statuses:
        hint = "Give it a VlanConfig whose uplinks exist."
        yield _finding(seen, "vlan-status-missing", "a VlanStatus", "none", hint, object=title)
    down = sorted(_node(each) for each in statuses if _ready(each) == "False")
    if down:
        hint = "See the VlanStatus objects and the links of these nodes."
        found = f"not on {', '.join(down)}"
        yield _finding(seen, "vlan-status-not-ready", "working uplinks on every node", found, hint, object=title)


def _coverage(network: Network, seen: Seen) -> Iterator[Finding]:
    name = network.cluster_network
    if name == MGMT:
        return
    configs = [each for each in seen.vlan_configs if _of(each, name)]
    title = f"ClusterNetwork {name}"
    if not configs:
        hint = "Make a VlanConfig that names the uplinks of the nodes."
        yield _finding(seen, "vlan-config-missing", "a VlanConfig", "none", hint, object=title)
        return
    unmatched = sorted(each["metadata"]["name"] for each in configs if not _matched(each))
    if unmatched and (seen.release or (0, 0)) < (1, 9):
        hint = "Remove it or correct its node selector: this release of Harvester refuses the network because of it."
        found = f"{', '.join(unmatched)} on no node"
        yield _finding(seen, "vlan-config-unmatched", "no VlanConfig without nodes", found, hint, object=title)
    covered = {node for each in configs for node in _matched(each)}
    bare = [node for node in seen.voters if node not in covered]
    if bare:
        hint = "Extend a VlanConfig: elsewhere the bridge would lead nowhere, and migrations would hang."
        found = f"none on {', '.join(bare)}"
        yield _finding(seen, "node-uncovered", "a VlanConfig for every node but witnesses", found, hint, object=title)


def _count(wanted: Wanted, network: Network, seen: Seen) -> Iterator[Finding]:
    if wanted.slice is None:
        return
    needed, left = need(wanted, seen), room(wanted.slice, seen)
    if left.available < needed.total:
        reason = (
            f"{needed.required} as required_addresses says, {needed.growth} for growth"
            if needed.required is not None
            else f"{needed.nodes} for {kv.HANDLER} on the nodes, {needed.sync_replicas} for {kv.SYNC_CONTROLLER}, "
            f"{needed.surge} while it rolls, {needed.spare} kept by restarted nodes, {needed.growth} for growth"
        )
        hint = "Take a larger range or fewer max_clusters; all clusters must change together."
        # What runs goes on running while others hold what is missing: whereabouts may give it back.
        later = same(network, seen.network) and left.available + left.taken >= needed.total
        found = f"{left.available}, and {left.taken} held by others or not given back"
        text = f"at least {needed.total} addresses: {reason}"
        yield _finding(seen, "too-few-addresses", text, found, hint, warn=later)
    elif wanted.slice.size < len(seen.voters):
        hint = "Harvester wants an address for every node but witnesses."
        yield _finding(seen, "too-few-addresses", f"{len(seen.voters)} addresses", str(wanted.slice.size), hint)


def _other_settings(network: Network, seen: Seen) -> Iterator[Finding]:
    for name, setting in seen.others.items():
        theirs, exclusive = harvester.other_network(name, setting)
        if theirs is None:
            continue
        if _meet(network.spans(), theirs.spans()):
            hint = "Take another range: Harvester refuses a common address whatever the VLAN."
            found = f"{name} has addresses of it ({theirs.range})"
            yield _finding(seen, "range-overlaps-setting", f"range {network.range} apart from {name}", found, hint)
        if exclusive and (theirs.vlan or 1) == (network.vlan or 1):
            hint = "Take another VLAN: Harvester would give up without the NAD."
            found = f"{name} has VLAN {network.vlan} exclusively"
            yield _finding(seen, "vlan-exclusive", f"VLAN {network.vlan} free on every cluster network", found, hint)


def _networks(wanted: Wanted, network: Network, seen: Seen) -> Iterator[Finding]:
    """What Harvester's validator does not compare the range with."""
    named = [("a range that Harvester reserves", ipaddress.ip_network(text)) for text in _RESERVED]
    named += [(each.what, each.network) for each in seen.nets if each.kind != "pool" and not _harvesters(each, seen)]
    mine = ipaddress.ip_network(network.range)
    kept = wanted.slice.reserved if wanted.slice else ()
    for what, other in (*named, *wanted.avoid):
        if collide(mine, other, kept):
            hint = "Packets would go astray: choose another range, or reserve single addresses that others have."
            yield _finding(
                seen, "range-overlaps-network", f"range {mine} apart from others", f"{what} is {other}", hint
            )


def _harvesters(net: Net, seen: Seen) -> bool:
    """Harvester's own NADs are compared by their settings; somebody else's in its namespace are not its own."""
    others = (harvester.other_network(name, setting)[0] for name, setting in seen.others.items())
    ranges = {theirs.range for theirs in others if theirs}
    return net.object in seen.made or (net.object.startswith(f"{harvester.NAMESPACE}/") and str(net.network) in ranges)


def _mtu(wanted: Wanted, network: Network, seen: Seen) -> Iterator[Finding]:
    found = _named(seen, network.cluster_network)
    if wanted.mtu is None or found is None:
        return
    mtu, title = of_uplinks(found), f"ClusterNetwork {network.cluster_network}"
    if mtu != wanted.mtu:
        hint = "Harvester writes the uplinks' MTU into the NAD: set it in the VlanConfigs, or agree on another."
        if network.cluster_network == MGMT:
            hint = f"Set the annotation {MTU} of ClusterNetwork mgmt to the MTU of its uplinks, or agree on another."
        yield _finding(seen, "mtu-differs", f"an MTU of {wanted.mtu}", str(mtu), hint, object=title)
    if seen.nad and same(network, seen.network) and of_nad(seen.nad) != mtu:
        hint = "Harvester's network controller writes it into the NAD: once it has, run again, and its pods get it."
        text = f"the uplinks' MTU of {mtu} in the NAD"
        yield _finding(seen, "mtu-not-in-nad", text, str(of_nad(seen.nad)), hint, object=title, warn=True)


def _users(network: Network | None, seen: Seen) -> Iterator[Finding]:
    """Harvester would point KubeVirt elsewhere first, and only then fail to remove a NAD that VMs use."""
    if seen.nad is None or same(network, seen.network):
        return
    name = namespaced_name(seen.nad)
    users = sorted({namespaced_name(each) for each in seen.machines if name in _attached(each)})
    if users:
        hint = "Take these VMs off it first: it is KubeVirt's alone, though Harvester offers it for VMs."
        found = ", ".join(users)
        title = f"NetworkAttachmentDefinition {name}"
        yield _finding(seen, "nad-in-use", "no VM on the old migration network", found, hint, object=title)


def _orphans(seen: Seen) -> Iterator[Finding]:
    """One that Harvester is about to remove is none yet."""
    if not seen.dealt_with or seen.gave_up:
        return
    for name in seen.orphans:
        hint = "Harvester made it and lost sight of it when it failed: remove it by hand once no pod has it."
        title = f"NetworkAttachmentDefinition {name}"
        yield _finding(seen, "nad-orphaned", "no other migration network", "one", hint, object=title, warn=True)


def _surroundings(network: Network, seen: Seen) -> Iterator[Finding]:
    if not seen.whereabouts:
        hint = "Install the CRDs of whereabouts: upgrades from old releases of Harvester left them out."
        yield _finding(seen, "whereabouts-missing", "whereabouts", "no kind IPPool", hint)
    settled = kv.settled(seen.kubevirt)
    if not settled.done and not same(network, seen.network):
        hint = "The network is in force only once KubeVirt can roll out."
        title = kv.title(seen.kubevirt)
        yield _finding(seen, "kubevirt-unsettled", "a healthy KubeVirt", settled.reason, hint, object=title, warn=True)
    if seen.setting.get("source") == "env":
        hint = "Remove HARVESTER_VM_MIGRATION_NETWORK from Harvester's deployment: it wins at every start."
        yield _finding(seen, "value-from-env", "a value of its own", "a value from the environment", hint, warn=True)
    by_hand = kv.network(seen.kubevirt)
    if by_hand and not seen.value:
        hint = "Harvester's setting replaces it."
        title = kv.title(seen.kubevirt)
        yield _finding(seen, "network-by-hand", "no network set by hand", by_hand, hint, object=title, warn=True)


def _named(seen: Seen, name: str) -> Object | None:
    return next((each for each in seen.cluster_networks if each["metadata"]["name"] == name), None)


def _of(body: Object, name: str) -> bool:
    return bool((body["metadata"].get("labels") or {}).get(CLUSTER_NETWORK) == name)


def _node(status: Object) -> str:
    return str((status.get("status") or {}).get("node") or status["metadata"]["name"])


def _ready(status: Object) -> str:
    conditions = (status.get("status") or {}).get("conditions") or []
    return next((str(each.get("status")) for each in conditions if each.get("type") == "ready"), "")


def _matched(config: Object) -> list[str]:
    try:
        return [str(name) for name in json.loads(annotations_of(config).get(MATCHED_NODES) or "[]")]
    except (ValueError, TypeError):
        return []


def _attached(machine: Object) -> set[str]:
    """The NADs of a VM or VMI as ``namespace/name``."""
    spec = machine.get("spec") or {}
    spec = ((spec.get("template") or {}).get("spec")) or spec
    names = [str((each.get("multus") or {}).get("networkName") or "") for each in spec.get("networks") or []]
    return {name if "/" in name else f"{machine['metadata'].get('namespace')}/{name}" for name in names if name}


def _meet(some: tuple[Span, ...], others: tuple[Span, ...]) -> bool:
    return any(
        int(one.first) <= int(other.last) and int(other.first) <= int(one.last) for one in some for other in others
    )
