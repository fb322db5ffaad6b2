# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks of a cluster's migration network: pure judgement of what was read."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from . import _kubevirt as kv
from . import _kubevirt_rollout as rollout
from . import _network_info_moves as moves
from . import _whereabouts as whereabouts
from ._checks import Finding, Severity, errors
from ._cluster import Object
from ._kubevirt_migrations import unusable
from ._kubevirt_pods import Pod
from ._kubevirt_rollout import Seen
from ._nad_capacity import Need
from ._network_info_moves import Left
from ._network_info_pool import Pool
from ._network_info_room import mtu_of_network, room
from ._sync_address import parse
from ._whereabouts import Address, Span


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """What was read of one cluster.

    :param wanted: the NAD that should be the migration network, ``None`` when neither option nor CR names one.
    :param spans: the addresses this cluster may use; empty when nobody says.
    :param pod_names: the pods there are in KubeVirt's namespace, as ``namespace/name``.
    :param others: whether the pods of other namespaces exist that have addresses of the pools.
    :param need: how many addresses the cluster needs as it is.
    :param left: what moves have left behind; ``None`` when nobody has looked.
    :param bare_nodes: nodes that virt-handler should run on and does not.
    """

    cluster: str
    seen: Seen
    wanted: str | None
    nad: Object | None
    spans: tuple[Span, ...]
    pools: tuple[Pool, ...]
    pod_names: frozenset[str]
    bare_nodes: tuple[str, ...]
    others: Mapping[str, bool | None]
    need: Need
    left: tuple[Left, ...] | None

    @property
    def controllers(self) -> list[Pod]:
        """The synchronization pods."""
        return [pod for pod in self.seen.pods if pod.component == kv.SYNC_CONTROLLER]

    def inside(self, found: tuple[Address, ...]) -> bool | None:
        """Whether the addresses lie in the slice; ``None`` when there is no slice or no address."""
        if not self.spans or not found:
            return None
        return all(whereabouts.contains(self.spans, address) for address in found)

    def free(self, pool: Pool) -> int | None:
        """How many addresses of the slice are left; ``None`` without a slice."""
        if not self.spans:
            return None
        own = [span for span in self.spans if span.first.version == pool.network.version]
        used = {each.address for each in pool.allocations if whereabouts.contains(own, each.address)}
        return whereabouts.size(own) - len(used)

    @property
    def room(self) -> int | None:
        """For how many more nodes the addresses suffice; ``None`` when nobody says which they are."""
        frees = [free for free in map(self.free, self.pools) if free is not None]
        if not frees:
            return None
        leaked = sum(self.exists(each.pod) is False for pool in self.pools for each in pool.allocations)
        return room(self.need, self.seen.pods, min(frees), leaked)

    def exists(self, pod: str) -> bool | None:
        """Whether a pod that has an address is there; ``None`` when that may not be read."""
        own = pod.startswith(f"{kv.namespace_of(self.seen.kubevirt)}/")
        return pod in self.pod_names if own else self.others.get(pod)

    def finding(self, check: str, where: str, wanted: str, found: str, hint: str, severity: Severity) -> Finding:
        """A finding about this cluster."""
        return Finding(check, severity, self.cluster, where, wanted, found, hint)


def findings(view: View) -> list[Finding]:
    """Everything that is wrong, the causes before their consequences."""
    found = [finding for check in _CHECKS for finding in check(view)]
    return found + ([] if errors(found) else list(_rollout(view)))


def _rollout(view: View) -> Iterator[Finding]:
    """What no other check has said a cause for."""
    verdict = rollout.verdict(view.seen)
    if not verdict.done:
        hint = "Wait for it; when nothing moves, look at virt-operator's log and at the workload's events."
        title = kv.title(view.seen.kubevirt)
        yield view.finding(
            "rollout-pending", title, "its settings in force on every pod", verdict.reason, hint, "error"
        )


def _settings(view: View) -> Iterator[Finding]:
    kubevirt = view.seen.kubevirt
    title, network = kv.title(kubevirt), kv.network(kubevirt)
    settled = kv.settled(kubevirt)
    if not settled.done:
        hint = "Wait for virt-operator (module kubevirt_migrations does), or look at its log."
        yield view.finding("kubevirt-unsettled", title, "KubeVirt settled", settled.reason, hint, "error")
    if not kv.gate_on(kubevirt):
        hint = "Enable it with module kubevirt_migrations."
        yield view.finding("gate-off", title, f"the feature gate {kv.GATE}", "not enabled", hint, "error")
    if network is None or network != view.wanted:
        wanted = f"the migration network {view.wanted}" if view.wanted else "a migration network"
        hint = "Set it with module kubevirt_migrations."
        yield view.finding("network-unset", title, wanted, network or "the pod network", hint, "error")


def _nad(view: View) -> Iterator[Finding]:
    if view.wanted is None:
        return
    title = f"NetworkAttachmentDefinition {kv.namespace_of(view.seen.kubevirt)}/{view.wanted}"
    found = "none" if view.nad is None else unusable(view.nad)
    if found:
        hint = "Make it with module migration_nad: pods that start now cannot attach it."
        yield view.finding("nad-unusable", title, "a NAD that gives every pod an address", found, hint, "error")


def _pods(view: View) -> Iterator[Finding]:
    for component, needed in ((kv.HANDLER, True), (kv.SYNC_CONTROLLER, kv.gate_on(view.seen.kubevirt))):
        if needed and not any(pod.component == component for pod in view.seen.pods):
            hint = "Look at virt-operator's log and at the workload's events."
            yield view.finding("pods-missing", component, "at least one pod", "none", hint, "error")
    for pod in view.seen.pods:
        yield from _pod(view, pod)
    for node in view.bare_nodes:
        hint = "VMs cannot run there; see taints, and the placement of workloads in the KubeVirt CR."
        yield view.finding("node-without-handler", f"Node {node}", "a virt-handler", "none", hint, "warning")


def _pod(view: View, pod: Pod) -> Iterator[Finding]:
    title = f"Pod {kv.namespace_of(view.seen.kubevirt)}/{pod.name}"
    where = f" on {pod.node}" if pod.node else ""
    if not pod.ready:
        hint = "A pod that cannot start has a NAD that cannot be attached, or a full address pool."
        yield view.finding("pod-not-ready", title, "a ready pod", f"{pod.trouble}{where}", hint, "error")
    if view.seen.asked is None:
        return
    if pod.asked != view.seen.asked:
        hint = "It runs an older template: wait for the rollout, or restart the pod."
        yield view.finding("pod-outdated", title, view.seen.asked, pod.asked or "no network", hint, "error")
    elif pod.attached is None:
        hint = "Migrations silently use the pod network instead: restart the pod once multus works on that node."
        yield view.finding("interface-missing", title, kv.INTERFACE, f"no such interface{where}", hint, "error")
    elif pod.attached != _attached(view):
        hint = "It was started with another NAD of that name: restart the pod."
        yield view.finding("network-mismatch", title, _attached(view), f"{pod.attached}{where}", hint, "error")
    elif not pod.addresses:
        hint = "Look at the address pool, then restart the pod."
        yield view.finding("address-missing", title, f"an address on {kv.INTERFACE}", f"none{where}", hint, "error")
    elif view.inside(pod.addresses) is False:
        hint = "The address was given out before the slice changed, or by another NAD: restart the pod."
        found = ", ".join(map(str, pod.addresses)) + where
        yield view.finding("address-outside-slice", title, _span_text(view.spans), found, hint, "error")
    elif pod.mtu is not None and mtu_of_network(view.nad) not in (None, pod.mtu):
        hint = "Packets that the others send whole are lost here: restart the pod."
        wanted = f"MTU {mtu_of_network(view.nad)} on {kv.INTERFACE}"
        yield view.finding("mtu-mismatch", title, wanted, f"{pod.mtu}{where}", hint, "error")


def _attached(view: View) -> str:
    """How multus names the NAD that the CR calls for."""
    network = kv.network(view.seen.kubevirt) or ""
    return network if "/" in network else f"{kv.namespace_of(view.seen.kubevirt)}/{network}"


def _duplicates(view: View) -> Iterator[Finding]:
    holders: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pod in view.seen.pods:
        for address in pod.addresses:
            holders["address", str(address)].append(pod.name)
        if pod.mac:
            holders["mac", pod.mac.lower()].append(pod.name)
    for (kind, value), names in holders.items():
        if len(names) > 1:
            hint = "Restart all but one of the pods; two pools must not serve one network."
            found = f"{value} on {', '.join(names)}"
            yield view.finding(f"{kind}-duplicate", "migration network", f"one pod a {kind}", found, hint, "error")


def _synchronization(view: View) -> Iterator[Finding]:
    kubevirt = view.seen.kubevirt
    title, texts = kv.title(kubevirt), kv.sync_addresses(kubevirt)
    if kv.gate_on(kubevirt) and not texts:
        hint = "virt-operator reports them once a synchronization pod leads."
        yield view.finding("sync-address-missing", title, "synchronizationAddresses", "none", hint, "error")
    for text in texts:
        yield from _sync_address(view, title, text)


def _sync_address(view: View, title: str, text: str) -> Iterator[Finding]:
    address = parse(text, kv.sync_port(view.seen.kubevirt))
    if address is None:
        yield view.finding("sync-address-unreadable", title, "an address with a port", text, "", "error")
        return
    if address.unbracketed:
        hint = "Upgrade KubeVirt to 1.6.6, 1.7.4, 1.8.3, 1.9.0 or later: it cannot dial what it wrote."
        yield view.finding("sync-address-unbracketed", title, str(address), text, hint, "error")
    if view.seen.asked is not None and view.inside((address.ip,)) is False:
        hint = "KubeVirt fell back to the pod network in silence: restart the synchronization pods."
        yield view.finding("sync-address-outside-slice", title, _span_text(view.spans), text, hint, "error")
    owner = next((pod for pod in view.controllers if address.ip in pod.every_address), None)
    if owner is None:
        hint = "It is left over from a pod that is gone: wait until virt-operator has updated it."
        yield view.finding("sync-address-stale", title, "the address of a synchronization pod", text, hint, "error")
    elif view.seen.leader.split("_")[0] not in ("", owner.name):
        hint = "Only the leader listens: wait until virt-operator has updated it."
        found = f"{text} of {owner.name}"
        wanted = f"the address of the leader {view.seen.leader}"
        yield view.finding("sync-address-follower", title, wanted, found, hint, "error")


def _pools(view: View) -> Iterator[Finding]:
    for pool in view.pools:
        free = view.free(pool)
        if free is not None and free < 1:
            hint = "The next virt-handler or synchronization pod will not start: take a larger slice."
            yield view.finding("pool-full", pool.title, "at least one free address", "none", hint, "error")
        elif view.room is not None and view.room < 0:
            hint = "A rollout or the restart of a node may find no address: take a larger slice."
            wanted = f"{-view.room} more free addresses, for a rollout and restarted nodes"
            yield view.finding("pool-short", pool.title, wanted, f"{free} free", hint, "warning")
        yield from _strangers(view, pool)
        given = {each.address for each in pool.allocations}
        for pod in view.seen.pods:
            for address in pod.addresses:
                if pool.exists and address in pool.network and address not in given:
                    hint = "whereabouts may give it to another pod: restart this pod."
                    found = f"{address} of {pod.name} is not in it"
                    yield view.finding("pool-mismatch", pool.title, "every address in use", found, hint, "error")


def _strangers(view: View, pool: Pool) -> Iterator[Finding]:
    own = f"{kv.namespace_of(view.seen.kubevirt)}/"
    for each in pool.allocations:
        title = f"{pool.title} {each.address}"
        if view.exists(each.pod) is False:
            hint = "whereabouts frees it when its reconciler runs."
            found = f"it is kept for {each.pod}, which is gone"
            yield view.finding("pool-leak", title, "an address of a pod that exists", found, hint, "warning")
        elif not each.pod.startswith(own):
            hint = "Another NAD uses the same range: give it its own, or a network_name."
            found = f"it is given to {each.pod}"
            yield view.finding("pool-shared", title, "only KubeVirt's own pods", found, hint, "warning")


def _moves(view: View) -> Iterator[Finding]:
    yield from moves.findings(view.cluster, view.left or ())


def _span_text(spans: tuple[Span, ...]) -> str:
    return f"an address in {spans[0].first}-{spans[-1].last}"


_CHECKS: tuple[Callable[[View], Iterator[Finding]], ...] = (
    _settings,
    _nad,
    _pods,
    _duplicates,
    _synchronization,
    _pools,
    _moves,
)
