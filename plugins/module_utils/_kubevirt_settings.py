# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migration settings of a KubeVirt CR: what was asked for, whether it is sound, and what differs."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from . import _kubevirt as kv
from ._cluster import Object
from ._errors import BadInput
from ._kubevirt_values import duration, hours, quantity
from ._plan import merged

Kind = Literal["int", "bool", "str", "quantity", "duration"]
Path = tuple[str, ...]

_MIGRATIONS: Path = ("spec", "configuration", "migrations")
_SELF_SIGNED: Path = ("spec", "certificateRotateStrategy", "selfSigned")
_CA: Path = (*_SELF_SIGNED, "ca")
GATES: Path = ("spec", "configuration", "developerConfiguration", "featureGates")

DEFAULT_CA_DURATION = datetime.timedelta(days=7)
DEFAULT_CERTIFICATE_DURATION = datetime.timedelta(days=1)
_DEPRECATED = ("caRotateInterval", "certRotateInterval", "caOverlapInterval")


class Setting(NamedTuple):
    """One option and the field of the CR that it stands for.

    :param since: the KubeVirt that knows the field.
    """

    option: str
    path: Path
    kind: Kind
    minimum: int = 0
    since: tuple[int, int, int] = kv.FIRST_RELEASE


SETTINGS = (
    Setting("network", (*_MIGRATIONS, "network"), "str"),
    Setting("bandwidth_per_migration", (*_MIGRATIONS, "bandwidthPerMigration"), "quantity"),
    Setting("completion_timeout_per_gib", (*_MIGRATIONS, "completionTimeoutPerGiB"), "int", 1),
    Setting("progress_timeout", (*_MIGRATIONS, "progressTimeout"), "int", 1),
    Setting("utility_volumes_timeout", (*_MIGRATIONS, "utilityVolumesTimeout"), "int", 1, (1, 8, 0)),
    Setting("max_downtime_ms", (*_MIGRATIONS, "maxDowntimeMs"), "int", 1, (1, 9, 0)),
    Setting("parallel_migrations_per_cluster", (*_MIGRATIONS, "parallelMigrationsPerCluster"), "int", 1),
    Setting("parallel_outbound_migrations_per_node", (*_MIGRATIONS, "parallelOutboundMigrationsPerNode"), "int", 1),
    Setting("allow_auto_converge", (*_MIGRATIONS, "allowAutoConverge"), "bool"),
    Setting("allow_post_copy", (*_MIGRATIONS, "allowPostCopy"), "bool"),
    Setting("allow_workload_disruption", (*_MIGRATIONS, "allowWorkloadDisruption"), "bool"),
    Setting("disable_tls", (*_MIGRATIONS, "disableTLS"), "bool"),
    Setting("match_selinux_level_on_migration", (*_MIGRATIONS, "matchSELinuxLevelOnMigration"), "bool"),
    Setting("node_drain_taint_key", (*_MIGRATIONS, "nodeDrainTaintKey"), "str"),
    Setting("unsafe_migration_override", (*_MIGRATIONS, "unsafeMigrationOverride"), "bool"),
    Setting("ca_duration", (*_CA, "duration"), "duration"),
    Setting("ca_renew_before", (*_CA, "renewBefore"), "duration"),
)
"""Every option that is one field. The gate is not: it is an entry of a list that others share."""

BY_OPTION = {setting.option: setting for setting in SETTINGS}


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What one call asks of the CR.

    :param values: by option; options that are not there stay as they are in the CR.
    :param reset: options whose field is removed, so that KubeVirt's own default holds.
    :param gate: whether moves between clusters are enabled; ``None`` leaves it as it is.
    """

    values: Mapping[str, Any]
    reset: frozenset[str] = frozenset()
    gate: bool | None = None

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Wanted:
        """From a module's options."""
        values = {name: params[name] for name in BY_OPTION if params[name] is not None}
        reset, gate = frozenset(params["reset"] or []), params["decentralized"]
        if params["state"] == "present":
            return cls(values, reset, gate)
        given = sorted(values) + (["decentralized"] if gate is not None else [])
        if given:
            hint = "Leave them out, or use state: present."
            raise BadInput("no settings together with state: absent", ", ".join(given), hint=hint)
        return cls({}, reset | {"network"}, False)

    def steps(self) -> Iterator[Wanted]:
        """In which order it is written: the network goes, and has gone everywhere, before the gate does."""
        if self.gate is False and "network" in self.reset:
            yield dataclasses.replace(self, gate=None)
        yield self


def validate(wanted: Wanted, cluster: str) -> None:
    """Refuse what cannot be right on any cluster. :raises BadInput: naming the option."""
    both = sorted(wanted.reset & wanted.values.keys())
    if both:
        hint = "Give either a value or the reset."
        raise BadInput(f"{both[0]} set or reset", "both", cluster, f"option {both[0]}", hint)
    for option, value in wanted.values.items():
        found = _unsound(BY_OPTION[option], value)
        if found:
            raise BadInput(found, repr(value), cluster, f"option {option}", "Correct the option.")


def validate_for(wanted: Wanted, kubevirt: Object, cluster: str) -> None:
    """Refuse what this KubeVirt would not take, or would take and misread. :raises BadInput: naming it."""
    version = kv.version(kubevirt)
    needs = {option: BY_OPTION[option].since for option in wanted.values}
    if wanted.gate:
        needs["decentralized"] = kv.FIRST_RELEASE
    for option, since in needs.items():
        if version is not None and version < since:
            text = ".".join(map(str, since))
            hint = "Upgrade KubeVirt, or leave the option out."
            found = kv.version_text(kubevirt)
            raise BadInput(f"KubeVirt {text} or later for {option}", found, cluster, kv.title(kubevirt), hint)
    _validate_rotation(wanted, kubevirt, cluster)


def validate_gate(wanted: Wanted, kubevirt: Object, cluster: str) -> None:
    """Refuse to enable a gate that somebody disabled. :raises BadInput: when it is."""
    if wanted.gate and kv.GATE in kv.feature_gates(kubevirt, "disabledFeatureGates"):
        hint = f"Somebody switched it off on purpose: remove {kv.GATE} from disabledFeatureGates first."
        found = f"{kv.GATE} in disabledFeatureGates"
        raise BadInput("the feature gate not disabled", found, cluster, kv.title(kubevirt), hint, "gate_disabled")


def patch(wanted: Wanted, kubevirt: Object) -> Object:
    """The merge patch that brings the CR there; empty when nothing differs in meaning.

    It carries the resource version it was computed from: lists can only be replaced whole, and a gate that
    somebody else adds in between must not be lost.
    """
    body: Object = {}
    for option, value in wanted.values.items():
        setting = BY_OPTION[option]
        if not same(setting.kind, at(kubevirt, setting.path), value):
            put(body, setting.path, value)
    for option in wanted.reset:
        if at(kubevirt, BY_OPTION[option].path) is not None:
            put(body, BY_OPTION[option].path, None)
    gates = kv.feature_gates(kubevirt)
    if wanted.gate is not None and wanted.gate != (kv.GATE in gates):
        others = [gate for gate in gates if gate != kv.GATE]
        put(body, GATES, [*others, kv.GATE] if wanted.gate else others)
    if body:
        body["metadata"] = {"resourceVersion": kubevirt["metadata"]["resourceVersion"]}
    return body


def differences(body: Object) -> str:
    """What a patch does to the CR, for people: ``configuration.migrations.network becomes migration-evpn``."""
    return ", ".join(sorted(_phrase(path, value) for path, value in _leaves(body.get("spec") or {}, ())))


def rotation(kubevirt: Object) -> tuple[datetime.timedelta, datetime.timedelta]:
    """How long a CA of this KubeVirt lives and how long before its end it is renewed."""
    signed = at(kubevirt, _SELF_SIGNED) or {}
    ca = signed.get("ca") or {}
    life = duration(str(ca.get("duration") or signed.get("caRotateInterval") or "")) or DEFAULT_CA_DURATION
    early = duration(str(ca.get("renewBefore") or signed.get("caOverlapInterval") or ""))
    return life, life / 5 if early is None else early


def _validate_rotation(wanted: Wanted, kubevirt: Object, cluster: str) -> None:
    if not wanted.values.keys() & {"ca_duration", "ca_renew_before"}:
        return
    signed = at(kubevirt, _SELF_SIGNED) or {}
    old = sorted(field for field in _DEPRECATED if signed.get(field) is not None)
    where, reason = kv.title(kubevirt), "bad_rotation"
    if old:
        hint = f"Remove the deprecated {', '.join(old)} from spec.certificateRotateStrategy.selfSigned first."
        raise BadInput("one style of certificate rotation", ", ".join(old), cluster, where, hint, reason)
    life, early = rotation(merged(kubevirt, patch(wanted, kubevirt)))
    if early > life:
        found = f"{hours(early)} of {hours(life)}"
        hint = "Lower ca_renew_before or raise ca_duration."
        raise BadInput("ca_renew_before at most ca_duration", found, cluster, where, hint, reason)
    server = duration(str((signed.get("server") or {}).get("duration") or "")) or DEFAULT_CERTIFICATE_DURATION
    if server > life:
        found = f"{hours(server)} and {hours(life)}"
        hint = "Raise ca_duration: a certificate may not outlive its CA."
        raise BadInput("server.duration at most ca_duration", found, cluster, where, hint, reason)


def drops_peers(kubevirt: Object) -> bool:
    """Whether virt-operator will forget peers' CAs in ordinary operation: its own CA outlives the overlap."""
    life, early = rotation(kubevirt)
    return early < life - early


def _unsound(setting: Setting, value: Any) -> str:
    match setting.kind, value:
        case "int", int() if value < setting.minimum:
            return f"a number of at least {setting.minimum}"
        case "quantity", str():
            number = quantity(value)
            if number is None or number < 0 or number.denominator != 1:
                return "bytes a second as a Kubernetes quantity (64Mi), 0 for no limit"
        case "duration", str():
            span = duration(value)
            if span is None or not span:
                return "a duration as Go writes it (168h, 90m)"
        case "str", str() if not value.strip():
            return "a name (to remove the field, name the option in reset)"
    return ""


def same(kind: Kind, have: Any, want: Any) -> bool:
    """Whether two values of a field mean the same (``1Gi`` and ``1024Mi``)."""
    if have is None or want is None or kind not in ("quantity", "duration"):
        return bool(have == want)
    if kind == "quantity":
        return quantity(str(have)) == quantity(str(want))
    return duration(str(have)) == duration(str(want))


def at(body: Object, path: Path) -> Any:
    """The value of a field, ``None`` when it is not there."""
    value: Any = body
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def put(body: Object, path: Path, value: Any) -> None:
    """Set a field, with the objects on the way to it."""
    for key in path[:-1]:
        body = body.setdefault(key, {})
    body[path[-1]] = value


def _leaves(body: Object, path: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in body.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _phrase(path: Path, value: Any) -> str:
    field = ".".join(path)
    match value:
        case None:
            return f"{field} is removed"
        case list():
            return f"{field} becomes [{', '.join(map(_entry, value))}]"
        case bool():
            return f"{field} becomes {str(value).lower()}"
    return f"{field} becomes {value}"


def _entry(value: Any) -> str:
    """An entry of a list; HCO's gates have a name and a state."""
    return f"{value.get('name')}: {value.get('state', 'Enabled')}" if isinstance(value, dict) else str(value)
