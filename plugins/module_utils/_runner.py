# SPDX-FileCopyrightText: The livemigration.kubevirt authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that knows how a module is started and how it ends."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ._argspec import ArgumentSpec, Options, secrets_of
from ._cluster import Cluster
from ._connect import connect, different
from ._errors import MigrationError
from ._job import Job, Result, Work
from ._wait import Clock, SystemClock, Tell


@dataclasses.dataclass(frozen=True, slots=True)
class Module:
    """A module: its name, its options, and the function that does its work."""

    name: str
    spec: ArgumentSpec
    work: Work


def run_module(module: Module) -> None:
    """Run as an ordinary module: a process of its own, arguments on standard input, result on standard output."""
    ansible = AnsibleModule(
        argument_spec=ansible_options(module.spec.options), supports_check_mode=True, **module.spec.rules()
    )
    ansible.no_log_values |= secrets_of(ansible.params)
    result, error = outcome(module, ansible.params, check_mode=ansible.check_mode, tell=_nobody)
    if error is not None:
        ansible.fail_json(**result, exception=error.__cause__ or error)
    for warning in result.pop("warnings", []):
        ansible.warn(warning)
    ansible.exit_json(**result)


def outcome(
    module: Module,
    params: Mapping[str, Any],
    *,
    check_mode: bool,
    tell: Tell,
    clock: Clock | None = None,
    opener: Callable[[Mapping[str, Any], Clock], dict[str, Cluster]] | None = None,
) -> tuple[Result, MigrationError | None]:
    """Do the work; the result, and the error that ended it if one did.

    Both ways of running a module come through here, so both give the same result.
    """
    clock = clock or SystemClock()
    try:
        clusters = (opener or open_clusters)(params, clock)
        return module.work(Job(params, check_mode, clusters, clock, tell)), None
    except MigrationError as error:
        # The keys that are documented as always there; a module that knows more brings it along with the error.
        nothing: Result = {"changed": False, "actions": [], "diff": [], module.name: {}}
        known: Result = getattr(error, "result", {})
        return nothing | known | {"msg": str(error), "failure": error.as_dict()}, error


def open_clusters(params: Mapping[str, Any], clock: Clock) -> dict[str, Cluster]:
    """The clusters that the options name; two must be two, and all of several different.

    Nothing is sent to ``others`` before it is asked for.
    """
    if "clusters" in params:
        several = [connect(options, clock, options["cluster_name"]) for options in params["clusters"]]
        for source, target in itertools.combinations(several, 2):
            different(source, target)
        return {cluster.name: cluster for cluster in several}
    if "source" not in params:
        others = {name: connect(given, clock, name) for name, given in _others(params)}
        return {**others, "cluster": connect(params, clock)}
    source, target = (connect(params[side], clock, side) for side in ("source", "target"))
    different(source, target)
    return {"source": source, "target": target}


def _others(params: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return ((f"other {name}", given | {"cluster_name": name}) for name, given in (params.get("others") or {}).items())


def ansible_options(options: Options) -> dict[str, dict[str, Any]]:
    """Our options in Ansible's form: ``env`` becomes a fallback."""
    converted: dict[str, dict[str, Any]] = {}
    for name, option in options.items():
        converted[name] = {key: value for key, value in option.items() if key != "env"}
        if "env" in option:
            converted[name]["fallback"] = (env_fallback, option["env"])
        if "options" in option:
            converted[name]["options"] = ansible_options(option["options"])
    return converted


def _nobody(line: str) -> None:
    """A module has no way to print while it runs."""
