# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One side of the trust between two clusters: its own CA, what it trusts, and what waits to be taken in."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
from typing import Any

from . import _kubevirt as kv
from . import _pem as pem
from . import _trust_memory as memories
from ._cluster import Cluster, Object
from ._errors import BadInput, Missing
from ._kubevirt_settings import rotation
from ._pem import Bundle, Certificate
from ._plan import Change, merge
from ._resources import CONFIG_MAP, SECRET
from ._trust_memory import Memory, Peer
from ._wait import Verdict

CA = "kubevirt-ca"
"""The Secret with the CA of a cluster, and the ConfigMap with all CAs that it trusts."""

INBOX = "kubevirt-external-ca"
"""The ConfigMap from which virt-operator takes CAs of other clusters; it empties it every time."""

KEY = "ca-bundle"
MOST = 50
"""How many CAs KubeVirt keeps in the bundle, the newest first."""


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """What one cluster has.

    :param own: the CA that signs its certificates now.
    :param renewing: virt-operator is between the two steps in which it renews the CA.
    :param bundle_map: the ConfigMap with the trusted CAs; ``inbox_map`` the one with the waiting ones, if any.
    :param uid: the identity of the cluster, whatever its name.
    :param memory: whose CAs were taken in here.
    """

    cluster: str
    kubevirt: Object
    own: Certificate
    renewing: bool
    bundle_map: Object
    bundle: Bundle
    inbox_map: Object | None
    inbox: Bundle
    uid: str = ""
    memory: Memory = dataclasses.field(default_factory=Memory)

    @property
    def namespace(self) -> str:
        """KubeVirt's namespace."""
        return kv.namespace_of(self.kubevirt)

    def holds(self, *fingerprints: str) -> bool:
        """Whether one of these is trusted, or waits to be."""
        return any(each in self.bundle or each in self.inbox for each in fingerprints)

    def valid(self, now: datetime.datetime) -> set[str]:
        """What counts against the limit of the bundle: the CAs in it and those that wait, but for expired ones."""
        every = (self.own, *self.bundle.certificates, *self.inbox.certificates)
        return {each.fingerprint for each in every if each.not_after > now}

    def ever(self, peer: Side) -> tuple[str, ...]:
        """Every CA of the peer that is known here: the one it uses, and those that it used."""
        return tuple(dict.fromkeys((peer.own.fingerprint, *self.memory.of(peer.uid))))

    def noted(self, peer: Side) -> bool:
        """Whether it is noted whose the peer's CA of this moment is."""
        return peer.own.fingerprint in self.memory.of(peer.uid)

    def trusts(self, peer: Side) -> bool:
        """Whether the peer's CA of this moment is trusted here."""
        return peer.own.fingerprint in self.bundle

    def settled(self) -> Verdict:
        """Whether the CA is going to stay: every change of the KubeVirt CR renews it."""
        verdict = kv.settled(self.kubevirt)
        if verdict.done and self.renewing:
            return Verdict(False, "virt-operator is about to renew the CA")
        return verdict

    def dropped_at(self, peer: Side) -> datetime.datetime | None:
        """When virt-operator will forget the peer's CA although it is still in use; ``None``: it will not.

        Its rule: with the newest first, everything is dropped once its own CA is older than the overlap, and an
        entry (with all after it) once the one before it is. The peer's next renewal ends our interest.
        """
        life, overlap = rotation(self.kubevirt)
        peer_life, peer_early = rotation(peer.kubevirt)
        entries = {each.fingerprint: each for each in (*self.bundle.certificates, self.own, peer.own)}
        newest_first = sorted(entries.values(), key=lambda each: each.not_before, reverse=True)
        causes = [self.own.not_before + overlap] if overlap < life - overlap else []
        place = [each.fingerprint for each in newest_first].index(peer.own.fingerprint)
        if place:
            causes.append(newest_first[place - 1].not_before + overlap)
        needed = min(peer.own.not_after, peer.own.not_before + peer_life - peer_early)
        end = min(causes, default=needed)
        return end if end < needed else None

    def as_dict(self, peer: Side, now: datetime.datetime) -> dict[str, Any]:
        """The side as a result carries it; no key ever gets here."""
        end = self.dropped_at(peer)
        mine = {self.own.fingerprint, peer.own.fingerprint}
        return {
            "cluster": self.cluster,
            "ca": describe(self.own, now),
            "trusts_peer": self.trusts(peer),
            "pending": peer.own.fingerprint in self.inbox,
            "dropped_in_hours": None if end is None else max(0.0, round((end - now).total_seconds() / 3600, 1)),
            "others": [describe(each, now) for each in self.bundle.certificates if each.fingerprint not in mine],
        }


def describe(certificate: Certificate, now: datetime.datetime) -> dict[str, Any]:
    """A CA as a result carries it."""
    return {
        "fingerprint": certificate.fingerprint,
        "subject": certificate.subject,
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "expires_in_days": certificate.days_left(now),
    }


def read(cluster: Cluster, kubevirt: Object) -> Side:
    """Read one side.

    The inbox is read before the bundle: virt-operator fills the bundle first and empties the inbox then, so an
    inbox seen empty with a bundle that lacks the CA means that the CA was swallowed.

    :raises Missing: when KubeVirt has no CA or no bundle yet.
    """
    namespace = kv.namespace_of(kubevirt)
    own, renewing = _own(cluster, namespace)
    inbox_map = cluster.get(CONFIG_MAP, INBOX, namespace)
    bundle_map = cluster.get(CONFIG_MAP, CA, namespace)
    if bundle_map is None:
        hint = "KubeVirt creates it when it is deployed; look at virt-operator's log."
        raise Missing("KubeVirt's CA bundle", "none", cluster.name, f"ConfigMap {namespace}/{CA}", hint)
    return Side(
        cluster.name,
        kubevirt,
        own,
        renewing,
        bundle_map,
        pem.read(text_of(bundle_map)),
        inbox_map,
        pem.read(text_of(inbox_map)),
        cluster.uid(),
        memories.read(cluster, namespace),
    )


def note(cluster: Cluster, side: Side, peer: Side) -> Change | None:
    """Note on one side whose CA the other's is."""
    every = (*side.bundle.certificates, *side.inbox.certificates)
    why = f"note whose CA {peer.own.fingerprint[:12]} is ({peer.cluster})"
    found = Peer(peer.uid, peer.cluster, (peer.own.fingerprint,))
    return memories.note(cluster, side.namespace, side.memory, found, {each.fingerprint for each in every}, why)


def cut(cluster: Cluster, side: Side, fingerprints: tuple[str, ...], why: str) -> list[Change | None]:
    """Cut CAs out of inbox and bundle, every other byte as it was."""
    changes = []
    for config_map in (side.inbox_map, side.bundle_map):
        before = text_of(config_map)
        after = pem.without(before, *fingerprints)
        if config_map is not None and after != before:
            changes.append(merge(cluster, CONFIG_MAP, config_map, guarded(config_map, after), why))
    return changes


def guarded(config_map: Object, text: str) -> Object:
    """The patch that writes a bundle or inbox, valid for this version of it only."""
    return {"metadata": {"resourceVersion": config_map["metadata"]["resourceVersion"]}, "data": {KEY: text}}


def refuse_full(side: Side, more: set[str], now: datetime.datetime) -> None:
    """Refuse what would push CAs that are in use out of the bundle. :raises BadInput: with the number there is."""
    number = len(side.valid(now) | more)
    if number > MOST:
        hint = (
            "Trust fewer clusters (named pairs), or take out those that left (playbook trust, forget); former CAs"
            " leave by themselves when they expire."
        )
        where = f"ConfigMap {side.namespace}/{CA}"
        found = f"{number} with what is to be added"
        raise BadInput(f"at most {MOST} CAs, all that KubeVirt keeps", found, side.cluster, where, hint, "bundle_full")


def text_of(config_map: Object | None) -> str:
    """The PEM text of a bundle or inbox."""
    return str(((config_map or {}).get("data") or {}).get(KEY) or "")


def _own(cluster: Cluster, namespace: str) -> tuple[Certificate, bool]:
    """The CA in use. Of the Secret only the certificate and the names of annotations leave this function."""
    secret = cluster.get(SECRET, CA, namespace) or {}
    encoded = (secret.get("data") or {}).get("tls.crt") or ""
    annotations = ((secret.get("metadata") or {}).get("annotations") or {}).keys()
    del secret
    try:
        found = pem.read(base64.b64decode(encoded).decode())
    except (binascii.Error, UnicodeDecodeError):
        found = Bundle()
    if not found.certificates:
        hint = "KubeVirt creates it when it is deployed; look at virt-operator's log."
        wanted = "KubeVirt's CA certificate in tls.crt"
        raise Missing(wanted, "none that can be read", cluster.name, f"Secret {namespace}/{CA}", hint)
    # The renewal rewrites the annotations without the duration, finds it missing, and then issues a new CA.
    renewing = "kubevirt.io/generation" in annotations and "kubevirt.io/duration" not in annotations
    return found.certificates[0], renewing
