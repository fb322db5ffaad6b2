# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a NAD: the KubeVirt CRs that name it, the pods that have it or ask for it, the VMs that would."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable

from . import _multus as multus
from ._cluster import Cluster, Object, namespaced_name
from ._errors import Missing
from ._handler_nodes import kubevirts
from ._kubevirt import HANDLER, SYNC_CONTROLLER
from ._resources import FINAL, POD, VM
from ._whereabouts import Address


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    """A pod or a VM with the NADs that it has or asks for.

    :param title: as messages name it, ``pod default/vm-1``.
    :param nads: the NADs as ``namespace/name``.
    :param ours: whether KubeVirt made it for its own traffic: it leaves a NAD when KubeVirt does.
    :param addresses: by NAD, what multus gave it.
    :param mtus: by NAD, where multus says so.
    """

    title: str
    nads: frozenset[str]
    ours: bool = False
    addresses: dict[str, tuple[Address, ...]] = dataclasses.field(default_factory=dict)
    mtus: dict[str, int] = dataclasses.field(default_factory=dict)


def read(cluster: Cluster, namespace: str) -> list[User]:
    """Everybody on the cluster who uses any NAD; ``namespace`` is KubeVirt's own."""
    found = [_of_pod(pod, namespace) for pod in _alive(cluster)]
    # Without KubeVirt there are no VMs either.
    with contextlib.suppress(Missing):
        found += [_of_vm(vm) for vm in cluster.list(VM)]
    return sorted((user for user in found if user.nads), key=lambda user: user.title)


def of(users: Iterable[User], nad: str) -> list[User]:
    """Those of one NAD (``namespace/name``)."""
    return [user for user in users if nad in user.nads]


def pods(cluster: Cluster, name: str, namespace: str) -> list[str]:
    """The pods (``namespace/name``) that have the network, or ask for it."""
    return sorted(namespaced_name(pod) for pod in _alive(cluster) if f"{namespace}/{name}" in networks_of(pod))


def _alive(cluster: Cluster) -> list[Object]:
    """The pods that have not ended: the kubelet has taken the networks of the others away already."""
    return [pod for pod in cluster.list(POD) if (pod.get("status") or {}).get("phase") not in FINAL]


def networks_of(pod: Object) -> set[str]:
    """The NADs of a pod as ``namespace/name``: those multus attached and those it was asked for."""
    return {str(entry.get("name")) for entry in multus.attached(pod)} | multus.asked(pod)


def _of_pod(pod: Object, namespace: str) -> User:
    metadata = pod["metadata"]
    component = (metadata.get("labels") or {}).get("kubevirt.io")
    entries = multus.attached(pod)
    return User(
        f"pod {namespaced_name(pod)}",
        frozenset(networks_of(pod)),
        metadata.get("namespace") == namespace and component in (HANDLER, SYNC_CONTROLLER),
        {str(entry.get("name")): multus.addresses(entry.get("ips") or []) for entry in entries},
        {str(entry.get("name")): int(entry["mtu"]) for entry in entries if entry.get("mtu")},
    )


def _of_vm(vm: Object) -> User:
    """A VM that does not run now asks for its networks at its next start."""
    namespace = vm["metadata"].get("namespace", "")
    template = ((vm.get("spec") or {}).get("template") or {}).get("spec") or {}
    names = [(each.get("multus") or {}).get("networkName") for each in template.get("networks") or []]
    asked = frozenset(name if "/" in name else f"{namespace}/{name}" for name in names if name)
    return User(f"VirtualMachine {namespaced_name(vm)}", asked)


def named(cluster: Cluster) -> dict[str, str]:
    """The NADs (``namespace/name``) that KubeVirt CRs name as their migration network, each with its CR."""
    found: dict[str, str] = {}
    for kubevirt in kubevirts(cluster):
        settings = ((kubevirt.get("spec") or {}).get("configuration") or {}).get("migrations") or {}
        network = str(settings.get("network") or "")
        if network:
            full = network if "/" in network else f"{kubevirt['metadata'].get('namespace')}/{network}"
            found[full] = f"KubeVirt {namespaced_name(kubevirt)}"
    return found
