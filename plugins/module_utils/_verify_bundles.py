# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom each cluster trusts beyond what is wanted, and for how long its own CA lasts, by what trust_bundle found."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from . import _verify_drift as drift
from ._checks import Finding
from ._verify_drift import TRUST, Entry


@dataclasses.dataclass(frozen=True, slots=True)
class Bundles:
    """The results of module trust_bundle, one a cluster.

    :param staying: every cluster that the inventory has and does not mark as leaving, also those of other runs.
    :param warning_days: a CA that expires in fewer days is worth a warning.
    """

    results: Sequence[Mapping[str, Any]] = ()
    staying: Collection[str] = ()
    warning_days: float = 1.0

    @property
    def found(self) -> list[Mapping[str, Any]]:
        """What was read of each cluster that answered."""
        return [each["trust_bundle"] for each in self.results if each.get("trust_bundle") and not each.get("failed")]

    @property
    def failures(self) -> dict[str, Mapping[str, Any]]:
        """Why there is nothing of a cluster."""
        return {
            str(each["item"]["key"]): each.get("failure") or {"found": str(each.get("msg") or "it failed")}
            for each in self.results
            if each.get("failed")
        }

    def hindrances(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The clusters whose trust could not be looked at."""
        for name, failure in self.failures.items():
            if drift.unable(failure):
                yield name, failure

    def entries(self, compared: Collection[frozenset[str]]) -> Iterator[Entry]:
        """Trust that nobody wants, and CAs that are about to expire.

        :param compared: the pairs that are to trust each other.
        """
        for name, failure in self.failures.items():
            if not drift.unable(failure):
                yield drift.refused(name, failure)
        by_uid = {each["uid"]: each["cluster"] for each in self.found}
        for each in self.found:
            yield from self._expiry(each)
            for peer in each["peers"]:
                reason = self._unwanted(each["cluster"], peer, by_uid, compared) if peer["cas"] else ""
                if reason:
                    yield _unwanted(each["cluster"], peer, reason)

    def _unwanted(
        self, cluster: str, peer: Mapping[str, Any], by_uid: Mapping[str, str], compared: Collection[frozenset[str]]
    ) -> str:
        """Why it is not to be trusted; empty when it is, or when this run cannot know."""
        name = by_uid.get(peer["uid"], "")
        if name:
            # Without any pair the comparison as a whole has failed, which is told elsewhere.
            wanted = not compared or frozenset((cluster, name)) in compared
            return "" if wanted else f"trust_pairs does not name it with {cluster}"
        if peer["name"] in by_uid.values():
            return "the cluster of this name is another one now"
        return "" if peer["name"] in self.staying else "the inventory has no such cluster that stays"

    def _expiry(self, found: Mapping[str, Any]) -> Iterator[Entry]:
        left = found["ca"]["expires_in_days"]
        if left < self.warning_days:
            hint = "KubeVirt should have renewed it: look at virt-operator's log and at ca_renew_before."
            wanted = f"valid for {self.warning_days:g} days or more"
            texts = ("Secret kubevirt-ca", wanted, f"it expires in {left} days", hint)
            yield Entry(Finding("ca-expires", "warning", found["cluster"], *texts))


def _unwanted(cluster: str, peer: Mapping[str, Any], reason: str) -> Entry:
    name, days = peer["name"], max(each["expires_in_days"] for each in peer["cas"])
    found = f"{len(peer['cas'])} of its CAs, the last for {days} days"
    hint = f"Take them out: ansible-playbook {TRUST} --limit {cluster} -e forget={name}."
    where, wanted = f"trust in {name}", f"none, as {reason}"
    return Entry(Finding("trust-unwanted", "warning", cluster, where, wanted, found, hint), TRUST)
