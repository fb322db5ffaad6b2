# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nmstate's handler on every node: it carries out policies, tells how that went, and reports the interfaces."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from ..controller import Controller
from ..faults import register
from ..kube import Conflict
from ..resources import Object
from . import node_network
from .node_network import Link, NodeNetwork

POLICIES = "nodenetworkconfigurationpolicies"
ENACTMENTS = "nodenetworkconfigurationenactments"
STATES = "nodenetworkstates"

FAILURE = register("nmstate-failure", "nmstate cannot carry out a policy and undoes it", node="name of the node")
STUCK = register("nmstate-stuck", "nmstate's handler no longer works", node="name of the node, wildcards allowed")


class NmstateError(Exception):
    """Why a node cannot have the state that a policy wants."""


class NmstateHandler(Controller):
    """One for all nodes; the nodes of a policy take their turn one after the other, and the first failure ends it."""

    name = "nmstate-handler"
    workers = 1

    def watches(self) -> dict[str, Any]:
        if not self.site.settings.nmstate:
            return {}
        return {POLICIES: lambda policy: [policy["metadata"]["name"]], "nodes": self._on_node, ENACTMENTS: _policy_of}

    async def start(self) -> None:
        if not self.site.settings.nmstate:
            return
        self.site.faults.subscribe(self._on_fault)
        for node in self.site.nodes:
            await self._report(node)

    async def reconcile(self, key: str) -> float | None:
        policy = self.store(POLICIES).get(key)
        if policy is None or "deletionTimestamp" in policy["metadata"]:
            return None
        labels = (policy["spec"].get("nodeSelector") or {}).items()
        nodes = [
            node["metadata"]["name"]
            for node in self.store("nodes").list()
            if labels <= (node["metadata"].get("labels") or {}).items()
        ]
        failed = ""
        for node in sorted(nodes):
            if self.site.faults.get(STUCK, node=node) is not None:
                return None
            failed = await self._enact(policy, node, failed) or failed
        await self._judge(policy, nodes, failed)
        return None

    async def _enact(self, policy: Object, node: str, failed: str) -> str:
        """Carry it out on a node, once a generation; the text of what went wrong."""
        api, name = self.site.api(self.name), f"{node}.{policy['metadata']['name']}"
        generation = policy["metadata"]["generation"]
        enactment = await api.get(ENACTMENTS, name)
        if enactment is None:
            enactment = await api.create(ENACTMENTS, _enactment(policy, node))
        status = enactment.get("status") or {}
        if status.get("policyGeneration") == generation:
            found: Object = next((each for each in status["conditions"] if each["status"] == "True"), {})
            return str(found.get("message")) if found.get("type") == "Failing" else ""
        desired = policy["spec"].get("desiredState") or {}
        text, condition = "", "Available"
        if failed:
            condition, text = "Aborted", "policy aborted: another node has failed to carry it out"
        else:
            try:
                self._apply(node, desired.get("interfaces") or [])
            except NmstateError as error:
                condition, text = "Failing", f"error reconciling NodeNetworkConfigurationPolicy on node {node}: {error}"
        conditions = self._conditions(condition, text)
        enactment["status"] = {"policyGeneration": generation, "desiredState": desired, "conditions": conditions}
        await self._report(node)
        await api.update_status(ENACTMENTS, enactment)
        return text

    def _apply(self, node: str, wanted: list[Object]) -> None:
        """All or nothing: nmstate rolls back what it cannot verify."""
        network = node_network.on(self.site, node)
        before = copy.deepcopy(network.links)
        try:
            for each in wanted:
                change(network, each)
            if self.site.faults.get(FAILURE, node=node) is not None:
                raise NmstateError("NmstateError: VerificationError: Verification failure: the state is not as desired")
        except NmstateError:
            network.links = before
            raise

    async def _judge(self, policy: Object, nodes: list[str], failed: str) -> None:
        """The policy's own conditions sum up those of its nodes."""
        if not nodes:
            kind, reason, text = "Ignored", "NoMatchingNode", "Policy does not match any node"
        elif failed:
            kind, reason, text = "Degraded", "FailedToConfigure", f"{len(nodes)} nodes matched, one failed to configure"
        else:
            text = f"{len(nodes)}/{len(nodes)} nodes successfully configured"
            kind, reason = "Available", "SuccessfullyConfigured"
        known = (policy.get("status") or {}).get("conditions") or []
        if any(each["type"] == kind and each["status"] == "True" and each.get("message") == text for each in known):
            return
        conditions = [
            self._condition(each, str(each == kind), reason, text)
            for each in ("Available", "Degraded", "Progressing", "Ignored")
        ]
        await self.site.api(self.name).update_status(POLICIES, {**policy, "status": {"conditions": conditions}})

    def _conditions(self, true: str, text: str) -> list[Object]:
        reasons = {
            "Available": "SuccessfullyConfigured",
            "Failing": "FailedToConfigure",
            "Aborted": "ConfigurationAborted",
        }
        kinds = ("Failing", "Available", "Progressing", "Pending", "Aborted")
        return [self._condition(each, str(each == true), reasons[true], text if each == true else "") for each in kinds]

    def _condition(self, kind: str, status: str, reason: str, text: str) -> Object:
        times = {"lastHeartbeatTime": self.site.now(), "lastTransitionTime": self.site.now()}
        return {"type": kind, "status": status, "reason": reason, "message": text, **times}

    async def _report(self, node: str) -> None:
        """The NodeNetworkState as the node is now."""
        api = self.site.api(self.name)
        found = await api.get(STATES, node)
        if found is None:
            try:
                found = await api.create(STATES, {"metadata": {"name": node}})
            except Conflict:
                return
        links = node_network.on(self.site, node)
        state = {"interfaces": [shown(name, links) for name in sorted(links.links)]}
        found["status"] = {"currentState": state, "lastSuccessfulUpdateTime": self.site.now()}
        await api.update_status(STATES, found)

    def _on_node(self, _node: Object) -> Iterable[str]:
        return [policy["metadata"]["name"] for policy in self.store(POLICIES).list()]

    def _on_fault(self, name: str) -> None:
        if name in (FAILURE, STUCK):
            for policy in self.store(POLICIES).list():
                self.enqueue(policy["metadata"]["name"])


def _policy_of(enactment: Object) -> Iterable[str]:
    return [(enactment["metadata"].get("labels") or {}).get("nmstate.io/policy", "")]


def _enactment(policy: Object, node: str) -> Object:
    name = policy["metadata"]["name"]
    owner = {"apiVersion": "nmstate.io/v1", "kind": "NodeNetworkConfigurationPolicy", "name": name}
    labels = {"nmstate.io/policy": name, "nmstate.io/node": node}
    owners = [{**owner, "uid": policy["metadata"]["uid"]}]
    return {"metadata": {"name": f"{node}.{name}", "labels": labels, "ownerReferences": owners}}


def change(network: NodeNetwork, wanted: Object) -> None:
    """One interface of a desired state."""
    name, links = str(wanted["name"]), network.links
    if wanted.get("state") == "absent":
        links.pop(name, None)
        return
    link = Link(str(wanted.get("type")), int(wanted.get("mtu") or node_network.KERNEL_MTU))
    if link.type == "vlan":
        base = str(wanted["vlan"]["base-iface"])
        if base not in links:
            raise NmstateError(f"NmstateError: InvalidArgument: base interface {base} of VLAN {name} is not there")
        if link.mtu > links[base].mtu:
            raise NmstateError(f"NmstateError: InvalidArgument: MTU {link.mtu} of {name} exceeds that of {base}")
        link.base, link.vlan = base, int(wanted["vlan"]["id"])
    if link.type == "linux-bridge":
        ports = (wanted.get("bridge") or {}).get("port") or []
        link.ports = tuple(str(port["name"]) for port in ports)
        link.filtering = any("vlan" in port for port in ports)
        link.tags = tuple(tag["id"] for port in ports for tag in (port.get("vlan") or {}).get("trunk-tags") or [])
        for port in link.ports:
            if port not in links:
                raise NmstateError(f"NmstateError: InvalidArgument: port {port} of bridge {name} is not there")
    links[name] = link


def shown(name: str, network: NodeNetwork) -> Object:
    """One interface as NodeNetworkState has it; the first card has the node's own address."""
    link = network.links[name]
    found: Object = {"name": name, "type": link.type, "state": "up", "mtu": link.mtu}
    if link.base:
        found["vlan"] = {"base-iface": link.base, "id": link.vlan}
    if link.type == "linux-bridge":
        trunk = {"vlan": {"mode": "trunk", "trunk-tags": [{"id": tag} for tag in link.tags]}} if link.filtering else {}
        found["bridge"] = {"port": [{"name": port, **trunk} for port in link.ports]}
    if master := network.master_of(name):
        found["controller"] = master
    if name == next(iter(network.links)):
        found["ipv4"] = {"enabled": True, "address": [{"ip": "172.18.0.2", "prefix-length": 16}]}
    return found
