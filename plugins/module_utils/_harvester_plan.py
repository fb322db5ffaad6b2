# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which writes bring a Harvester cluster where it is wanted. Pure."""

from __future__ import annotations

import json

from . import _harvester as harvester
from . import _harvester_config as config
from . import _kubevirt as kv
from . import _kubevirt_settings as settings
from ._checks import Finding
from ._cluster import Object
from ._errors import BadInput
from ._harvester import Seen
from ._harvester_options import Wanted
from ._plan import Change, merge, merged
from ._resources import FINAL, KUBEVIRT, SETTING

_NOT_HARVESTERS = ("network", "nodeDrainTaintKey")
"""What kubevirt-migration may not say."""


def network(wanted: Wanted, seen: Seen) -> Change | None:
    """The write to vm-migration-network, ``None`` when it says what is wanted and Harvester has carried it out."""
    if not config.same(wanted.network, seen.network) or (wanted.network is None and seen.value):
        text = wanted.network.text() if wanted.network else ""
        why = f"migrations go over {text}" if text else "migrations go over the pod network again"
        return _value(seen, seen.setting, text, why)
    if not seen.dealt_with and (seen.value or harvester.annotations_of(seen.setting)):
        return None  # Harvester is about to
    if seen.gave_up:
        return again(seen)
    if wanted.network and seen.nad and not config.made_by(seen.nad, wanted.network):
        why = "the same network in other words, because its NAD was changed by hand"
        return _value(seen, seen.setting, config.respelled(seen.value), why)
    return again(seen) if _adrift(seen) else None


def _adrift(seen: Seen) -> bool:
    """Somebody removed the NAD, or changed the network in the KubeVirt CR: Harvester looks at neither again."""
    name = seen.nad["metadata"]["name"] if seen.nad else None
    return kv.network(seen.kubevirt) != name or (seen.nad is None and bool(seen.value))


def again(seen: Seen) -> Change | None:
    """Make Harvester carry out the setting once more: it compares nothing but this hash."""
    reason = harvester.configured(seen.setting).get("reason") if seen.gave_up else ""
    why = f"Harvester tries again what it gave up ({reason})" if reason else "Harvester mends what was changed by hand"
    # With neither a value nor an annotation Harvester would take the setting for one that was never used.
    body = {"metadata": {"annotations": {harvester.HASH: None if seen.value else ""}}}
    return merge(seen.cluster, SETTING, seen.setting, body, why)


def limits(wanted: Wanted, seen: Seen) -> Change | None:
    """The write to kubevirt-migration: all that is in force with what is wanted, as Harvester replaces the whole.

    :raises BadInput: where Harvester has no such setting.
    """
    asked = settings.Wanted(wanted.settings.values)
    differs = settings.patch(asked, seen.kubevirt)
    if not differs:
        return None
    if seen.limits is None:
        hint = "Upgrade Harvester, or leave the limits out."
        title = f"Setting {harvester.LIMITS_NAME}"
        found = seen.version or "an older one"
        raise BadInput("Harvester v1.7 or later for limits", found, seen.cluster.name, title, hint, "harvester_too_old")
    known = _keys(seen.limits)
    live = kv.configuration(merged(seen.kubevirt, differs)).get("migrations") or {}
    everything = {key: value for key, value in {**known, **live}.items() if key not in _NOT_HARVESTERS}
    if everything == known:
        return None  # Harvester is about to
    text = json.dumps(everything, sort_keys=True, separators=(",", ":"))
    return _value(seen, seen.limits, text, settings.differences(differs))


def gate(wanted: Wanted, seen: Seen) -> Change | None:
    """The write to the KubeVirt CR that turns moves between clusters on or off: Harvester has no setting for it."""
    asked = settings.Wanted({}, gate=wanted.settings.gate)
    settings.validate_for(asked, seen.kubevirt, seen.cluster.name)
    body = settings.patch(asked, seen.kubevirt)
    return merge(seen.cluster, KUBEVIRT, seen.kubevirt, body, settings.differences(body)) if body else None


def blockers(seen: Seen) -> list[Finding]:
    """Migrations that make Harvester refuse kubevirt-migration, or that make its webhook crash."""
    found = []
    for vmim in seen.vmims:
        status = vmim.get("status") or {}
        state = status.get("migrationState")
        if vmim["metadata"].get("deletionTimestamp") or (state or {}).get("completed"):
            continue
        name = f"{vmim['metadata']['namespace']}/{vmim['metadata']['name']}"
        ended = status.get("phase") in FINAL
        hint = "Delete it: it has ended." if ended else "Let it end or cancel it first."
        how = f"{status.get('phase') or 'new'}, {'not completed' if state else 'without a state'}"
        found.append(
            Finding(
                "harvester-migration-open",
                "error",
                seen.cluster.name,
                f"VirtualMachineInstanceMigration {name}",
                f"no migration that Harvester takes for open before a change of {harvester.LIMITS_NAME}",
                how,
                hint,
            )
        )
    return found


def _value(seen: Seen, setting: Object, text: str, why: str) -> Change | None:
    return merge(seen.cluster, SETTING, setting, {"value": text}, why)


def _keys(setting: Object) -> Object:
    try:
        found = json.loads(setting.get("value") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
