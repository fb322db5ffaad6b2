# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight lets pass can be made on every cluster, and the next preflight lets it pass again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _cluster_info, _fleet, _l2vni, _l3vni
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _nad as migration_nad
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _vm_nad as vm_nad
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import MigrationError
from ansible_collections.livemigration.kubevirt.plugins.module_utils._fleet_member import Member
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_options import SPEC as L2VNI
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l3vni_spec import SPEC as L3VNI
from ansible_collections.livemigration.kubevirt.plugins.module_utils._nad_options import SPEC as NAD
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import CRD, NAMESPACE, NODE
from hypothesis import event, given, settings
from hypothesis import strategies as st
from unit.memory_cluster import Ticking, job
from unit.openperouter import UNDERLAYS, Site, crd

SHAPES = {"munich": "a", "zurich": "b", "vienna": "c"}
GATEWAYS = ["10.77.2.1/24", "10.77.0.9/29", "192.168.110.1/24", "192.168.110.129/25", "10.244.0.1/16"]


def cluster(name: str, index: int, *addresses: str) -> Site:
    """A cluster with OpenPERouter, its tunnels apart from the others'."""
    site = Site(SHAPES[name])
    site.name = name
    for place in ("kubevirt", "shop"):
        site.put(NAMESPACE, {"metadata": {"name": place}})
    site.put(CRD, crd(site.folder, "l3vnis"))
    if site.shape.reports:
        site.report("node-1")
        site.report("node-2")
    ends = {"evpn": {"vtepcidr": f"100.65.{index}.0/24"}, "tunnelEndpoint": {"cidrs": [f"100.65.{index}.0/24"]}}
    ids = dict.fromkeys(("routeridcidr", "routerIDCIDR"), f"10.0.{index}.0/24")
    spec = {key: (ends | ids).get(key, value) for key, value in UNDERLAYS[site.folder].items()}
    site.add("underlays", "Underlay", "underlay", spec)
    for number, text in enumerate(addresses, 1):
        body = {"metadata": {"name": f"node-{number}"}, "spec": {"podCIDRs": ["10.244.0.0/24"]}}
        site.put(NODE, body | {"status": {"addresses": [{"type": "InternalIP", "address": text}]}})
    return site


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """What is right, more often than not."""
    return st.sampled_from([usual] * 20 + [*others])


def network(name: str, vni: int, vrf: str, l3vni: int, gateway: str) -> st.SearchStrategy[Object]:
    """A network of the VMs."""
    return st.fixed_dictionaries(
        {
            "name": mostly(name, "migration"),
            "vni": mostly(vni, 120, 666),
            "vrf": mostly(vrf, "red", "rouge"),
            "l3vni_vni": mostly(l3vni, 100, 110),
            "gateways": mostly([gateway], [], *([each] for each in GATEWAYS)),
            "mtu": st.just(1400),
            "namespaces": st.just(["shop"]),
        }
    )


first, second = (
    network("layer2", 110, "red", 100, "192.168.110.1/25"),
    network("second", 120, "blue", 101, "192.168.120.1/24"),
)
apps = st.one_of(st.tuples(first), st.tuples(first, second))
plans = st.fixed_dictionaries(
    {
        "range": mostly("10.77.0.0/22", "10.244.4.0/22"),
        "reserved": st.sampled_from([[], ["10.77.0.8/29"]]),
        "vrf": mostly("rouge", "red"),
        "l3vni_vni": mostly(700, 100),
        "l2vni_gateways": st.sampled_from([[], ["10.77.0.1/22"]]),
    }
)
nodes = mostly("10.0.9.1", "10.77.0.9", "192.168.110.7", "192.168.110.130")


def tasks(variables: Object) -> Iterator[tuple[Any, Any, Object]]:
    """What the roles do on one cluster, in their order."""
    own = {key.removeprefix("migration_network_"): value for key, value in variables.items()}
    yield _l3vni.work, L3VNI, {"name": "migration", "vrf": own["vrf"], "vni": own["l3vni_vni"]}
    segment = {"name": "migration", "vni": 666, "vrf": own["vrf"], "l3vni": "migration"}
    yield _l2vni.work, L2VNI, segment | {"gateways": own["l2vni_gateways"]}
    chosen = {key: own[key] for key in ("range", "reserved", "slot", "max_clusters", "mtu")}
    yield migration_nad.work, NAD, chosen | {"name": "migration", "vni": 666}
    for app in variables["vm_network_networks"]:
        yield _l3vni.work, L3VNI, {"name": app["vrf"], "vrf": app["vrf"], "vni": app["l3vni_vni"]}
    for app in variables["vm_network_networks"]:
        segment = {key: app[key] for key in ("name", "vni", "vrf", "gateways")}
        yield _l2vni.work, L2VNI, segment | {"l3vni": app["vrf"]}
    for app in variables["vm_network_networks"]:
        joined = {"name": app["name"], "namespace": "shop", "vni": app["vni"], "mtu": app["mtu"]}
        yield vm_nad.work, vm_nad.SPEC, joined


def run(site: Site, variables: Object, *, check_mode: bool = False) -> bool:
    """Whether it changed anything."""
    changed = False
    for work, spec, options in tasks(variables):
        params = {name: option.get("default") for name, option in spec.options.items()} | options
        changed |= work(job({"cluster": site}, Ticking(), params, check_mode=check_mode))["changed"]
    return changed


def preflight(sites: dict[str, Site], variables: dict[str, Object]) -> bool:
    """Whether nothing is refused."""
    members = []
    for name, site in sites.items():
        read = _cluster_info.work(job({"cluster": site}, Ticking(), {"namespace": None, "name": None, "guests": None}))
        members.append(Member(name, variables[name], read["cluster_info"]))
    if any(each.severity == "error" for each in _fleet.findings(members)):
        return False
    try:
        for name, site in sites.items():
            run(site, variables[name], check_mode=True)
    except MigrationError:
        return False
    return True


@settings(deadline=None, max_examples=60)
@given(plan=plans, networks=apps, node=nodes)
def test_what_passes_once_passes_again(plan: Object, networks: tuple[Object, ...], node: str) -> None:
    sites = {name: cluster(name, index, "192.0.2.1", node) for index, name in enumerate(SHAPES)}
    variables = {}
    for index, name in enumerate(SHAPES):
        own = {"slot": index, "max_clusters": 4, "mtu": 1400, "vni": 666, **plan}
        variables[name] = {f"migration_network_{key}": value for key, value in own.items()}
        variables[name]["vm_network_networks"] = list(networks)
    if not preflight(sites, variables):
        event("refused")
        assert not any(site.writes for site in sites.values())
        return
    event(f"made with {len(networks)} networks of the VMs")
    for name, site in sites.items():
        run(site, variables[name])
    assert preflight(sites, variables)
    assert not any(run(site, variables[name]) for name, site in sites.items())
