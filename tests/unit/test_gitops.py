# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that Argo CD or Flux applies: refused by name, or changed with a warning where that is allowed."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _plan
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Conflict
from ansible_collections.livemigration.kubevirt.plugins.module_utils._plan import Plan
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CONFIG_MAP, NAD
from unit.l2vni_call import ready, refused, run
from unit.memory_cluster import MemoryCluster, Ticking, job

ARGO = {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}
FLUX = {"labels": {"kustomize.toolkit.fluxcd.io/name": "fleet"}}
POLICY = Resource("nmstate.io", "v1", "nodenetworkconfigurationpolicies", "NodeNetworkConfigurationPolicy", False)
NETWORKS = [
    Resource("openpe.openperouter.github.io", "v1alpha1", "l2vnis", "L2VNI"),
    Resource("openpe.openperouter.github.io", "v1alpha1", "l3vnis", "L3VNI"),
    NAD,
    POLICY,
]


def body(resource: Resource, marks: Object) -> Object:
    metadata = {"name": "migration", **({"namespace": "default"} if resource.namespaced else {}), **marks}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "spec": {"old": 1}}


def change(cluster: MemoryCluster, resource: Resource, marks: Object, verb: str) -> Plan:
    found = cluster.put(resource, body(resource, marks))
    if verb == "delete":
        return _plan.plan_of([_plan.remove(cluster, resource, found, "nobody wants it")])
    return _plan.plan_of([_plan.merge(cluster, resource, found, {"spec": {"new": 2}}, "it differs")])


@pytest.mark.parametrize("verb", ["merge", "delete"])
@pytest.mark.parametrize(("marks", "tool"), [(ARGO, "Argo CD"), (FLUX, "Flux")], ids=["argo", "flux"])
@pytest.mark.parametrize("resource", NETWORKS, ids=lambda resource: resource.kind)
def test_refused_unless_allowed(resource: Resource, marks: Object, tool: str, verb: str) -> None:
    cluster = MemoryCluster()
    planned = change(cluster, resource, marks, verb)
    with pytest.raises(Conflict, match=f"{resource.kind} .*migration: .*{tool} does") as caught:
        job({"cluster": cluster}, Ticking(), {"allow_gitops": False}).apply(planned)
    assert (caught.value.reason, cluster.writes) == ("owned_by_gitops", [])
    assert "set allow_gitops" in caught.value.hint
    allowed = job({"cluster": cluster}, Ticking(), {"allow_gitops": True})
    allowed.apply(planned)
    assert len(cluster.writes) == 1
    assert f"is applied by {tool}, which may undo this" in allowed.finish(planned)["warnings"][0]


def test_check_mode_refuses_too_and_still_says_what_differs() -> None:
    cluster = MemoryCluster()
    planned = change(cluster, NAD, ARGO, "merge")
    with pytest.raises(Conflict) as caught:
        job({"cluster": cluster}, Ticking(), {"allow_gitops": False}, check_mode=True).apply(planned)
    assert caught.value.result["actions"] == planned.actions()


@pytest.mark.parametrize(
    ("resource", "marks", "params"),
    [(NAD, {}, {"allow_gitops": False}), (NAD, ARGO, {}), (CONFIG_MAP, ARGO, {"allow_gitops": False})],
    ids=["no marks", "a module that does not ask", "no network"],
)
def test_nobody_else_is_in_the_way(resource: Resource, marks: Object, params: dict[str, Any]) -> None:
    cluster = MemoryCluster()
    job({"cluster": cluster}, Ticking(), params).apply(change(cluster, resource, marks, "merge"))
    assert len(cluster.writes) == 1


@pytest.mark.parametrize("name", ["l2vni", "l3vni", "migration_nad", "vm_nad", "node_uplink"])
def test_every_module_of_a_network_asks(name: str) -> None:
    module = importlib.import_module(f"ansible_collections.livemigration.kubevirt.plugins.modules.{name}")
    assert module.MODULE.spec.options["allow_gitops"]["default"] is False


def test_a_segment_that_is_as_wanted_is_nobodys_business() -> None:
    site = ready("a")
    run(site)
    shape = site.shape.l2vni
    key = next(key for key in site.objects if key[0] == shape.plural)
    site.objects[key]["metadata"] |= ARGO
    assert not run(site)["changed"]
    assert refused(site, vni=667).reason == "owned_by_gitops"
    assert refused(site, state="absent").reason == "owned_by_gitops"
    assert "Argo CD" in str(run(site, vni=667, allow_gitops=True)["warnings"])
