# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VM of the demo: on a network of its own, with a disk in the image and a cloud-init Secret."""

from __future__ import annotations

import json

from .kube import Conflict
from .resources import Object
from .site import Site

NETWORK = "evpn"
MAC = "02:03:04:05:06:07"
_USER_DATA = "#cloud-config\npassword: fedora\nchpasswd: { expire: False }\n"
_IMAGE = "quay.io/kubevirt/fedora-with-test-tooling-container-disk:v1.9.0"


class VmNotRunning(Exception):
    """The demo VM did not come up; the message holds what was seen."""


async def network(site: Site, namespace: str) -> None:
    """The network the VM hangs on; a VM finds it under the same name wherever it moves."""
    config = {"cniVersion": "0.3.1", "type": "bridge", "name": NETWORK, "bridge": "br-hs-110", "macspoofchk": False}
    body = {"metadata": {"name": NETWORK, "namespace": namespace}, "spec": {"config": json.dumps(config)}}
    await _create(site, "network-attachment-definitions", body)


async def run_vm(site: Site, name: str, namespace: str, seconds: float) -> Object:
    """Create it (an existing one is left as it is) and wait until its guest runs."""
    secret = {"metadata": {"name": _secret(name), "namespace": namespace}, "stringData": {"userdata": _USER_DATA}}
    await _create(site, "secrets", secret)
    await _create(site, "virtualmachines", manifest(name, namespace))
    store = site.store("virtualmachineinstances")

    def running() -> bool:
        vmi = store.get(name, namespace)
        return vmi is not None and vmi.get("status", {}).get("phase") == "Running"

    if not await store.until(running, seconds):
        phase = (store.get(name, namespace) or {}).get("status", {}).get("phase", "no VirtualMachineInstance")
        raise VmNotRunning(f"{site.name}: VM {namespace}/{name} not running after {seconds:.0f} s; found: {phase}")
    vmi = store.get(name, namespace)
    assert vmi is not None
    return vmi


def manifest(name: str, namespace: str, mac: str = MAC) -> Object:
    """The VM of the published procedure with a cloud-init disk."""
    template: Object = {
        "domain": {
            "devices": {
                "disks": [
                    {"name": "containerdisk", "disk": {"bus": "virtio"}},
                    {"name": "cloudinit", "disk": {"bus": "virtio"}},
                ],
                "interfaces": [{"name": NETWORK, "bridge": {}, "macAddress": mac}],
            },
            "resources": {"requests": {"memory": "256M"}},
        },
        "networks": [{"name": NETWORK, "multus": {"networkName": NETWORK}}],
        "terminationGracePeriodSeconds": 0,
        "volumes": [
            {"name": "containerdisk", "containerDisk": {"image": _IMAGE}},
            {"name": "cloudinit", "cloudInitNoCloud": {"secretRef": {"name": _secret(name)}}},
        ],
    }
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "runStrategy": "Always",
            "template": {"metadata": {"labels": {"kubevirt.io/vm": name}}, "spec": template},
        },
    }


def _secret(name: str) -> str:
    return f"{name}-cloudinit"


async def _create(site: Site, key: str, body: Object) -> None:
    api = site.api("testbed")
    try:
        await api.create(key, body)
    except Conflict:
        return
