# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what Harvester's settings say is in force: noted, written into KubeVirt, rolled out, on every pod."""

from __future__ import annotations

from . import _harvester as harvester
from . import _harvester_config as config
from . import _kubevirt as kv
from . import _kubevirt_rollout as rollout
from ._cluster import Cluster, Object
from ._errors import Busy, Conflict, MigrationError, Missing, Rejected
from ._harvester_options import Wanted
from ._kubevirt_settings import patch
from ._wait import Verdict

_ERRORS: dict[str, tuple[type[MigrationError], str]] = {
    "GetKubeVirtError": (Missing, "See the KubeVirt CR harvester-system/kubevirt and Harvester's log, then run again."),
    "CreateNadError": (Rejected, "Mend what Harvester's network webhook names, then run again."),
    "UpdateKubeVirtError": (Conflict, "Somebody else changes the KubeVirt CR: end that, then run again."),
    "RemoveOldNadError": (Busy, "Take off the old NAD whoever uses it, then run again."),
}
"""Reasons of the condition: what each is in our words, and what to do. Harvester itself never tries again."""

_REFUSED = {
    "value": "Harvester's validator refuses the new value. Correct what it names; its words are those above.",
    "default": (
        "Not the new value is refused but the setting's default, which Harvester looks at first and never uses: empty"
        " the field default of the setting, then run again."
    ),
    harvester.SETTING_NAME: "Another setting of Harvester has addresses of the range: give one of the two another.",
}
_REFUSED_OTHERWISE = "Harvester's validator refuses it. Correct the field it names."
_REFUSED_WITHOUT_FIELD = (
    "Harvester names no field where migrations are in its way: let them end, and delete those that have ended."
)
"""What to do, by the field of the refusal."""


def noted(setting: Object) -> Verdict:
    """Whether Harvester is through with the setting as it is: well, or for good."""
    value, annotations = str(setting.get("value") or ""), harvester.annotations_of(setting)
    if annotations.get(harvester.HASH) == config.digest(value):
        return Verdict(True)
    if not value and not annotations:
        return Verdict(True)  # it was never used, and Harvester leaves it at that
    return Verdict(False, f"Harvester has not yet dealt with the value of {harvester.SETTING_NAME}")


def given_up(cluster: Cluster, setting: Object, tries: int) -> MigrationError:
    """The error for a setting that Harvester gave up."""
    condition = harvester.configured(setting)
    reason, message = str(condition.get("reason") or "Unknown"), str(condition.get("message") or "no message")
    kind, hint = _ERRORS.get(reason, (Rejected, "See Harvester's log, then run again."))
    found = f"{reason} after {tries} tries: {message}"
    title = f"Setting {harvester.SETTING_NAME}"
    return kind("the setting carried out", found, cluster.name, title, hint, f"harvester_{_snake(reason)}")


def switched(cluster: Cluster, wanted: Wanted) -> Verdict:
    """Whether KubeVirt names the NAD that Harvester made, and the limits are in the CR."""
    setting = harvester.read_setting(cluster)
    attached = harvester.annotations_of(setting).get(harvester.ATTACHED, "").partition("/")[2]
    kubevirt = kv.find(cluster, harvester.NAMESPACE, "kubevirt")
    name = kv.network(kubevirt) or ""
    if name != attached or bool(attached) != (wanted.network is not None):
        return Verdict(False, f"KubeVirt has network {name or 'none'}, Harvester made {attached or 'none'}")
    if patch(wanted.settings, kubevirt):
        return Verdict(False, f"{harvester.LIMITS_NAME} is not in the KubeVirt CR yet")
    return Verdict(True)


def in_force(seen: rollout.Seen, wanted: Wanted) -> Verdict:
    """Whether every pod runs with it, and has an address of the cluster's own."""
    done = rollout.verdict(seen)
    if not done.done or wanted.slice is None:
        return done
    owners: dict[str, str] = {}
    for pod in seen.pods:
        for address in pod.addresses:
            if address not in wanted.slice:
                return Verdict(False, f"{pod.name} has {address}, which is not of this cluster's slice")
            other = owners.setdefault(str(address), pod.name)
            if other != pod.name:
                return Verdict(False, f"{pod.name} and {other} both have {address}")
    return Verdict(True)


def explained(error: MigrationError) -> MigrationError:
    """A refusal, or a silence, of Harvester's webhook, with what it may mean and the field it is about."""
    if isinstance(error, Rejected):
        field = error.fields[0] if error.fields else ""
        error.found += f" (field {field})" if field else ""
        error.hint = _REFUSED.get(field, _REFUSED_OTHERWISE if field else _REFUSED_WITHOUT_FIELD)
    elif error.reason == "webhook_down":
        error.hint = (
            "Harvester's webhook gave no answer: it is down or restarting, or it crashed on a migration without a"
            " state. See the pods harvester-webhook in harvester-system, then run again."
        )
    elif "admission webhook" in error.found:
        error.hint = "Harvester's webhook could not read what it compares with: see its log, then run again."
    return error


def _snake(text: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in text).lstrip("_")
