# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""cluster_info: what a cluster is, in every flavour and every shape of OpenPERouter."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _cluster_info
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object, Resource
from ansible_collections.livemigration.kubevirt.plugins.module_utils._errors import Forbidden
from ansible_collections.livemigration.kubevirt.plugins.module_utils._l2vni_family import LABEL
from ansible_collections.livemigration.kubevirt.plugins.module_utils._networks import (
    CALICO,
    CILIUM,
    OPENSHIFT,
    SERVICE_CIDR,
    Net,
)
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    CONFIG_MAP,
    IP_POOL,
    KUBEVIRT,
    NAD,
    NMSTATE_STATE,
    NODE,
)
from unit.memory_cluster import MemoryCluster, Ticking, job
from unit.openperouter import Site

SETTING = Resource("harvesterhci.io", "v1beta1", "settings", "Setting", namespaced=False)


def run(cluster: MemoryCluster, **params: Any) -> dict[str, Any]:
    result = _cluster_info.work(
        job({"cluster": cluster}, Ticking(), {"namespace": None, "name": None, "guests": None} | params)
    )
    assert (result["changed"], result["actions"], cluster.writes) == (False, [], [])
    json.dumps(result)
    found: dict[str, Any] = result["cluster_info"]
    return found


def kubevirt(cluster: MemoryCluster, namespace: str = "kubevirt", **metadata: Any) -> None:
    spec = {"configuration": {"migrations": {"network": "migration"}}}
    status = {"observedKubeVirtVersion": "v1.9.0", "synchronizationAddresses": ["10.77.0.2:9185"]}
    body = {"metadata": {"name": "kubevirt", "namespace": namespace, **metadata}, "spec": spec, "status": status}
    cluster.put(KUBEVIRT, body)


def nets(found: dict[str, Any], kind: str) -> list[tuple[str, str]]:
    return [(net["object"], net["cidr"]) for net in found["networks"] if net["kind"] == kind]


@pytest.mark.parametrize(
    ("flavour", "where"),
    [
        ("kubevirt", {}),
        ("kubevirt", {"ownerReferences": [{"kind": "Addon", "name": "virt", "controller": True}]}),
        ("hco", {"labels": {"app.kubernetes.io/managed-by": "hco-operator"}}),
        ("hco", {"ownerReferences": [{"kind": "HyperConverged", "name": "kubevirt-hyperconverged"}]}),
        ("harvester", {"namespace": "harvester-system"}),
    ],
)
def test_the_flavour_is_who_owns_the_settings(flavour: str, where: dict[str, Any]) -> None:
    cluster = MemoryCluster()
    kubevirt(cluster, **where)
    found = run(cluster)
    assert found["flavour"] == flavour
    assert found["kubevirt"] == {
        "namespace": where.get("namespace", "kubevirt"),
        "name": "kubevirt",
        "version": "v1.9.0",
        "gate": False,
        "network": "migration",
        "synchronization_addresses": ["10.77.0.2:9185"],
    }


def test_a_bare_cluster_is_told_as_one() -> None:
    cluster = MemoryCluster()
    cluster.unknown |= {"nodenetworkconfigurationpolicies", "settings", "underlays", "servicecidrs"}
    assert run(cluster) == {
        "name": "cluster-a",
        "uid": "uid-of-cluster-a",
        "flavour": None,
        "kubevirt": None,
        "openperouter": {"shape": None, "group": None, "namespace": None, "address_family": None}
        | {"vnis": [], "underlays": []},
        "networks": [],
        "unreadable": [],
        "nodes": 0,
        "nmstate": False,
        "harvester_version": None,
        "guests": [],
        "marked": [],
    }


def test_nmstate_and_harvester_are_seen() -> None:
    cluster = MemoryCluster()
    cluster.put(SETTING, {"metadata": {"name": "server-version"}, "value": "v1.7.1"})
    found = run(cluster)
    assert (found["nmstate"], found["harvester_version"]) == (True, "v1.7.1")


UNDERLAYS: dict[str, Object] = {
    "a": {"asn": 64514, "routeridcidr": "10.0.1.0/24", "evpn": {"vtepcidr": "100.65.0.0/24"}},
    "b": {"asn": 64514, "routeridcidr": "10.0.1.0/24", "tunnelEndpoint": {"cidrs": ["100.65.0.0/24"]}},
    "c": {"asn": 64514, "routerIDCIDR": "10.0.1.0/24", "tunnelEndpoint": {"cidrs": ["100.65.0.0/24"]}},
}
SEGMENTS: dict[str, Object] = {
    "a": {"vni": 666, "vxlanport": 4790, "vrf": "rouge", "l2gatewayip": "10.77.0.1/22"},
    "b": {"vni": 666, "vxlanport": 4790, "vrf": "rouge", "l2gatewayips": ["10.77.0.1/22"]},
    "c": {
        "vni": 666,
        "vxlanPort": 4790,
        "routingDomain": {"type": "L3VNI", "l3vni": {"name": "rouge"}},
        "gatewayIPs": ["10.77.0.1/22"],
    },
}


@pytest.mark.parametrize("folder", ["a", "b", "c"])
def test_openperouter_in_its_shapes(folder: str) -> None:
    site = Site(folder)
    site.add("underlays", "Underlay", "underlay", UNDERLAYS[folder])
    site.add("l2vnis", "L2VNI", "migration", SEGMENTS[folder])
    site.add("l3vnis", "L3VNI", "rouge", {"vni": 667, "vrf": "rouge", "exportRTs": ["64514:667"]})
    found = run(site)
    router = found["openperouter"]
    assert (router["shape"], router["group"], router["namespace"]) == (
        folder.upper(),
        site.shape.group,
        "openperouter-system",
    )
    assert router["underlays"] == [
        {
            "name": "openperouter-system/underlay",
            "asn": 64514,
            "vtep_cidrs": ["100.65.0.0/24"],
            "router_id_cidr": "10.0.1.0/24",
        }
    ]
    segment, routed = router["vnis"]
    assert segment == {
        "kind": "L2VNI",
        "name": "openperouter-system/migration",
        "family": "",
        "vni": 666,
        "vxlan_port": 4790,
        "vrf": "rouge",
        "bridge": "br-hs-666",
        "gateways": ["10.77.0.1/22"],
        "import_rts": [],
        "export_rts": [],
    }
    assert (routed["kind"], routed["vni"], routed["vxlan_port"]) == ("L3VNI", 667, 4789)
    assert (routed["bridge"], routed["export_rts"]) == (None, ["64514:667"])
    assert nets(found, "vtep") == [("openperouter-system/underlay", "100.65.0.0/24")]
    assert nets(found, "router-id") == [("openperouter-system/underlay", "10.0.1.0/24")]
    assert nets(found, "l2vni") == [("openperouter-system/migration", "10.77.0.0/22")]


@pytest.mark.parametrize(
    ("cidrs", "family"),
    [(["100.65.0.0/24"], "ipv4"), (["100.65.0.0/24", "fd00:65::/64"], "ipv6"), (["fd00:65::/64"], "ipv6"), ([], None)],
)
def test_what_the_tunnels_are_counted_as(cidrs: list[str], family: str | None) -> None:
    site = Site("c")
    site.add("underlays", "Underlay", "underlay", {"tunnelEndpoint": {"cidrs": cidrs}})
    assert run(site)["openperouter"]["address_family"] == family


def test_a_segment_beside_another_one_tells_whose_it_is() -> None:
    site = Site("b")
    body = {"name": "migration-667", "namespace": "openperouter-system"}
    site.put(site.shape.l2vni, {"metadata": body | {"labels": {LABEL: "migration"}}, "spec": {"vni": 667}})
    assert [vni["family"] for vni in run(site)["openperouter"]["vnis"]] == ["migration"]


def test_every_network_that_the_cluster_names() -> None:
    cluster = MemoryCluster()
    status = {"addresses": [{"type": "InternalIP", "address": "192.0.2.7"}, {"type": "Hostname", "address": "node-1"}]}
    cluster.put(NODE, {"metadata": {"name": "node-1"}, "spec": {"podCIDRs": ["10.244.0.0/24"]}, "status": status})
    cluster.put(SERVICE_CIDR, {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/16", "fd00::/108"]}})
    configs: dict[str, Any] = {
        "plain": {"ipam": {"type": "whereabouts", "range": "10.1.0.0/24", "ipRanges": [{"range": "fd01::/64"}]}},
        "bounded": {"ipam": {"type": "whereabouts", "range": "10.2.0.5-10.2.0.9/24"}},
        "chained": {"plugins": [{"ipam": {"type": "host-local", "ranges": [[{"subnet": "10.3.0.0/24"}]]}}, {}]},
        "single": {"ipam": {"type": "host-local", "subnet": "10.4.0.0/24"}},
        "static": {"ipam": {"type": "static", "addresses": [{"address": "10.7.0.9/24"}]}},
        "dhcp": {"ipam": {"type": "dhcp"}},
        "nonsense": [1],
        "unmeant": {"ipam": {"range": "everything"}},
    }
    for name, config in configs.items():
        body = {"metadata": {"name": name, "namespace": "vms"}, "spec": {"config": json.dumps(config)}}
        cluster.put(NAD, body)
    cluster.put(NAD, {"metadata": {"name": "file", "namespace": "vms"}})
    for name, given in (("10.5.0.0-24", {"1": {"podref": "a/b"}}), ("10.6.0.0-24", {})):
        spec = {"range": name.replace("-", "/"), "allocations": given}
        cluster.put(IP_POOL, {"metadata": {"name": name, "namespace": "kube-system"}, "spec": spec})
    found = run(cluster)
    assert found["nodes"] == 1
    assert nets(found, "node") == [("node-1", "192.0.2.7/32")]
    assert nets(found, "pod") == [("node-1", "10.244.0.0/24")]
    assert nets(found, "service") == [("kubernetes", "10.96.0.0/16"), ("kubernetes", "fd00::/108")]
    assert nets(found, "nad") == [
        ("vms/plain", "10.1.0.0/24"),
        ("vms/plain", "fd01::/64"),
        ("vms/bounded", "10.2.0.0/24"),
        ("vms/chained", "10.3.0.0/24"),
        ("vms/single", "10.4.0.0/24"),
        ("vms/static", "10.7.0.9/32"),
    ]
    given_out = {net["object"]: net["ipam"] for net in found["networks"] if net["ipam"]}
    assert given_out == dict.fromkeys(("vms/plain", "vms/bounded"), "whereabouts") | {
        "vms/chained": "host-local",
        "vms/single": "host-local",
        "vms/static": "static",
    }
    assert nets(found, "pool") == [("kube-system/10.5.0.0-24", "10.5.0.0/24")]
    assert [Net.of_result(told).as_dict() for told in found["networks"]] == found["networks"]


def test_what_kubeadm_and_nmstate_say_more() -> None:
    cluster = MemoryCluster()
    for number in (7, 8):
        status = {"addresses": [{"type": "InternalIP", "address": f"192.0.2.{number}"}]}
        body = {"metadata": {"name": f"node-{number}"}, "spec": {"podCIDRs": [f"10.244.{number}.0/24"]}}
        cluster.put(NODE, body | {"status": status})
        cards = [
            {"name": "eth0", "ipv4": {"address": [{"ip": f"192.0.2.{number}", "prefix-length": 24}]}},
            {"name": "docker0", "ipv4": {"address": [{"ip": "172.17.0.1", "prefix-length": 16}]}, "ipv6": {}},
        ]
        state = {"currentState": {"interfaces": cards}}
        cluster.put(NMSTATE_STATE, {"metadata": {"name": f"node-{number}"}, "status": state})
    cluster.put(SERVICE_CIDR, {"metadata": {"name": "kubernetes"}, "spec": {"cidrs": ["10.96.0.0/16"]}})
    told = "networking:\n  podSubnet: 10.244.0.0/16,fd00:244::/56\n  serviceSubnet: 10.96.0.0/16\n"
    config = {
        "metadata": {"name": "kubeadm-config", "namespace": "kube-system"},
        "data": {"ClusterConfiguration": told},
    }
    cluster.put(CONFIG_MAP, config)
    found = run(cluster)
    assert nets(found, "node-network") == [("node-7", "192.0.2.0/24")]
    assert nets(found, "pod")[2:] == [
        ("kube-system/kubeadm-config", "10.244.0.0/16"),
        ("kube-system/kubeadm-config", "fd00:244::/56"),
    ]
    assert nets(found, "service") == [("kubernetes", "10.96.0.0/16")]


def test_a_pool_of_kubevirts_interface_is_the_networks_own() -> None:
    cluster = MemoryCluster()
    spec: dict[str, Any] = {"range": "10.5.0.0/24", "allocations": {"1": {"podref": "a/b", "ifname": "migration0"}}}
    cluster.put(IP_POOL, {"metadata": {"name": "10.5.0.0-24", "namespace": "kube-system"}, "spec": spec})
    assert nets(run(cluster), "pool") == []
    spec["allocations"] |= {"2": {"podref": "a/c", "ifname": "net1"}}
    cluster.put(IP_POOL, {"metadata": {"name": "10.5.0.0-24", "namespace": "kube-system"}, "spec": spec})
    assert nets(run(cluster), "pool") == [("kube-system/10.5.0.0-24", "10.5.0.0/24")]


def test_what_network_plugins_keep_for_themselves() -> None:
    cluster = MemoryCluster()
    status = {"clusterNetwork": [{"cidr": "10.128.0.0/14", "hostPrefix": 23}], "serviceNetwork": ["172.30.0.0/16"]}
    cluster.put(OPENSHIFT, {"metadata": {"name": "cluster"}, "status": status})
    cluster.put(CALICO, {"metadata": {"name": "default-ipv4-ippool"}, "spec": {"cidr": "192.168.0.0/16"}})
    cluster.put(CILIUM, {"metadata": {"name": "node-1"}, "spec": {"ipam": {"podCIDRs": ["10.0.1.0/24"]}}})
    found = run(cluster)
    assert nets(found, "service") == [("cluster", "172.30.0.0/16")]
    assert nets(found, "pod") == [
        ("cluster", "10.128.0.0/14"),
        ("default-ipv4-ippool", "192.168.0.0/16"),
        ("node-1", "10.0.1.0/24"),
    ]


def test_what_may_not_be_read_is_named_where_it_exists() -> None:
    class Closed(MemoryCluster):
        def list(self, resource: Resource, *args: Any, **more: Any) -> list[Object]:
            if resource in (NAD, SERVICE_CIDR):
                raise Forbidden("to read", "no", self.name)
            return super().list(resource, *args, **more)

    closed = Closed()
    closed.unknown.add("servicecidrs")
    assert run(closed)["unreadable"] == ["network-attachment-definitions.k8s.cni.cncf.io"]
