# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reports of all probes say about each link between two clusters. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from ._checks import Finding, Severity

Status = Literal["passes", "too_small", "nothing", "unproven", "unknown"]
Report = Mapping[str, Any]

ALONE = "no other cluster with a migration network"
"""Why a probe had nobody to test with, which is not its cluster's fault."""

WITHOUT_NETWORK = ("no_network", "no_nad")
"""Reasons for which no probe can be on a cluster."""

_DOORS = {"open": "open", "ECONNREFUSED": "refused"}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A pod of KubeVirt's with its address on the migration network."""

    pod: str
    node: str
    address: str
    mac: str


@dataclasses.dataclass(frozen=True, slots=True)
class Site:
    """A cluster in a probe.

    :param report: what its probe said; ``error`` in it when it could not try.
    :param mtu: the MTU that the interface should have, 0 when nobody says.
    """

    cluster: str
    address: str
    mac: str
    node: str
    places: tuple[Place, ...]
    report: Report
    mtu: int = 0

    @property
    def spoke(self) -> bool:
        """Whether its probe has a result."""
        return "error" not in self.report

    def as_dict(self) -> dict[str, Any]:
        """The probe as the result carries it."""
        return {
            "cluster": self.cluster,
            "node": self.node,
            "address": self.address,
            "mtu": self.report.get("mtu", 0),
            "heard_every_claim": bool(self.report.get("listened", False)),
            "error": str(self.report.get("error", "")),
        }


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """One direction between two clusters, as the side that receives has proven it.

    :param full: the largest packet that the source's interface takes.
    :param size: the largest that the target got.
    :param pods_full: how many of the target's pods answered a packet of full size from the source.
    """

    source: str
    target: str
    status: Status
    full: int
    size: int
    pods: int
    pods_full: int
    ports: tuple[tuple[str, int, str], ...]

    @property
    def title(self) -> str:
        """The link as messages name it."""
        return f"link {self.source} to {self.target}"

    def as_dict(self) -> dict[str, Any]:
        """The link as the result carries it."""
        return {
            "source": self.source,
            "target": self.target,
            "status": self.status,
            "full_size": self.full,
            "passed_size": self.size,
            "pods": self.pods,
            "pods_full_size": self.pods_full,
            "ports": [{"address": address, "port": port, "state": state} for address, port, state in self.ports],
        }


def links(sites: list[Site]) -> list[Link]:
    """All ordered pairs."""
    return [
        _link(number, source, place, target)
        for number, source in enumerate(sites)
        for place, target in enumerate(sites)
        if number != place
    ]


def findings(sites: list[Site]) -> list[Finding]:
    """Everything that is wrong, causes before what follows from them."""
    found = links(sites)
    by_pair = {(link.source, link.target): link for link in found}
    result = [each for site in sites for each in _site(site)]
    result += [each for link in found for each in _on_link(link, by_pair[link.target, link.source])]
    result += [each for link in found for each in _ports(link)]
    result += [each for site in sites for each in _pods(site, sites, by_pair)]
    return [*result, *_twice(sites), *_taken(sites)]


def _link(number: int, source: Site, place: int, target: Site) -> Link:
    sent, got = _peer(source, place), _peer(target, number)
    full = int(source.report.get("mtu", 0))
    # What the target counted is the proof; without its report, what it confirmed to the source.
    size = got[1] if target.spoke else sent[2]
    pings = next((each for each in source.report.get("pings", []) if each[0] == place), (place, 0, 0))
    doors = tuple(
        (address, port, _DOORS.get(state, "unreachable"))
        for index, address, port, state in source.report.get("doors", [])
        if index == place
    )
    return Link(
        source.cluster,
        target.cluster,
        _status(source, target, full, size, sent, got),
        full,
        size,
        pings[2],
        pings[1],
        doors,
    )


def _status(source: Site, target: Site, full: int, size: int, sent: Any, got: Any) -> Status:
    if not source.spoke:
        return "unknown"
    if size:
        return "passes" if size >= full else "too_small"
    if not target.spoke:
        return "unknown"
    # The target has seen the source ask for its address, and the source nothing of the target's: then the answer is
    # what got lost, and this direction has had nothing to carry.
    return "unproven" if got[3] and not sent[3] else "nothing"


def _peer(site: Site, index: int) -> tuple[int, int, int, int]:
    return next((tuple(each) for each in site.report.get("peers", []) if each[0] == index), (index, 0, 0, 0))


def _site(site: Site) -> Iterator[Finding]:
    title, mtu = f"probe on {site.node or 'no node'}", site.report.get("mtu", 0)
    if site.report.get("missing"):
        wanted, found = str(site.report["wanted"]), str(site.report["error"])
        check = str(site.report["missing"]).replace("_", "-")
        yield _finding(check, site.cluster, "migration network", wanted, found, str(site.report["hint"]))
    elif site.report.get("error") == ALONE:
        return
    elif not site.spoke:
        hint = "Look at the events of the pod in the run's output; links of this cluster are not proven."
        yield _finding("probe-failed", site.cluster, title, "a result", str(site.report["error"]), hint)
    elif site.mtu and mtu != site.mtu:
        hint = "The MTU stands in the NAD, and a new pod has it at once: make the NAD again with module migration_nad."
        yield _finding("interface-mtu", site.cluster, title, f"an MTU of {site.mtu} on migration0", str(mtu), hint)
    for note in site.report.get("notes", []):
        hint = "The pod's sysctl net.ipv4.ping_group_range is not in force on that node; see its runtime."
        yield _finding("probe-limited", site.cluster, title, "all tests", note, hint, "warning")
    if site.report.get("cut"):
        found = f"{site.report['cut']} entries left out of a result that was too long"
        yield _finding("result-cut", site.cluster, title, "the whole result", found, "Mend what is known.", "warning")


def _on_link(link: Link, back: Link) -> Iterator[Finding]:
    wanted = f"packets of {link.full} bytes from {link.source} at {link.target}"
    if link.status == "nothing":
        known = {"passes": "the other direction works", "too_small": "the other direction works for small packets"}
        other = known.get(back.status, "the other direction cannot be proven without this one")
        if back.status == "nothing":
            other = "nor in the other direction"
        hint = (
            "No packet arrives: look for a VNI or VLAN that is missing on the way, another number of it on one side,"
            " a route target that differs, or a filter in this direction."
        )
        yield _finding("link-dead", link.source, link.title, wanted, f"none; {other}", hint)
    if link.status == "too_small":
        hint = (
            "Something on this way carries less than the NADs promise, and drops what is larger without a word: raise"
            f" its MTU, or give all clusters an MTU of {link.size} or less."
        )
        yield _finding("link-mtu", link.source, link.title, wanted, f"up to {link.size} bytes", hint)


def _ports(link: Link) -> Iterator[Finding]:
    for address, port, state in link.ports if link.status in ("passes", "too_small") else ():
        if state != "open":
            hint = "Only the leader listens, on the address KubeVirt reports: look for a filter, or a stale address."
            found = "the connection is refused" if state == "refused" else "no answer"
            wanted = f"TCP to the synchronization address {address} port {port}"
            yield _finding("port-closed", link.source, link.title, wanted, found, hint)


def _pods(site: Site, sites: list[Site], pairs: Mapping[tuple[str, str], Link]) -> Iterator[Finding]:
    """Pods that get less than their cluster's probe does."""
    for address, size in site.report.get("bad", []):
        for target in sites:
            place = next((each for each in target.places if each.address == address), None)
            if place is None:
                continue
            link, back = pairs.get((site.cluster, target.cluster)), pairs.get((target.cluster, site.cluster))
            if link and back and size >= min(_known(link), _known(back)):
                continue
            wanted = (
                f"answers of {site.report['mtu']} bytes from {place.pod} ({address}) to the probe of {site.cluster}"
            )
            found = f"up to {size} bytes" if size else "none"
            hint = "The probe of that cluster is on another node: compare bridge, VNI and MTU of the two nodes."
            where = f"Node {place.node}" if place.node else f"Pod {place.pod}"
            yield _finding("pod-mtu" if size else "pod-unreachable", target.cluster, where, wanted, found, hint)


def _known(link: Link) -> int:
    """What the link is known to carry; nothing when it is not known."""
    return link.size if link.status in ("passes", "too_small") else 0


def _twice(sites: list[Site]) -> Iterator[Finding]:
    """Addresses that two pods were given, by what multus reports."""
    holders: dict[str, list[str]] = {}
    for site in sites:
        for place in site.places:
            holders.setdefault(place.address, []).append(f"{place.pod} on {site.cluster}")
        if site.address:
            holders.setdefault(site.address, []).append(f"the probe of {site.cluster}")
    for address, names in holders.items():
        if len(names) > 1:
            hint = "Two clusters hand out the same addresses: give each its slice (module migration_nad)."
            yield _finding("address-duplicate", "", address, "one pod an address", ", ".join(names), hint)


def _taken(sites: list[Site]) -> Iterator[Finding]:
    """Addresses for which somebody else answers, by what the probes heard."""
    heard: dict[str, set[str]] = {}
    for site in sites:
        for address, *macs in site.report.get("taken", []):
            heard.setdefault(address, set()).update(macs)
    for address, macs in sorted(heard.items()):
        owner, mac = _owner(sites, address)
        strangers = sorted(macs - {mac})
        if strangers:
            hint = "A host outside the plan, or a pod that whereabouts forgot: find the MAC in the bridges' tables."
            found = f"also, or instead, {', '.join(strangers)}"
            yield _finding("address-taken", "", address, f"only {owner} ({mac or 'its MAC'}) to answer", found, hint)


def _owner(sites: list[Site], address: str) -> tuple[str, str]:
    for site in sites:
        for place in site.places:
            if place.address == address:
                return f"{place.pod} on {site.cluster}", place.mac
        if site.address == address:
            return f"the probe of {site.cluster}", site.mac
    return "its owner", ""


def _finding(
    check: str, cluster: str, where: str, wanted: str, found: str, hint: str, severity: Severity = "error"
) -> Finding:
    return Finding(check, severity, cluster, where, wanted, found, hint)
