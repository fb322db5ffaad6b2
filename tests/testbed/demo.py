# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VM of the demo: made with all it uses, and waited for until its guest runs."""

from __future__ import annotations

from .kube import Conflict
from .resources import Object
from .sim import demo_vm
from .sim.demo_vm import DemoVm
from .site import Site


class VmNotRunning(Exception):
    """The demo VM did not come up; the message holds what was seen."""


async def network(site: Site, namespace: str) -> None:
    """The network the VM hangs on; a VM finds it under the same name wherever it moves."""
    await _create(site, "network-attachment-definitions", demo_vm.network(namespace, _bridge(site)))


async def run_vm(site: Site, name: str, namespace: str, seconds: float) -> Object:
    """Create it (an existing one is left as it is) and wait until its guest runs."""
    for key, body in demo_vm.objects(DemoVm(name, namespace, bridge=_bridge(site))):
        await _create(site, key, body)
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


def _bridge(site: Site) -> str:
    """Harvester takes networks on its own bridges only."""
    return "mgmt-br" if site.settings.harvester else demo_vm.BRIDGE


async def _create(site: Site, key: str, body: Object) -> None:
    api = site.api("testbed")
    try:
        await api.create(key, body)
    except Conflict:
        return
