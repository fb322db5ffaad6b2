# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""KubeVirt in a cluster in memory: what virt-operator makes of its CR, in the order in which it was recorded."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

from ansible_collections.livemigration.kubevirt.plugins.module_utils import _pem as pem
from ansible_collections.livemigration.kubevirt.plugins.module_utils._cluster import Object
from ansible_collections.livemigration.kubevirt.plugins.module_utils._resources import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    IP_POOL,
    KUBEVIRT,
    LEASE,
    NAD,
    NODE,
    POD,
    SECRET,
    VMIM,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from unit.memory_cluster import START, MemoryCluster

NAMESPACE = "kubevirt"
HANDLER, SYNC = "virt-handler", "virt-synchronization-controller"
_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(name: str, *, age_hours: float = 0, life_hours: float = 168) -> str:
    """A CA certificate as PEM text, ``age_hours`` old at the tests' start of time."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    begin = START - datetime.timedelta(hours=age_hours)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(_KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(hours=life_hours))
        .sign(_KEY, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def fingerprint(text: str) -> str:
    """The fingerprint of the first certificate."""
    return pem.read(text).certificates[0].fingerprint


class Site:
    """One cluster with KubeVirt; ``step`` is virt-operator, taking one recorded step a call."""

    def __init__(self, name: str = "cluster-a", *, slice_start: int = 2, nodes: int = 2) -> None:
        self.cluster = MemoryCluster(name)
        self.slice_start, self.nodes = slice_start, nodes
        self.frozen = False
        self.swallow = 0
        self.renewals = 0
        self._stage = 0
        self.cluster.put(KUBEVIRT, {"metadata": _meta("kubevirt"), "spec": {"configuration": {}}})
        for number in range(nodes):
            self.cluster.put(NODE, {"metadata": {"name": f"{name}-node-{number + 1}"}})
        self.renew(age_hours=1)
        self.cluster.put(CONFIG_MAP, {"metadata": _meta("kubevirt-external-ca"), "data": {"ca-bundle": ""}})
        self._roll_out()
        self._settle()
        self.cluster.writes.clear()

    # what a user or a test looks at

    @property
    def kubevirt(self) -> Object:
        found = self.cluster.get(KUBEVIRT, "kubevirt", NAMESPACE)
        assert found is not None
        return found

    @property
    def ca(self) -> str:
        secret = self.cluster.get(SECRET, "kubevirt-ca", NAMESPACE)
        assert secret is not None
        return base64.b64decode(secret["data"]["tls.crt"]).decode()

    def text(self, name: str = "kubevirt-ca") -> str:
        found = self.cluster.get(CONFIG_MAP, name, NAMESPACE)
        assert found is not None
        return str(found["data"]["ca-bundle"])

    def configure(self, configuration: dict[str, Any], **spec: Any) -> None:
        """A write of the user, carried out in full."""
        self.cluster.put(KUBEVIRT, self.kubevirt | {"spec": {"configuration": configuration, **spec}})
        for _ in range(10):
            self.step()
        self.cluster.writes.clear()

    def edit(self, kind: Any, name: str, change: dict[str, Any]) -> None:
        """Merge a change into an object, as some controller."""
        self.cluster.patch(kind, name, change, namespace=None if kind is NODE else NAMESPACE)
        self.cluster.writes.clear()

    def nad(self, name: str = "migration-evpn", **ipam: Any) -> None:
        """Make the NAD of the migration network."""
        config = {"type": "bridge", "ipam": {"type": "whereabouts", "range": "192.170.10.0/24", **ipam}}
        self.cluster.put(NAD, {"metadata": _meta(name), "spec": {"config": json.dumps(config)}})

    def migration(self, name: str, phase: str) -> None:
        """A VMIM in a user's namespace."""
        body = {"metadata": {"name": name, "namespace": "default"}, "status": {"phase": phase}}
        self.cluster.put(VMIM, body)

    def renew(self, *, age_hours: float = 0) -> None:
        """A new CA, with the bundle that goes with it."""
        self.renewals += 1
        text = certificate(f"kubevirt.io@{self.cluster.name}-{self.renewals}", age_hours=age_hours)
        self._secret(text, renewing=False)
        old = self.cluster.get(CONFIG_MAP, "kubevirt-ca", NAMESPACE)
        bundle = text + (old or {"data": {"ca-bundle": ""}})["data"]["ca-bundle"]
        self.cluster.put(CONFIG_MAP, {"metadata": _meta("kubevirt-ca"), "data": {"ca-bundle": bundle}})

    # virt-operator

    def step(self) -> None:
        """The next recorded step towards what the CR says, and the inbox."""
        if self.frozen:
            return
        body = self.kubevirt
        if body["status"]["observedGeneration"] != body["metadata"]["generation"]:
            steps = (self._begin, self._announce, self.renew, self._roll_out, self._settle)
            steps[self._stage]()
            self._stage = (self._stage + 1) % len(steps)
        else:
            self._take_in()
            self._addresses()

    def _begin(self) -> None:
        self._status(conditions=_conditions("UpdateInProgress", progressing=True))

    def _announce(self) -> None:
        self._secret(self.ca, renewing=True)

    def _roll_out(self) -> None:
        network = (self.kubevirt["spec"]["configuration"].get("migrations") or {}).get("network")
        gates = (self.kubevirt["spec"]["configuration"].get("developerConfiguration") or {}).get("featureGates") or []
        for key in [key for key in self.cluster.objects if key[0] in ("pods", "daemonsets", "deployments", "leases")]:
            del self.cluster.objects[key]
        names = [(HANDLER, f"{HANDLER}-{number}", number) for number in range(1, self.nodes + 1)]
        self._workload(DAEMON_SET, HANDLER, network, {"desiredNumberScheduled": self.nodes})
        if "DecentralizedLiveMigration" in gates:
            names += [(SYNC, f"{SYNC}-{number}", number) for number in (1, 2)]
            self._workload(DEPLOYMENT, SYNC, network, {})
            self.cluster.put(LEASE, {"metadata": _meta(SYNC), "spec": {"holderIdentity": f"{SYNC}-1"}})
        given: dict[str, Any] = {}
        for offset, (component, name, number) in enumerate(names):
            address = self.slice_start + offset
            self.cluster.put(POD, pod(component, name, f"{self.cluster.name}-node-{number}", network, address))
            given[str(address)] = {"podref": f"{NAMESPACE}/{name}", "ifname": "migration0"}
        if network:
            metadata = {"name": "192.170.10.0-24", "namespace": "kube-system"}
            spec = {"range": "192.170.10.0/24", "allocations": given}
            self.cluster.put(IP_POOL, {"metadata": metadata, "spec": spec})

    def _settle(self) -> None:
        self._status(
            observedGeneration=self.kubevirt["metadata"]["generation"],
            phase="Deployed",
            observedKubeVirtVersion="v1.9.0",
            conditions=_conditions("AllComponentsReady", progressing=False),
            synchronizationAddresses=[],
        )

    def _addresses(self) -> None:
        leader = self.cluster.get(POD, f"{SYNC}-1", NAMESPACE)
        found = []
        if leader is not None:
            entries = json.loads(leader["metadata"]["annotations"]["k8s.v1.cni.cncf.io/network-status"])
            found = [f"{entries[-1]['ips'][0]}:9185"]
        if self.kubevirt["status"].get("synchronizationAddresses") != found:
            self._status(synchronizationAddresses=found)

    def _take_in(self) -> None:
        waiting = self.text("kubevirt-external-ca")
        if not waiting:
            return
        if self.swallow:
            self.swallow -= 1
        elif not pem.read(waiting).unreadable:
            known = pem.read(self.text())
            new = [each.pem for each in pem.read(waiting).certificates if each.fingerprint not in known]
            self.cluster.put(
                CONFIG_MAP, {"metadata": _meta("kubevirt-ca"), "data": {"ca-bundle": self.text() + "".join(new)}}
            )
        self.cluster.put(CONFIG_MAP, {"metadata": _meta("kubevirt-external-ca"), "data": {"ca-bundle": ""}})

    def _status(self, **status: Any) -> None:
        body = self.kubevirt
        self.cluster.put(KUBEVIRT, body | {"status": body.get("status", {}) | status})

    def _secret(self, text: str, *, renewing: bool) -> None:
        annotations = {"kubevirt.io/generation": "1"} | ({} if renewing else {"kubevirt.io/duration": "168h"})
        data = {"tls.crt": base64.b64encode(text.encode()).decode(), "tls.key": "UFJJVkFURQ=="}
        self.cluster.put(SECRET, {"metadata": _meta("kubevirt-ca") | {"annotations": annotations}, "data": data})

    def _workload(self, resource: Any, name: str, network: str | None, status: dict[str, int]) -> None:
        annotations = {"k8s.v1.cni.cncf.io/networks": f"{network}@migration0"} if network else {}
        template = {"metadata": {"annotations": annotations}}
        counts = ["updatedNumberScheduled", "numberReady", "numberAvailable"]
        replicas = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
        status = status | dict.fromkeys(counts, self.nodes) | dict.fromkeys(replicas, 2) | {"observedGeneration": 1}
        self.cluster.put(
            resource, {"metadata": _meta(name), "spec": {"replicas": 2, "template": template}, "status": status}
        )


def pod(component: str, name: str, node: str, network: str | None, offset: int) -> Object:
    """A ready pod with the annotations of multus."""
    networks: list[dict[str, Any]] = [{"name": "k8s-pod-network", "ips": [f"10.1.0.{offset}"], "default": True}]
    annotations = {}
    if network:
        mac, address = f"02:00:00:00:00:{offset:02x}", f"192.170.10.{offset}"
        networks.append({"name": f"{NAMESPACE}/{network}", "interface": "migration0", "ips": [address], "mac": mac})
        annotations["k8s.v1.cni.cncf.io/networks"] = f"{network}@migration0"
    annotations["k8s.v1.cni.cncf.io/network-status"] = json.dumps(networks)
    return {
        "metadata": _meta(name) | {"annotations": annotations, "labels": {"kubevirt.io": component}},
        "spec": {"nodeName": node},
        "status": {
            "phase": "Running",
            "podIP": f"10.1.0.{offset}",
            "podIPs": [{"ip": f"10.1.0.{offset}"}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _conditions(reason: str, *, progressing: bool) -> list[dict[str, str]]:
    bad, good = ("True", "False") if progressing else ("False", "True")
    states = {"Available": good, "Progressing": bad, "Degraded": bad}
    return [{"type": kind, "status": status, "message": reason} for kind, status in states.items()]


def _meta(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE}
