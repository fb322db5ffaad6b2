# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what the KubeVirt CR says has reached every pod, and waiting until it has."""

from __future__ import annotations

import dataclasses

from . import _kubevirt as kv
from . import _kubevirt_pods as pods
from . import _multus as multus
from . import _rollout as rollout
from ._cluster import Cluster, Object
from ._errors import Missing
from ._kubevirt_pods import Pod
from ._resources import DAEMON_SET, DEPLOYMENT, KUBEVIRT
from ._sync_address import parse
from ._wait import Verdict

HINT = (
    "Look at virt-operator's log and at the pods of virt-handler and virt-synchronization-controller in KubeVirt's"
    " namespace: a pod stuck in ContainerCreating has a NAD that cannot be attached or a full address pool, a"
    " virt-handler that crashes has migration0 without an address. Run again to go on waiting."
)


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """KubeVirt and its two workloads on the migration network."""

    kubevirt: Object
    handler: Object | None
    sync: Object | None
    pods: tuple[Pod, ...]
    leader: str

    @property
    def asked(self) -> str | None:
        """The networks annotation that the CR calls for."""
        network = kv.network(self.kubevirt)
        return None if network is None else f"{network}@{kv.INTERFACE}"


def read(cluster: Cluster, namespace: str, name: str) -> Seen:
    """Read everything once. :raises Missing: when the CR is gone."""
    kubevirt = cluster.get(KUBEVIRT, name, namespace)
    if kubevirt is None:
        raise Missing("the KubeVirt CR", "none any more", cluster.name, f"KubeVirt {namespace}/{name}")
    return Seen(
        kubevirt,
        cluster.get(DAEMON_SET, kv.HANDLER, namespace),
        cluster.get(DEPLOYMENT, kv.SYNC_CONTROLLER, namespace),
        tuple(pods.read(cluster, namespace)),
        pods.leader(cluster, namespace),
    )


def verdict(seen: Seen) -> Verdict:
    """Whether the CR's network and gate are in force on every pod, the addresses included.

    The first reason is the most telling one: what a pod or workload lacks says more than what its operator does.
    """
    parts = (_handler(seen), _sync(seen), *(_pod(seen, pod) for pod in seen.pods), kv.settled(seen.kubevirt))
    for part in parts:
        if not part.done:
            return _with_pods(part, seen)
    return _addresses(seen)


def _handler(seen: Seen) -> Verdict:
    if seen.handler is None:
        return Verdict(False, f"there is no DaemonSet {kv.HANDLER}")
    return _workload(seen, seen.handler, rollout.daemon_set(seen.handler))


def _sync(seen: Seen) -> Verdict:
    if not kv.gate_on(seen.kubevirt):
        if seen.sync is None:
            return Verdict(True)
        return Verdict(False, f"the gate is off and the Deployment {kv.SYNC_CONTROLLER} is still there")
    if seen.sync is None:
        return Verdict(False, f"the gate is on and there is no Deployment {kv.SYNC_CONTROLLER} yet")
    return _workload(seen, seen.sync, rollout.deployment(seen.sync))


def _workload(seen: Seen, workload: Object, progress: Verdict) -> Verdict:
    template = (workload.get("spec") or {}).get("template") or {}
    found = ((template.get("metadata") or {}).get("annotations") or {}).get(multus.NETWORKS)
    if found != seen.asked:
        name = workload["metadata"]["name"]
        return Verdict(False, f"{name}: the pod template has network {found or 'none'}, not {seen.asked or 'none'}")
    return progress


def _pod(seen: Seen, pod: Pod) -> Verdict:
    if pod.asked != seen.asked:
        return Verdict(False, f"{pod.name}: started for network {pod.asked or 'none'}, not {seen.asked or 'none'}")
    if not pod.ready:
        return Verdict(False, f"{pod.name} on {pod.node or 'no node'}: {pod.trouble}")
    if seen.asked is not None and not pod.addresses:
        return Verdict(False, f"{pod.name} on {pod.node}: no address on {kv.INTERFACE}")
    return Verdict(True)


def _addresses(seen: Seen) -> Verdict:
    """KubeVirt falls back to the pod network in silence, so the addresses are compared with the pods' own."""
    texts = kv.sync_addresses(seen.kubevirt)
    if not kv.gate_on(seen.kubevirt):
        return Verdict(False, f"synchronizationAddresses are still {', '.join(texts)}") if texts else Verdict(True)
    if not texts:
        return Verdict(False, "synchronizationAddresses are empty (no leader yet)")
    controllers = [pod for pod in seen.pods if pod.component == kv.SYNC_CONTROLLER]
    own = {
        address for pod in controllers for address in (pod.addresses if seen.asked is not None else pod.pod_addresses)
    }
    for text in texts:
        address = parse(text, kv.sync_port(seen.kubevirt))
        if address is None or address.ip not in own:
            where = f"{kv.INTERFACE} of" if seen.asked is not None else "of"
            return Verdict(False, f"synchronizationAddresses has {text}, no address {where} a synchronization pod")
    return Verdict(True)


def _with_pods(part: Verdict, seen: Seen) -> Verdict:
    """The reason, with the first pod that is in trouble: that is what a user has to look at."""
    troubled = next((pod for pod in seen.pods if not pod.ready and pod.name not in part.reason), None)
    if troubled is None:
        return part
    return Verdict(False, f"{part.reason}; {troubled.name} on {troubled.node or 'no node'}: {troubled.trouble}")
