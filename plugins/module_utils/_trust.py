# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trust between two clusters: each side's current KubeVirt CA in the bundle of the other."""

from __future__ import annotations

from typing import Any

from . import _kubevirt as kv
from . import _pem as pem
from . import _quiet as quiet
from . import _trust_memory as memories
from . import _trust_side as sides
from ._cluster import Cluster
from ._errors import BadInput, Conflict, ServerTrouble, Unreachable
from ._job import Job, Result
from ._kubevirt_settings import drops_peers
from ._plan import Change, Plan, create, merge, plan_of, refuse_forbidden
from ._resources import CONFIG_MAP
from ._trust_side import CA, INBOX, KEY, MOST, Side
from ._wait import Verdict

Pair = tuple[Side, Side]

_HARM = "Migrations between the two clusters would fail."
_HINT = (
    "virt-operator takes CAs in from ConfigMap kubevirt-external-ca when it reconciles: look at its log. It skips"
    " certificates that are expired or, when the clocks differ, not valid yet."
)


def work(job: Job) -> Result:
    """Make both sides trust each other, or stop doing so."""
    present = job.params["state"] == "present"
    pair = observe(job)
    _refuse_impossible(job, pair, present)
    exchange = Exchange(job, pair, present)
    warnings = [] if present else quiet_sides(job, pair)
    if job.check_mode:
        done = plan(job, pair, present)
        job.apply(done)
        warnings += [f"{side.cluster}: {reason}; its CA may change" for side, reason in _unsettled(pair)]
    else:
        # Both sides, before the first of them is written.
        refuse_forbidden(plan(job, pair, present), job.clusters)
        done, pair = exchange.run()
    result = _result(job, pair, exchange.repeats)
    return job.finish(done, warnings=[*warnings, *(_drops(job, pair) if present else [])], migration_trust=result)


def observe(job: Job) -> Pair:
    """Read both sides."""
    source, target = (
        sides.read(cluster, kv.find(cluster, job.params[f"{key}_namespace"]))
        for key, cluster in (("source", job.clusters["source"]), ("target", job.clusters["target"]))
    )
    return source, target


def plan(job: Job, pair: Pair, present: bool) -> Plan:
    """What has to be written now; nothing for a CA that already waits to be taken in."""
    changes: list[Change | None] = []
    for key, side, peer in _directions(pair):
        cluster = job.clusters[key]
        # Noted first and struck out last, so that no CA is ever taken in of which nobody knows whose it is.
        if present:
            changes += [sides.note(cluster, side, peer), _offer(cluster, side, peer)]
        else:
            changes += _withdraw(cluster, side, peer)
    return plan_of(changes)


def quiet_sides(job: Job, pair: Pair) -> list[str]:
    """Refuse to end the trust of a side on which migrations run, or wait for them; warnings of check mode."""
    told: list[str] = []
    for key, side, peer in _directions(pair):
        if side.holds(*side.ever(peer)):
            seconds, allow = job.params["wait_for_migrations"], job.params["allow_during_migrations"]
            told += quiet.require(job, _HARM, seconds=seconds, allow=allow, cluster=job.clusters[key])
    return told


class Exchange:
    """The repeated look, decision and write until both sides are as wanted."""

    def __init__(self, job: Job, pair: Pair, present: bool) -> None:
        self._job, self._present = job, present
        self._pair, self._fresh = pair, True
        self._done: dict[tuple[str, str], Change] = {}
        self.repeats = 0

    def run(self) -> tuple[Plan, Pair]:
        """Go on until the deadline; what was written first to each object, and both sides as they are then."""
        words = ("each other's current CA in the bundle", "no CA of the other in the bundle")
        self._job.wait(
            self._step,
            clusters=self._job.clusters.values(),
            expected=words[0] if self._present else words[1],
            object=f"ConfigMap {CA}",
            hint=_HINT,
            pause=0.5,
        )
        return Plan(tuple(self._done.values())), self._pair

    def _step(self) -> Verdict:
        # The first look is the one that was made before the wait.
        pair = self._pair = self._pair if self._fresh else observe(self._job)
        self._fresh = False
        for side, reason in _unsettled(pair):
            return Verdict(False, f"KubeVirt on {side.cluster} is not settled, its CA may change: {reason}")
        open_ones = [(side, peer) for _key, side, peer in _directions(pair) if not self._reached(side, peer)]
        if not open_ones:
            return Verdict(True)
        if not self._present:
            # One may have begun since: right before the write, and the other side may have been waited for.
            quiet_sides(self._job, pair)
        try:
            self._write(plan(self._job, pair, self._present))
        except Conflict as error:
            return Verdict(False, f"{error.object} was changed by somebody else at the same time")
        return Verdict(False, "; ".join(self._missing(side, peer) for side, peer in open_ones))

    def _write(self, wanted: Plan) -> None:
        for change in wanted.changes:
            try:
                self._job.apply(Plan((change,)))
            except (Unreachable, ServerTrouble):
                # Without an answer it may have been carried out: the next look will tell.
                self._note(change)
                raise
            self._note(change)

    def _note(self, change: Change) -> None:
        place = (change.cluster, str(change.ref))
        self.repeats += place in self._done
        self._done.setdefault(place, change)

    def _reached(self, side: Side, peer: Side) -> bool:
        if self._present:
            return side.trusts(peer) and side.noted(peer)
        return not side.holds(*side.ever(peer)) and not side.memory.of(peer.uid)

    def _missing(self, side: Side, peer: Side) -> str:
        if not self._present:
            return f"{side.cluster} still trusts {peer.cluster}"
        again = f", written {self.repeats + 1} times" if self.repeats else ""
        return f"{side.cluster} has not taken in the CA of {peer.cluster}{again}"


def _offer(cluster: Cluster, side: Side, peer: Side) -> Change | None:
    """Put the peer's own CA, and no other, into the inbox beside what waits there already."""
    if side.trusts(peer) or (peer.own.fingerprint in side.inbox and not side.inbox.unreadable):
        return None
    # One unreadable block makes virt-operator throw the whole inbox away, so only readable ones are kept.
    text = pem.joined((*side.inbox.certificates, peer.own))
    why = f"{side.cluster} does not trust the CA of {peer.cluster} ({peer.own.fingerprint[:12]})"
    if side.inbox_map is None:
        metadata = {"name": INBOX, "namespace": kv.namespace_of(side.kubevirt)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}
        return create(cluster, CONFIG_MAP, body, why)
    return merge(cluster, CONFIG_MAP, side.inbox_map, sides.guarded(side.inbox_map, text), why)


def _withdraw(cluster: Cluster, side: Side, peer: Side) -> list[Change | None]:
    """Cut every known CA of the peer out of inbox and bundle, and strike it out of the memory."""
    why = f"{side.cluster} is to trust {peer.cluster} no longer ({peer.own.fingerprint[:12]})"
    cuts = sides.cut(cluster, side, side.ever(peer), why)
    return [*cuts, memories.forget(cluster, side.memory, [peer.uid], why)]


def _refuse_impossible(job: Job, pair: Pair, present: bool) -> None:
    now = job.clock.wall()
    for _key, side, peer in _directions(pair):
        where = f"Secret {kv.namespace_of(side.kubevirt)}/{CA}"
        version = kv.version(side.kubevirt)
        if version is not None and version < kv.FIRST_RELEASE:
            found, hint = kv.version_text(side.kubevirt), "Upgrade KubeVirt: it does not take in CAs of other clusters."
            raise BadInput("KubeVirt 1.6.0 or later", found, side.cluster, kv.title(side.kubevirt), hint)
        if side.own.not_after <= now:
            hint = "virt-operator should have renewed it: look at its log, and at this machine's clock."
            found = f"expired {side.own.not_after}"
            raise BadInput("a CA that is valid", found, side.cluster, where, hint, "ca_expired")
        if not present and side.own.fingerprint == peer.own.fingerprint:
            hint = "Clusters that share one CA cannot stop trusting each other; give one of them its own."
            raise BadInput("two different CAs", "one and the same", side.cluster, where, hint, "shared_ca")
        if present and not side.holds(peer.own.fingerprint):
            sides.refuse_full(side, {peer.own.fingerprint}, now)


def _unsettled(pair: Pair) -> list[tuple[Side, str]]:
    verdicts = [(side, side.settled()) for side in pair]
    return [(side, verdict.reason) for side, verdict in verdicts if not verdict.done]


def _drops(job: Job, pair: Pair) -> list[str]:
    warnings, now = [], job.clock.wall()
    for _key, side, peer in _directions(pair):
        end = side.dropped_at(peer)
        if end is not None:
            left = max(0.0, (end - now).total_seconds() / 3600)
            warnings.append(
                f"{side.cluster} will drop the CA of {peer.cluster} again in {left:.1f} h: {_remedy(side)}, or exchange"
                f" again before each move"
            )
        if len(side.valid(now)) >= MOST:
            warnings.append(f"{side.cluster} has {len(side.valid(now))} CAs; KubeVirt keeps {MOST}")
    return warnings


def _remedy(side: Side) -> str:
    """What keeps the CAs of peers, where anything can be set at all."""
    owner = kv.owner(side.kubevirt)
    if owner is not None and owner.flavour != "hco":
        return f"{owner.name} owns the rotation of its CA, so run the playbook trust more often than that"
    if drops_peers(side.kubevirt):
        return "set ca_renew_before to half of ca_duration or more (kubevirt_migrations, option keep_peers)"
    return "give all clusters the same ca_duration and ca_renew_before, as other CAs live longer than its own"


def _directions(pair: Pair) -> tuple[tuple[str, Side, Side], tuple[str, Side, Side]]:
    source, target = pair
    return ("source", source, target), ("target", target, source)


def _result(job: Job, pair: Pair, repeats: int) -> dict[str, Any]:
    now = job.clock.wall()
    both = {key: side.as_dict(peer, now) for key, side, peer in _directions(pair)}
    return {**both, "trusted": all(side["trusts_peer"] for side in both.values()), "repeats": repeats}
