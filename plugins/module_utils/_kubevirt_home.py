# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the migration settings of a cluster are written: in the KubeVirt CR, or in the resource of who owns it."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Protocol

from . import _hco as hco
from . import _kubevirt as kv
from ._cluster import Cluster, Object, Resource
from ._errors import BadInput, Conflict
from ._gitops import tool_of, undone
from ._hco import Hyperconverged
from ._kubevirt_settings import (
    BY_OPTION,
    GATES,
    Setting,
    Wanted,
    at,
    patch,
    put,
    rotation,
    same,
    validate_for,
    validate_gate,
)
from ._kubevirt_values import duration
from ._plan import merged
from ._resources import KUBEVIRT
from ._wait import Verdict

_HCO_SHORTEST = datetime.timedelta(minutes=10)


class Home(Protocol):
    """The object that carries the settings, with the KubeVirt CR in which they end up."""

    @property
    def kubevirt(self) -> Object:
        """The KubeVirt CR."""

    @property
    def body(self) -> Object:
        """The object that is written."""

    @property
    def resource(self) -> Resource:
        """Its kind."""

    @property
    def title(self) -> str:
        """The object as messages name it."""

    def validate(self, wanted: Wanted, cluster: str) -> None:
        """Refuse what cannot be said here. :raises BadInput: naming the option."""

    def patch(self, wanted: Wanted) -> Object:
        """The merge patch that is sent; empty when nothing differs in meaning."""

    def refuse_foreign(self, cluster: str, fields: str) -> None:
        """:raises Conflict: when somebody would undo the write."""

    def written(self, body: Object) -> Home:
        """The same after a write that made ``body``."""

    def read(self, cluster: Cluster) -> Home:
        """The same as it is now."""

    def carried(self) -> Verdict:
        """Whether the KubeVirt CR says it too."""

    def foreseen(self, wanted: Wanted) -> Object:
        """The KubeVirt CR as it will be."""


@dataclasses.dataclass(frozen=True, slots=True)
class OfKubevirt:
    """A KubeVirt CR that nobody rewrites."""

    kubevirt: Object

    @property
    def body(self) -> Object:
        return self.kubevirt

    @property
    def resource(self) -> Resource:
        return KUBEVIRT

    @property
    def title(self) -> str:
        return kv.title(self.kubevirt)

    def validate(self, wanted: Wanted, cluster: str) -> None:
        validate_for(wanted, self.kubevirt, cluster)
        validate_gate(wanted, self.kubevirt, cluster)

    def patch(self, wanted: Wanted) -> Object:
        return patch(wanted, self.kubevirt)

    def refuse_foreign(self, cluster: str, fields: str) -> None:
        owner = kv.owner(self.kubevirt)
        if owner is not None:
            wanted, found = f"a KubeVirt CR that we may edit ({fields})", f"it belongs to {owner.name}"
            raise Conflict(wanted, found, cluster, self.title, owner.hint, f"owned_by_{owner.flavour}")

    def written(self, body: Object) -> OfKubevirt:
        return OfKubevirt(body)

    def read(self, cluster: Cluster) -> OfKubevirt:
        return OfKubevirt(_reread(cluster, self.kubevirt))

    def carried(self) -> Verdict:
        return Verdict(True)

    def foreseen(self, wanted: Wanted) -> Object:
        after: Object = merged(self.kubevirt, self.patch(wanted))
        return after


@dataclasses.dataclass(frozen=True, slots=True)
class OfHyperconverged:
    """A KubeVirt CR that HCO writes from its own resource: only that is ever written here."""

    kubevirt: Object
    hco: Hyperconverged

    @property
    def body(self) -> Object:
        return self.hco.body

    @property
    def resource(self) -> Resource:
        return self.hco.resource

    @property
    def title(self) -> str:
        return self.hco.title

    def validate(self, wanted: Wanted, cluster: str) -> None:
        validate_for(wanted, self.kubevirt, cluster)
        for option in sorted(wanted.values):
            setting = BY_OPTION[option]
            if not self._free(setting) and not self._holds(setting, wanted.values[option]):
                raise self._unsaid(option, self.hco.overrules(setting.path), cluster)
            span = wanted.values[option] if setting.kind == "duration" else None
            if span is not None and _too_short(span):
                hint = "HCO refuses shorter ones."
                raise BadInput("10m or more", str(span), cluster, f"option {option}", hint, "bad_rotation")
        for option in sorted(wanted.reset):
            setting = BY_OPTION[option]
            if not self._free(setting) and not self._holds(setting, self.hco.default(setting)):
                raise self._unsaid(option, True, cluster)
        if wanted.gate is not None and not self._gate_free and wanted.gate != self._gate_on:
            raise self._unsaid("decentralized", self.hco.overrules(GATES), cluster)

    def patch(self, wanted: Wanted) -> Object:
        body: Object = {}
        for option, value in wanted.values.items():
            setting = BY_OPTION[option]
            place = self.hco.place(setting)
            if place and self._free(setting) and not same(setting.kind, at(self.body, place), value):
                put(body, place, value)
        for option in wanted.reset:
            setting = BY_OPTION[option]
            place = self.hco.place(setting)
            have = at(self.body, place) if place else None
            # What the API server fills in again at once counts as left out.
            if place and have is not None and not same(setting.kind, have, self.hco.default(setting)):
                put(body, place, None)
        if wanted.gate is not None and self._gate_free and wanted.gate != self.hco.gate(self.kubevirt):
            put(body, self.hco.gate_place or (), self.hco.with_gate(wanted.gate))
        if body:
            body["metadata"] = {"resourceVersion": self.body["metadata"]["resourceVersion"]}
        return body

    def refuse_foreign(self, cluster: str, fields: str) -> None:
        """HCO's own resource belongs to the user."""

    def written(self, body: Object) -> OfHyperconverged:
        return dataclasses.replace(self, hco=dataclasses.replace(self.hco, body=body))

    def read(self, cluster: Cluster) -> OfHyperconverged:
        kubevirt = _reread(cluster, self.kubevirt)
        return OfHyperconverged(kubevirt, hco.find(cluster, kubevirt))

    def carried(self) -> Verdict:
        return hco.carried(self.hco, self.kubevirt)

    def foreseen(self, wanted: Wanted) -> Object:
        after: Object = merged(self.kubevirt, patch(wanted, self.kubevirt))
        return after

    def _free(self, setting: Setting) -> bool:
        """Whether a field of HCO decides about the setting."""
        return self.hco.place(setting) is not None and not self.hco.overrules(setting.path)

    @property
    def _gate_free(self) -> bool:
        return self.hco.gate_place is not None and not self.hco.overrules(GATES)

    @property
    def _gate_on(self) -> bool:
        return kv.GATE in kv.feature_gates(self.kubevirt)

    def _holds(self, setting: Setting, value: object) -> bool:
        return same(setting.kind, at(self.kubevirt, setting.path), value)

    def _unsaid(self, option: str, overruled: bool, cluster: str) -> BadInput:
        release = f"HCO {self.hco.release}".strip()
        if overruled:
            found = f"the annotation {hco.JSON_PATCH}, which decides about it"
            hint = "Take it out of the annotation, or give it the value there."
            return BadInput(f"a field of HyperConverged for {option}", found, cluster, self.title, hint, "overruled")
        found = f"{release} has none"
        hint = (
            f"Leave the option out. HCO can only be made to set it with the annotation {hco.JSON_PATCH}, which it"
            " reports as TaintedConfiguration; once it is there the option is taken as done."
        )
        return BadInput(f"a field of HyperConverged for {option}", found, cluster, self.title, hint, "not_in_hco")


def find(cluster: Cluster, kubevirt: Object, flavour: str = "auto") -> Home:
    """Where this cluster's settings are written: ``auto`` goes by who owns the KubeVirt CR.

    :raises Missing: when HCO's resource is not there.
    """
    owner = kv.owner(kubevirt)
    if flavour == "hco" or (flavour == "auto" and owner is not None and owner.flavour == "hco"):
        return OfHyperconverged(kubevirt, hco.find(cluster, kubevirt))
    return OfKubevirt(kubevirt)


def refuse_gitops(home: Home, cluster: str, fields: str) -> None:
    """Refuse what a GitOps tool would undo. :raises Conflict: naming the tool and what to change there."""
    tool = gitops(home)
    if tool:
        raise undone(tool, fields, cluster, home.title)


def gitops(home: Home) -> str | None:
    """The GitOps tool that applies the object, or the KubeVirt CR."""
    return tool_of(home.body) or tool_of(home.kubevirt)


def keeping_peers(wanted: Wanted, home: Home) -> Wanted:
    """``wanted`` with a CA that is renewed early enough for the CAs of peers to stay; as it is where that is so.

    Where we may not write, or the CR uses the deprecated fields, nothing is added.
    """
    if "ca_renew_before" in wanted.values.keys() | wanted.reset:
        return wanted
    signed = at(home.kubevirt, ("spec", "certificateRotateStrategy", "selfSigned")) or {}
    foreign = isinstance(home, OfKubevirt) and kv.owner(home.kubevirt) is not None
    if foreign or any(signed.get(field) is not None for field in ("caRotateInterval", "caOverlapInterval")):
        return wanted
    life, early = rotation(home.foreseen(wanted))
    if early >= life - early:
        return wanted
    return dataclasses.replace(wanted, values={**wanted.values, "ca_renew_before": _go(life / 2)})


def _reread(cluster: Cluster, kubevirt: Object) -> Object:
    return kv.find(cluster, kv.namespace_of(kubevirt), kubevirt["metadata"]["name"])


def _go(span: datetime.timedelta) -> str:
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    parts = ((minutes // 60, "h"), (minutes % 60, "m"), (seconds, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def _too_short(text: str) -> bool:
    span = duration(text)
    return span is not None and span < _HCO_SHORTEST
