# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster in the report of a fleet: what is known of it, and what is not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from . import _verify_drift as drift
from ._checks import Finding
from ._verify_drift import Entry

UNKNOWN = "unknown"
"""What stands in the report for everything that could not be read. It never counts as right."""

Section = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """What the tasks of a run brought back from one cluster.

    :param member: whether the inventory wants the cluster on the migration network.
    :param cluster: what ``cluster_info`` found; empty when it could not be looked at.
    :param look: what ``migration_network_info`` found; ``None`` when the cluster could not be looked at.
    :param results: the results of the modules that were run in check mode.
    :param failures: what ended each part of the run (``look``, ``compare``, ``fleet``, ``trust``) early.
    :param underlay_mtu: what the inventory says of the network below; 0 when it says nothing.
    :param guests: what became of the VMs that others wait for; ``None`` when it was not asked or did not answer.
    """

    name: str
    slot: int | None = None
    member: bool = True
    cluster: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    look: Mapping[str, Any] | None = None
    results: tuple[Mapping[str, Any], ...] = ()
    failures: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    underlay_mtu: int = 0
    guests: tuple[Mapping[str, Any], ...] | None = None

    @classmethod
    def of(cls, name: str, body: Mapping[str, Any]) -> Seen:
        """From the fact that the role has put together; nothing in it counts as not looked at."""
        failures = dict(body.get("failures") or {})
        look = body.get("look") or None
        if look is None and "look" not in failures:
            failures["look"] = {"found": "the run ended before it was looked at"}
        slot = body.get("slot")
        return cls(
            name,
            None if slot is None else int(slot),
            bool(body.get("member", True)),
            body.get("cluster") or {},
            look,
            tuple(_single(body.get("results") or ())),
            failures,
            int(body.get("underlay_mtu") or 0),
            None if body.get("guests") is None else tuple(body["guests"]),
        )

    def part(self, name: str) -> Mapping[str, Any]:
        """What the first result that has this key says under it."""
        return next((each[name] for each in self.results if isinstance(each.get(name), Mapping) and each[name]), {})

    @property
    def hindrances(self) -> list[dict[str, str]]:
        """Why parts of the cluster could not be looked at; what was refused was looked at."""
        fields = ("reason", "wanted", "found", "object", "hint")
        return [
            {"part": part, **{field: str(failure.get(field) or "") for field in fields}}
            for part, failure in self.failures.items()
            if part == "look" or drift.unable(failure)
        ]

    def entries(self) -> list[Entry]:
        """Everything that differs on this cluster alone, as far as it could be looked at."""
        planned = list(drift.of_results(self.name, self.results))
        covered = frozenset(each.finding.object for each in planned)
        refusals = [
            drift.refused(self.name, failure)
            for part, failure in self.failures.items()
            if part != "look" and not drift.unable(failure)
        ]
        # Of a cluster that is to have no network only what it left behind matters; the rest is planned anyway.
        told = [
            each
            for each in (self.look or {}).get("findings") or []
            if (self.member or each["severity"] == "warning") and each["id"] not in drift.MATCHED
        ]
        found = drift.of_findings(told, covered)
        checked = drift.of_findings(self.part("harvester_migration_network").get("findings") or [], covered)
        return [*planned, *refusals, *found, *checked, *self._routers(), *self._uncovered(), *self._unseen()]

    def _routers(self) -> Iterator[Entry]:
        """Nodes on which OpenPERouter reports trouble. Where it reports nothing, that is said as unknown."""
        for node in self.part("l2vni").get("nodes") or []:
            if not node["ready"]:
                hint = "Look at its RouterNodeConfigurationStatus and at the router pod."
                where, wanted = f"Node {node['node']}", "OpenPERouter ready, with the migration network"
                yield Entry(Finding("router-not-ready", "error", self.name, where, wanted, node["trouble"], hint))

    def _uncovered(self) -> Iterator[Entry]:
        """Networks of VMs that some nodes do not have; of the migration network that is refused."""
        for each in self.results:
            facts = each.get("l2vni")
            bare = facts.get("bare_nodes") if isinstance(facts, Mapping) else None
            if facts and bare:
                hint = "A VM that gets there has no network: keep its VMs off these nodes, or widen node_selector."
                text, found = "the segment on every node of virt-handler", f"not on {', '.join(bare)}"
                where = f"bridge {facts['bridge']}"
                yield Entry(Finding("segment-uncovered", "warning", self.name, where, text, found, hint))

    def _unseen(self) -> Iterator[Entry]:
        """Bridges and interfaces of the nodes that nobody has looked at: pods say nothing of where they lead."""
        for each in self.results:
            facts = each.get("node_uplink")
            if isinstance(facts, Mapping) and facts.get("readiness") == "unchecked":
                where = str(facts.get("bridge") or facts.get("interface") or facts["name"])
                hint = (
                    "Only nmstate tells of the nodes' interfaces; prove the way with -e migration_probe_enabled=true."
                )
                text = f"{where} on every node, leading out of it"
                yield Entry(Finding("uplink-unchecked", "warning", self.name, "nodes", text, "unchecked", hint))


def _single(results: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """The result of each call; a loop has one of each."""
    for each in results:
        if isinstance(each, Mapping):
            yield from _single(each["results"]) if "results" in each else (each,)


def section(seen: Seen, outcome: str) -> Section:
    """The cluster as the report carries it."""
    look = seen.look or {}
    found = {
        "name": seen.name,
        "outcome": outcome,
        "hindrances": seen.hindrances,
        "slot": seen.slot,
        "member": seen.member,
        "uid": seen.cluster.get("uid"),
        "flavour": seen.cluster.get("flavour"),
        "kubevirt": look.get("kubevirt"),
        "network": look.get("network") or None,
        "slice": look.get("slice"),
        "rollout": look.get("rollout"),
        "pods": look.get("pods"),
        "nodes_without_handler": look.get("nodes_without_handler"),
        "synchronization_addresses": look.get("synchronization_addresses"),
        "pools": look.get("pools"),
        "room_for_nodes": look.get("room_for_nodes"),
        "mtu": _mtu(seen, look.get("mtu") or {}),
        "routers": seen.part("l2vni").get("nodes"),
        "moves": look.get("moves"),
    }
    told: Section = spelled(found)
    return told


def spelled(value: Any) -> Any:
    """What nothing is known of, however deep, in the report's own word."""
    if value is None:
        return UNKNOWN
    if isinstance(value, Mapping):
        return {key: spelled(each) for key, each in value.items()}
    return [spelled(each) for each in value] if isinstance(value, list | tuple) else value


def _mtu(seen: Seen, found: Mapping[str, Any]) -> Section:
    """From the network below up to the pods. No API says what an overlay's segment carries."""
    return {
        "underlay": seen.underlay_mtu or None,
        "segment": None,
        "network": found.get("network"),
        "pods": found.get("pods"),
    }
