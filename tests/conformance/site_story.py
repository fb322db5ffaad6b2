# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stories of a site's own objects: what is compared of KubeVirt's CR, workloads, pods, CA, bundle and lease.

Certificates are named by site and order (`a1` is the first CA that site a showed, `a2` what replaced it), so
that both recordings and test bed speak of "the peer's new CA". Generations count from the first one seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Any

from conformance import compare
from conformance.compare import Aliases, Row, Stories
from conformance.rows import network_status

MIGRATION_RANGE = ip_network("192.170.10.0/24")
WORKLOADS = ("virt-handler", "virt-synchronization-controller")
CONFIG_MAPS = ("kubevirt-ca", "kubevirt-external-ca")
KINDS = ("KubeVirt", "DaemonSet", "Deployment", "Pod", "ConfigMap", "Secret", "Lease")


def wanted(row: Row) -> bool:
    """Rows of the objects the recordings follow."""
    match row["kind"]:
        case "Pod":
            return _component(row["name"]) is not None
        case "Deployment" | "DaemonSet" | "Lease":
            return row["name"] in WORKLOADS
        case "ConfigMap":
            return row["name"] in CONFIG_MAPS
        case "Secret":
            return bool(row["name"] == "kubevirt-ca")
    return True


def tell(rows: Iterable[Row]) -> Stories:
    """The stories of all rows that are wanted."""
    kept = _without_orphans([row for row in rows if wanted(row)])
    story = _Story(kept)
    choosers = {
        "KubeVirt": story.kubevirt,
        "DaemonSet": story.workload,
        "Deployment": story.workload,
        "Pod": story.pod,
        "ConfigMap": story.config_map,
        "Secret": story.secret,
        "Lease": story.lease,
    }
    return compare.stories(kept, choosers, rename=story.name)


class _Story:
    """Names of one recording's certificates, pods and generations."""

    def __init__(self, rows: list[Row]) -> None:
        self._aliases = Aliases()
        self._first: dict[str, int] = {}
        self._authorities: dict[str, str] = {}
        self._pods: dict[tuple[str, str], str] = {}
        for row in rows:
            if row["kind"] == "Secret" and row["event"] != "DELETED":
                self._learn_authority(row["site"], row["current"][0])
            elif row["kind"] == "Pod":
                self._learn_pod(row)

    def name(self, row: Row) -> str:
        if row["kind"] == "Pod":
            return self._pods[row["site"], row["name"]]
        return str(row["name"])

    def kubevirt(self, row: Row) -> Any:
        configuration = row["spec"]["configuration"]
        migrations = configuration.get("migrations") or {}
        who = f"{row['site']} KubeVirt"
        generation = self._since_first(who, row["generation"])
        observed = self._since_first(who, row["observedGeneration"])
        # Whether virt-handler or the Deployments are rolled out first is a matter of timing.
        told = [pair for pair in row["generations"] if pair[0] != "virt-handler" or observed == generation]
        return {
            "gates": configuration["developerConfiguration"].get("featureGates", []),
            "network": migrations.get("network"),
            "bandwidth": migrations.get("bandwidthPerMigration"),
            "phase": row["phase"],
            "generation": generation,
            "observed": observed,
            "generations": sorted(f"{name} {self._since_first(f'{who} {name}', value)}" for name, value in told),
            "addresses": [_kind_of(each) for each in row.get("addresses", [])],
            "conditions": compare.conditions(row),
        }

    def workload(self, row: Row) -> Any:
        generation = self._since_first(f"{row['site']} {row['kind']} {row['name']}", row["generation"])
        return {"generation": generation, "network": row.get("network")}

    def pod(self, row: Row) -> Any:
        found = network_status(row.get("networkStatus") or "[]")
        if row["phase"] == "Pending" and not row.get("networkStatus"):
            found = []
        return {
            "phase": row["phase"],
            "deleting": row.get("deleting", False),
            "network": row.get("network"),
            "interfaces": [
                f"{entry['interface']} {[_kind_of(ip) for ip in entry['ips']]}"
                for entry in found
                if not entry.get("default")
            ],
        }

    def config_map(self, row: Row) -> Any:
        """CAs from before the recording began are left out: how many there are is the cluster's past."""
        bundle = [self._authorities.get(each, "") for each in row.get("bundle", [])]
        return {"bundle": [each for each in bundle if each], "keys": row["keys"]}

    def secret(self, row: Row) -> Any:
        marks = [each.partition("/")[2] for each in row["annotations"]]
        return {"current": self._authorities[row["current"][0]], "annotations": sorted(marks)}

    def lease(self, row: Row) -> Any:
        return {"holder": self._aliases.of(f"{row['site']} holder", row["holder"])}

    def _learn_authority(self, site: str, fingerprint: str) -> None:
        if fingerprint not in self._authorities:
            number = sum(1 for each in self._authorities.values() if each.startswith(site)) + 1
            self._authorities[fingerprint] = f"{site}{number}"

    def _learn_pod(self, row: Row) -> None:
        key = row["site"], row["name"]
        if key not in self._pods:
            component = _component(row["name"])
            number = sum(1 for (site, name) in self._pods if site == row["site"] and _component(name) == component)
            self._pods[key] = f"{component} #{number + 1}"

    def _since_first(self, what: str, value: int) -> int:
        return value - self._first.setdefault(what, value)


def _without_orphans(rows: list[Row]) -> list[Row]:
    """The end of pods whose Deployment is deleted is left out: the recordings had no garbage collector."""
    deleted = {
        (row["site"], row["name"]): _moment(row)
        for row in rows
        if row["kind"] == "Deployment" and row["event"] == "DELETED"
    }

    def ends_with_its_owner(row: Row) -> bool:
        if row["kind"] != "Pod" or not (row.get("deleting") or row["event"] == "DELETED"):
            return False
        return _moment(row) > deleted.get((row["site"], _component(row["name"]) or ""), float("inf"))

    return [row for row in rows if not ends_with_its_owner(row)]


def _moment(row: Row) -> float:
    """Watches of two kinds keep no order between them, so it is the API server's; the recordings have only a clock."""
    return float(row["version"] if "version" in row else row["t"])


def _component(pod: str) -> str | None:
    return next((name for name in WORKLOADS if pod.startswith(f"{name}-")), None)


def _kind_of(address: str) -> str:
    """`migration:9185` for an address of the migration network, `pod:9185` for any other."""
    ip, colon, port = address.partition(":")
    return ("migration" if ip_address(ip) in MIGRATION_RANGE else "pod") + colon + port
