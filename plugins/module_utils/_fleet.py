# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clusters of a fleet have to agree on before one of them is written to. Pure.

Every cluster alone can be sound while the fleet is not: two with one slot, tunnels with the same addresses, a range
that is the pod network of a third. All of it is found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from . import _fleet_apps as apps
from . import _fleet_networks as nets
from . import _fleet_orphans as orphans
from . import _fleet_segment as segment
from ._address_plans import plans
from ._addresses import AddressPlan
from ._checks import Finding
from ._errors import BadInput
from ._fleet_member import Member, who_has

# What is written once for the whole fleet, and what breaks where it is not.
_SAME: dict[str, str] = {
    "range": "Interfaces with different ranges do not see each other: set it once for the whole fleet.",
    "second_range": "Interfaces with different ranges do not see each other: set it once for the whole fleet.",
    "max_clusters": "With another number the slices are cut differently and overlap: set it once for the whole fleet.",
    "weights": "With other weights the slices are cut differently and overlap: set them once for the whole fleet.",
    "gateway": "Where it is not kept free, a pod gets the gateway's address: set it once for the whole fleet.",
    "mtu": "Frames that are too large for one cluster are dropped without a word: take the smallest MTU for all.",
}


def findings(members: Sequence[Member]) -> list[Finding]:
    """Everything in which the fleet cannot work, causes before consequences."""
    fleet = [member for member in members if member.takes_part]
    # Also where migrations use the pod network a cluster keeps its slot, and the networks of its VMs.
    stay = [member for member in members if member.stays]
    found = [*_one_cluster_twice(members), *_not_seen(fleet), *_same(fleet)]
    found += [*_slots_twice(stay), *_plans(fleet), *_one_family(fleet)]
    found += [*segment.check(stay), *nets.check(stay), *apps.check(stay)]
    found += orphans.check(members)
    return list(dict.fromkeys(found))


def _one_cluster_twice(members: Sequence[Member]) -> Iterator[Finding]:
    """Two hosts of the inventory that are one cluster: what one of them does, the other undoes."""
    for owner, member in _twice(members, lambda each: each.uid or None):
        yield Finding(
            "cluster-twice",
            "error",
            member.name,
            "inventory",
            "a cluster of its own for every host of the inventory",
            f"{owner} and {member.name} are one cluster (UID {member.uid})",
            "Correct the connection of one of them, or take it out of the inventory.",
        )


def _not_seen(fleet: Sequence[Member]) -> Iterator[Finding]:
    unseen = [member.name for member in fleet if not member.info]
    if unseen:
        yield Finding(
            "cluster-not-seen",
            "warning",
            "",
            "fleet",
            "what every cluster of the fleet says of itself",
            f"nothing of {', '.join(unseen)}",
            "Only what the inventory says of them was compared. Run without --limit, or let Ansible cache facts.",
        )
    for member in fleet:
        if member.closed:
            yield Finding(
                "networks-unreadable",
                "warning",
                member.name,
                "fleet",
                "every network that the cluster names",
                f"{', '.join(member.closed)} may not be read",
                "Allow these credentials to list them, or name the networks in migration_network_avoid.",
            )


def _same(fleet: Sequence[Member]) -> Iterator[Finding]:
    for option, hint in _SAME.items():
        values = {member.name: _spelled(member.option(option)) for member in fleet}
        if len(set(values.values())) > 1:
            yield differs(option, f"migration_network_{option}", values, hint)


def differs(option: str, what: str, values: Mapping[str, str], hint: str) -> Finding:
    """The finding that clusters do not agree on a value."""
    name = option.replace("_", "-")
    return Finding(f"{name}-differs", "error", "", "fleet", f"one {what} for the fleet", who_has(values), hint)


def _spelled(value: Any) -> str:
    return "nothing" if value in (None, "", [], ()) else str(value)


def _plans(fleet: Sequence[Member]) -> Iterator[Finding]:
    """Slots that are none, and ranges that cannot be shared."""
    for member in fleet:
        try:
            for plan in plans_of(member):
                if member.slot is not None:
                    plan.slice(member.slot)
        except BadInput as error:
            # Of what the whole fleet has in common one finding is enough.
            own = error.reason in ("slot_outside_plan", "slice_empty")
            yield _refused(error, member.name if own else "")


def plans_of(member: Member) -> tuple[AddressPlan, ...]:
    """The address plans that a member's options describe. :raises BadInput: for what is none."""
    return plans(
        str(member.option("range") or ""),
        str(member.option("second_range") or ""),
        gateway=member.option("gateway") or None,
        reserved=member.texts("reserved"),
        max_clusters=member.number("max_clusters") or 0,
        weights=[int(weight) for weight in member.texts("weights")],
    )


def _one_family(fleet: Sequence[Member]) -> Iterator[Finding]:
    for member in fleet:
        if member.flavour == "harvester" and member.option("second_range"):
            yield Finding(
                "second-range-unsupported",
                "warning",
                member.name,
                "migration_network_second_range",
                "addresses of both ranges on every cluster",
                "Harvester's setting takes one range",
                "Its pods get addresses of migration_network_range only, which are those that KubeVirt uses.",
            )


def _slots_twice(members: Sequence[Member]) -> Iterator[Finding]:
    for owner, member in _twice(members, lambda each: each.slot):
        yield Finding(
            "slot-taken-twice",
            "error",
            member.name,
            f"slot {member.slot}",
            "a slot of its own for every cluster",
            f"{owner} and {member.name} both have slot {member.slot}",
            "Give each cluster its own slot in the inventory and never change it.",
        )


def _twice(members: Sequence[Member], what: Callable[[Member], str | int | None]) -> Iterator[tuple[str, Member]]:
    """Each member whose own is that of an earlier one, with the name of that one."""
    owners: dict[str | int, str] = {}
    for member in members:
        own = what(member)
        if own is not None and owners.setdefault(own, member.name) != member.name:
            yield owners[own], member


def _refused(error: BadInput, cluster: str) -> Finding:
    return Finding(
        error.reason.replace("_", "-"), "error", cluster, "address plan", error.wanted, error.found, error.hint
    )
