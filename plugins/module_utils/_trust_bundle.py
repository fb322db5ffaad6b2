# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom one cluster trusts, and the end of its trust in clusters that left: nothing is asked of those."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from . import _kubevirt as kv
from . import _quiet as quiet
from . import _trust_memory as memories
from . import _trust_side as sides
from ._errors import BadInput, Conflict
from ._job import Job, Result
from ._plan import Change, Plan, Ref, Verb, plan_of, refuse_forbidden
from ._resources import CONFIG_MAP
from ._trust_side import CA, MOST, Side, describe
from ._wait import Verdict

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_HARM = "Migrations with the cluster that is taken out would fail."


@dataclasses.dataclass(frozen=True, slots=True)
class Leaving:
    """What is to go.

    :param names: clusters as they were called when their CA was taken in.
    :param fingerprints: single CAs.
    """

    names: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: list[str]) -> Leaving:
        """Fingerprints are told from names by their form (colons and capitals do not matter)."""
        bare = {text: text.replace(":", "").lower() for text in texts}
        prints = [each for each in bare.values() if _FINGERPRINT.fullmatch(each)]
        return cls(tuple(text for text in texts if bare[text] not in prints), tuple(prints))

    def uids(self, side: Side) -> list[str]:
        """The clusters of these names that the side remembers."""
        return [peer.uid for name in self.names for peer in side.memory.named(name)]

    def cas(self, side: Side) -> tuple[str, ...]:
        """Every fingerprint that is to go from a side."""
        return (*self.fingerprints, *(each for uid in self.uids(side) for each in side.memory.of(uid)))


def work(job: Job) -> Result:
    """Say whom the cluster trusts; take out what is to leave."""
    leaving = Leaving.of(job.params["forget"])
    side = observe(job)
    if job.params["require_rights"]:
        refuse_forbidden(exchange_of(side), job.clusters)
    done, warnings = Plan(), [*_unremembered(leaving, side), *_expiry(job, side)]
    if plan(job, side, leaving).changed:
        warnings += _refuse(job, side, leaving)
        done, side = _remove(job, side, leaving)
    return job.finish(done, warnings=warnings, trust_bundle=_result(job, side))


def observe(job: Job) -> Side:
    """Read the cluster's side of its trust."""
    return sides.read(job.cluster, kv.find(job.cluster, job.params["namespace"]))


def plan(job: Job, side: Side, leaving: Leaving) -> Plan:
    """What has to be written now: the CAs first, what is known of them last."""
    what = ", ".join((*leaving.names, *(each[:12] for each in leaving.fingerprints)))
    why = f"{side.cluster} is to trust {what} no longer"
    cuts = sides.cut(job.cluster, side, leaving.cas(side), why)
    return plan_of([*cuts, memories.forget(job.cluster, side.memory, leaving.uids(side), why)])


def exchange_of(side: Side) -> Plan:
    """Whatever an exchange of CAs may have to write on this side; what it has to is known only when it is due.

    Every change of KubeVirt's settings renews a CA, and virt-operator empties and makes anew the ConfigMap in between.
    """
    names, why = (sides.INBOX, memories.MAP), "take in the CAs of other clusters"
    refs = [Ref(CONFIG_MAP, name, side.namespace) for name in names]
    verbs: tuple[Verb, ...] = ("create", "patch")
    return Plan(tuple(Change(verb, side.cluster, ref, None, {}, {}, why) for verb in verbs for ref in refs))


def _remove(job: Job, side: Side, leaving: Leaving) -> tuple[Plan, Side]:
    if job.check_mode:
        wanted = plan(job, side, leaving)
        job.apply(wanted)
        return wanted, side
    done: dict[str, Change] = {}
    last = [side]

    def step() -> Verdict:
        now = last[0] = observe(job)
        settled = now.settled()
        if not settled.done:
            return Verdict(False, f"KubeVirt is not settled: {settled.reason}")
        wanted = plan(job, now, leaving)
        if wanted.changed:
            _quiet(job)
        try:
            for change in wanted.changes:
                job.apply(Plan((change,)))
                done.setdefault(str(change.ref), change)
        except Conflict as error:
            return Verdict(False, f"{error.object} was changed by somebody else at the same time")
        return Verdict(not wanted.changed, f"{len(wanted.changes)} objects still name what is to leave")

    job.wait(
        step,
        expected="no CA of what is to leave",
        object=f"ConfigMap {side.namespace}/{CA}",
        hint="Look at virt-operator's log: it writes this ConfigMap, too.",
        pause=0.5,
    )
    return Plan(tuple(done.values())), last[0]


def _refuse(job: Job, side: Side, leaving: Leaving) -> list[str]:
    where = f"ConfigMap {side.namespace}/{CA}"
    if side.own.fingerprint in leaving.cas(side):
        hint = "A cluster cannot leave itself. Run this on the clusters that stay."
        raise BadInput("CAs of other clusters", "the cluster's own CA", side.cluster, where, hint, "own_ca")
    return _quiet(job)


def _quiet(job: Job) -> list[str]:
    seconds, allow = job.params["wait_for_migrations"], job.params["allow_during_migrations"]
    return quiet.require(job, _HARM, seconds=seconds, allow=allow)


def _unremembered(leaving: Leaving, side: Side) -> list[str]:
    known = sorted(peer.name for peer in side.memory.peers.values())
    return [
        f"{side.cluster} remembers no cluster {name} (it remembers {', '.join(known) or 'none'})"
        for name in leaving.names
        if not side.memory.named(name)
    ]


def _expiry(job: Job, side: Side) -> list[str]:
    days, threshold = side.own.days_left(job.clock.wall()), float(job.params["expiry_warning_days"])
    if days >= threshold:
        return []
    hint = "look at virt-operator's log and at ca_renew_before"
    return [f"{side.cluster}: the KubeVirt CA expires in {days} days and has not been renewed: {hint}"]


def _result(job: Job, side: Side) -> dict[str, Any]:
    now = job.clock.wall()
    bundle = {each.fingerprint: each for each in side.bundle.certificates}
    owners = {each: peer.name for peer in side.memory.peers.values() for each in peer.fingerprints}
    others = [each for each in bundle.values() if each.fingerprint not in {side.own.fingerprint, *owners}]
    return {
        "cluster": side.cluster,
        "uid": side.uid,
        "ca": describe(side.own, now),
        "peers": [
            {
                "name": peer.name,
                "uid": peer.uid,
                "cas": [describe(bundle[each], now) for each in peer.fingerprints if each in bundle],
            }
            for peer in sorted(side.memory.peers.values(), key=lambda peer: peer.name)
        ],
        "others": [describe(each, now) for each in others],
        "fingerprints": sorted(side.valid(now)),
        "room": MOST - len(side.valid(now)),
    }
