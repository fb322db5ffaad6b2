# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of measured facts look at: objects of one VM at both sites, by what they say."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from testbed.until import until

from conformance.pair import KUBEVIRT, Pair
from conformance.rows import network_status
from conformance.vm_scenarios import NAMESPACE, VM, VMI, VMIM, Play

Object = dict[str, Any]
SYNC_FAILURE = "DecentralizedLiveMigrationFailure"


def vm(play: Play, site: str) -> Object:
    return _got(play, site, VM, play.name)


def vmi(play: Play, site: str) -> Object:
    """Empty when there is none."""
    return play.pair.clients[site].get(VMI, play.name, NAMESPACE) or {}


def vmim(play: Play, site: str, side: str) -> Object:
    """Empty when there is none."""
    return play.pair.clients[site].get(VMIM, f"{play.name}-{side}", NAMESPACE) or {}


def phase(obj: Object) -> str:
    return str((obj.get("status") or {}).get("phase", ""))


def state(obj: Object) -> Object:
    found: Object = (obj.get("status") or {}).get("migrationState") or {}
    return found


def message(obj: Object, type_: str = SYNC_FAILURE) -> str:
    """The text of a condition, empty without it."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((str(one.get("message", "")) for one in conditions if one["type"] == type_), "")


def condition(obj: Object, type_: str) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((str(one["status"]) for one in conditions if one["type"] == type_), "")


def printable(obj: Object) -> str:
    return str((obj.get("status") or {}).get("printableStatus", ""))


def shows(play: Play, site: str, text: str, seconds: float = 30.0) -> None:
    """Until the instance at a site says why its migration does not get on; `text` is a pattern."""
    pattern = re.compile(text)
    until(lambda: message(vmi(play, site)), text, seconds, holds=lambda said: bool(pattern.search(said)))


def copying(play: Play) -> None:
    """Open both sides and wait until the guest is known at both."""
    play.open()
    play.phase("b", "target", "Running")
    until(lambda: "targetNodeDomainDetected" in state(vmi(play, "a")), "the guest known at the source", 20)


def holds(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Something is true, and stays true for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert true(), what
        time.sleep(0.05)


def renew_ca(pair: Pair, site: str) -> None:
    """Change the KubeVirt CR, which renews the CA, and wait until it is renewed and the site has settled."""
    client = pair.clients[site]
    before = pair.current_ca(site)
    found = client.get("kubevirts", "kubevirt", KUBEVIRT) or {}
    spec = found["spec"]["configuration"]["migrations"]
    wanted = "64Mi" if spec.get("bandwidthPerMigration") != "64Mi" else "65Mi"
    patch = {"spec": {"configuration": {"migrations": {"bandwidthPerMigration": wanted}}}}
    client.patch("kubevirts", "kubevirt", patch, KUBEVIRT)
    until(lambda: pair.current_ca(site) != before, f"a new CA at {site}", 30)


def migration_addresses(pod: dict[str, Any]) -> list[str]:
    text = (pod["metadata"].get("annotations") or {}).get("k8s.v1.cni.cncf.io/network-status", "[]")
    return [ip for one in network_status(text) if one["interface"] == "migration0" for ip in one["ips"]]


def _got(play: Play, site: str, key: str, name: str) -> Object:
    found = play.pair.clients[site].get(key, name, NAMESPACE)
    assert found is not None, f"{key} {name} at {site} is missing"
    return found
