# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenPERouter's pods and node agent: what can be seen of them through the API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from ..controller import Controller
from ..faults import register
from ..kube import Conflict
from ..resources import Object
from ..site import OPENPEROUTER_NAMESPACE, Site
from .openperouter_checks import Failure, Overlay, dependencies, late
from .openperouter_shape import Release, release, underlay
from .openperouter_webhook import configuration, paths

_NODE_INDEX = "openpe.io/nodeindex"
_STATUS = "routernodeconfigurationstatuses"
_LOOP_SECONDS = 2.0

STUCK = register("openperouter-stuck", "the node agent no longer reports", node="name of the node, wildcards allowed")


async def install(site: Site) -> None:
    """Webhooks, workloads and the underlay, as an administrator has set them up."""
    if not site.settings.openperouter:
        return
    shape, api = release(site), site.api("openperouter-installer")
    for path, handler in paths(site).items():
        site.webhooks.add(path, handler)
    await _once(api.create("namespaces", {"metadata": {"name": OPENPEROUTER_NAMESPACE}}))
    await asyncio.gather(
        _once(api.create("validatingwebhookconfigurations", configuration(site))),
        *(_once(api.create("daemonsets", _daemon_set(name, shape))) for name in ("router", "controller")),
        _once(api.create("deployments", _deployment("nodemarker", shape))),
        _once(api.create(shape.key("underlays"), underlay(site, shape))),
    )


async def _once(creation: Awaitable[object]) -> None:
    try:
        await creation
    except Conflict:
        return  # the bed was started before


def _daemon_set(name: str, shape: Release) -> Object:
    return {
        "metadata": {"name": name, "namespace": OPENPEROUTER_NAMESPACE, "labels": {"app": name}},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": _template(name, shape)},
    }


def _deployment(name: str, shape: Release) -> Object:
    return {**_daemon_set(name, shape), "spec": {**_daemon_set(name, shape)["spec"], "replicas": 1}}


def _template(name: str, shape: Release) -> Object:
    containers = ["frr", "reloader"] if name == "router" else [name]
    image = f"quay.io/openperouter/router:{shape.version}"
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "containers": [{"name": container, "image": image} for container in containers],
            # From v0.2.0 on the router lives in the node's network, in a namespace with a name.
            "hostNetwork": name == "controller" or (name == "router" and shape.detached),
            "tolerations": [{"operator": "Exists"}],
        },
    }


class Nodemarker(Controller):
    """Gives every node its number, from which router id and tunnel endpoint are made."""

    name: ClassVar[str] = "openperouter-marker"
    workers: ClassVar[int] = 1

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        return {"nodes": lambda _node: ("nodes",)} if self.site.settings.openperouter else {}

    async def reconcile(self, key: str) -> None:
        nodes = self.store("nodes").list()
        taken = {_index(node) for node in nodes}
        free = (number for number in range(len(nodes) + len(taken)) if number not in taken)
        for node in nodes:
            if _index(node) is None:
                annotation = {"metadata": {"annotations": {_NODE_INDEX: str(next(free))}}}
                await self.site.api(self.name).patch("nodes", node["metadata"]["name"], annotation)


def _index(node: Object) -> int | None:
    text = (node["metadata"].get("annotations") or {}).get(_NODE_INDEX)
    return int(text) if text is not None else None


class NodeAgent(Controller):
    """Reports what each node could not provision, from the release on that can."""

    name: ClassVar[str] = "openperouter-agent"

    def watches(self) -> dict[str, Callable[[Object], Iterable[str]]]:
        if not self.site.settings.openperouter:
            return {}
        watched: dict[str, Callable[[Object], Iterable[str]]] = {"daemonsets": lambda _one: ()}
        shape = release(self.site)
        if shape.detached:
            every = ("l2vnis", "l3vnis", "l3vpns", "underlays")
            watched |= {shape.key(plural): lambda _one: self.site.nodes for plural in every}
            watched["pods"] = _router_node
            watched[shape.key(_STATUS)] = lambda one: (one["metadata"]["name"],)
            watched["nodes"] = lambda one: (one["metadata"]["name"],)
        return watched

    def unready(self) -> str | None:
        if not self.site.settings.openperouter:
            return None
        routers = self.store("daemonsets").get("router", OPENPEROUTER_NAMESPACE) or {}
        ready = (routers.get("status") or {}).get("numberReady", 0)
        wanted = self.site.settings.nodes
        return None if ready >= wanted else f"{ready} of {wanted} router pods are ready"

    async def reconcile(self, key: str) -> float | None:
        shape, api = release(self.site), self.site.api(self.name)
        node = self.store("nodes").get(key)
        if node is None or not self._routed(key) or self.site.faults.get(STUCK, node=key) is not None:
            return None
        status = self._status(shape, node)
        kind = shape.key(_STATUS)
        current = self.store(kind).get(key, OPENPEROUTER_NAMESPACE)
        if current is None:
            current = await api.create(kind, _report(node))
        if _without_times(current.get("status") or {}) != _without_times(status) or not shape.kinds:
            await api.update_status(kind, {**current, "status": status})
        # v0.2.0 writes again and again, with new times each time; later releases leave what is true alone.
        return None if shape.kinds else _LOOP_SECONDS

    def _routed(self, node: str) -> bool:
        pods = self.store("pods").list(OPENPEROUTER_NAMESPACE)
        return any(_is_router(pod) and pod["spec"].get("nodeName") == node for pod in pods)

    def _status(self, shape: Release, node: Object) -> Object:
        underlays = self.store(shape.key("underlays")).list()
        overlay = Overlay(*(tuple(self.store(shape.key(plural)).list()) for plural in ("l2vnis", "l3vnis", "l3vpns")))
        if not underlays:
            return self._conditions("UnderlayFailed", "no underlays provided", [])
        here = overlay.on(node)
        failures = [failure for _stage, found in late(shape, here) for failure in found]
        refused = {failure.name for failure in failures if failure.kind == "L2VNI"}
        left = tuple(item for item in here.l2vnis if item["metadata"]["name"] not in refused)
        failures += dependencies(shape, Overlay(left, here.l3vnis, here.l3vpns))
        if failures:
            text = "Some resources failed validation, see status.failedResources for details"
            return self._conditions("ConfigurationFailed", text, failures)
        return self._conditions("ConfigurationSuccessful", "All configuration applied successfully", [])

    def _conditions(self, reason: str, message: str, failures: list[Failure]) -> Object:
        good = reason == "ConfigurationSuccessful"
        common = {"reason": reason, "message": message, "lastTransitionTime": self.site.now()}
        status: Object = {
            "conditions": [
                {"type": "Ready", "status": str(good), **common},
                {"type": "Degraded", "status": str(not good), **common},
            ]
        }
        return {**status, "failedResources": [one.as_dict() for one in failures]} if failures else status


def _router_node(pod: Object) -> Iterable[str]:
    return (pod["spec"]["nodeName"],) if _is_router(pod) and pod["spec"].get("nodeName") else ()


def _is_router(pod: Object) -> bool:
    metadata = pod["metadata"]
    return metadata.get("namespace") == OPENPEROUTER_NAMESPACE and (metadata.get("labels") or {}).get("app") == "router"


def _report(node: Object) -> Object:
    name = node["metadata"]["name"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
    return {"metadata": {"name": name, "namespace": OPENPEROUTER_NAMESPACE, "ownerReferences": [owner]}}


def _without_times(status: Object) -> Object:
    conditions = [
        {key: value for key, value in one.items() if key != "lastTransitionTime"}
        for one in status.get("conditions") or []
    ]
    return {"conditions": conditions, "failedResources": status.get("failedResources") or []}
