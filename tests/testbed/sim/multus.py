# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What multus makes of a pod's annotation: which networks it asks for, and what it reports back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REQUEST = "k8s.v1.cni.cncf.io/networks"
STATUS = "k8s.v1.cni.cncf.io/network-status"

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")


class MultusError(Exception):
    """Why a pod's networks cannot be set up; `args[0]` is the plugin's own text."""


@dataclass(frozen=True, slots=True)
class Request:
    """One network a pod asks for."""

    namespace: str
    name: str
    interface: str
    mac: str = ""
    ips: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def requests(annotation: str, namespace: str) -> list[Request]:
    """Both forms of the annotation; interfaces without a name are net1, net2, … by their place."""
    text = annotation.strip()
    if not text:
        return []
    entries = _from_json(text) if text.startswith("[") else [_from_text(each) for each in text.split(",")]
    return [
        Request(
            namespace=entry.get("namespace") or namespace,
            name=entry["name"],
            interface=entry.get("interface") or f"net{place}",
            mac=entry.get("mac", ""),
            ips=tuple(entry.get("ips") or ()),
        )
        for place, entry in enumerate(entries, start=1)
    ]


def plugin(nad: Mapping[str, Any]) -> dict[str, Any]:
    """The first plugin of a definition's configuration: the one that makes the interface."""
    name = nad["metadata"]["name"]
    text = nad.get("spec", {}).get("config", "")
    if not text:
        raise MultusError(f"error getting the CNI config file for network {name}: no such file on the node")
    try:
        config = json.loads(text)
    except ValueError as error:
        raise MultusError(f"failed to unmarshal the config of network {name}: {error}") from None
    found = (config.get("plugins") or [{}])[0] if "plugins" in config else config
    if not isinstance(found, dict) or not found.get("type"):
        raise MultusError(f'missing network type in the config of network {name}: no "type"')
    return found


def status_entry(
    request: Request, ips: list[str], mac: str, mtu: int, gateways: list[str] | None = None
) -> dict[str, Any]:
    """What the network-status annotation says of one further network."""
    entry: dict[str, Any] = {"name": str(request), "interface": request.interface}
    if ips:
        entry["ips"] = ips
    entry |= {"mac": mac, "mtu": mtu, "dns": {}}
    if gateways:
        entry["gateway"] = gateways
    return entry


def default_entry(ips: list[str], mac: str) -> dict[str, Any]:
    """What it says of eth0."""
    return {
        "name": "k8s-pod-network",
        "interface": "eth0",
        "ips": ips,
        "mac": mac,
        "default": True,
        "dns": {},
    }


def reported(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The network-status annotation of a pod, empty when there is none or it cannot be read."""
    text = (pod["metadata"].get("annotations") or {}).get(STATUS, "")
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def addresses(pod: Mapping[str, Any], interface: str) -> list[str]:
    """Addresses that a pod reports on an interface."""
    return [ip for entry in reported(pod) if entry.get("interface") == interface for ip in entry.get("ips", [])]


def _from_json(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise MultusError(
            f"parsePodNetworkAnnotation: failed to parse pod Network Attachment Selection "
            f"Annotation JSON format: {error}"
        ) from None
    for entry in found:
        if not isinstance(entry, dict) or not entry.get("name"):
            raise MultusError("parsePodNetworkAnnotation: network annotation is missing the name of a network")
    return list(found)


def _from_text(text: str) -> dict[str, str]:
    """`[namespace/]name[@interface]`; the parts are labels, so no dots, and no empty name."""
    network, at, interface = text.strip().partition("@")
    parts = network.split("/")
    if len(parts) > 2:
        raise MultusError(f"parsePodNetworkObjectName: Invalid network object (failed at '/'): {text.strip()}")
    for part in parts:
        if not _LABEL.match(part):
            raise MultusError(
                "parsePodNetworkObjectName: Failed to parse: one or more items did not match comma-delimited "
                f"format (must consist of lower case alphanumeric characters). Must start and end with an "
                f"alphanumeric character), mismatch @ '{part}'"
            )
    if at and (not interface or len(interface) > 15 or " " in interface or "/" in interface):
        raise MultusError(f"parsePodNetworkObjectName: Invalid interface name: '{interface}'")
    namespace = parts[0] if len(parts) == 2 else ""
    return {"namespace": namespace, "name": parts[-1], "interface": interface}
