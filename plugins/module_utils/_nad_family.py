# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the NADs of one migration network is the wanted one, or under which name a new one is made.

What a NAD gives its pods is never edited under them: a changed network is a new NAD beside the old one, KubeVirt
is pointed at it, and the old one goes when nobody has it any more. All NADs of a network are its family: the first
has the plain name, each later one the plain name and a hash of what it gives.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from typing import Literal

from . import _mark as mark
from . import _nad_config as cni
from . import _nad_users as users
from ._cluster import Cluster, Object
from ._errors import Busy
from ._nad_config import Wanted
from ._nad_kinds import KINDS
from ._nad_users import User

LABEL = mark.NETWORK
"""On every NAD that this collection made: the plain name of its network."""

_LONGEST = 54
"""A name has at most 63 characters, of which the hash and its hyphen take nine."""

Way = Literal["keep", "edit", "create"]


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """The NADs of one network on one cluster, and who uses them.

    :param members: by name, as found.
    :param current: the name that KubeVirt's CR has now, if it is one of the family, whether it exists or not.
    :param users: everybody who uses a NAD; empty where nobody had to be asked.
    """

    base: str
    namespace: str
    members: dict[str, Object] = dataclasses.field(default_factory=dict)
    current: str | None = None
    users: tuple[User, ...] = ()

    def users_of(self, name: str) -> list[User]:
        """Who uses one of them."""
        return users.of(self.users, f"{self.namespace}/{name}")

    def used(self, name: str) -> bool:
        """Whether anybody would notice a change of it."""
        return name == self.current or bool(self.users_of(name))

    @property
    def lost(self) -> str | None:
        """A NAD that KubeVirt or pods ask for and that is not there."""
        if self.current is not None:
            return self.current if self.current not in self.members else None
        return self.base if self.base not in self.members and self.users_of(self.base) else None

    @property
    def leading(self) -> str | None:
        """The one a new NAD continues: KubeVirt's own, else the plain one, else any."""
        order = [self.current, self.base, *sorted(self.members)]
        return next((name for name in order if name in self.members), None)

    @property
    def strangers(self) -> list[str]:
        """Users of the family that do not follow KubeVirt to another NAD."""
        names = {f"{self.namespace}/{name}" for name in (*self.members, self.base)}
        return [user.title for user in self.users if not user.ours and user.nads & names]


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """The NAD that is to be the network.

    :param before: its configuration as found, or the one that a new NAD continues.
    """

    name: str
    way: Way
    before: Object | None = None


def belongs(name: str, base: str) -> bool:
    """Whether a name is one of the family's."""
    return name == base or re.fullmatch(rf"{re.escape(_stem(base))}-[0-9a-f]{{8}}", name) is not None


def observe(cluster: Cluster, base: str, namespace: str, attachments: Sequence[Object]) -> Family:
    """The family on a cluster, and which of it KubeVirt names; nobody is asked yet who uses it."""
    named = (full.split("/", 1) for full in users.named(cluster))
    current = next((name for place, name in named if place == namespace and belongs(name, base)), None)
    return Family(base, namespace, members(attachments, base, namespace), current)


def with_users(cluster: Cluster, found: Family) -> Family:
    """The family, and everybody who uses it."""
    return dataclasses.replace(found, users=tuple(users.read(cluster, found.namespace)))


def members(attachments: Sequence[Object], base: str, namespace: str) -> dict[str, Object]:
    """The family among the NADs of a cluster: the plain name, and what carries the label of the network."""
    found: dict[str, Object] = {}
    for item in attachments:
        metadata = item["metadata"]
        if metadata.get("namespace") != namespace or not belongs(metadata["name"], base):
            continue
        if metadata["name"] == base or (metadata.get("labels") or {}).get(LABEL) == base:
            found[metadata["name"]] = item
    return found


def fitting(wanted: Wanted, family: Family) -> Choice | None:
    """The NAD that is the wanted network already, up to the way in which it is written."""
    order = dict.fromkeys([family.current, family.base, *sorted(family.members)])
    for name in order:
        if name in family.members:
            config = _config(wanted, family, name)
            if _given(wanted, family, name) and cni.network_of(config) == cni.network_of(cni.desired(wanted, config)):
                return Choice(name, "keep", config)
    return None


def choose(wanted: Wanted, family: Family) -> Choice:
    """The NAD to use, to edit because nobody uses it yet, or to make.

    :raises Busy: when others than KubeVirt use the network, whom a new NAD would leave behind.
    """
    kept = fitting(wanted, family)
    if kept is not None:
        return kept
    if family.lost is None and not family.members:
        return Choice(family.base, "create")
    if family.lost is not None and _complies(wanted, family, family.lost):
        return Choice(family.lost, "create")
    idle = next((name for name in (family.base, *sorted(family.members)) if _idle(name, family)), None)
    if idle is not None:
        return Choice(idle, "edit", _config(wanted, family, idle))
    if family.strangers:
        raise Busy(
            "a network that only KubeVirt uses",
            ", ".join(family.strangers),
            hint="The changed network becomes a new NAD, and these would stay on the old one: take them off it first.",
            reason="nad_shared",
        )
    before = _config(wanted, family, family.leading) if family.leading else None
    if before and cni.main_plugin(before).get("type") != wanted.link.kind:
        # Another plugin knows other keys.
        before = None
    return Choice(_free_name(wanted, family, before), "create", before)


def superseded(family: Family, chosen: str) -> list[str]:
    """The others, which go once KubeVirt has left them."""
    return sorted(family.members.keys() - {chosen})


def _config(wanted: Wanted, family: Family, name: str) -> Object:
    """Its configuration; what KubeVirt uses now, and what we made, may be of another kind than is wanted."""
    item = family.members[name]
    ours = name == family.current or LABEL in (item["metadata"].get("labels") or {})
    return cni.parse(item, wanted.link.kind, *(KINDS if ours else ()))


def _given(wanted: Wanted, family: Family, name: str) -> bool:
    """Whether it asks for the device that is wanted."""
    annotations = family.members[name]["metadata"].get("annotations") or {}
    return all(annotations.get(key) == value for key, value in wanted.link.annotations.items())


def _idle(name: str, family: Family) -> bool:
    return name in family.members and not family.used(name)


def _complies(wanted: Wanted, family: Family, name: str) -> bool:
    """Whether the pods of a NAD that was lost have what the wanted one would give, so that it can come back."""
    if name not in (family.base, _name(wanted, family.base, None, 0)):
        return False
    full = f"{family.namespace}/{name}"
    return all(
        all(address in wanted.slice for address in user.addresses.get(full, ()))
        and user.mtus.get(full, wanted.mtu) == wanted.mtu
        for user in family.users_of(name)
    )


def _free_name(wanted: Wanted, family: Family, before: Object | None) -> str:
    """The first name that is not taken: one whose NAD was edited by hand stays out of the way until it goes."""
    taken = {*family.members, family.current}
    turn = 0
    while (name := _name(wanted, family.base, before, turn)) in taken or family.users_of(name):
        turn += 1
    return name


def _name(wanted: Wanted, base: str, before: Object | None, turn: int) -> str:
    given = {"device": wanted.link.annotations} if wanted.link.annotations else {}
    text = cni.render(cni.network_of(cni.desired(wanted, before)) | given) + (f"#{turn}" if turn else "")
    return f"{_stem(base)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _stem(base: str) -> str:
    return base[:_LONGEST].rstrip("-")
