# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's own program between real network namespaces: three clusters on VXLAN, and what may be wrong there."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.livemigration.kubevirt.plugins.module_utils import _probe_pod as probe
from ansible_collections.livemigration.kubevirt.plugins.module_utils._probe_links import (
    Place,
    Site,
    findings,
    links,
)
from testbed.netlab import Lab

# The lab is made on this machine, whatever clusters the other tests run on.
pytestmark = pytest.mark.simulated

CLUSTERS = ("a", "b", "c")
MTU, PORT = 1400, 9185
Fault = Callable[[Lab], Awaitable[Any]]


class Family:
    """The addresses of one IP version: a probe, a synchronization pod and a handler on each cluster."""

    def __init__(self, prefix: str, length: int) -> None:
        self._prefix, self._length = prefix, length

    def ip(self, cluster: int, host: int) -> str:
        return f"{self._prefix}{16 * (cluster + 1) + host:x}" if ":" in self._prefix else self._v4(cluster, host)

    def _v4(self, cluster: int, host: int) -> str:
        return f"{self._prefix}{16 * (cluster + 1) + host}"

    def interface(self, cluster: int, host: int) -> str:
        return f"{self.ip(cluster, host)}/{self._length}"


V4, V6 = Family("192.170.10.", 24), Family("fd00:10::", 64)


def mac(cluster: int, host: int) -> str:
    return f"0a:58:00:00:0{cluster}:0{host}"


def places(family: Family, cluster: int) -> tuple[Place, ...]:
    names = ((2, "virt-synchronization-controller"), (3, "virt-handler"))
    return tuple(Place(name, f"node-{host}", family.ip(cluster, host), mac(cluster, host)) for host, name in names)


async def build(lab: Lab, family: Family) -> None:
    """The fleet as it should be: an underlay that carries what VXLAN adds."""
    for number, name in enumerate(CLUSTERS):
        await lab.do("node", name=name, underlay_mtu=MTU + 50)
        await lab.do("join", node=name, vni=666)
        for host, role in ((1, "probe"), (2, "sync"), (3, "handler")):
            addresses = [family.interface(number, host)]
            await lab.do("pod", node=name, name=f"{role}-{name}", addresses=addresses, mac=mac(number, host), mtu=MTU)
        await lab.do("listen", pod=f"sync-{name}", port=PORT)


def orders(family: Family, me: int, seconds: float) -> dict[str, Any]:
    others = [number for number in range(len(CLUSTERS)) if number != me]
    return {
        "run": "0a1b2c3d",
        "me": me,
        "seconds": seconds,
        "address": family.ip(me, 1),
        "peers": [[number, family.ip(number, 1), mac(number, 1)] for number in others],
        "targets": [[number, each.address, each.mac] for number in range(3) for each in places(family, number)],
        "doors": [[number, family.ip(number, 2), PORT] for number in others],
    }


def story(
    directory: Path, fault: Fault | None = None, *, family: Family = V4, raw: bool = False, seconds: float = 6
) -> list[Site]:
    """Build, break, probe from every cluster at once; the reports as the module reads them."""

    async def tell() -> None:
        async with Lab() as lab:
            await build(lab, family)
            if fault is not None:
                await fault(lab)
            await asyncio.gather(*(run(lab, number) for number in range(len(CLUSTERS))))

    async def run(lab: Lab, number: int) -> None:
        told = directory / f"orders-{number}"
        told.write_text(json.dumps(orders(family, number, seconds)))
        program = ["-B", "-m", "probe._probe_program", str(told), "migration0", str(probe.PORT)]
        command = [sys.executable, *program, str(directory / f"report-{number}"), "5"]
        done = await lab.do(
            "run", pod=f"probe-{CLUSTERS[number]}", command=command, folder=str(directory), privileged=raw
        )
        assert done == {"code": 0, "output": ""}

    unpack(directory / "probe")
    asyncio.run(tell())
    reports = [json.loads((directory / f"report-{number}").read_text()) for number in range(len(CLUSTERS))]
    return [
        Site(name, family.ip(number, 1), mac(number, 1), "node-1", places(family, number), reports[number], MTU)
        for number, name in enumerate(CLUSTERS)
    ]


def unpack(folder: Path) -> None:
    """The program as the pod's volume shows it."""
    pod = probe.render(
        "kubevirt", "migration", "image", "run", patience=1, lifetime=1, raw=False, secrets=[], tolerations=[]
    )
    folder.mkdir()
    for item in pod["spec"]["volumes"][0]["downwardAPI"]["items"]:
        annotation = item["fieldRef"]["fieldPath"].partition("'")[2].rstrip("']")
        (folder / item["path"]).write_text(pod["metadata"]["annotations"][annotation])


def statuses(sites: list[Site]) -> dict[str, str]:
    return {f"{link.source}{link.target}": link.status for link in links(sites)}


def ids(sites: list[Site]) -> set[tuple[str, str]]:
    return {(each.id, each.object) for each in findings(sites)}


@pytest.mark.parametrize(("family", "raw"), [(V4, False), (V6, False), (V4, True), (V6, True)])
def test_a_sound_fleet_passes_in_seconds_and_without_any_privilege(tmp_path: Path, family: Family, raw: bool) -> None:
    sites = story(tmp_path, family=family, raw=raw, seconds=30)
    assert [str(each) for each in findings(sites)] == []
    assert set(statuses(sites).values()) == {"passes"}
    assert all(site.report["seconds"] < 15 for site in sites)
    assert [site.report["listened"] for site in sites] == [raw] * 3
    assert all(link.ports == ((family.ip(CLUSTERS.index(link.target), 2), PORT, "open"),) for link in links(sites))
    assert all((link.pods, link.pods_full) == (2, 2) for link in links(sites))


@pytest.mark.parametrize("family", [V4, V6])
def test_an_underlay_that_carries_less_is_found_to_the_byte(tmp_path: Path, family: Family) -> None:
    sites = story(tmp_path, lambda lab: lab.do("underlay", node="b", mtu=MTU + 50 - 33), family=family)
    small = {f"{source}{target}" for source, target in (("a", "b"), ("b", "a"), ("b", "c"), ("c", "b"))}
    assert {pair for pair, status in statuses(sites).items() if status == "too_small"} == small
    assert {link.size for link in links(sites) if link.status == "too_small"} == {MTU - 33}
    assert ids(sites) == {("link-mtu", f"link {pair[0]} to {pair[1]}") for pair in small}


def test_a_missing_vni_cuts_one_cluster_off(tmp_path: Path) -> None:
    sites = story(tmp_path, lambda lab: lab.do("leave", node="b"))
    assert {pair for pair, status in statuses(sites).items() if status == "passes"} == {"ac", "ca"}
    assert ids(sites) == {("link-dead", f"link {a} to {b}") for a, b in ("ab", "ba", "bc", "cb")}


def test_another_vni_is_another_network(tmp_path: Path) -> None:
    sites = story(tmp_path, lambda lab: lab.do("join", node="c", vni=667))
    assert ids(sites) == {("link-dead", f"link {a} to {b}") for a, b in ("ac", "ca", "bc", "cb")}


@pytest.mark.parametrize("family", [V4, V6])
def test_a_filter_in_one_direction_is_found_in_that_direction(tmp_path: Path, family: Family) -> None:
    sites = story(tmp_path, lambda lab: lab.do("refuse", node="b", sender="a", refuse=True), family=family)
    assert ids(sites) == {("link-dead", "link a to b")}
    assert statuses(sites) == {
        "ab": "nothing",
        "ba": "unproven",
        "ac": "passes",
        "ca": "passes",
        "bc": "passes",
        "cb": "passes",
    }


STRANGER = "0a:58:00:00:09:09"


def stranger(family: Family, cluster: int, host: int) -> Fault:
    """Somebody on cluster c has an address that is another's."""
    addresses = [family.interface(cluster, host)]
    return lambda lab: lab.do("pod", node="c", name="stranger", addresses=addresses, mac=STRANGER, mtu=MTU)


@pytest.mark.parametrize("family", [V4, V6])
def test_with_raw_sockets_every_owner_of_an_address_is_heard(tmp_path: Path, family: Family) -> None:
    sites = story(tmp_path, stranger(family, 1, 3), family=family, raw=True)
    taken = {mac(1, 3), STRANGER}
    assert [set(site.report["taken"][0][1:]) for site in sites] == [taken] * 3
    (found,) = [each for each in findings(sites) if each.id == "address-taken"]
    assert (found.object, found.found) == (family.ip(1, 3), f"also, or instead, {STRANGER}")
    assert "virt-handler on b" in found.wanted


def test_with_raw_sockets_the_probes_own_address_is_asked_for_too(tmp_path: Path) -> None:
    sites = story(tmp_path, stranger(V4, 0, 1), raw=True)
    found = [each for each in findings(sites) if each.id == "address-taken"]
    assert [each.object for each in found] == [V4.ip(0, 1)]
    assert [V4.ip(0, 1), STRANGER] in sites[0].report["taken"]


def test_without_privileges_an_owner_that_is_believed_on_one_cluster_is_found(tmp_path: Path) -> None:
    async def fault(lab: Lab) -> None:
        # The owner is not there at the moment, so nobody can be first but the stranger.
        await lab.do("remove", name="handler-b")
        await stranger(V4, 1, 3)(lab)

    sites = story(tmp_path, fault)
    assert {each.found for each in findings(sites) if each.id == "address-taken"} == {f"also, or instead, {STRANGER}"}


def test_a_pod_that_is_not_there_and_a_port_that_is_closed_are_named(tmp_path: Path) -> None:
    async def fault(lab: Lab) -> None:
        await lab.do("remove", name="handler-b")
        await lab.do("remove", name="sync-c")
        addresses = [V4.interface(2, 2)]
        await lab.do("pod", node="c", name="sync-c", addresses=addresses, mac=mac(2, 2), mtu=MTU)

    sites = story(tmp_path, fault)
    assert ids(sites) == {
        ("pod-unreachable", "Node node-3"),
        ("port-closed", "link a to c"),
        ("port-closed", "link b to c"),
    }
    assert {link.ports[0][2] for link in links(sites) if link.target == "c"} == {"refused"}


def test_a_pod_whose_interface_carries_less_than_its_cluster_is_named_with_the_size(tmp_path: Path) -> None:
    async def fault(lab: Lab) -> None:
        await lab.do("remove", name="handler-b")
        addresses = [V4.interface(1, 3)]
        await lab.do("pod", node="b", name="handler-b", addresses=addresses, mac=mac(1, 3), mtu=1350)

    found = [each for each in findings(story(tmp_path, fault)) if each.id == "pod-mtu"]
    assert {(each.cluster, each.object) for each in found} == {("b", "Node node-3")}
    # What a veth takes in beyond its MTU is the room of a VLAN tag.
    assert {each.found for each in found} <= {f"up to {size} bytes" for size in range(1350, 1355)}


def test_without_the_sysctl_pings_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    async def fault(lab: Lab) -> None:
        await lab.do("remove", name="probe-a")
        addresses = [V4.interface(0, 1)]
        await lab.do("pod", node="a", name="probe-a", addresses=addresses, mac=mac(0, 1), mtu=MTU, echo=False)

    sites = story(tmp_path, fault)
    assert ids(sites) == {("probe-limited", "probe on node-1")}
    assert set(statuses(sites).values()) == {"passes"}


def test_a_probe_that_is_told_nothing_says_so(tmp_path: Path) -> None:
    unpack(tmp_path / "probe")

    async def tell() -> dict[str, Any]:
        async with Lab() as lab:
            await build(lab, V4)
            command = [sys.executable, "-B", "-m", "probe._probe_program", str(tmp_path / "orders"), "migration0"]
            command += ["29185", str(tmp_path / "report"), "0.3"]
            done: dict[str, Any] = await lab.do(
                "run", pod="probe-a", command=command, folder=str(tmp_path), privileged=False
            )
            return done

    assert asyncio.run(tell())["code"] == 1
    assert "no orders within 0.3 s" in json.loads((tmp_path / "report").read_text())["error"]
