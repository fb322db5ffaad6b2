# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NAD through which VMs of one namespace join a network: see what is there, decide, write."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

from . import _nad_config as cni
from . import _nad_kinds as kinds
from . import _nad_users as users
from ._argspec import ArgumentSpec, cluster_options
from ._cluster import Object, namespaced_name
from ._errors import Busy, Missing, located
from ._job import Job, Result
from ._mark import MARK
from ._nad_kinds import Attachment
from ._nad_options import label
from ._plan import Plan, create, merge, plan_of, remove
from ._resources import NAD, NAMESPACE

SPEC = cluster_options().merge(
    ArgumentSpec(
        {
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "allow_gitops": {"type": "bool", "default": False},
            "bridge": {"type": "str"},
            "vni": {"type": "int"},
            "vlan": {"type": "int"},
            "mtu": {"type": "int"},
            "underlay_mtu": {"type": "int"},
            "underlay_address_family": {"type": "str", "choices": ["ipv4", "ipv6"], "default": "ipv4"},
            "macspoofchk": {"type": "bool", "default": False},
            "cni_version": {"type": "str", "default": "0.3.1"},
        },
        mutually_exclusive=(("bridge", "vni"),),
        required_if=(("state", "present", ("bridge", "vni"), True),),
    )
)


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """The network as VMs see it: a bridge of the nodes, no address of its own.

    :param mtu: 0 for the kernel's own.
    """

    name: str
    namespace: str
    link: Attachment
    mtu: int = 0
    macspoofchk: bool = False
    cni_version: str = "0.3.1"

    @property
    def full_name(self) -> str:
        """The NAD as VMs and pods name it."""
        return f"{self.namespace}/{self.name}"


def wanted_of(params: Mapping[str, Any]) -> tuple[Wanted, list[str]]:
    """The network of the options, and warnings. :raises BadInput: for what cannot work anywhere."""
    label(params["name"], "name")
    label(params["namespace"], "namespace")
    link = kinds.attachment_of({"kind": "bridge", "master": None, "mode": None, "resource_name": None, **params})
    told: list[str] = []
    if params["mtu"] is not None:
        told = cni.check_mtu(
            params["mtu"],
            overlay=params["vni"] is not None,
            version=4,
            underlay_mtu=params["underlay_mtu"],
            family=params["underlay_address_family"],
        )
    wanted = Wanted(
        params["name"],
        params["namespace"],
        link,
        params["mtu"] or 0,
        params["macspoofchk"],
        params["cni_version"],
    )
    return wanted, told


def desired(wanted: Wanted, before: Object | None = None) -> Object:
    """The configuration as it should be; keys of the user's that we have no opinion on stay.

    The guest has the address: the pod's own end of the cable stays without an interface, so that no MAC of it is
    learnt beside the guest's while it moves.
    """
    config = copy.deepcopy(before) if before else {}
    config |= {"cniVersion": wanted.cni_version, "name": config.get("name") or wanted.name}
    plugin = cni.main_plugin(config)
    for key in kinds.OWNED:
        plugin.pop(key, None)
    plugin |= wanted.link.plugin(wanted.mtu)
    if not wanted.mtu:
        del plugin["mtu"]
    plugin |= {"macspoofchk": wanted.macspoofchk, "disableContainerInterface": True}
    return config


def plan(wanted: Wanted, job: Job, mine: Object | None, before: Object | None) -> Plan:
    """Decide what to write. :raises Busy: for a change under VMs that use the network."""
    cluster = job.cluster
    after = desired(wanted, before)
    if mine is None:
        body: Object = {
            "apiVersion": NAD.api_version,
            "kind": NAD.kind,
            "metadata": {"name": wanted.name, "namespace": wanted.namespace, "labels": dict(MARK)},
            "spec": {"config": cni.render(after)},
        }
        return plan_of([create(cluster, NAD, body, f"VMs join {wanted.link}")])
    if cni.same(before or {}, after):
        return Plan()
    hint = "A VM that moves would land on the other network: stop the VMs first, or give the network another name."
    _refuse_use(job, wanted.full_name, "to change the network", hint)
    return plan_of([merge(cluster, NAD, mine, {"spec": {"config": cni.render(after)}}, f"VMs join {wanted.link}")])


def _refuse_use(job: Job, full_name: str, what: str, hint: str) -> None:
    """Also in check mode: nothing that comes before this in a playbook stops a VM."""
    found = users.of(users.read(job.cluster, ""), full_name)
    if found:
        names = ", ".join(user.title for user in found)
        raise Busy(f"nobody to use the NAD, {what}", names, hint=hint, reason="nad_in_use")


def work(job: Job) -> Result:
    """The whole work of the module."""
    params = job.params
    with located(job.cluster.name, f"NetworkAttachmentDefinition {params['namespace']}/{params['name']}"):
        return _absent(job) if params["state"] == "absent" else _present(job)


def _present(job: Job) -> Result:
    cluster = job.cluster
    wanted, told = wanted_of(job.params)
    try:
        mine = cluster.get(NAD, wanted.name, wanted.namespace)
    except Missing as error:
        hint = "Multus is not installed on this cluster: install it first."
        raise Missing("Multus", f"no CRD {NAD.full_name}", hint=hint, reason="multus_missing") from error
    before = cni.parse(mine, "bridge", ipam=None) if mine else None
    planned = plan(wanted, job, mine, before)
    if mine is None and cluster.get(NAMESPACE, wanted.namespace) is None:
        hint = "It is the namespace of the VMs: create it first, or correct namespace."
        raise Missing(f"namespace {wanted.namespace}", "no such namespace", hint=hint, reason="namespace_missing")
    job.apply(planned)
    facts = {
        "name": wanted.name,
        "namespace": wanted.namespace,
        "bridge": wanted.link.bridge,
        "vlan": wanted.link.vlan or None,
        "mtu": wanted.mtu or None,
        "config": desired(wanted, before),
    }
    return job.finish(planned, warnings=[f"{cluster.name}: {text}" for text in told], vm_nad=facts)


def _absent(job: Job) -> Result:
    cluster, name, namespace = job.cluster, job.params["name"], job.params["namespace"]
    nothing = {"name": name, "namespace": namespace, "bridge": None, "vlan": None, "mtu": None, "config": None}
    try:
        mine = cluster.get(NAD, name, namespace)
    except Missing:
        # Without Multus there is no NAD either.
        mine = None
    if mine is None:
        return job.finish(Plan(), vm_nad=nothing)
    hint = "VMs that start or move need it: remove the network from them, or the VMs, first."
    _refuse_use(job, namespaced_name(mine), "to remove it", hint)
    planned = plan_of([remove(cluster, NAD, mine, "no VM needs the network any more")])
    job.apply(planned)
    return job.finish(planned, vm_nad=nothing)
